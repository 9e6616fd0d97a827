"""Where frames lie, from nothing: matched to a few images at all shifts, whatever the sign of their contrast.

The images begin with the frame of the strongest contrast. Frames that fit join, the leading images of all that have
joined become the new images, and so frames of another contrast join through those between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.registration.fourier import Band, Coefficients, over_rows, phases
from napari_xanes.registration.products import combined, energy, inner
from napari_xanes.registration.search import FOUND, coarse_length

MOST = 1 / 3
"""Largest shift that is looked for, as a share of the image: less than that is in common otherwise."""

_ALIKE = 0.5
"""A frame is also found if the images make up so much of its power."""

_GAIN = 20.0
"""A frame is moved if its log-likelihood gains so much."""

_NEAR = 1.0
"""Pixels: half a step of the places that are looked at. A frame that fits best at the nearest of them is left there."""

_SPARSE = 3
"""Of the places that are looked at, every third along each axis tells how well a frame fits at the usual one."""

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
        if score[0] > FOUND:
            shifts[others], found[others] = between + offset[0], True
            images = leading_images(_aligned(band, data[found], shifts[found]))
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
    power = energy(data)
    strongest = int(np.argmax(power))
    found = np.zeros(len(data), dtype=bool)
    found[strongest] = True
    images = _orthonormal(data[strongest][None])
    for _ in range(_ROUNDS):
        before = found
        shifts, score = _matched(band, data, images)
        shifts = refined(band, data, images, shifts)
        # In a tiny image there are no usual places, but frames alike are alike.
        found = (score > FOUND) | (_fits(band, data, images, shifts) > _ALIKE * power)
        found[strongest] = True
        images = leading_images(_aligned(band, data[found], shifts[found]))
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
    shifts, moved = shifts.copy(), np.zeros(len(shifts), dtype=bool)
    far = np.flatnonzero(np.abs(elsewhere - shifts).max(axis=1) > _NEAR)
    if not far.size:
        return shifts, moved
    elsewhere = refined(band, data[far], images, elsewhere[far])
    better = _fits(band, data[far], images, elsewhere) > _GAIN + 1.02 * _fits(band, data[far], images, shifts[far])
    better &= np.abs(elsewhere - shifts[far]).max(axis=1) > 0.5
    shifts[far[better]], moved[far[better]] = elsewhere[better], True
    return shifts, moved


def _fits(band: Band, data: Coefficients, images: NDArray[np.complex64], shifts: Float64Array) -> Float64Array:
    result: Float64Array = (inner(_aligned(band, data, shifts), images) ** 2).sum(axis=1)
    return result


def _aligned(band: Band, data: Coefficients, shifts: Float64Array) -> Coefficients:
    """Return coefficients (E, K) moved back by shifts (E, 2)."""
    result = np.empty_like(data)

    def align(some: slice) -> None:
        np.multiply(phases(band, shifts[some]), data[some], out=result[some])

    over_rows(align, data.shape)
    return result


def _orthonormal(images: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return combinations (R, K) of images whose real inner products are those of a basis."""
    values, vectors = np.linalg.eigh(inner(images, images))
    some = values > 1e-6 * values[-1]
    return combined((vectors[:, some] / np.sqrt(values[some])).T, images)


def strong(data: Coefficients, found: BoolArray) -> BoolArray:
    """Return the half of the found frames whose contrast is strongest; all of a few."""
    power = energy(data)
    return found & (power >= np.median(power[found])) if found.sum() >= 12 else found


def leading_images(aligned: Coefficients) -> NDArray[np.complex64]:
    """Return the leading images (R, K) of aligned frames, those that are more than noise."""
    count, size = aligned.shape
    values, vectors = np.linalg.eigh(inner(aligned, aligned) / size)
    above = values > (1 + np.sqrt(count / (2 * size))) ** 2 * 1.2
    above[-1] = True
    above[:-_MOST_IMAGES] = False
    return _orthonormal(combined(vectors[:, above].T, aligned))


def _matched(
    band: Band, data: Coefficients, images: NDArray[np.complex64], *, together: bool = False
) -> tuple[Float64Array, Float64Array]:
    """Return the shift (E, 2) at which each frame fits best, and by how much better than at the usual shift.

    With `together`, the frames have one shift in common, and the results have length 1.
    """
    shape = [coarse_length(length) for length in band.shape]
    reach = [int(MOST * length) for length in shape]
    frequencies = [np.rint(k * band.shape[a]).astype(np.intp) for a, k in enumerate((band.ky, band.kx))]
    places = np.ravel_multi_index((frequencies[0] % shape[0], frequencies[1]), (shape[0], shape[1] // 2 + 1))
    # Moved by the largest shift, the correlation at all shifts that are looked for is one block.
    turns = sum(k * (most / length) for k, most, length in zip(frequencies, reach, shape, strict=True))
    conjugates = (images.conj() * np.exp(-2j * np.pi * turns)).astype(np.complex64)
    groups = [data] if together else data[:, None]
    shifts, scores = np.empty((len(groups), 2)), np.empty(len(groups))

    def match(some: slice) -> None:
        transform = np.zeros((shape[0], shape[1] // 2 + 1), np.complex64)
        for i in range(len(groups))[some]:
            surface = np.zeros([2 * most + 1 for most in reach], np.float32)
            for product in (frame * image for frame in groups[i] for image in conjugates):
                transform.ravel()[places] = product
                along_y = fft.ifft(transform, axis=0, norm="forward", workers=1)[: len(surface)]
                fit = fft.irfft(along_y, shape[1], axis=1, norm="forward", workers=1)[:, : surface.shape[1]]
                surface += np.square(fit, out=fit)
            best = np.unravel_index(int(surface.argmax()), surface.shape)
            shifts[i] = [(best[a] - reach[a]) * band.shape[a] / shape[a] for a in (0, 1)]
            freedom = len(groups[i]) * len(images)
            usual = float(np.median(surface[::_SPARSE, ::_SPARSE])) / (freedom * (1 - 2 / (9 * freedom)) ** 3)
            scores[i] = float(surface[best]) / max(usual, 1e-30)

    over_rows(match, (len(groups), len(images) * shape[0] * shape[1]))
    return shifts, scores


def refined(
    band: Band, data: Coefficients, images: NDArray[np.complex64], shifts: Float64Array, steps: int = 5
) -> Float64Array:
    """Improve each shift by itself, by Gauss-Newton steps towards the best fit of the images."""
    shifts = np.array(shifts, dtype=np.float64)
    wave = 2 * np.pi * np.stack([band.ky, band.kx])
    slopes = [(1j * k * images).astype(np.complex64) for k in wave]
    # Inner products of the images with their own derivatives, and of those with each other.
    first = [inner(images, slope) for slope in slopes]
    second = [[inner(other, slope) for other in slopes] for slope in slopes]
    for _ in range(steps):
        aligned = _aligned(band, data, shifts)
        amounts = inner(aligned, images)
        along = np.stack([amounts @ product for product in first], axis=1)
        normal = np.array([[((amounts @ second[a][b]) * amounts).sum(1) for a in (0, 1)] for b in (0, 1)])
        # What other amounts of the images explain is no shift.
        normal = np.moveaxis(normal, -1, 0) - np.einsum("ear,ebr->eab", along, along)
        overlap = np.stack([inner(aligned, slope) for slope in slopes], axis=1)
        right = -np.einsum("ear,er->ea", overlap - along, amounts)
        size = np.trace(normal, axis1=1, axis2=2)[:, None, None]
        step = np.linalg.solve(normal + (1e-6 * size + 1e-12) * np.eye(2), right[..., None])[..., 0]
        length = np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-12)
        shifts += step * np.minimum(1, 0.5 / length)
        if length.max() < 5e-3:
            break
    return shifts
