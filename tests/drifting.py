"""Simulated stacks that drift, with known shifts and the bound of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import napari_xanes as nx

Contrast = Literal["same", "inverts", "weak"]


@dataclass(frozen=True)
class Drifting:
    stack: nx.SpectralStack
    shifts: NDArray[np.float64]
    bound: NDArray[np.float64]
    still: NDArray[np.float64]

    def errors(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the errors (E, 2) of shifts relative to their mean."""
        difference = found - self.shifts
        return difference - difference.mean(axis=0)


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
    maps = [0.3 + 0.1 * _texture(rng, wide, 2.0), 0.1 * _texture(rng, wide, 2.5)]
    spectra = np.array([edge, line])
    if contrast == "same":
        spectra[0] += 0.5
    if contrast == "inverts":
        spectra[0] -= 0.5
    if contrast == "weak":
        spectra = spectra * 0.2
        spectra[0] += 0.15
    shifts = np.cumsum(rng.normal(0, step, (frames, 2)), axis=0)
    shifts -= shifts.mean(axis=0)
    inner = slice(16, 16 + size)
    data, bound, still = np.empty((frames, size, size), np.float32), np.empty((frames, 2)), []
    fixed = pattern * _texture(rng, size, 1.5)
    for i in range(frames):
        image = spectra[0, i] * maps[0] + spectra[1, i] * maps[1] + 0.3
        still.append(image[inner, inner])
        depth = ndimage.fourier_shift(np.fft.fft2(image), shifts[i])
        depth = np.fft.ifft2(depth).real[inner, inner]
        slopes, weight = np.array(np.gradient(depth)), photons * np.exp(-depth)
        known = np.einsum("ayx,byx,yx->ab", slopes, slopes, weight)
        bound[i] = np.sqrt(np.diag(np.linalg.inv(known)))
        data[i] = -np.log(np.maximum(rng.poisson(weight), 1) / photons) + fixed
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf}
    stack = nx.SpectralStack(data, energy, "optical_depth", 0.05, metadata={"noise": noise, "name": contrast})
    return Drifting(stack, shifts, bound, np.array(still))


def _texture(rng: np.random.Generator, size: int, scale: float) -> NDArray[np.float64]:
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)), scale, mode="wrap")
    result: NDArray[np.float64] = field / field.std()
    return result


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
    wide, margin = size + 32 + 2 * int(frames * max(drift)), 16 + int(frames * max(drift))
    maps = [_texture(rng, wide, 2.0) for _ in range(frames // every + 2)]
    shifts = np.cumsum(rng.normal(0, 0.4, (frames, 2)) + drift, axis=0)
    shifts -= shifts.mean(axis=0)
    data = np.empty((frames, size, size), np.float32)
    for i in range(frames):
        angle = 0.5 * np.pi * (i % every) / every
        image = 0.5 + 0.08 * (np.cos(angle) * maps[i // every] + np.sin(angle) * maps[i // every + 1])
        depth = np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(image), shifts[i])).real
        counts = rng.poisson(photons * np.exp(-depth[margin : margin + size, margin : margin + size]))
        data[i] = -np.log(counts / photons)
    return nx.SpectralStack(data, np.linspace(8300.0, 8400.0, frames), "optical_depth"), shifts
