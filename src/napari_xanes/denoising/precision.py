"""The noise of a stack as a precision (one over variance) per pixel and a weight per energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.bands import over_bands
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.noise import PhotonNoise
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

_MEDIAN_CHI_SQUARE = 0.4549  # median of the chi-square distribution with one degree of freedom

_NOISE_RADIUS, _OUTLIER = 2.0, 5.0
"""Radius in pixels over which noise that was estimated from each pixel alone is averaged: weights that are noisy
themselves would hide small features. Pixels with so many times their neighbours' variance are left out."""

_LEAST_ENERGIES = 3
"""Number of energies that a second difference takes."""

_LEAST_PIXELS, _FEW_PIXELS, _MOST_PIXELS, _PIXELS_OF_STACK = 20, 500, 4000, 32_000
"""Numbers of pixels from which the noise of each energy is estimated, to about one percent: the least and the most of a
band; a band of a large stack takes its share of the last number, but not less than the second one."""

_MOST_UNEQUAL = 5.0
"""The noise variance of an energy differs from the average at most by this factor."""


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

    def isel(self, box: tuple[slice, slice]) -> WeightedStack:
        """Return some rows and columns, as `SpectralStack.isel` does."""
        stack = self.stack.isel(box=box)
        return replace(
            self,
            stack=stack,
            unbiased=_without_bias(stack),
            precision=self.precision[box],
            mean_depth=self.mean_depth[box],
        )


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
        If no pixel holds finite values at all energies, or the noise of fewer than three energies is not known.
    """
    noise = stack.noise if isinstance(stack.noise, PhotonNoise) else None
    if noise is None and stack.energy.size < _LEAST_ENERGIES:
        raise ValueError(
            f"{stack.name!r} has {stack.energy.size} of the {_LEAST_ENERGIES} energies that it takes to estimate its "
            "noise from differences between energies; denoise more energies, or optical_depth with a known gain"
        )
    shape, unbiased = stack.shape[1:], _without_bias(stack)
    mean_depth, precision = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    weights = np.zeros((shape[0], stack.energy.size))

    def measure(band: Float32Array, rows: slice) -> None:
        values = unbiased(band, rows)
        flat = values.reshape(values.shape[0], -1)
        mean_depth[rows] = values.mean(axis=0)
        finite = np.isfinite(band).all(axis=0).ravel()
        with np.errstate(all="ignore"):
            if noise is None:
                differences = _second_differences(flat)
                mean_precision = _robust_precision(differences)
            else:
                values_precision = 1 / noise.variance(flat, _flat_pixels(band, rows))
                finite &= (np.isfinite(values_precision) & (values_precision > 0)).all(axis=0)
                mean_precision = values_precision.mean(axis=0)
        used = finite & np.isfinite(mean_precision) & (mean_precision > 0)
        precision[rows] = np.where(used, mean_precision, 0).reshape(band.shape[1:])
        if noise is None:
            share = band[0].size / precision.size
            most = min(_MOST_PIXELS, max(_FEW_PIXELS, int(_PIXELS_OF_STACK * share)))
            weights[rows.start] = used.sum() * _relative_precision(differences, mean_precision, used, most)
        else:
            weights[rows.start] = values_precision[:, used].sum(axis=1)

    over_bands(measure, stack.data, progress=progress, message="noise")
    if not precision.any():
        raise_if_frame_empty(stack)
        raise ValueError(f"no pixel of {stack.name!r} holds finite values at all energies; crop to where it does")
    if noise is None:
        precision = _smoothed(precision)
    weight = weights.sum(axis=0)
    return WeightedStack(stack, unbiased, precision, weight / weight.mean(), mean_depth, noise is not None)


def _flat_pixels(band: Float32Array, rows: slice) -> slice:
    """Return which pixels, counted along rows, a band (E, R, X) holds."""
    width = band.shape[2]
    return slice(rows.start * width, (rows.start + band.shape[1]) * width)


def _without_bias(stack: SpectralStack) -> Callable[[Float32Array, slice], Float32Array]:
    """Return the function ``unbiased`` of a `WeightedStack`."""
    noise = stack.noise if isinstance(stack.noise, PhotonNoise) else None

    def unbiased(band: Float32Array, rows: slice) -> Float32Array:
        values = np.array(band, dtype=np.float32)
        if noise is not None:
            flat = values.reshape(values.shape[0], -1)
            with np.errstate(all="ignore"):
                flat -= noise.bias(flat, _flat_pixels(band, rows))
        with np.errstate(all="ignore"):
            finite = np.isfinite(values.sum())
        if not finite:
            np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return values

    return unbiased


def _second_differences(spectra: Float32Array) -> Float32Array:
    """Return second differences (E - 2, P) along the energy, in units in which noise keeps its variance."""
    differences: Float32Array = spectra[:-2] + spectra[2:]
    differences *= np.float32(-0.5)
    differences += spectra[1:-1]
    differences *= np.float32(1.5**-0.5)
    return differences


def _robust_precision(differences: Float32Array) -> Float32Array:
    """Estimate the precision of each pixel (P,) from its second differences: except at the edge, they are noise."""
    sizes = np.ascontiguousarray(np.abs(differences).T)
    sizes.sort(axis=1)  # of short rows that lie together: a quarter of the time of a median over the first axis
    middle = sizes[:, [(len(differences) - 1) // 2, len(differences) // 2]]
    return np.asarray(_MEDIAN_CHI_SQUARE / (middle**2).mean(axis=1), np.float32)


def _relative_precision(differences: Float32Array, precision: Float32Array, used: BoolArray, most: int) -> Float64Array:
    """Return the precision of each energy (E,) over that of an average one, from at most about `most` pixels.

    It is 1 where there are too few pixels. Differences between successive pixels are taken first: the curvature of the
    edge cancels, noise does not.
    """
    left = np.flatnonzero(used[1:] & used[:-1])
    left = left[:: max(1, left.size // most)]
    if left.size < _LEAST_PIXELS:
        return np.ones(len(differences) + 2)
    right = left + 1
    squares = (differences[:, right] - differences[:, left]) ** 2 / (1 / precision[left] + 1 / precision[right])
    relative = np.clip(np.median(squares, axis=1) / _MEDIAN_CHI_SQUARE, 1 / _MOST_UNEQUAL, _MOST_UNEQUAL)
    return np.pad(1 / relative.astype(np.float64), 1, mode="edge")


def _smoothed(precision: Float32Array) -> Float32Array:
    """Return a precision (Y, X) whose noise is averaged over neighbours; pixels far noisier than these keep theirs."""
    used = precision > 0
    variance = np.where(used, 1 / np.where(used, precision, 1), 0).astype(np.float32)
    ordinary = used & (variance * masked_mean(precision, used, _NOISE_RADIUS) < _OUTLIER)
    averaged = np.where(ordinary, masked_mean(variance, ordinary, _NOISE_RADIUS), variance)
    return np.where(used, 1 / np.where(used, averaged, 1), 0).astype(np.float32)


def positive_precision(precision: Float32Array) -> Float32Array:
    """Return a precision above 0 everywhere, safe to divide by; unusable pixels get a very small value."""
    minimum = 1e-4 * float(np.median(precision[precision > 0]))
    return np.maximum(precision, minimum)


def masked_mean(image: Float32Array, mask: BoolArray, radius: float) -> Float32Array:
    """Return the Gaussian mean of an image (Y, X) over the pixels of a mask."""
    from scipy.ndimage import gaussian_filter

    share = gaussian_filter(mask.astype(np.float32), radius)
    mean: Float32Array = gaussian_filter(np.where(mask, image, 0).astype(np.float32, copy=False), radius)
    mean /= np.maximum(share, 1e-6, out=share)
    return mean
