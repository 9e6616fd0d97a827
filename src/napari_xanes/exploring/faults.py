"""Faults of a measurement that look like spectra of their own: a spoiled frame, single hot or dead pixels, zingers."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.wording import first_few, one_or_more

_ALONE, _BESIDE = 0.55, 0.5
"""An energy is lone if spectra hold so much of it by itself, and less than this share of that beside it.
Simulated stacks of three substances have .3, frames that are off by 10 % of their absorption .58 and more."""

_LEAST_ENERGIES, _MOST_SPECTRA = 20, 0.25
"""With fewer energies, or more spectra for each energy, combinations of spectra make any single frame."""

_NOISY = 2.5
"""Times the noise of the energies around, from which that of one is more than noise."""

_MOST_NAMED = 5

_SINGLE, _MOST_PIXELS = 0.7, 0.02
"""Pixels are single ones if this share of them touches none of the others, and they are at most this share of all."""


def lone_energies(spectra: Float64Array, noise: Float64Array) -> IndexArray:
    """Return which energies (E,) spectra (K, E) can make of a single frame: their combinations change it alone.

    Returns
    -------
    ndarray of int
        The numbers of these energies: a frame that the beam or its flat spoiled, or a line narrower than the steps.

    Examples
    --------
    >>> axis = np.linspace(-3, 3, 40)
    >>> smooth = np.stack([np.arctan(axis), np.exp(-(axis**2)), np.ones(40)])
    >>> lone_energies(smooth, np.ones(40)).tolist()
    []
    >>> lone_energies(np.vstack([smooth, np.eye(40)[17]]), np.ones(40)).tolist()
    [17]
    """
    count, n = spectra.shape
    if n < _LEAST_ENERGIES or count > _MOST_SPECTRA * n:
        return np.zeros(0, dtype=np.intp)
    held = (np.linalg.svd(spectra / noise, full_matrices=False)[2] ** 2).sum(axis=0)
    beside = np.maximum(np.append(held[1:], 0), np.append(0, held[:-1]))
    return np.flatnonzero((held > _ALONE) & (beside < _BESIDE * held))


def noisy_energies(noise: Float64Array) -> IndexArray:
    """Return at which energies the noise (E,) is far above that around, as where what one frame has alone is in it.

    Examples
    --------
    >>> noise = np.full(30, 0.02)
    >>> noise[[12, 13]] = 0.03, 0.09
    >>> noisy_energies(noise).tolist()
    [13]
    """
    if noise.size < _LEAST_ENERGIES:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(noise > _NOISY * ndimage.median_filter(noise, 5, mode="nearest"))


def energies_in_words(energy: Float64Array, spectra: Float64Array, noise: Float64Array) -> list[str]:
    """Say which energies (E,) in eV the spectra (K, E), or the noise (E,), hold by themselves."""
    lone, noisy, doubts = lone_energies(spectra, noise), noisy_energies(noise), []
    if lone.size:
        doubts.append(
            f"a spectrum is that of {_frames(energy, lone)} alone, as where the beam or a flat spoiled a frame: it "
            "counts as a substance; leave the frame out (drop_frames) or look at it"
        )
    if noisy.size:
        doubts.append(
            f"{_frames(energy, noisy)} {one_or_more(noisy.size, 'differs', 'differ')} from what substances make of "
            f"{one_or_more(noisy.size, 'it', 'them')} by far more than the frames around, as with a spoiled frame "
            "(drop_frames) or zingers (repair)"
        )
    return doubts


def _frames(energy: Float64Array, numbers: IndexArray) -> str:
    names = first_few([f"{energy[i]:g}" for i in numbers], _MOST_NAMED)
    return f"the {one_or_more(numbers.size, 'frame', 'frames')} at {names} eV"


def are_single(chosen: BoolArray) -> bool:
    """Return whether pixels (Y, X) or (Z, Y, X) are few of all, and most of them touch none of the others.

    Examples
    --------
    >>> image = np.zeros((30, 30), dtype=bool)
    >>> image[3:6, 3:6] = True
    >>> are_single(image), are_single(image & (np.indices((30, 30)) % 2 == 1).all(axis=0))
    (False, True)
    """
    count = int(chosen.sum())
    if not 0 < count <= _MOST_PIXELS * chosen.size:
        return False
    # In a volume, slices are measured with the same pixels: only those beside each other in a slice count.
    beside = np.ones((1,) * (chosen.ndim - 2) + (3, 3))
    around = ndimage.convolve(chosen.astype(np.int32), beside.astype(np.int32), mode="constant")
    return bool((around[chosen] == 1).sum() > _SINGLE * count)
