"""Errors, coverage and cost of each method of `align` on samples that suit it, and on samples that do not."""

from __future__ import annotations

import time

import numpy as np
from benchmarks.registration.cases import drifting, moved, noise_texture, random_walk
from numpy.typing import NDArray
from scipy import fft

import napari_xanes as nx

METHODS = ("joint", "pairwise", "reference")


def changing(*, seed: int, size: int, frames: int, photons: float = 4000.0) -> tuple[nx.SpectralStack, NDArray]:
    """Return a drifting sample that turns into another one within ten frames, again and again, and its shifts."""
    rng, every, margin = np.random.default_rng(seed), 10, 16
    wide = (size + 2 * margin, size + 2 * margin)
    maps = fft.fft2([noise_texture(rng, wide, 2.0) for _ in range(frames // every + 2)])
    shifts = random_walk(rng, frames, 0.5, margin - 2.0)
    data = np.empty((frames, size, size), np.float32)
    for i in range(frames):
        angle = 0.5 * np.pi * (i % every) / every
        image = np.cos(angle) * maps[i // every] + np.sin(angle) * maps[i // every + 1]
        depth = 0.5 + 0.05 * moved(image, shifts[i])[margin:-margin, margin:-margin]
        data[i] = -np.log(np.maximum(rng.poisson(photons * np.exp(-depth)), 1) / photons)
    return nx.SpectralStack(data, np.linspace(8270.0, 8460.0, frames), "optical_depth"), shifts


def row(stack: nx.SpectralStack, shifts: NDArray, **parameters: object) -> None:
    """Align by one method, and print the errors of the frames that were found."""
    start = time.process_time()
    name = str(parameters["method"])
    try:
        found = nx.ops.align(stack, **parameters).metadata["align"]
    except ValueError as error:
        print(f"  {name:16s} {error}")
        return
    seconds = time.process_time() - start
    seen = np.isfinite(found.sigma).all(axis=1)
    errors = found.shifts - shifts
    errors = (errors - errors[seen].mean(axis=0))[seen]
    inside = np.mean(np.abs(errors) < 2 * found.sigma[seen])
    print(
        f"  {name:16s} error {np.sqrt((errors**2).mean()):.4f} pixels, 2 sigma {100 * inside:3.0f} %, "
        f"not found {int((~seen).sum()):3d} of {seen.size}  {seconds:6.1f} s CPU"
    )


def compare_methods(*, size: int, frames: int, seeds: list[int], photons: float = 4000.0) -> None:
    """Print what each method makes of drifting samples and of one that changes."""
    for seed in seeds:
        for case in ("same", "invert", "weak"):
            drift = drifting(case, seed=seed, size=size, frames=frames, photons=photons, residue=0.0)
            bound = float(np.sqrt((drift.bound**2).mean()))
            print(f"{case}, no pattern of the detector, {frames} x {size} x {size}, seed {seed}: limit {bound:.4f}")
            for method in METHODS:
                row(drift.stack, drift.shifts, method=method)
        stack, shifts = changing(seed=seed, size=size, frames=frames, photons=photons)
        print(f"a sample that changes, {frames} x {size} x {size}, seed {seed}")
        for method in METHODS:
            row(stack, shifts, method=method)
