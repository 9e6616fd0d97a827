"""The shift between two images of the same place, to a fraction of a pixel, with its error from the same two images.

What both images hold has a cross-spectrum whose phase is a plane; the part of it that stays imaginary at the right
shift is noise. So its size gives weights and errors without a model of the noise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.registration.fourier import Band, band_of, filled

_MOST = 60_000
"""Most coefficients of an image: more take long and tell what is known already."""

_ROUNDS, _STEPS = 4, 12
_SAME = 2e-3
"""Change of the shift, in pixels, that needs no other round."""

_NARROW = 12
"""Pixels of a strip whose error is doubled: few coefficients choose weights that fit their own noise (found by
simulation: without it, 71 % of the errors in strips of 12 to 26 pixels lie within two sigma)."""

_FLOOR = 1e-5
"""Least noise, as a share of the cross-spectrum: simulated images may have none."""


class Shift(NamedTuple):
    """How far the content of the second image must move to lie on that of the first.

    ``shift`` and ``sigma`` (2,) in pixels; ``correlation`` of the images in the band, 0 to 1; ``score``, how many times
    its error the common power is, at the shift.
    """

    shift: Float64Array
    sigma: Float64Array
    correlation: float
    score: float


def shift_between(first: NDArray[np.floating], second: NDArray[np.floating], *, any_sign: bool = False) -> Shift:
    """Find the shift that brings the second images onto the first.

    Parameters
    ----------
    first, second : ndarray, shape (M, Y, X)
        M images of each: all have the same shift. NaN where there is no value.
    any_sign : bool
        Whether the contrast of the second may be inverted.

    Returns
    -------
    Shift
        The images show nothing in common if its `score` is below about 6.
    """
    shape = (first.shape[-2], first.shape[-1])
    band = band_of(shape).thinned(_MOST)
    images = [np.array([filled(image) for image in some]) for some in (first, second)]
    cross, power, share = _cross_spectra(images, band, np.zeros(2))
    start, sign = _start(band, cross, power, any_sign=any_sign)
    if np.abs(start).max() > 1:
        return Shift(start, np.full(2, np.inf), 0.0, 0.0)
    found = _refined(band, cross * sign[:, None], power, start, share)
    for _ in range(_ROUNDS):
        # A window that stays while the content moves would pull the shift towards zero.
        cross, power, share = _cross_spectra(images, band, np.clip(found.shift, -2, 2))
        before, found = found, _refined(band, cross * sign[:, None], power, found.shift, share)
        if np.abs(found.shift - before.shift).max() < _SAME:
            break
    return found


def _cross_spectra(
    images: list[Float32Array], band: Band, shift: Float64Array
) -> tuple[NDArray[np.complex128], Float64Array, float]:
    """Return the cross-spectra (M, K), the roots of the powers' products, and the share of independent coefficients.

    The windows of both images lie on the same content.
    """
    transforms = []
    for some, half in zip(images, (0.5 * shift, -0.5 * shift), strict=True):
        window = _taper(band.shape[0], half[0])[:, None] * _taper(band.shape[1], half[1])
        transforms.append(np.array([_coefficients(image, window, band) for image in some], np.complex128))
    used = [(w**2).sum() ** 2 / (w**4).sum() / w.size for w in (_taper(n, 0.0) for n in band.shape)]
    power = np.abs(transforms[0]) * np.abs(transforms[1])
    return transforms[0] * transforms[1].conj(), power, float(used[0] * used[1])


def _coefficients(image: Float32Array, window: Float64Array, band: Band) -> NDArray[np.complex64]:
    mean = float((image * window).sum() / window.sum())
    transform = fft.rfft2((image - mean) * window)
    return np.asarray(transform[band.row, band.column], dtype=np.complex64)


def _taper(length: int, shift: float) -> Float64Array:
    """Return weights that fade out towards both ends of what two images show if one is moved."""
    taper = np.clip(length / 8, 2, 16)
    place = np.arange(length) - shift
    # Half of the shift is lost at each end.
    inside = np.minimum(place, length - 1 - place) + 0.5 - abs(shift)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(inside / taper, 0, 1)))


def _ring_means(band: Band, values: Float64Array) -> Float64Array:
    """Return the mean of each ring at each of its coefficients, (M, K)."""
    means = band.ring_sums(values) / band.in_ring
    result: Float64Array = means[..., band.ring]
    return result


def _start(
    band: Band, cross: NDArray[np.complex128], power: Float64Array, *, any_sign: bool
) -> tuple[Float64Array, Float64Array]:
    """Return the whole shift of the highest correlation, and the sign of each pair of images there."""
    surfaces = np.empty((len(cross), *band.shape))
    white = cross / np.maximum(_ring_means(band, power), 1e-30)
    for m in range(len(cross)):
        transform = np.zeros((band.shape[0], band.shape[1] // 2 + 1), np.complex128)
        transform[band.row, band.column] = white[m]
        surfaces[m] = fft.irfft2(transform, s=band.shape)
    total = (np.abs(surfaces) if any_sign else surfaces).sum(axis=0)
    best = np.unravel_index(int(total.argmax()), band.shape)
    sign = np.sign(surfaces[:, best[0], best[1]]) if any_sign else np.ones(len(cross))
    shift = [int(b) - n if b > n // 2 else int(b) for b, n in zip(best, band.shape, strict=True)]
    return np.array(shift, dtype=np.float64), np.where(sign == 0, 1.0, sign)


def _refined(
    band: Band, cross: NDArray[np.complex128], power: Float64Array, start: Float64Array, share: float
) -> Shift:
    """Climb to the highest weighted correlation; the errors are those of a sum with these weights."""
    wave = 2 * np.pi * np.stack([band.ky, band.kx]).astype(np.float64)
    shift, floor = start.copy(), _FLOOR * float((power**2).mean()) + 1e-300
    for _ in range(_STEPS):
        aligned = cross * np.exp(1j * (shift @ wave))
        noise = _ring_means(band, aligned.imag**2) + floor
        weight = np.maximum(_ring_means(band, aligned.real), 0) / noise
        bend = np.einsum("ak,bk,k->ab", wave, wave, (weight * aligned.real).sum(axis=0))
        slope = -(wave * (weight * aligned.imag).sum(axis=0)).sum(axis=1)
        bend += (1e-9 * np.trace(bend) + 1e-300) * np.eye(2)
        step = np.linalg.solve(bend, slope) if np.linalg.det(bend) > 0 else np.zeros(2)
        step *= min(1.0, 0.5 / max(float(np.abs(step).max()), 1e-12))
        shift = shift + step
        if np.abs(step).max() < 1e-4:
            break
    # Not the means of the rings: in narrow strips, signal and noise lie in a few coefficients.
    spread = np.einsum("ak,bk,k->ab", wave, wave, (weight**2 * (aligned.imag**2 + floor)).sum(axis=0)) / share
    if np.linalg.det(bend) <= 0 or not weight.any():
        return Shift(shift, np.full(2, np.inf), 0.0, 0.0)
    inverse = np.linalg.inv(bend)
    sigma = np.sqrt(np.diag(inverse @ spread @ inverse)) * (1 + (_NARROW / np.array(band.shape)) ** 2)
    score = float((weight * aligned.real).sum() / np.sqrt((weight**2 * noise).sum() / share))
    correlation = float(aligned.real.sum() / max(power.sum(), 1e-300))
    return Shift(shift, sigma, correlation, score)
