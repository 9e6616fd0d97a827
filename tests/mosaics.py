"""A large simulated sample, of which stacks show parts at exact places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

import napari_xanes as nx


@dataclass(frozen=True)
class Sample:
    """Optical depth (E, N, N) that repeats at its borders, so that Fourier shifts of it are exact."""

    energy: NDArray[np.float64]
    depth: NDArray[np.float64]

    def stack(
        self,
        name: str,
        position: tuple[float, float] = (0, 0),
        frames: slice = slice(None),
        *,
        size: tuple[int, int] = (64, 64),
        photons: float | None = 4000.0,
        factor: float = 1.0,
        offset: float = 0.0,
        seed: int = 0,
    ) -> nx.SpectralStack:
        """Return what a stack shows whose first pixel lies at a position: ``factor * stack + offset`` is the truth."""
        depth = self.at(position, size, frames)
        metadata = {"name": name}
        if photons is not None:
            counts = np.random.default_rng(seed).poisson(photons * np.exp(-depth))
            depth = -np.log(np.maximum(counts, 1) / photons)
            metadata["noise"] = {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf}
        data = ((depth - offset) / factor).astype(np.float32)
        return nx.SpectralStack(data, self.energy[frames], "optical_depth", 0.04, metadata=metadata)

    @cached_property
    def _transform(self) -> NDArray[np.complex128]:
        return fft.fft2(self.depth)

    def at(
        self, position: tuple[float, float], size: tuple[int, int], frames: slice = slice(None)
    ) -> NDArray[np.float64]:
        """Return the optical depth of an image whose first pixel lies at a position."""
        n = self.depth.shape[-1]
        y, x = (
            np.exp(2j * np.pi * np.outer(np.arange(length) + first, fft.fftfreq(n))) / n
            for first, length in zip(position, size, strict=True)
        )
        return (y @ self._transform[frames] @ x.T).real


def sample(*, seed: int = 0, size: int = 160, frames: int = 11, contrast: str = "same") -> Sample:
    """Return a sample of two textured phases with an edge in the middle of the scan."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(8300.0, 8400.0, frames)
    edge = 1 / (1 + np.exp(-(energy - 8345) / 3)) + (-0.5 if contrast == "inverts" else 0.5)
    line = np.exp(-(((energy - 8352) / 8) ** 2))
    maps = [0.5 + 0.12 * texture(rng, size, 2.0), 0.1 * texture(rng, size, 2.5)]
    depth = edge[:, None, None] * maps[0] + line[:, None, None] * maps[1] + 0.3
    return Sample(energy, depth)


def texture(rng: np.random.Generator, size: int, scale: float) -> NDArray[np.float64]:
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)), scale, mode="wrap")
    return field / field.std()
