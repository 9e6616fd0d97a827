"""The incident intensity of an optical depth: flats, their darks, energies and exposures, or an I0 spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

Dark = Callable[[Any, Any], Any]
"""Gives the dark counts of some frames and flattened pixels."""


def dark_counts(stack: SpectralStack) -> Dark:
    """Return a function that gives the dark counts of a stack."""
    dark = stack.corrections.dark
    if dark is None:
        return lambda frames, pixels: 0.0
    values = np.asarray(dark, dtype=np.float32)
    if values.ndim == 0:
        return lambda frames, pixels: values
    if values.shape == stack.energy.shape:
        return lambda frames, pixels: values[frames][..., None]
    if values.shape not in (stack.shape, stack.shape[1:], (1, *stack.shape[1:])):
        raise ValueError(
            f"the dark has shape {values.shape}, the stack {stack.shape}; give one of an image of the stack"
        )
    if values.shape == stack.shape:
        spectra = values.reshape(values.shape[0], -1)
        return lambda frames, pixels: spectra[frames][..., pixels]
    image = values.reshape(-1)
    return lambda frames, pixels: image[pixels]


class Flats(NamedTuple):
    """The flats of a stack.

    ``frames`` (N, Y, X) in counts, N = 1 for one image that serves all energies; ``dark`` gives their dark counts. The
    flat of an energy is ``1 - weight`` of frame ``low`` plus ``weight`` (E, 1) of the next one. ``exposure`` (E, 1) of
    the sample and ``flat_exposure`` (N, 1) are in the same unit; 1 unless both are known.
    """

    frames: Any
    dark: Dark
    low: IndexArray
    weight: Float32Array
    exposure: Float32Array
    flat_exposure: Float32Array

    @property
    def matched(self) -> bool:
        """Whether each energy has a frame of its own, in the order of the energies."""
        return np.array_equal(self.low, np.arange(self.frames.shape[0])) and not self.weight.any()

    def between(self, values: Any, frames: slice = slice(None), first: int = 0) -> Any:
        """Interpolate rows of the flats from `first` on, (N, P), to some energies, (F, P)."""
        low, share = self.low[frames] - first, self.weight[frames]
        high = np.minimum(low + 1, len(values) - 1)
        return values[low] * (1 - share) + values[high] * share if share.any() else values[low]


def find_flats(stack: SpectralStack, i0: Any) -> Flats:
    """Return the flats of another stack, or those of the stack itself where `i0` is "flat".

    Raises
    ------
    ValueError
        If they do not fit the stack, or do not cover its energies.
    """
    n_energies = stack.shape[0]
    if isinstance(i0, SpectralStack):
        if i0.shape[1:] != stack.shape[1:]:
            raise ValueError(
                f"the flats are {i0.shape[1:]} pixels, the stack {stack.shape[1:]}; give flats of the same pixels"
            )
        dark = dark_counts(i0 if i0.corrections.dark is not None or i0.shape != stack.shape else stack)
        return Flats(i0.data, dark, *_neighbours(i0.energy, stack.energy), *_exposures_of_both(stack, i0))
    flat = stack.corrections.flat
    flat = flat if hasattr(flat, "shape") else np.asarray(flat)
    if flat.shape == stack.shape[1:]:
        flat = flat.reshape(1, *flat.shape)
    if flat.shape not in (stack.shape, (1, *stack.shape[1:])):
        raise ValueError(f"the flat has shape {flat.shape}, the stack {stack.shape}; give one of an image of the stack")
    low = np.arange(n_energies) if len(flat) == n_energies else np.zeros(n_energies, np.intp)
    none, ones = np.zeros((n_energies, 1), np.float32), np.ones((len(flat), 1), np.float32)
    return Flats(flat, dark_counts(stack), low, none, _exposure_ratio(stack), ones)


def incident(stack: SpectralStack, i0: Any) -> Callable[[slice, slice], Any]:
    """Return a function that gives I0 for slices of frames and of flattened pixels, to divide a block (F, P) by."""
    if isinstance(i0, Spectrum):
        column = i0.mu.astype(np.float32)[:, None]
        return lambda frames, pixels: column[frames]
    flats = find_flats(stack, i0)
    dark, factor = flats.dark, flats.exposure
    spectra = flats.frames.reshape(flats.frames.shape[0], -1)
    if len(spectra) == 1:
        image, factor = np.asarray(spectra[0], dtype=np.float32), factor / flats.flat_exposure
        return lambda frames, pixels: (image[pixels] - dark(frames, pixels)) * factor[frames]
    if flats.matched:
        factor = factor / flats.flat_exposure
        return lambda frames, pixels: (
            (np.asarray(spectra[frames, pixels], dtype=np.float32) - dark(frames, pixels)) * factor[frames]
        )

    def between(frames: slice, pixels: slice) -> Any:
        low = flats.low[frames]
        near = slice(low.min(), min(low.max() + 2, len(spectra)))
        block = np.asarray(spectra[near, pixels], dtype=np.float32) - dark(near, pixels)
        block /= flats.flat_exposure[near]
        return flats.between(block, frames, first=near.start) * factor[frames]

    return between


def _neighbours(flats: Float64Array, energy: Float64Array) -> tuple[IndexArray, Float32Array]:
    """Return how to interpolate flats to the energies of a stack.

    Parameters
    ----------
    flats, energy : ndarray, shapes (N,) and (E,)
        Energies of the flats and of the stack, in eV.

    Returns
    -------
    low : ndarray of int, shape (E,)
        Index of the flat below each energy; the nearest one if all energies agree to 0.1 eV.
    weight : ndarray, shape (E, 1)
        Weight of the flat above it.

    Raises
    ------
    ValueError
        If the flats do not cover the stack.
    """
    outside = (energy < flats[0] - 0.1) | (energy > flats[-1] + 0.1)
    if outside.any():
        raise ValueError(
            f"the flats cover {flats[0]:g} to {flats[-1]:g} eV, the stack {energy[0]:g} to {energy[-1]:g} eV: "
            "crop the stack to the energies of the flats"
        )
    nearest = np.abs(flats[None, :] - energy[:, None]).argmin(axis=1)
    if np.all(np.abs(flats[nearest] - energy) <= 0.1) and flats.size == energy.size:
        return nearest, np.zeros((energy.size, 1), np.float32)
    low = np.clip(np.searchsorted(flats, energy, side="right") - 1, 0, flats.size - 1)
    width = flats[np.minimum(low + 1, flats.size - 1)] - flats[low]
    weight = np.divide(energy - flats[low], width, out=np.zeros_like(energy), where=width > 0)
    return low, weight.clip(0, 1).astype(np.float32)[:, None]


def _exposure_ratio(stack: SpectralStack) -> Float32Array:
    """Return the sample's exposure over that of the flats, (E, 1), a factor on the flats."""
    exposure, flat_exposure = _if_both_known(stack.corrections.exposure, stack.corrections.flat_exposure)
    return _column(np.asarray(exposure) / np.asarray(flat_exposure), stack.shape[0])


def _exposures_of_both(stack: SpectralStack, flats: SpectralStack) -> tuple[Float32Array, Float32Array]:
    """Return the exposures of a stack and of a stack of flats, (E, 1) and (N, 1)."""
    sample, flat = _if_both_known(stack.corrections.exposure, flats.corrections.exposure)
    return _column(sample, stack.shape[0]), _column(flat, flats.shape[0])


def _if_both_known(sample: Any, flat: Any) -> tuple[Any, Any]:
    """Return two exposures, 1 for both unless both are known."""
    return (1, 1) if sample is None or flat is None else (sample, flat)


def _column(values: Any, n_frames: int) -> Float32Array:
    """Return a number, or one per frame, as a column (E, 1)."""
    return np.broadcast_to(np.reshape(np.asarray(values, dtype=np.float32), (-1, 1)), (n_frames, 1))
