"""What has to be known of a stack before it is cleaned: its noise, where there is no sample, sums over squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.bands import coarse, over_bands
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.noise import photon_noise
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

SQUARE = 4
"""Side in pixels of the squares on which the background is sought."""

_LEAST_AIR = 0.01
"""Share of the image that must be free of sample for it to be used."""


@dataclass(frozen=True)
class Measured:
    """A stack and its noise, taken apart into a factor per pixel and one per energy.

    ``depth(band, rows)`` gives the optical depth of a band without the bias of counting, 0 where it is not finite;
    ``precision`` (Y, X), one over the variance of a usual energy, 0 where a pixel can't be used; ``weight`` (E,), the
    precision of each energy over that; ``total`` (Y, X), the mean optical depth; ``photons``, whether the noise
    follows from counted photons.
    """

    stack: SpectralStack
    depth: Callable[[Float32Array, slice], Float32Array] = field(repr=False)
    precision: Float32Array
    weight: Float64Array
    total: Float32Array
    photons: bool


def measure(stack: SpectralStack, progress: Progress | None = None) -> Measured:
    """Noise and mean of an optical depth.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Optical depth, fluorescence or normalized absorption. Where its photons are not known, the noise is taken from
        what changes from one energy to the next and the one after.

    Raises
    ------
    ValueError
        If no pixel has a whole finite spectrum.
    """
    noise = photon_noise(stack)
    shape = stack.shape[1:]

    def pixels_of(band: Float32Array, rows: slice) -> slice:
        return slice(rows.start * shape[1], (rows.start + band.shape[1]) * shape[1])

    def depth(band: Float32Array, rows: slice) -> Float32Array:
        values = np.array(band, dtype=np.float32)
        if noise is not None:
            flat = values.reshape(values.shape[0], -1)
            with np.errstate(all="ignore"):
                flat -= noise.bias(flat, pixels_of(band, rows))
        np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return values

    total, precision = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    weights = np.zeros((shape[0], stack.energy.size))

    def look(band: Float32Array, rows: slice) -> None:
        values = depth(band, rows)
        flat = values.reshape(values.shape[0], -1)
        with np.errstate(all="ignore"):
            sure = _roughness(flat) if noise is None else 1 / noise.variance(flat, pixels_of(band, rows))
        ok = np.isfinite(band).all(axis=0).ravel() & np.isfinite(sure).all(axis=0) & (sure > 0).all(axis=0)
        sure = np.where(ok, sure, 0)
        precision[rows] = sure.mean(axis=0).reshape(band.shape[1:])
        total[rows] = values.mean(axis=0)
        weights[rows.start] = sure.sum(axis=1)

    over_bands(look, stack.data, progress=progress, message="noise")
    if not precision.any():
        raise_if_frame_empty(stack)
        raise ValueError(f"no pixel of {stack.name!r} holds finite values at all energies; crop to where it does")
    weight = weights.sum(axis=0)
    return Measured(stack, depth, precision, weight / weight.mean(), total, noise is not None)


def _roughness(spectra: Float32Array) -> Float32Array:
    """A precision (E, P) from second differences, in which there is noise and little else but at the edge."""
    bend = spectra[1:-1] - 0.5 * (spectra[:-2] + spectra[2:])
    usual = np.median(bend**2, axis=0) / (1.5 * 0.4549)  # 0.4549: the median of chi-square with one degree of freedom
    return np.broadcast_to(1 / usual, spectra.shape)


@dataclass(frozen=True)
class Squares:
    """Means over squares of pixels and their precision, air and sample apart: (E, y, x) and (y, x)."""

    air: Float32Array
    air_precision: Float32Array
    sample: Float32Array
    sample_precision: Float32Array


def used_precision(precision: Float32Array) -> Float32Array:
    """A precision above 0 everywhere, so that it can be divided by; unusable pixels keep next to none."""
    least = 1e-4 * float(np.median(precision[precision > 0]))
    return np.maximum(precision, least)


def mean_of_used(image: Float32Array, used: BoolArray, radius: float) -> Float32Array:
    """Gaussian mean over the usable pixels of an image."""
    from scipy.ndimage import gaussian_filter

    share = np.maximum(gaussian_filter(used * 1.0, radius), 1e-6)
    mean: Float32Array = gaussian_filter(np.where(used, image, 0), radius) / share
    return mean


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
