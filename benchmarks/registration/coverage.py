"""Errors over the bound and coverage of `align`, for textures, cases, photons and seeds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from benchmarks.registration.cases import CASES, drifting
from benchmarks.registration.rendering import Array, Drifting
from benchmarks.registration.specimens import SPECIMENS

import napari_xanes as nx


def scores(sample: Drifting, found: nx.Alignment) -> tuple[float, float, float, float, int]:
    """Return errors over the bound before and behind the edge, the error across it, the coverage, and outliers.

    Frames that are marked as outliers count for the last number only.
    """
    good = np.asarray(~found.outliers)  # type: ignore[operator]
    errors = found.shifts - sample.shifts
    errors -= errors[good].mean(axis=0)
    sides = [good & (sample.stack.energy < sample.edge), good & (sample.stack.energy >= sample.edge)]
    over = [_rms(errors[s] - errors[s].mean(axis=0)) / _rms(sample.bound[s]) if s.sum() > 1 else np.nan for s in sides]
    across = np.nan
    if all(side.any() for side in sides):
        across = float(np.abs(errors[sides[0]].mean(axis=0) - errors[sides[1]].mean(axis=0)).max())
    covered = float(np.mean(np.abs(errors[good]) < 2 * found.sigma[good]))  # type: ignore[index]
    return over[0], over[1], across, covered, int((~good).sum())


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def print_coverage(photons: Iterable[float], seeds: Iterable[int], *, size: int, frames: int) -> None:
    """Print a line per texture, case and number of photons, with one number per seed."""
    for specimen in SPECIMENS:
        for case in CASES:
            for light in photons:
                rows = []
                for seed in seeds:
                    sample = drifting(case, specimen=specimen, seed=seed, size=size, frames=frames, photons=light)
                    try:
                        rows.append(scores(sample, nx.ops.align(sample.stack).metadata["align"]))
                    except ValueError as error:
                        print(f"  {specimen}, {case}, {light:g} photons, seed {seed}: refused, {error}")
                names = ("before", "behind", "across", "2 sigma", "outliers")
                columns = [" ".join(f"{value:.3g}" for value in column) for column in zip(*rows, strict=True)]
                told = ", ".join(f"{name} {column}" for name, column in zip(names, columns, strict=False))
                print(f"  {specimen}, {case}, {light:g} photons: {told}")
