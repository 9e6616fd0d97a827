"""Mean spectra of a stack, of its regions and of its tiles, read frame by frame."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.computing import frames_of
from napari_xanes.noise import PhotonNoise
from napari_xanes.residual_tests import tile_numbers
from napari_xanes.stack import SpectralStack

_TILES = 256
"""About so many tiles cover an image."""

_LEAST_TILE = 4
"""Smallest width of a tile in pixels."""

_SAMPLE_PIXELS = 4096
"""Number of pixels that tell the mean noise."""


class Means(NamedTuple):
    """Mean spectra.

    Parameters
    ----------
    names : list of S str
    spectra : ndarray, shape (E, S)
        Means of the complete pixels of the whole image and of regions.
    sigma : ndarray, shape (E, S), or None
        Their standard errors by counted photons; None if photons are not known.
    tiles : ndarray, shape (E, T)
        Means of small squares, times the root of their number of pixels.
    warnings : list of str
        What a user should know.
    """

    names: list[str]
    spectra: Float64Array
    sigma: Float64Array | None
    tiles: Float64Array
    warnings: list[str]


def means_of(stack: SpectralStack, frames: slice, regions: ArrayLike | None) -> Means:
    """Return the mean spectra of all pixels that have a value at each energy.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption; a lazy one is read twice, frame by frame.
    frames : slice
        The frames to take.
    regions : array_like of int, shape (Y, X) or (Z, Y, X), or None
        Labels of regions; 0 belongs to none.

    Raises
    ------
    ValueError
        If no pixel is complete, or the labels have another shape.
    """
    shape, warnings = stack.shape[1:], []
    labels = np.zeros(shape, np.intp) if regions is None else np.asarray(regions)
    if labels.shape != shape:
        raise ValueError(f"the regions have shape {labels.shape}, the image {shape}; give regions of the image's shape")
    complete = _complete(stack, frames)
    if not complete.any():
        raise ValueError(
            f"no pixel of {stack.name!r} has a value at each energy: drop empty frames first (drop_frames)"
        )
    groups, names = [complete], ["mean"]
    for number in np.unique(labels[labels > 0]):
        inside = complete & (labels.ravel() == number)
        if inside.any():
            groups.append(inside)
            names.append(f"region {number}")
        else:
            warnings.append(f"region {number} has no pixel with a value at each energy: left out")
    sizes = np.array([np.count_nonzero(group) for group in groups], dtype=np.float64)
    width = max(_LEAST_TILE, int(np.ceil(np.sqrt(complete.size / _TILES))))
    tiles, kept = _whole_tiles(tile_numbers(shape, width), complete)
    counts = np.bincount(tiles[complete], minlength=kept.size)[kept]
    step = max(1, complete.size // _SAMPLE_PIXELS)
    means, squares, some = [], [], []
    for frame in frames_of(stack.data[frames]):
        flat = np.asarray(frame, dtype=np.float64).ravel()
        means.append([flat[group].mean() for group in groups])
        squares.append(np.bincount(tiles[complete], flat[complete], kept.size)[kept] / np.sqrt(counts))
        some.append(flat[::step])
    sigma = _sigma(stack, frames, np.array(some), step, complete[::step])
    return Means(
        names, np.array(means), None if sigma is None else sigma[:, None] / np.sqrt(sizes), np.array(squares), warnings
    )


def _complete(stack: SpectralStack, frames: slice) -> BoolArray:
    complete = np.ones(int(np.prod(stack.shape[1:])), dtype=bool)
    for frame in frames_of(stack.data[frames]):
        complete &= np.isfinite(frame).ravel()
    return complete


def _whole_tiles(tiles: IndexArray, complete: BoolArray) -> tuple[IndexArray, BoolArray]:
    """Return the tiles of pixels, and which of their numbers stand for tiles with most of their pixels complete."""
    n = int(tiles.max()) + 1
    known, all_of_them = np.bincount(tiles[complete], minlength=n), np.bincount(tiles, minlength=n)
    kept: BoolArray = known > np.maximum(all_of_them, 1) / 2
    return tiles, kept


def _sigma(
    stack: SpectralStack, frames: slice, some: Float64Array, step: int, complete: BoolArray
) -> Float64Array | None:
    """Root mean square of the noise (E,) of a pixel by counted photons; None if they are not known."""
    noise = stack.noise
    if not isinstance(noise, PhotonNoise) or stack.quantity != "optical_depth":
        return None
    own = replace(noise, filled=None).isel(frames)
    variance = np.asarray(own.variance(some, slice(None, None, step)), dtype=np.float64)
    variance = np.broadcast_to(variance, some.shape)[:, complete]
    return None if not np.isfinite(variance).all() else np.sqrt(variance.mean(axis=1))
