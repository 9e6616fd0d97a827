"""The noise of a stack as a precision (one over variance) per pixel and a weight per energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.bands import over_bands
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.noise import PhotonNoise
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

_MEDIAN_CHI_SQUARE = 0.4549  # median of the chi-square distribution with one degree of freedom


@dataclass(frozen=True)
class WeightedStack:
    """A stack with its noise: the precision of a value is ``precision`` of its pixel times ``weight`` of its energy.

    ``unbiased(band, rows)`` returns the optical depth of a band without the bias of the logarithm of few counts, 0
    where it is not finite. ``precision`` (Y, X) is one over the variance at an average energy, 0 where a pixel can't
    be used. ``weight`` (E,) is 1 on average. ``mean_depth`` (Y, X) is the mean optical depth. ``photons_known`` tells
    whether the noise follows from counted photons.
    """

    stack: SpectralStack
    unbiased: Callable[[Float32Array, slice], Float32Array] = field(repr=False)
    precision: Float32Array
    weight: Float64Array
    mean_depth: Float32Array
    photons_known: bool


def estimate_precision(stack: SpectralStack, progress: Progress | None = None) -> WeightedStack:
    """Estimate the noise and the mean of an absorption stack.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Optical depth, fluorescence or normalized absorption. If its photons are not known, the noise is estimated
        from second differences along the energy.

    Raises
    ------
    ValueError
        If no pixel holds finite values at all energies.
    """
    noise = stack.noise if isinstance(stack.noise, PhotonNoise) else None
    shape = stack.shape[1:]

    def flat_pixels(band: Float32Array, rows: slice) -> slice:
        return slice(rows.start * shape[1], (rows.start + band.shape[1]) * shape[1])

    def unbiased(band: Float32Array, rows: slice) -> Float32Array:
        values = np.array(band, dtype=np.float32)
        if noise is not None:
            flat = values.reshape(values.shape[0], -1)
            with np.errstate(all="ignore"):
                flat -= noise.bias(flat, flat_pixels(band, rows))
        np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return values

    mean_depth, precision = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    weights = np.zeros((shape[0], stack.energy.size))

    def measure(band: Float32Array, rows: slice) -> None:
        values = unbiased(band, rows)
        flat = values.reshape(values.shape[0], -1)
        with np.errstate(all="ignore"):
            values_precision = (
                _second_difference_precision(flat)
                if noise is None
                else 1 / noise.variance(flat, flat_pixels(band, rows))
            )
        finite = np.isfinite(band).all(axis=0).ravel() & np.isfinite(values_precision).all(axis=0)
        values_precision = np.where(finite & (values_precision > 0).all(axis=0), values_precision, 0)
        precision[rows] = values_precision.mean(axis=0).reshape(band.shape[1:])
        mean_depth[rows] = values.mean(axis=0)
        weights[rows.start] = values_precision.sum(axis=1)

    over_bands(measure, stack.data, progress=progress, message="noise")
    if not precision.any():
        raise_if_frame_empty(stack)
        raise ValueError(f"no pixel of {stack.name!r} holds finite values at all energies; crop to where it does")
    weight = weights.sum(axis=0)
    return WeightedStack(stack, unbiased, precision, weight / weight.mean(), mean_depth, noise is not None)


def _second_difference_precision(spectra: Float32Array) -> Float32Array:
    """Estimate a precision (E, P) from second differences: except at the edge, they are mostly noise."""
    differences = spectra[1:-1] - 0.5 * (spectra[:-2] + spectra[2:])
    variance = np.median(differences**2, axis=0) / (1.5 * _MEDIAN_CHI_SQUARE)
    return np.broadcast_to(1 / variance, spectra.shape)


def positive_precision(precision: Float32Array) -> Float32Array:
    """Return a precision above 0 everywhere, safe to divide by; unusable pixels get a very small value."""
    minimum = 1e-4 * float(np.median(precision[precision > 0]))
    return np.maximum(precision, minimum)


def masked_mean(image: Float32Array, mask: BoolArray, radius: float) -> Float32Array:
    """Return the Gaussian mean of an image (Y, X) over the pixels of a mask."""
    from scipy.ndimage import gaussian_filter

    share = np.maximum(gaussian_filter(mask * 1.0, radius), 1e-6)
    mean: Float32Array = gaussian_filter(np.where(mask, image, 0), radius) / share
    return mean
