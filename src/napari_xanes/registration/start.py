"""Where frames lie, from nothing: matched to a few images at all shifts, whatever the sign of their contrast.

The images begin with the frame of the strongest contrast. Frames that fit join, the leading images of all that have
joined become the new images, and so frames of another contrast join through those between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.registration.fourier import WORKERS, Band, Coefficients, phases

MOST = 1 / 3
"""Largest shift that is looked for, as a share of the image: less than that is in common otherwise."""

_FOUND = 40.0
"""A frame is found if it fits at one place by so much better than at the usual place. Of 10,000 places with noise, the
best reaches about 25."""

_ALIKE = 0.5
"""A frame is also found if the images make up so much of its power."""

_GAIN = 20.0
"""A frame is moved if its log-likelihood gains so much."""

_ROUNDS, _MOST_GROUPS = 6, 6
_MOST_IMAGES = 3


def start(band: Band, data: Coefficients) -> tuple[Float64Array, BoolArray]:
    """Return where the frames lie, to a fraction of a pixel, and which of them show something in common.

    Parameters
    ----------
    band : Band
        Frequencies of at most half the Nyquist frequency.
    data : ndarray, complex64, shape (E, K)
        Coefficients in units of their noise; a frame of zeros is not found.

    Returns
    -------
    shifts : ndarray, shape (E, 2)
        In pixels, relative to the strongest frame; 0 where nothing was found.
    found : ndarray of bool, shape (E,)
        Frames that belong together.
    """
    groups = _groups(band, data)
    first, shifts, images = max(groups, key=lambda group: group[0].size)
    shifts, found = _spread(shifts, first, len(data)), np.isin(np.arange(len(data)), first)
    for others, between, of_others in sorted(groups, key=lambda group: -group[0].size):
        if others.size < 2 or found[others].any():
            continue
        # As a group, frames of another contrast show more than each of them alone.
        offset, score = _matched(band, of_others, images, together=True)
        if score[0] > _FOUND:
            shifts[others], found[others] = between + offset[0], True
            images = leading_images(data[found] * phases(band, shifts[found]))
    return shifts, found


def _spread(shifts: Float64Array, frames: IndexArray, count: int) -> Float64Array:
    """Return the shifts (count, 2) of all frames, 0 where they are not known."""
    everywhere = np.zeros((count, 2))
    everywhere[frames] = shifts
    return everywhere


Group = tuple[IndexArray, Float64Array, NDArray[np.complex64]]
"""Frames that fit to each other, their shifts, and their leading images (R, K)."""


def _groups(band: Band, data: Coefficients) -> list[Group]:
    """Return groups of frames, each around the strongest frame that is in no other."""
    left = np.arange(len(data))
    groups: list[Group] = []
    while left.size and len(groups) < _MOST_GROUPS:
        shifts, found, images = _group(band, data[left])
        groups.append((left[found], shifts[found], images))
        left = left[~found]
    return groups


def _group(band: Band, data: Coefficients) -> tuple[Float64Array, BoolArray, NDArray[np.complex64]]:
    """Return shifts (E, 2) to the strongest frame, which frames fit to it, and their leading images (R, K)."""
    power = (np.abs(data) ** 2).sum(axis=1)
    strongest = int(np.argmax(power))
    found = np.zeros(len(data), dtype=bool)
    found[strongest] = True
    images = _orthonormal(data[strongest][None])
    for _ in range(_ROUNDS):
        before = found
        shifts, score = _matched(band, data, images)
        shifts = refined(band, data, images, shifts)
        # In a tiny image there are no usual places, but frames alike are alike.
        found = (score > _FOUND) | (_fits(band, data, images, shifts) > _ALIKE * power)
        found[strongest] = True
        images = leading_images(data[found] * phases(band, shifts[found]))
        if (found == before).all():
            break
    return shifts, found, images


def rematched(
    band: Band, data: Coefficients, images: NDArray[np.complex64], shifts: Float64Array
) -> tuple[Float64Array, BoolArray]:
    """Look for frames that fit better elsewhere.

    Parameters
    ----------
    data : ndarray, shape (E, K)
        Coefficients without the pattern of the detector.
    images : ndarray, shape (R, K)
        Maps of the sample.
    shifts : ndarray, shape (E, 2)
        Where the frames lie so far.

    Returns
    -------
    shifts : ndarray, shape (E, 2)
        Where they fit best.
    moved : ndarray of bool, shape (E,)
        Frames that fit better elsewhere.
    """
    images = _orthonormal(images)
    elsewhere, _ = _matched(band, data, images)
    elsewhere = refined(band, data, images, elsewhere)
    moved = _fits(band, data, images, elsewhere) > _GAIN + 1.02 * _fits(band, data, images, shifts)
    moved &= np.abs(elsewhere - shifts).max(axis=1) > 0.5
    return np.where(moved[:, None], elsewhere, shifts), moved


def _fits(band: Band, data: Coefficients, images: NDArray[np.complex64], shifts: Float64Array) -> Float64Array:
    amounts = ((data * phases(band, shifts)) @ images.conj().T).real
    result: Float64Array = (amounts.astype(np.float64) ** 2).sum(axis=1)
    return result


def _orthonormal(images: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return combinations (R, K) of images whose real inner products are those of a basis."""
    gram = (images @ images.conj().T).real.astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    some = values > 1e-6 * values[-1]
    result: NDArray[np.complex64] = ((vectors[:, some] / np.sqrt(values[some])).T @ images).astype(np.complex64)
    return result


def leading_images(aligned: Coefficients) -> NDArray[np.complex64]:
    """Return the leading images (R, K) of aligned frames, those that are more than noise."""
    count, size = aligned.shape
    values, vectors = np.linalg.eigh((aligned @ aligned.conj().T).real.astype(np.float64) / size)
    above = values > (1 + np.sqrt(count / (2 * size))) ** 2 * 1.2
    above[-1] = True
    above[:-_MOST_IMAGES] = False
    return _orthonormal((vectors[:, above].T @ aligned).astype(np.complex64))


def _matched(
    band: Band, data: Coefficients, images: NDArray[np.complex64], *, together: bool = False
) -> tuple[Float64Array, Float64Array]:
    """Return the shift (E, 2) at which each frame fits best, and by how much better than at the usual shift.

    With `together`, the frames have one shift in common, and the results have length 1.
    """
    shape = (_coarse(band.shape[0]), _coarse(band.shape[1]))
    row = np.where(band.ky < 0, np.round(band.ky * band.shape[0]) + shape[0], np.round(band.ky * band.shape[0]))
    column = np.round(band.kx * band.shape[1]).astype(np.intp)
    row = row.astype(np.intp)
    within = [np.abs(_signed(n)) * (size / n) <= MOST * size for n, size in zip(shape, band.shape, strict=True)]
    near: tuple[IndexArray, ...] = np.ix_(*[np.flatnonzero(axis) for axis in within])
    groups = [data] if together else data[:, None]
    shifts, scores = np.empty((len(groups), 2)), np.empty(len(groups))
    transform = np.zeros((shape[0], shape[1] // 2 + 1), np.complex64)
    for i, frames in enumerate(groups):
        surface = np.zeros((near[0].size, near[1].size), np.float32)
        for frame in frames:
            for image in images:
                transform[row, column] = frame * image.conj()
                surface += fft.irfft2(transform, s=shape, workers=WORKERS, norm="forward")[near] ** 2
        best = np.unravel_index(int(surface.argmax()), surface.shape)
        for axis in (0, 1):
            place = near[axis].ravel()[best[axis]]
            shifts[i, axis] = _signed(shape[axis])[place] * band.shape[axis] / shape[axis]
        freedom = len(frames) * len(images)
        usual = float(np.median(surface)) / (freedom * (1 - 2 / (9 * freedom)) ** 3)
        scores[i] = float(surface[best]) / max(usual, 1e-30)
    return shifts, scores


def _coarse(length: int) -> int:
    """Return the length of a grid that holds frequencies of up to a quarter cycle per pixel."""
    return int(fft.next_fast_len(max(4, -(-length // 2) + 2), real=True))


def _signed(length: int) -> Float64Array:
    return np.asarray(np.fft.fftfreq(length, 1 / length), dtype=np.float64)


def refined(
    band: Band, data: Coefficients, images: NDArray[np.complex64], shifts: Float64Array, steps: int = 5
) -> Float64Array:
    """Improve each shift by itself, by Gauss-Newton steps towards the best fit of the images."""
    shifts = np.array(shifts, dtype=np.float64)
    wave = 2 * np.pi * np.stack([band.ky, band.kx])
    slopes = [(k * images.conj()).astype(np.complex64) for k in wave]
    # Inner products of the images with their own derivatives, and of those with each other.
    first = [(images @ slope.T).imag.astype(np.float64) for slope in slopes]
    second = [[((k * images) @ slope.T).real.astype(np.float64) for k in wave] for slope in slopes]
    for _ in range(steps):
        aligned = data * phases(band, shifts)
        amounts = (aligned @ images.conj().T).real.astype(np.float64)
        along = np.stack([amounts @ product for product in first], axis=1)
        normal = np.array([[((amounts @ second[a][b]) * amounts).sum(1) for a in (0, 1)] for b in (0, 1)])
        # What other amounts of the images explain is no shift.
        normal = np.moveaxis(normal, -1, 0) - np.einsum("ear,ebr->eab", along, along)
        overlap = np.stack([(aligned @ slope.T).imag for slope in slopes], axis=1)
        right = -np.einsum("ear,er->ea", overlap - along, amounts)
        size = np.trace(normal, axis1=1, axis2=2)[:, None, None]
        step = np.linalg.solve(normal + (1e-6 * size + 1e-12) * np.eye(2), right[..., None])[..., 0]
        length = np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-12)
        shifts += step * np.minimum(1, 0.5 / length)
        if length.max() < 5e-3:
            break
    return shifts
