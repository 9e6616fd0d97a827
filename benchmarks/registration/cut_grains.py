"""Errors of `align` for big smooth grains that the border of the image cuts: what they are, and what is said of them.

Run with ``python -m benchmarks.registration.cut_grains``. A line per grain, contrast and number of photons: root mean
squares over all seeds of the errors and of the claimed ones, and of the bound; how many of the shifts lie within two
sigma; frames marked as outliers; warnings; and how many stacks are *silent*: less than 85 % within two sigma, without
a warning.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

import numpy as np
from benchmarks.registration.cases import drifting
from benchmarks.registration.rendering import Array, texture
from benchmarks.registration.specimens import Specimen

import napari_xanes as nx

LEAST = 0.85
"""Share of the shifts within two sigma, below which errors are too small for a stack of few frames."""


def cut_grain(
    rng: np.random.Generator,
    size: int,
    *,
    place: tuple[float, float] = (0.0, 0.0),
    radius: float = 0.25,
    softness: float = 1.5,
) -> tuple[Array, Array]:
    """Return a grain at a place, as shares of the size from the middle, whose border is as many pixels soft."""
    y, x = (np.mgrid[:size, :size].astype(float).T - size / 2 - size * np.array(place)).T
    angle = np.arctan2(y, x)
    waves = sum(0.02 * rng.standard_normal() * np.cos(n * angle + rng.uniform(0, 6)) for n in (2, 3))
    jump = 0.6 / (1 + np.exp((np.hypot(y, x) - size * (radius + waves)) / softness))
    return jump, np.clip(0.5 + 0.25 * texture(rng, size, 4.0), 0, 1)


GRAINS: dict[str, Specimen] = {
    "whole": cut_grain,
    "cut on one side": partial(cut_grain, place=(0.0, -0.25)),
    "cut at a corner": partial(cut_grain, place=(-0.2, -0.25)),
    "cut all around": partial(cut_grain, radius=0.36),
    "soft": partial(cut_grain, softness=6.0),
    "soft, cut on one side": partial(cut_grain, place=(0.0, -0.25), softness=6.0),
}


def rms(values: Array) -> float:
    return float(np.sqrt(np.nanmean(values**2)))


def line(grain: str, case: str, photons: float, seeds: list[int], size: int, frames: int) -> str:
    errors, claimed, bounds, inside = [], [], [], []
    outliers, told, silent, seconds, refused = 0, 0, 0, 0.0, 0
    for seed in seeds:
        sample = drifting(
            case, specimen=GRAINS[grain], seed=seed, size=size, frames=frames, photons=photons, residue=0.0
        )
        start = time.process_time()
        try:
            aligned = nx.ops.align(sample.stack)
        except ValueError:
            refused += 1
            continue
        finally:
            seconds += time.process_time() - start
        found = aligned.metadata["align"]
        seen = np.asarray(~found.outliers)  # type: ignore[operator]
        error = found.shifts - sample.shifts
        error = (error - error[seen].mean(axis=0))[seen]
        errors.append(error)
        claimed.append(found.sigma[seen])  # type: ignore[index]
        bounds.append(sample.bound[seen])
        inside.append((np.abs(error) < 2 * claimed[-1]).mean())
        outliers += int((~seen).sum())
        told += bool(aligned.metadata["warnings"])
        silent += bool(inside[-1] < LEAST and not aligned.metadata["warnings"])
    if not errors:
        return f"{grain:22s} {case:7s} {photons:7g}  refused {refused}"
    error, sigma, bound = (rms(np.concatenate(values)) for values in (errors, claimed, bounds))
    return (
        f"{grain:22s} {case:7s} {photons:7g}  error {error:.4f} ({error / bound:5.1f} x) claimed {sigma:.4f}  "
        f"2 sigma {' '.join(f'{100 * share:3.0f}' for share in inside)} %  outliers {outliers}  told {told}  "
        f"refused {refused}  silent {silent}  {seconds:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registration.cut_grains", description=__doc__)
    parser.add_argument("--grains", nargs="*", choices=GRAINS, default=list(GRAINS))
    parser.add_argument("--cases", nargs="*", default=["same", "invert"])
    parser.add_argument("--photons", type=float, nargs="*", default=[4000.0, 400_000.0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--frames", type=int, default=24)
    chosen = parser.parse_args()
    for grain in chosen.grains:
        for case in chosen.cases:
            for photons in chosen.photons:
                print(line(grain, case, photons, chosen.seeds, chosen.size, chosen.frames), flush=True)


if __name__ == "__main__":
    main()
