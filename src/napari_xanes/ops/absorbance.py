"""Optical depth from counts or transmission."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.arguments import I0, as_mask
from napari_xanes.noise import PhotonNoise
from napari_xanes.ops.empty_area import empty_area
from napari_xanes.progress import Progress, part
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack


def _fit_i0(stack: SpectralStack, *, i0: Any, progress: Progress | None = None) -> Mapping[str, Any]:
    """Return I0 as "flat", a stack of flats, or a spectrum on the stack's energies."""
    if stack.quantity not in ("counts", "transmission"):
        raise ValueError(
            f"optical_depth needs counts or transmission, but {stack.name!r} holds {stack.quantity.replace('_', ' ')}"
        )
    if isinstance(i0, str) and i0 == "auto":
        i0 = _automatic_i0(stack)
    if isinstance(i0, str) and i0 == "flat" and stack.corrections.flat is None:
        raise ValueError(
            f"{stack.name!r} has no flat frames; give I0 as a spectrum file, a stack of flats, "
            "a brushed region, or 'empty'"
        )
    if isinstance(i0, str) and i0 == "empty":
        i0 = empty_area(stack, progress=part(progress, 0.0, 0.5))
    if isinstance(i0, np.ndarray | tuple):
        i0 = _mean_in(stack, as_mask(i0, stack.shape[1:]), part(progress, 0.5, 1.0))
    if isinstance(i0, Spectrum):
        i0 = _at_energies_of(stack, i0)
    return {"i0": i0}


def _automatic_i0(stack: SpectralStack) -> Any:
    """Choose I0: 1 for transmission, else the flats, the I0 spectrum of the file, or the empty area."""
    if stack.quantity == "transmission":
        return Spectrum("I0", stack.energy, np.ones(stack.energy.size))
    if stack.corrections.flat is not None:
        return "flat"
    if stack.corrections.i0 is not None:
        return Spectrum("I0", stack.energy, stack.corrections.i0)
    return "empty"


def _at_energies_of(stack: SpectralStack, i0: Spectrum) -> Spectrum:
    """Interpolate an I0 spectrum to the stack's energies."""
    values = i0.at(stack.energy)
    if np.isnan(values).any():
        raise ValueError(
            f"I0 {i0.name!r} covers {i0.energy[0]:g} to {i0.energy[-1]:g} eV, the stack {stack.energy[0]:g} to "
            f"{stack.energy[-1]:g} eV; measure I0 over the whole range or crop the stack"
        )
    if (values <= 0).any():
        raise ValueError(f"I0 {i0.name!r} is not positive at {stack.energy[int(np.argmax(values <= 0))]:g} eV")
    return Spectrum(i0.name, stack.energy, values)


def _mean_in(stack: SpectralStack, mask: BoolArray, progress: Progress | None) -> Spectrum:
    """Average the dark-corrected counts inside a mask, frame by frame."""
    dark = _dark(stack)
    flat = mask.ravel()
    means = np.empty(stack.energy.size)
    for i in range(means.size):
        values = np.asarray(stack.data[i]).ravel()[flat].astype(np.float64) - dark(i, flat)
        values = values[np.isfinite(values)]
        if values.size == 0:
            raise ValueError(f"the I0 region holds no finite value in frame {i} ({stack.energy[i]:.1f} eV)")
        means[i] = values.mean()
        if progress is not None:
            progress((i + 1) / means.size, "I0")
    return Spectrum("I0", stack.energy, means)


def _dark(stack: SpectralStack) -> Callable[[Any, Any], Any]:
    """Return a function that gives the dark counts of some frames and flattened pixels."""
    dark = stack.corrections.dark
    if dark is None:
        return lambda frames, pixels: 0.0
    values = np.asarray(dark, dtype=np.float32)
    if values.shape not in (stack.shape, stack.shape[1:], (1, *stack.shape[1:])):
        raise ValueError(f"the dark has shape {values.shape}, the stack {stack.shape}")
    if values.shape == stack.shape:
        spectra = values.reshape(values.shape[0], -1)
        return lambda frames, pixels: spectra[frames][..., pixels]
    image = values.reshape(-1)
    return lambda frames, pixels: image[pixels]


def _incident(stack: SpectralStack, i0: Any) -> Callable[[slice, slice], Any]:
    """Return a function that gives I0 for slices of frames and of flattened pixels, to divide a block (F, P) by."""
    if isinstance(i0, Spectrum):
        column = i0.mu.astype(np.float32)[:, None]
        return lambda frames, pixels: column[frames]
    flats, energy, dark = _flats(stack, i0)
    if flats.shape == stack.shape[1:]:
        image, ratio = np.asarray(flats, dtype=np.float32).reshape(-1), _exposure_ratio(stack)
        return lambda frames, pixels: (image[pixels] - dark(frames, pixels)) * ratio[frames]
    if isinstance(i0, SpectralStack):
        scale, shutter = _exposures_of_both(stack, i0)
    else:
        scale, shutter = _exposure_ratio(stack), np.ones((energy.size, 1), np.float32)
    spectra = flats.reshape(flats.shape[0], -1)
    low, weight = _neighbours(energy, stack.energy)
    high = np.minimum(low + 1, energy.size - 1)
    if np.array_equal(low, np.arange(energy.size)) and not weight.any():
        factor = scale / shutter
        return lambda frames, pixels: (
            (np.asarray(spectra[frames, pixels], dtype=np.float32) - dark(frames, pixels)) * factor[frames]
        )

    def between(frames: slice, pixels: slice) -> Any:
        near = slice(low[frames].min(), high[frames].max() + 1)
        block = np.asarray(spectra[near, pixels], dtype=np.float32) - dark(near, pixels)
        block /= shutter[near]
        below, above, share = low[frames] - near.start, high[frames] - near.start, weight[frames]
        block = block[below] * (1 - share) + block[above] * share if share.any() else block[below]
        return block * scale[frames]

    return between


def _flats(stack: SpectralStack, i0: Any) -> tuple[Any, Float64Array, Callable[[Any, Any], Any]]:
    """Return the flats, their energies, and the function that gives their dark counts."""
    if isinstance(i0, SpectralStack):
        if i0.shape[1:] != stack.shape[1:]:
            raise ValueError(f"the flats are {i0.shape[1:]} pixels, the stack {stack.shape[1:]}")
        return i0.data, i0.energy, _dark(i0 if i0.corrections.dark is not None or i0.shape != stack.shape else stack)
    flat = stack.corrections.flat
    flat = flat if hasattr(flat, "shape") else np.asarray(flat)
    if flat.shape == (1, *stack.shape[1:]):
        flat = flat[0]
    if flat.shape not in (stack.shape, stack.shape[1:]):
        raise ValueError(f"the flat has shape {flat.shape}, the stack {stack.shape}")
    return flat, stack.energy, _dark(stack)


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
    """Return the sample's exposure over that of the flats, (E, 1), a factor on the flats; 1 unless both are known."""
    exposure, flat_exposure = stack.corrections.exposure, stack.corrections.flat_exposure
    if exposure is None or flat_exposure is None:
        exposure = flat_exposure = 1
    return _column(np.asarray(exposure) / np.asarray(flat_exposure), stack.shape[0])


def _exposures_of_both(stack: SpectralStack, flats: SpectralStack) -> tuple[Float32Array, Float32Array]:
    """Return the exposures of a stack and of a stack of flats, (E, 1) and (N, 1); 1 unless both are known."""
    sample, flat = stack.corrections.exposure, flats.corrections.exposure
    if sample is None or flat is None:
        sample = flat = 1
    return _column(sample, stack.shape[0]), _column(flat, flats.shape[0])


def _column(values: Any, n_frames: int) -> Float32Array:
    """Return a number, or one per frame, as a column (E, 1)."""
    return np.broadcast_to(np.reshape(np.asarray(values, dtype=np.float32), (-1, 1)), (n_frames, 1))


@method(looks_at="frame", fit=_fit_i0)
def optical_depth(stack: SpectralStack, /, *, i0: I0 = "auto", progress: Progress | None = None) -> SpectralStack:
    """Optical depth, -ln((I - dark) / (I0 - dark)).

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts or transmission, with flats, darks and exposures in its metadata.
    i0 : "auto", "flat", "empty", spectrum, file, stack of flats, mask or box (y0, y1, x0, x1)
        Incident intensity: the flats, an I0 spectrum (in counts, dark subtracted), flats of another file (interpolated
        between their energies, divided by the exposure times where both files have them), or the mean over a region
        without sample. "empty" finds this region. "auto" takes the flats, else the I0 spectrum of the file, else
        "empty"; transmission needs no I0.

    Returns
    -------
    SpectralStack
        float32, quantity "optical_depth"; NaN where the intensity or I0 is not positive. If the counts per photon are
        known (metadata ``gain``), ``metadata["noise"]`` is the `PhotonNoise`, from which estimators compute errors.

    Raises
    ------
    ValueError
        If the stack holds neither counts nor transmission; if I0 is absent, not positive or does not cover the
        energies; or if flats and stack differ in shape.

    Examples
    --------
    >>> counts = np.full((2, 1, 1), 50, np.uint16)
    >>> stack = SpectralStack(counts, [8330, 8340], "counts", metadata={"flat": 2 * counts})
    >>> optical_depth(stack).data.ravel().round(3)
    array([0.693, 0.693], dtype=float32)
    """
    dark = _dark(stack)
    incident = _incident(stack, i0)

    def absorb(block: NDArray[Any], frames: slice, pixels: slice) -> Float32Array:
        values = block.astype(np.float32)
        values -= dark(frames, pixels)
        with np.errstate(all="ignore"):
            values /= incident(frames, pixels)
            values[~(values > 0) | np.isinf(values)] = np.nan
            np.log(values, out=values)
        return np.negative(values, out=values)

    data = blocks.transform_frames(absorb, stack.data, progress=progress, message="optical depth")
    noise = _photon_noise(stack, i0)
    return stack.with_data(data, quantity="optical_depth", metadata={} if noise is None else {"noise": noise})


def _photon_noise(stack: SpectralStack, i0: Any) -> PhotonNoise | None:
    """Return the photon noise of the optical depth, None where the gain (counts per photon) is not known."""
    flat, dark, gain = stack.corrections.flat, stack.corrections.dark, stack.corrections.gain
    if gain is None or stack.quantity != "counts" or isinstance(i0, SpectralStack):
        return None
    if isinstance(i0, Spectrum):
        return PhotonNoise((i0.mu / gain).reshape(-1, *(1,) * (len(stack.shape) - 1)), np.inf)
    counts = np.asarray(flat, dtype=np.float32)
    if dark is not None:
        counts = counts - np.asarray(dark, dtype=np.float32)
    if counts.ndim < len(stack.shape):
        counts = counts[None]
    factor = _exposure_ratio(stack) / gain
    if (factor == factor[0]).all():
        factor = factor[:1]  # one flat for all frames stays one image
    photons = counts * factor.reshape(-1, *(1,) * (len(stack.shape) - 1))
    n_flat = stack.corrections.n_flat
    return PhotonNoise(photons, 1 if n_flat is None else n_flat)
