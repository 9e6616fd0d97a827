"""What has to be known of a stack before it is cleaned: its noise, where there is no sample, sums over squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.bands import coarse, over_bands
from napari_xanes.denoising.precision import Measured, mean_of_used
from napari_xanes.progress import Progress

SQUARE = 4
"""Side in pixels of the squares on which the background is sought."""

_LEAST_AIR = 0.01
"""Share of the image that must be free of sample for it to be used."""


@dataclass(frozen=True)
class Squares:
    """Means over squares of pixels and their precision, air and sample apart: (E, y, x) and (y, x)."""

    air: Float32Array
    air_precision: Float32Array
    sample: Float32Array
    sample_precision: Float32Array


def find_air(total: Float32Array, precision: Float32Array) -> BoolArray:
    """Where there is probably no sample: where the mean optical depth is that of the thinnest part.

    Whether that part is really empty, its spectrum must tell.

    Parameters
    ----------
    total, precision : ndarray, shape (Y, X)
        Mean optical depth, and the precision of one energy, 0 where unusable.
    """
    used = precision > 0
    smooth = mean_of_used(total, used, 2)
    least = float(np.percentile(smooth[used], 3))
    spread = float(np.percentile(smooth[used], 90)) - least
    air: BoolArray = used & (smooth < least + min(0.06, 0.25 * spread))
    return air


def sums(measured: Measured, air: BoolArray, progress: Progress | None = None) -> tuple[Float64Array, Squares]:
    """Mean spectrum of the air (E,), 0 without air, and means over squares.

    Parameters
    ----------
    measured : Measured
        The stack.
    air : ndarray of bool, shape (Y, X)
        Pixels without sample.
    """
    from scipy.ndimage import binary_erosion

    stack = measured.stack
    inner = binary_erosion(air)  # what borders the sample may hold some of it
    sure_air = np.where(inner, measured.precision, 0).astype(np.float32)
    sure = np.where(inner, 0, measured.precision).astype(np.float32)
    weights = [coarse(one, SQUARE) for one in (sure_air, sure)]
    found = [np.zeros((stack.energy.size, *weights[0].shape), np.float32) for _ in range(2)]
    mean = np.zeros((stack.shape[1], stack.energy.size))

    def add(band: Float32Array, rows: slice) -> None:
        values = measured.depth(band, rows)
        squares = slice(rows.start // SQUARE, rows.start // SQUARE - (-values.shape[1] // SQUARE))
        for out, one in zip(found, (sure_air, sure), strict=True):
            out[:, squares] = coarse(values * one[rows], SQUARE)
        mean[rows.start] = np.einsum("eyx,yx->e", values, sure_air[rows], optimize=True)

    over_bands(add, stack.data, multiple=SQUARE, progress=progress, message="sums")
    enough = inner.sum() >= max(150, _LEAST_AIR * air.size)
    spectrum = mean.sum(axis=0) / max(float(sure_air.sum()), 1e-30) if enough else np.zeros(stack.energy.size)
    for out, one in zip(found, weights, strict=True):
        out /= np.maximum(one, 1e-30)
    return spectrum, Squares(found[0], weights[0], found[1], weights[1])
