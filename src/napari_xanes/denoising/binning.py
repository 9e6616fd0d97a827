"""Means of a stack over bins of 4 x 4 pixels, for the empty area and the sample apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.bands import over_bands
from napari_xanes.denoising.precision import WeightedStack, masked_mean
from napari_xanes.progress import Progress

BIN = 4
"""Side of a bin in pixels."""

_MIN_AIR_SHARE, _MIN_AIR_PIXELS = 0.01, 150
"""Smallest share of the image, and number of pixels, without sample whose mean spectrum is used."""


@dataclass(frozen=True)
class BinnedStack:
    """Means over bins (E, y, x) and their precision (y, x), for pixels of air (no sample) and of the sample apart."""

    air: Float32Array
    air_precision: Float32Array
    sample: Float32Array
    sample_precision: Float32Array


def well_measured(precision: Float32Array) -> BoolArray:
    """Return which bins have a quarter of the precision of the best ones, or more."""
    result: BoolArray = precision > 0.25 * np.percentile(precision[precision > 0], 90)
    return result


def bin_sums(images: Float32Array) -> Float32Array:
    """Sum images (..., Y, X) over bins; the result is (..., y, x). Bins at the last rows and columns may be smaller."""
    height, width = images.shape[-2:]
    if height % BIN or width % BIN:
        margins = [(0, 0)] * (images.ndim - 2) + [(0, -height % BIN), (0, -width % BIN)]
        images = np.pad(images, margins)
    # A sum over short axes takes several times as long as sums of slices.
    columns = _summed([images[..., i::BIN, :] for i in range(BIN)])
    return _summed([columns[..., i::BIN] for i in range(BIN)])


def _summed(images: list[Float32Array]) -> Float32Array:
    total = images[0] + images[1]
    for image in images[2:]:
        total += image
    return total


def find_air(mean_depth: Float32Array, precision: Float32Array) -> BoolArray:
    """Return where there is probably no sample: where the mean optical depth is near its minimum.

    Whether that area is really empty must be decided by its spectrum.

    Parameters
    ----------
    mean_depth, precision : ndarray, shape (Y, X)
        Mean optical depth, and the precision at one energy, 0 where unusable.
    """
    used = precision > 0
    smooth = masked_mean(mean_depth, used, 2)
    minimum = float(np.percentile(smooth[used], 3))
    spread = float(np.percentile(smooth[used], 90)) - minimum
    air: BoolArray = used & (smooth < minimum + min(0.06, 0.25 * spread))
    return air


def bin_rows(rows: slice, n_rows: int) -> slice:
    """Return the rows of bins that a band of `n_rows` pixel rows from ``rows.start`` fills."""
    first = rows.start // BIN
    return slice(first, first - (-n_rows // BIN))


def bin_stack(
    weighted: WeightedStack, air: BoolArray, progress: Progress | None = None
) -> tuple[Float64Array, BinnedStack]:
    """Return the mean spectrum of the air (E,), 0 if there is too little air, and means over bins.

    Parameters
    ----------
    weighted : WeightedStack
        The stack.
    air : ndarray of bool, shape (Y, X)
        Pixels without sample.
    """
    from scipy.ndimage import binary_erosion

    stack = weighted.stack
    inner = binary_erosion(air)  # pixels next to the sample may hold some of it
    air_precision = np.where(inner, weighted.precision, 0).astype(np.float32)
    sample_precision = np.where(inner, 0, weighted.precision).astype(np.float32)
    precisions = (air_precision, sample_precision)
    totals = [bin_sums(precision) for precision in precisions]
    means = [np.zeros((stack.energy.size, *totals[0].shape), np.float32) for _ in precisions]
    air_sums = np.zeros((stack.shape[1], stack.energy.size))

    def add(band: Float32Array, rows: slice) -> None:
        values = weighted.unbiased(band, rows)
        bins = bin_rows(rows, values.shape[1])
        for mean, precision in zip(means, precisions, strict=True):
            if precision[rows].any():
                mean[:, bins] = bin_sums(values * precision[rows])
        air_sums[rows.start] = means[0][:, bins].sum(axis=(1, 2), dtype=np.float64)

    over_bands(add, stack.data, multiple=BIN, progress=progress, message="means over bins")
    if inner.sum() >= max(_MIN_AIR_PIXELS, _MIN_AIR_SHARE * air.size):
        spectrum = air_sums.sum(axis=0) / max(float(air_precision.sum()), 1e-30)
    else:
        spectrum = np.zeros(stack.energy.size)
    for mean, total in zip(means, totals, strict=True):
        mean /= np.maximum(total, 1e-30)
    return spectrum, BinnedStack(means[0], totals[0], means[1], totals[1])
