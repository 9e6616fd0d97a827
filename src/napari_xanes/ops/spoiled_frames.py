"""Frames that look spoiled: empty, repeated, of another brightness, or of another image than their neighbours."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.computing import frames_of
from napari_xanes.edge import find_e0, fit_edge
from napari_xanes.edge.spoiled import spoiled_frames
from napari_xanes.spreading import pixel_step
from napari_xanes.stack import SpectralStack

_PIXELS = 4096
"""Number of pixels that are looked at."""

_UNUSUAL = 4.0
"""An image is unusual if its neighbours describe it worse than the usual frame by this factor."""

_FEW = 1 / 3
"""Dead or repeated frames are at most this share of all."""


def suspicious_frames(stack: SpectralStack) -> dict[int, str]:
    """Find frames that look spoiled.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity. Of a lazy stack, every frame is read once.

    Returns
    -------
    dict of int to str
        Number of each such frame, and why it looks spoiled: it is empty, equals the frame before, is brighter or darker
        than its neighbours but not as absorption is, or its image is no combination of those of its neighbours.

    Examples
    --------
    >>> data = np.random.default_rng(0).normal(100, 1, (9, 20, 20))
    >>> data[4] = 0
    >>> suspicious_frames(SpectralStack(data, np.arange(700.0, 709)))
    {4: 'empty'}
    """
    spectra = _some_pixels(stack)
    found = _empty_or_repeated(spectra)
    good = np.array([i for i in range(len(spectra)) if i not in found], dtype=np.intp)
    if good.size < 8:
        return found
    for i in good[_of_another_level(stack, spectra, good)]:
        found[int(i)] = "brighter or darker than its neighbours"
    good = np.array([i for i in good if i not in found], dtype=np.intp)
    for i in good[_of_another_image(spectra[good])]:
        found[int(i)] = "its image differs from those of its neighbours"
    return dict(sorted(found.items()))


def dead_or_repeated(stack: SpectralStack) -> dict[int, str]:
    """Find frames that are empty or equal the frame before; of a lazy stack, every frame is read once.

    Returns
    -------
    dict of int to str
        Number of each such frame, and what is wrong. Nothing where every third frame is so: then it is the sample or
        the simulation.
    """
    found = _empty_or_repeated(_some_pixels(stack))
    return found if len(found) <= _FEW * stack.energy.size else {}


def _some_pixels(stack: SpectralStack) -> Float64Array:
    """Return the spectra (E, P) of some pixels, spread over the image."""
    step = pixel_step(stack.shape, _PIXELS)
    part = (..., slice(None, None, step), slice(None, None, step))
    return np.stack([frame.astype(np.float64).ravel() for frame in frames_of(stack.data[part])])


def _empty_or_repeated(spectra: Float64Array) -> dict[int, str]:
    found = {}
    for i, frame in enumerate(spectra):
        if not (np.isfinite(frame) & (frame != 0)).any():
            found[i] = "empty"
        elif i and np.array_equal(frame, spectra[i - 1], equal_nan=True):
            found[i] = "equals the frame before"
    return found


def _of_another_level(stack: SpectralStack, spectra: Float64Array, good: IndexArray) -> BoolArray:
    """Return which of the good frames deviate alone in brightness, not as absorption does."""
    energy = stack.energy[good]
    if stack.quantity in ("counts", "transmission"):
        with np.errstate(all="ignore"):
            mean = -np.log(np.nanmean(spectra[good], axis=1))
        try:
            return spoiled_frames(energy, mean, None, find_e0(energy, mean))
        except ValueError:
            return np.zeros(good.size, dtype=bool)
    try:
        lines, _ = fit_edge(stack.isel(good), None, None, None)
    except ValueError:
        return np.zeros(good.size, dtype=bool)
    return np.isin(energy, lines.left_out)


def _of_another_image(spectra: Float64Array) -> BoolArray:
    """Return which frames (E,) are no combination of the two before and the two behind them."""
    spectra = spectra[:, np.isfinite(spectra).all(axis=0)]
    n_frames, n_pixels = spectra.shape
    if n_frames < 8 or n_pixels < 20:
        return np.zeros(n_frames, dtype=bool)
    left = np.zeros(n_frames)
    for i in range(n_frames):
        first = int(np.clip(i - 2, 0, n_frames - 5))
        others = [j for j in range(first, first + 5) if j != i]
        design = np.concatenate([np.ones((n_pixels, 1)), spectra[others].T], axis=1)
        coefficients = np.linalg.lstsq(design, spectra[i], rcond=None)[0]
        left[i] = np.sqrt(np.mean((spectra[i] - design @ coefficients) ** 2))
    around = np.pad(left, 1, mode="reflect")
    usual = np.maximum(np.maximum(around[:-2], around[2:]), np.median(left))
    return np.asarray(left > _UNUSUAL * usual)
