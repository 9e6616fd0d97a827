"""The photon noise of an optical depth, from the counts without sample."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.computing import computed
from napari_xanes.noise import PhotonNoise
from napari_xanes.ops.flats import Flats, find_flats
from napari_xanes.spectrum import Spectrum
from napari_xanes.spreading import spread
from napari_xanes.stack import SpectralStack

_MOST_FRAMES = 16
"""Number of flats that are read for their mean image."""

_MOST_BYTES = 256 << 20
"""Flats in a file that are larger than this are described by their mean image."""


def photon_noise(stack: SpectralStack, i0: Any, gain: float, read_noise: float = 0.0) -> PhotonNoise:
    """Return the error model of the optical depth of a stack of counts.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts.
    i0 : Spectrum, SpectralStack or "flat"
        Incident intensity in counts, as `optical_depth` uses it. The noise of a spectrum is its ``sigma``.
    gain : float
        Counts per detected photon.
    read_noise : float
        Standard deviation of a frame without light, in counts.

    Notes
    -----
    Flats at other energies than the stack's, and large flats in a file, are described by one image and its brightness
    at each energy. Counts that were corrected for dead time have the noise of those that were measured.
    """
    found = _of_counts(stack, i0, gain, read_noise / gain)
    busy = stack.corrections.busy
    if busy is None:
        return found
    missed = replace(found, busy=gain * np.asarray(busy), paralyzable=bool(stack.corrections.paralyzable))
    if not isinstance(i0, Spectrum) or i0.sigma is None:
        return missed
    # The noise of a spectrum is known, whatever a single frame has.
    single = missed._relative_variance(gain / i0.mu[:, None])[:, 0]
    with np.errstate(divide="ignore"):
        return replace(missed, n_flat=single / (i0.sigma / i0.mu) ** 2)


def _of_counts(stack: SpectralStack, i0: Any, gain: float, read_noise: float) -> PhotonNoise:
    """Return the noise of counts of which the detector missed none; `read_noise` is in photons."""
    if isinstance(i0, Spectrum):
        return _noise_of_spectrum(i0, len(stack.shape), gain, read_noise)
    flats = find_flats(stack, i0)
    n_flat = (i0 if isinstance(i0, SpectralStack) else stack).corrections.frames_per_flat
    if not (flats.matched and flats.frames.shape[0] == stack.shape[0]):
        return _noise_of_shared_flats(flats, stack.shape, n_flat, gain, read_noise)
    exposure = flats.flat_exposure / flats.exposure
    ratio = float(exposure[0, 0]) if (exposure == exposure[0]).all() else exposure[:, 0]
    if isinstance(flats.frames, np.ndarray) or flats.frames.nbytes <= _MOST_BYTES:
        photons = _counts(flats, slice(None)) / (exposure * np.float32(gain))
        return PhotonNoise(photons.reshape(stack.shape), n_flat, ratio, read_noise)
    image, brightness = _image_and_brightness(flats)
    beam = brightness * flats.exposure[:, 0] / gain
    return PhotonNoise(_as_stack(image, stack.shape), n_flat, ratio, read_noise, beam)


def _noise_of_shared_flats(
    flats: Flats, shape: tuple[int, ...], n_flat: Any, gain: float, read_noise: float
) -> PhotonNoise:
    """Return the noise where several energies share a flat."""
    if flats.frames.shape[0] == 1:
        photons = _counts(flats, slice(None)) / np.float32(gain)
        factor, shares = (flats.exposure / flats.flat_exposure)[:, 0], np.ones((shape[0], 1))
    else:
        n_flat = float(np.mean(n_flat))
        image, brightness = _image_and_brightness(flats)
        counted = brightness * flats.flat_exposure[:, 0] / gain
        photons, shares = image * counted.mean(), _shares(flats, brightness, counted)
        factor = (flats.between(brightness[:, None]) * flats.exposure)[:, 0] / gain / counted.mean()
    beam = None if (factor == 1).all() else factor
    return PhotonNoise(_as_stack(photons, shape), n_flat, read_noise=read_noise, beam=beam, flats=shares)


def _as_stack(values: Any, shape: tuple[int, ...]) -> Float32Array:
    """Return values (P,) or (E, P) with the axes of a stack; the first axis is 1 if they serve all energies."""
    return np.asarray(values, dtype=np.float32).reshape(-1, *shape[1:])


def _noise_of_spectrum(i0: Spectrum, n_axes: int, gain: float, read_noise: float) -> PhotonNoise:
    """Return the noise where I0 is a spectrum: one of as many frames as give its `sigma`."""
    photons = (i0.mu / gain).reshape(-1, *(1,) * (n_axes - 1))
    if i0.sigma is None:
        return PhotonNoise(photons, np.inf, read_noise=read_noise)
    single = gain / i0.mu + (read_noise * gain / i0.mu) ** 2
    with np.errstate(divide="ignore"):
        return PhotonNoise(photons, single / (i0.sigma / i0.mu) ** 2, read_noise=read_noise)


def _counts(flats: Flats, frames: slice) -> Float32Array:
    """Return the counts (N, P) of some flats without their dark; of one flat (E, P), if each energy has a dark."""
    values = computed(flats.frames[frames]).astype(np.float32, copy=False)
    result: Float32Array = values.reshape(len(values), -1) - flats.dark(frames, slice(None))
    return result


def _image_and_brightness(flats: Flats) -> tuple[Float64Array, Float64Array]:
    """Return the mean image of the flats (P,), 1 on average, and the mean counts (N,) of each in a unit of exposure."""
    n_flats = flats.frames.shape[0]
    chosen = spread(n_flats, _MOST_FRAMES)
    means, image = np.empty(chosen.size), np.zeros(int(np.prod(flats.frames.shape[1:])))
    for i, n in enumerate(chosen):
        counts = _counts(flats, slice(n, n + 1))[0].astype(np.float64) / float(flats.flat_exposure[n, 0])
        means[i] = np.nanmean(counts)
        image += counts / means[i] / chosen.size
    return image, np.interp(np.arange(n_flats), chosen, means)


def _shares(flats: Flats, brightness: Float64Array, counted: Float64Array) -> Float64Array:
    """Return the error (E, N) that each flat gives the flat of an energy, in that of a flat of mean counts."""
    n_flats = flats.frames.shape[0]
    weights, rows = np.zeros((flats.low.size, n_flats)), np.arange(flats.low.size)
    np.add.at(weights, (rows, flats.low), 1 - flats.weight[:, 0])
    np.add.at(weights, (rows, np.minimum(flats.low + 1, n_flats - 1)), flats.weight[:, 0])
    relative = weights * brightness / (weights @ brightness)[:, None]
    shares: Float64Array = relative * np.sqrt(counted.mean() / counted)
    return shares
