"""Stacks that drift by known shifts: exact rendering, photon noise, and the bound of the errors of shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

import napari_xanes as nx

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Drifting:
    """A drifting stack of optical depth, and what is known of it.

    ``shifts`` (E, 2) in pixels, with a mean of zero; ``bound`` (E, 2), the Cramér-Rao bound of each; ``still``
    (E, Y, X), the optical depth without drift, noise and pattern; ``references`` and ``edge`` (in eV) where known.
    """

    stack: nx.SpectralStack
    shifts: Array
    bound: Array
    still: Array
    references: Sequence[nx.Spectrum] = ()
    edge: float = np.nan

    def errors(self, found: Array) -> Array:
        """Return the errors (E, 2) of shifts relative to their mean."""
        difference = found - self.shifts
        return np.asarray(difference - difference.mean(axis=0))


def texture(rng: np.random.Generator, shape: int | tuple[int, int], scale: float) -> Array:
    """Return blurred noise of unit variance; `scale` is the width of the blur in pixels."""
    shape = (shape, shape) if isinstance(shape, int) else shape
    field = ndimage.gaussian_filter(rng.standard_normal(shape), scale, mode="wrap")
    result: Array = field / field.std()
    return result


def random_walk(rng: np.random.Generator, count: int, step: float, most: float = 12.0) -> Array:
    shifts = np.cumsum(rng.normal(0, step, (count, 2)), axis=0)
    shifts = np.clip(shifts - shifts.mean(axis=0), -most, most)
    result: Array = shifts - shifts.mean(axis=0)
    return result


def moved(image_transform: NDArray[np.complex128], shift: Array) -> Array:
    """Return the image of a transform, moved by the factor of each frequency: exact for periodic images."""
    return np.asarray(fft.ifft2(ndimage.fourier_shift(image_transform, shift)).real)


def bound_of(depth: Array, photons: float) -> Array:
    """Return the least standard error (2,) of the shift of an optical depth that `photons` per pixel tell."""
    slopes, weight = np.array(np.gradient(depth)), photons * np.exp(-depth)
    known = np.einsum("ayx,byx,yx->ab", slopes, slopes, weight)
    return np.asarray(np.sqrt(np.diag(np.linalg.pinv(known))))


def changing_layers(
    rng: np.random.Generator, wide: int, frames: int, every: int, contrast: float
) -> tuple[Array, Array]:
    """Return spectra (L, E) and maps (L, Y, X) of an image that turns into another one, again and again.

    Each of them stands out by `contrast` in optical depth, and is replaced within `every` frames.
    """
    count = frames // every + 2
    maps = np.array([*(texture(rng, wide, 2.0) for _ in range(count)), np.ones((wide, wide))])
    spectra = np.zeros((count + 1, frames))
    spectra[-1] = 0.5
    for i in range(frames):
        angle = 0.5 * np.pi * (i % every) / every
        spectra[i // every : i // every + 2, i] = contrast * np.array([np.cos(angle), np.sin(angle)])
    return spectra, maps


def recorded(
    rng: np.random.Generator,
    energy: Array,
    spectra: Array,
    maps: Array,
    shifts: Array,
    *,
    size: int,
    photons: float,
    pattern: Array | float = 0.0,
    flicker: float = 0.0,
    pixel_size: float = 0.05,
    name: str = "",
) -> Drifting:
    """Return the stack of maps (R, Y, X) with spectra (R, E), the middle of which is seen while they move.

    Each frame counts `photons` per pixel without sample; `pattern` (size, size) is an optical depth that stays with the
    detector, and its strength varies from frame to frame by the share `flicker`.
    """
    margin = (maps.shape[-1] - size) // 2
    inner = slice(margin, margin + size)
    data, bound, still = np.empty((energy.size, size, size), np.float32), np.empty((energy.size, 2)), []
    for i, shift in enumerate(shifts):
        image = np.tensordot(spectra[:, i], maps, 1)
        still.append(image[inner, inner])
        depth = moved(fft.fft2(image), shift)[inner, inner]
        bound[i] = bound_of(depth, photons)
        counts = rng.poisson(photons * np.exp(-depth))
        strength = 1 + flicker * rng.standard_normal() if flicker else 1.0
        data[i] = -np.log(np.maximum(counts, 1) / photons) + strength * pattern
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf}
    stack = nx.SpectralStack(data, energy, "optical_depth", pixel_size, metadata={"noise": noise, "name": name})
    return Drifting(stack, shifts, bound, np.array(still))
