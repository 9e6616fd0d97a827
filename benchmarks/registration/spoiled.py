"""Errors of `align` where pixels tell nothing of the sample: gaps, dead pixels and dust, with and without their care.

Run with ``python -m benchmarks.registration.spoiled``. A line per contrast and kind of pixel: root mean squares
over all seeds of the errors of the shifts and of the claimed ones, in pixels; first with the mean around such pixels in
their place, then as `align` does it.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from unittest import mock

import numpy as np
from benchmarks.registration.cases import CASES, drifting
from benchmarks.registration.cut_grains import rms
from benchmarks.registration.rendering import Array

import napari_xanes as nx
from napari_xanes.registration.detector_gaps import LookedAt
from napari_xanes.registration.estimation import Estimate, Frames
from napari_xanes.registration.spoiled_pixels import Fill, estimate_around

SIZE = 64


def spoiled(kind: str, data: Array, rng: np.random.Generator) -> Array:
    """Return frames (E, Y, X) with pixels of a kind."""
    data = data.copy()
    if kind in ("gap", "cross"):
        data[:, 30 : 34 if kind == "gap" else 40] = np.nan
    if kind == "cross":
        data[:, :, 30:36] = np.nan
    if kind == "dead pixels":
        data[:, rng.integers(0, SIZE, 20), rng.integers(0, SIZE, 20)] = -1
    if kind == "dust":
        for y, x in rng.integers(2, SIZE - 2, (12, 2)):
            data[:, y - 1 : y + 2, x - 1 : x + 2] += 0.5
    return data


def line(case: str, kind: str, seeds: list[int]) -> str:
    """Return the errors of both ways for one kind of pixel."""
    texts = []
    for name, estimate in (("mean around", _by_mean_around), ("align", estimate_around)):
        errors, claimed = [], []
        for seed in seeds:
            sample = drifting(case, seed=seed, size=SIZE, frames=40, photons=4000, residue=0.0)
            data = spoiled(kind, sample.stack.data, np.random.default_rng(seed))
            with mock.patch("napari_xanes.ops.alignment.estimate_around", estimate):
                found = nx.ops.align(sample.stack.with_data(data)).metadata["align"]
            errors.append(sample.errors(found.shifts))
            claimed.append(found.sigma)
        texts.append(f"{name} {rms(np.array(errors)):.3f} +- {rms(np.array(claimed)):.3f}")
    return f"{case:7s} {kind:12s} {', '.join(texts)}"


def _by_mean_around(frames: Frames, find: Callable[..., Estimate]) -> tuple[Estimate, Fill]:
    return find(LookedAt(frames)), Fill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    for case, kind in itertools.product(CASES, ("none", "gap", "cross", "dead pixels", "dust")):
        print(line(case, kind, seeds), flush=True)


if __name__ == "__main__":
    main()
