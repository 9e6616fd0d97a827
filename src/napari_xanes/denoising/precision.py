"""What has to be known of a stack before it is cleaned: its noise, where there is no sample, sums over squares."""

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
    noise = stack.noise if isinstance(stack.noise, PhotonNoise) else None
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
