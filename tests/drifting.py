"""Simulated stacks that drift, with known shifts and the bound of their errors."""

from __future__ import annotations

from typing import Literal

import numpy as np
from benchmarks.registration.rendering import Drifting, changing_layers, recorded, texture
from numpy.typing import NDArray

import napari_xanes as nx

Contrast = Literal["same", "inverts", "weak"]


def drifting(
    contrast: Contrast = "same",
    *,
    seed: int = 0,
    size: int = 64,
    frames: int = 24,
    photons: float = 2000.0,
    step: float = 0.4,
    pattern: float = 0.0,
) -> Drifting:
    """Return a stack of two textured phases with an edge in the middle, moved by a random walk."""
    rng = np.random.default_rng(seed)
    wide = size + 32
    energy = np.linspace(8300.0, 8400.0, frames)
    edge = 1 / (1 + np.exp(-(energy - 8345) / 3))
    line = np.exp(-(((energy - 8352) / 5) ** 2))
    maps = np.array([0.3 + 0.1 * texture(rng, wide, 2.0), 0.1 * texture(rng, wide, 2.5), np.ones((wide, wide))])
    spectra = np.array([edge, line, np.full(frames, 0.3)])
    if contrast == "same":
        spectra[0] += 0.5
    if contrast == "inverts":
        spectra[0] -= 0.5
    if contrast == "weak":
        spectra[:2] *= 0.2
        spectra[0] += 0.15
    shifts = np.cumsum(rng.normal(0, step, (frames, 2)), axis=0)
    shifts -= shifts.mean(axis=0)
    fixed = pattern * texture(rng, size, 1.5)
    return recorded(rng, energy, spectra, maps, shifts, size=size, photons=photons, pattern=fixed, name=contrast)


def changing(
    *,
    seed: int = 0,
    size: int = 64,
    frames: int = 30,
    every: int = 6,
    photons: float = 2000.0,
    drift: tuple[float, float] = (0.0, 0.0),
) -> tuple[nx.SpectralStack, NDArray[np.float64]]:
    """Return a stack whose image turns into another one within `every` frames, again and again, and its shifts."""
    rng = np.random.default_rng(seed)
    wide = size + 32 + 2 * int(frames * max(drift))
    spectra, maps = changing_layers(rng, wide, frames, every, contrast=0.08)
    shifts = np.cumsum(rng.normal(0, 0.4, (frames, 2)) + drift, axis=0)
    shifts -= shifts.mean(axis=0)
    energy = np.linspace(8300.0, 8400.0, frames)
    made = recorded(rng, energy, spectra, maps, shifts, size=size, photons=photons)
    return nx.SpectralStack(made.stack.data, energy, "optical_depth"), shifts
