"""Tiles of an image, whose shifts together tell how a frame is magnified, turned or sheared.

In Fourier space a stretched image is no product with a phase, but each tile of it is: it moves by what the stretch does
at its centre. So the frames of a tile are coefficients whose phases grow with the shift of the frame and with the
matrix, and the joint fit takes all tiles at once, each with maps of its own. What the stretch does inside a tile is
taken out before, by resampling with the matrix that is known so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy import fft, ndimage

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.blocks import on_threads, single_threaded_blas
from napari_xanes.progress import Progress
from napari_xanes.registration.fourier import Band, Coefficients, phases
from napari_xanes.registration.reading import frames_held
from napari_xanes.registration.resampling import transformed_back
from napari_xanes.registration.white_noise import white_noise

LEAST_AREA = 32
"""Height and width in pixels of the common part of all frames, below which tiles show too little."""

_TILE, _MOST_TILES = 32, 4
"""Least width of a tile in pixels, and most tiles along an axis: what a row of n tiles does not tell of the stretch is
one part in n squared."""

_BLUR = 8.0
"""Pixels: the blur takes 4 % of a wave of 20 pixels and next to nothing of shorter ones."""

_FADE = 8
"""A tile fades out over one part in 8 of its width: a steeper window holds what moves in it."""


@dataclass(frozen=True)
class TiledBand(Band):
    """The same frequencies in each tile, one tile after the other, and how tiles follow the parameters of a frame.

    Parameters
    ----------
    one : Band
        Frequencies of one tile.
    pulls : ndarray, shape (T, 2, P)
        By how many pixels (y, x) each tile moves with each parameter.
    """

    one: Band
    pulls: Float64Array

    @classmethod
    def of(cls, one: Band, pulls: Float64Array) -> TiledBand:
        """Return the coefficients of all tiles; each tile has rings of its own."""
        n = len(pulls)
        ring = np.concatenate([one.ring + i * one.n_rings for i in range(n)])
        row, column = np.tile(one.row, n), np.tile(one.column, n)
        return cls(one.shape, row, column, np.tile(one.ky, n), np.tile(one.kx, n), ring, one, pulls)

    @property
    def waves(self) -> Float32Array:
        """How the phase of each coefficient grows with each parameter of a frame, (P, K)."""
        parts = [2 * np.pi * (np.outer(pull[0], self.one.ky) + np.outer(pull[1], self.one.kx)) for pull in self.pulls]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def phases(self, parameters: Float64Array) -> Coefficients:
        """Return what moves the content of each tile back, (E, K)."""
        return np.concatenate([phases(self.one, parameters @ pull.T) for pull in self.pulls], axis=1)


@dataclass(frozen=True)
class Tiles:
    """Tiles of equal size, side by side on the aligned grid.

    ``corners`` (T, 2) are their first pixels; ``shape`` is their height and width.
    """

    corners: Float64Array
    shape: tuple[int, int]

    @classmethod
    def over(cls, lower: Float64Array, upper: Float64Array) -> Tiles:
        """Return tiles between two corners (y, x) of the aligned grid, both included.

        Raises
        ------
        ValueError
            If less than 32 pixels lie between.
        """
        first, extent = np.ceil(lower), np.floor(upper) - np.ceil(lower) + 1
        if (extent < LEAST_AREA).any():
            raise ValueError(
                f"all frames share {max(0, int(extent[0]))} x {max(0, int(extent[1]))} pixels; magnification can be "
                f"found from {LEAST_AREA} x {LEAST_AREA} pixels on: use model='translation', or a larger region"
            )
        n = np.clip(extent // _TILE, 2, _MOST_TILES).astype(int)
        size = (extent // n).astype(int)
        corners = [[first[0] + i * size[0], first[1] + j * size[1]] for i in range(n[0]) for j in range(n[1])]
        return cls(np.array(corners), (int(size[0]), int(size[1])))

    @property
    def centers(self) -> Float64Array:
        """Centres of the tiles (T, 2)."""
        return self.corners + (np.array(self.shape) - 1) / 2

    def window(self, off: Float64Array) -> Float32Array:
        """Return the weights of the pixels of a tile whose content lies `off` its place, by less than a pixel."""
        taper, sides = min(self.shape) / _FADE, []
        for length, by in zip(self.shape, off, strict=True):
            place = np.arange(length) - by
            inside = np.minimum(place, length - 1 - place) + 0.5
            sides.append(0.5 - 0.5 * np.cos(np.pi * np.clip(inside / taper, 0, 1)))
        return np.asarray(np.outer(*sides), dtype=np.float32)

    def share(self) -> float:
        """Return the number of independent coefficients over their number; see `Window.share`."""
        window = self.window(np.zeros(2)).astype(np.float64)
        return float((window**2).sum() ** 2 / (window**4).sum() / window.size)


def tile_coefficients(
    frames: Iterator[Float32Array],
    count: int,
    tiles: Tiles,
    one: Band,
    shifts: Float64Array,
    matrices: Float64Array,
    progress: Progress | None = None,
) -> tuple[Coefficients, Float64Array]:
    """Transform the tiles of frames, each without what its matrix stretches inside the tile.

    Parameters
    ----------
    frames : iterator of ndarray, shape (Y, X)
        `count` frames without missing values.
    count : int
        Number of frames.
    tiles, one : Tiles, Band
        The tiles, and what to keep of each.
    shifts, matrices : ndarray, shapes (E, 2) and (E, 2, 2)
        Where the content of the frames lies so far.
    progress : callable, optional
        Called with the fraction of frames done.

    Returns
    -------
    coefficients : ndarray, complex64, shape (E, T * K)
        Moved and stretched back to the aligned grid.
    noise : ndarray, shape (E, T)
        Standard deviation of the noise of a pixel.
    """
    out = np.empty((count, len(tiles.corners) * one.row.size), np.complex64)
    noise = np.empty((count, len(tiles.corners)))

    def transformed(item: tuple[int, Float32Array]) -> float:
        i, frame = item
        out[i], noise[i] = _of_frame(frame, tiles, one, shifts[i], matrices[i])
        return (i + 1) / count

    numbered, height_and_width = enumerate(frames), tiles.corners.max(axis=0) + tiles.shape
    with single_threaded_blas():
        while some := list(islice(numbered, frames_held(tuple(height_and_width.astype(int).tolist())))):
            on_threads(transformed, some, progress=progress, message="transforming tiles")
    return out, noise


def _of_frame(
    frame: Float32Array, tiles: Tiles, one: Band, shift: Float64Array, matrix: Float64Array
) -> tuple[Coefficients, Float64Array]:
    """Return the coefficients (T * K,) and the noise (T,) of the tiles of one frame."""
    center, parts, noise = (np.array(frame.shape) - 1) / 2, [], []
    # Where nothing is stretched, nothing is resampled: the window lies between pixels instead.
    near = np.round(shift) if (matrix == np.eye(2)).all() else shift
    values = transformed_back(frame, near, matrix, center)
    # A step at the borders of the window would hold what moves; a blur moves with the sample.
    values = values - ndimage.gaussian_filter(values, _BLUR, mode="reflect", truncate=3.0)
    window = tiles.window(shift - near)
    window = window / np.sqrt((window.astype(np.float64) ** 2).sum(), dtype=np.float32)
    total, back = float(window.sum(dtype=np.float64)), phases(one, (shift - near)[None])[0]
    lies = shift + (tiles.centers - center) @ (matrix - np.eye(2)).T
    for (y, x), at in zip(tiles.corners.astype(int), lies, strict=True):
        tile = values[y : y + tiles.shape[0], x : x + tiles.shape[1]]
        mean = np.float32((tile * window).sum(dtype=np.float64) / total)
        transform = fft.rfft2((tile - mean) * window, workers=1)
        parts.append(transform[one.row, one.column] * back)
        noise.append(_noise(frame, np.round(np.array([y, x]) + at).astype(np.intp), tiles.shape))
    return np.concatenate(parts), np.array(noise)


def _noise(frame: Float32Array, corner: IndexArray, shape: tuple[int, int]) -> float:
    """Return the noise of a part of a frame."""
    first = np.clip(corner, 0, np.array(frame.shape) - shape)
    return white_noise(frame[first[0] : first[0] + shape[0], first[1] : first[1] + shape[1]])


def places_of(one: Band, maps: Coefficients, tiles: Tiles) -> Float64Array:
    """Return where each tile holds what tells of a shift, (T, 2): the centre of the squared slopes of its maps (R, K).

    A tile that holds the rim of the sample only moves as this rim does, not as its own centre.
    """
    grid = np.indices(tiles.shape).reshape(2, -1).astype(np.float64)
    transform = np.zeros((tiles.shape[0], tiles.shape[1] // 2 + 1), np.complex64)
    places = tiles.centers
    for t in range(len(places)):
        weight = np.full(tiles.shape, 1e-30)
        for image in maps[:, t * one.row.size : (t + 1) * one.row.size]:
            for k in (one.ky, one.kx):
                transform[one.row, one.column] = 1j * k * image
                weight += fft.irfft2(transform, s=tiles.shape, workers=1) ** 2
        places[t] = tiles.corners[t] + grid @ weight.ravel() / weight.sum()
    return places
