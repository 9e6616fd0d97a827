"""Errors, coverage and cost of each method of `align` on samples that suit it, and on samples that do not."""

from __future__ import annotations

import time

import numpy as np
from benchmarks.registration.cases import drifting
from benchmarks.registration.rendering import Array, Drifting, changing_layers, random_walk, recorded, texture
from scipy import ndimage

import napari_xanes as nx

METHODS = ("joint", "pairwise", "reference")


def changing(*, seed: int, size: int, frames: int, photons: float) -> Drifting:
    """Return a drifting sample that turns into another one within ten frames, again and again."""
    rng, margin = np.random.default_rng(seed), 16
    spectra, maps = changing_layers(rng, size + 2 * margin, frames, every=10, contrast=0.05)
    shifts = random_walk(rng, frames, 0.5, margin - 2.0)
    return recorded(rng, np.linspace(8270.0, 8460.0, frames), spectra, maps, shifts, size=size, photons=photons)


def over_support(*, seed: int, size: int, frames: int, photons: float) -> tuple[nx.SpectralStack, Array]:
    """Return a round particle that drifts over a support that stays, and its shifts."""
    drift = drifting("same", seed=seed, size=size, frames=frames, photons=photons, residue=0.0)
    y, x = np.mgrid[:size, :size] - size / 2
    support = 0.2 * texture(np.random.default_rng(seed), size, 1.5)
    data = np.empty_like(drift.stack.data)
    for i, (dy, dx) in enumerate(drift.shifts):
        particle = np.clip(0.25 * size - np.hypot(y - dy, x - dx), 0, 4) / 4
        data[i] = particle * drift.stack.data[i] + (1 - particle) * support
    return drift.stack.with_data(data), drift.shifts


def jittering(jitter: float, *, seed: int, size: int, frames: int, photons: float) -> tuple[nx.SpectralStack, Array]:
    """Return a drifting stack whose rows jitter along themselves, and where each row (E, Y) lies."""
    drift = drifting("same", seed=seed, size=size, frames=frames, photons=1e12, residue=0.0)
    rng = np.random.default_rng(seed)
    lines = jitter * rng.standard_normal((frames, size))
    data = np.empty_like(drift.stack.data)
    for i, frame in enumerate(drift.stack.data):
        for y, line in enumerate(frame.astype(float)):
            depth = ndimage.shift(line, lines[i, y], order=5, mode="nearest")
            data[i, y] = -np.log(np.maximum(rng.poisson(photons * np.exp(-depth)), 1) / photons)
    return drift.stack.with_data(data), lines + drift.shifts[:, 1:]


def compare_lines(*, seed: int, size: int, frames: int, photons: float) -> None:
    """Print how much of the jitter of lines is left by shifts of frames, and by those of lines."""
    for jitter in (0.5, 0.2, 0.0):
        stack, places = jittering(jitter, seed=seed, size=size, frames=frames, photons=photons)
        print(f"lines that jitter by {jitter:g} pixels, {photons:g} photons, {frames} x {size} x {size}, seed {seed}")
        known = np.ones(places.shape, dtype=bool)
        for method in ("lines", "joint"):
            start = time.process_time()
            found = nx.ops.align(stack, method=method).metadata["align"]
            seconds = time.process_time() - start
            lines, inside = np.zeros(places.shape), ""
            if found.line_shifts is not None:
                lines, known = found.line_shifts, np.isfinite(found.line_sigma)
            errors = found.shifts[:, 1:] + lines - places
            errors -= errors[known].mean()
            if found.line_shifts is not None:
                inside = f", 2 sigma {100 * np.mean((np.abs(errors) < 2 * found.line_sigma)[known]):.0f} %"
            error = np.sqrt((errors[known] ** 2).mean())
            print(f"  {method:16s} error of lines {error:.4f} pixels{inside}  {seconds:6.1f} s CPU")


def row(stack: nx.SpectralStack, shifts: Array, **parameters: object) -> None:
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
        drift = changing(seed=seed, size=size, frames=frames, photons=photons)
        print(f"a sample that changes, {frames} x {size} x {size}, seed {seed}")
        for method in METHODS:
            row(drift.stack, drift.shifts, method=method)
        stack, shifts = over_support(seed=seed, size=size, frames=frames, photons=photons)
        print(f"a particle that drifts over a support that stays, {frames} x {size} x {size}, seed {seed}")
        middle = (int(0.35 * size), int(0.65 * size)) * 2
        row(stack, shifts, method="tracked region", region=middle)
        for method in METHODS:
            row(stack, shifts, method=method)
        compare_lines(seed=seed, size=size, frames=frames, photons=photons)
