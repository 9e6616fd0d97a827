"""Fourier coefficients of frames in a band of frequencies, which is all that registration looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.blocks import on_threads, single_threaded_blas
from napari_xanes.progress import Progress
from napari_xanes.registration.background import SmoothPart
from napari_xanes.registration.reading import frames_held

Coefficients = NDArray[np.complex64]
"""Shape (E, K): K coefficients of each frame."""

Blurs = dict[int, Float32Array]
"""Frames in blocks of pixels, of which their smooth parts are made, by the number of the frame."""

LOWEST, HIGHEST = 0.05, 0.30
"""Band in cycles per pixel: lower frequencies hold flats and lines of the beam, higher ones hold noise."""

RINGS = 25
"""Rings of a band whose power is learned one by one: more of a tile, which holds fewer coefficients, cost time only."""

_LEAST_IN_RING = 24


@dataclass(frozen=True)
class Band:
    """Frequencies of an image, sorted into rings of about equal length.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the transformed image.
    row, column : ndarray of int, shape (K,)
        Where the coefficients are in the output of ``rfft2``.
    ky, kx : ndarray, shape (K,)
        Frequencies in cycles per pixel.
    ring : ndarray of int, shape (K,)
        Number of the ring, from 0; increasing.
    """

    shape: tuple[int, int]
    row: IndexArray
    column: IndexArray
    ky: Float32Array
    kx: Float32Array
    ring: IndexArray

    @property
    def n_rings(self) -> int:
        """Number of rings."""
        return int(self.ring[-1]) + 1

    @property
    def waves(self) -> Float32Array:
        """How the phase of each coefficient grows with each parameter of a frame, (P, K): here with dy and dx."""
        return (2 * np.pi * np.stack([self.ky, self.kx])).astype(np.float32)

    def phases(self, parameters: Float64Array) -> Coefficients:
        """Return what moves content back from where the parameters (E, P) of the frames say that it lies, (E, K)."""
        return phases(self, parameters)

    @property
    def in_ring(self) -> Float64Array:
        """Number of coefficients in each ring."""
        return np.array([ring.stop - ring.start for ring in self.rings], dtype=np.float64)

    @property
    def rings(self) -> list[slice]:
        """Which coefficients belong to each ring."""
        ends = np.searchsorted(self.ring, np.arange(self.n_rings + 1)).tolist()
        return [slice(*pair) for pair in pairwise(ends)]

    def ring_sums(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sums (..., n_rings) of values (..., K) over each ring."""
        return np.add.reduceat(values, [ring.start for ring in self.rings], axis=-1)

    def thinned(self, most: int) -> Band:
        """Return at most so many of the coefficients, spread over all rings."""
        step = -(-self.row.size // most)
        some = {name: getattr(self, name)[::step] for name in ("row", "column", "ky", "kx", "ring")}
        return Band(self.shape, **some)


def band_of(shape: tuple[int, int], lowest: float = LOWEST, highest: float = HIGHEST, rings: int = RINGS) -> Band:
    """Return the frequencies of an image between two limits, in cycles per pixel, in at most so many rings."""
    ky, kx = np.meshgrid(np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1]), indexing="ij")
    length = np.hypot(ky, kx)
    # Of each pair k, -k one is enough; both are in the first column.
    inside = (length >= lowest) & (length < highest) & ~((kx == 0) & (ky < 0))
    row, column = np.nonzero(inside)
    length = length[inside]
    order = np.argsort(length, kind="stable")
    # Rings are wide enough for averages.
    share = (length[order] - lowest) / (highest - lowest)
    ring = np.minimum((share * rings).astype(np.intp), rings - 1)
    ring = _merged(ring)
    row, column = row[order], column[order]
    return Band(shape, row, column, ky[row, column].astype(np.float32), kx[row, column].astype(np.float32), ring)


def _merged(ring: IndexArray) -> IndexArray:
    """Join rings of few coefficients with their neighbours, and number them anew."""
    counts = np.bincount(ring)
    number, held, names = 0, 0, []
    for count in counts:
        if held >= _LEAST_IN_RING:
            number, held = number + 1, 0
        names.append(number)
        held += int(count)
    if number and held < _LEAST_IN_RING:
        names = [min(name, number - 1) for name in names]
    return np.asarray(names, dtype=np.intp)[ring]


@dataclass(frozen=True)
class Window:
    """The part of the sample that is looked at: it moves with the sample and fades out at its borders.

    ``lower`` and ``upper`` are its ends (y, x) on the aligned grid, ``taper`` the length over which it fades out.
    """

    lower: tuple[float, float]
    upper: tuple[float, float]
    taper: float

    def at(self, shift: Float64Array, shape: tuple[int, int]) -> tuple[Float32Array, Float32Array]:
        """Return the weights of rows and columns of a frame whose content lies `shift` from the aligned grid."""
        weights = []
        for axis in (0, 1):
            position = np.arange(shape[axis]) - shift[axis]
            inside = np.minimum(position - self.lower[axis], self.upper[axis] - position) + 0.5
            weights.append((0.5 - 0.5 * np.cos(np.pi * np.clip(inside / self.taper, 0, 1))).astype(np.float32))
        return weights[0], weights[1]

    def share(self, shape: tuple[int, int]) -> float:
        """Return the number of independent coefficients over their number.

        A window that hides half of the image has all coefficients, but neighbours share their noise.
        """
        rows, columns = (weights.astype(np.float64) for weights in self.at(np.zeros(2), shape))
        used = [(w**2).sum() ** 2 / max((w**4).sum(), 1e-30) / w.size for w in (rows, columns)]
        return float(used[0] * used[1])


def common_window(
    shape: tuple[int, int], shifts: Float64Array, box: tuple[float, float, float, float] | None
) -> Window:
    """Return the largest window that all frames see, inside a box (y0, y1, x0, x1) of the aligned grid."""
    y0, y1, x0, x1 = box or (0, shape[0], 0, shape[1])
    low, high = shifts.min(axis=0), shifts.max(axis=0)
    lower = (max(y0, -low[0]), max(x0, -low[1]))
    upper = (min(y1 - 1.0, shape[0] - 1 - high[0]), min(x1 - 1.0, shape[1] - 1 - high[1]))
    return Window(lower, upper, taper_of((int(upper[0] - lower[0]), int(upper[1] - lower[1]))))


def taper_of(extent: tuple[int, int]) -> float:
    """Return the pixels over which a window fades out: at least 5, or it is not sampled well and holds what moves."""
    return float(np.clip(min(extent) / 16, np.clip(min(extent) / 4, 2, 5), 16))


def coefficients(
    frames: Iterator[Float32Array],
    count: int,
    band: Band,
    window: Window,
    shifts: Float64Array,
    progress: Progress | None = None,
    *,
    blurs: Blurs | None = None,
) -> tuple[Coefficients, Float64Array]:
    """Transform frames without their smooth part inside the window that moves with their content.

    Parameters
    ----------
    frames : iterator of ndarray, shape (Y, X)
        `count` frames; a few are held at once.
    count : int
        Number of frames.
    band : Band
        Coefficients to keep.
    window : Window
        What is looked at.
    shifts : ndarray, shape (E, 2)
        Where the window lies in each frame.
    progress : callable, optional
        Called with the fraction of frames done.
    blurs : dict, optional
        The same frames in blocks, for another call: those that are absent are added.

    Returns
    -------
    coefficients : ndarray, complex64, shape (E, K)
        Divided by the root of the window's energy: white noise of unit variance has unit power.
    noise : ndarray, shape (E,)
        Power at frequencies that hold noise only.
    """
    out = np.empty((count, band.row.size), np.complex64)
    noise = np.empty(count)
    ky, kx = np.fft.fftfreq(band.shape[0])[:, None], np.fft.rfftfreq(band.shape[1])[None]
    corner = np.flatnonzero(np.hypot(ky, kx) > 0.5)
    corner = corner[:: max(1, corner.size // _MOST_OF_NOISE)]
    places = band.row * kx.size + band.column
    smooth, blurs = SmoothPart.of(band.shape, band.ky, band.kx), {} if blurs is None else blurs

    def transformed(item: tuple[int, Float32Array]) -> float:
        i, frame = item
        rows, columns = window.at(shifts[i], band.shape)
        energy = float((rows.astype(float) ** 2).sum() * (columns.astype(float) ** 2).sum())
        total = float(rows.sum(dtype=float) * columns.sum(dtype=float))
        mean = np.float32(rows @ frame @ columns / total) if total else np.float32(0)
        seen = frame - mean
        if i not in blurs:
            blurs[i] = smooth.sampled(frame)
        blurred = smooth.transformed(blurs[i] - mean, rows, columns)
        seen *= rows[:, None]
        seen *= columns
        if np.vdot(seen, seen) < (_ROUNDING * mean) ** 2 * energy:
            out[i], noise[i] = 0, 0
            return (i + 1) / count
        transform = fft.rfft2(seen, workers=1, overwrite_x=True).ravel()
        kept = transform[places]
        kept[smooth.some] -= blurred
        np.multiply(kept, np.float32(1 / np.sqrt(max(energy, 1e-30))), out=out[i])
        noise[i] = np.median(_squares(transform[corner])) / np.log(2) / max(energy, 1e-30)
        return (i + 1) / count

    numbered = enumerate(frames)
    with single_threaded_blas():
        while some := list(islice(numbered, frames_held(band.shape))):
            on_threads(transformed, some, progress=progress, message="transforming frames")
    return out, noise


_ROUNDING = 1e-6
"""Contrast of a frame over its mean that is the rounding of float32 only."""

_MOST_OF_NOISE = 10_000
"""Coefficients that tell the noise of a frame, to 1 %."""


def _squares(values: Coefficients) -> Float64Array:
    """Return the squares of absolute values."""
    return np.asarray(values.real.astype(np.float64) ** 2 + values.imag.astype(np.float64) ** 2)


def filled(frame: NDArray[Any]) -> Float32Array:
    """Return a frame as float32 with missing values replaced by the mean around them, or of the frame if far away."""
    values = np.asarray(frame, dtype=np.float32)
    missing = ~np.isfinite(values)
    if not missing.any():
        return values
    known = np.where(missing, np.float32(0), values)
    weight = ndimage.gaussian_filter((~missing).astype(np.float32), 2.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        around = ndimage.gaussian_filter(known, 2.0) / weight
    mean = known.sum(dtype=np.float64) / max(1, (~missing).sum())
    return np.where(missing, np.where(weight > 0, around, np.float32(mean)), values).astype(np.float32)


def phases(band: Band, shifts: Float64Array) -> Coefficients:
    """Return exp(2 pi i k . shift), (E, K), which moves content back by its shift."""
    rows = np.exp(2j * np.pi * np.outer(shifts[:, 0], np.fft.fftfreq(band.shape[0]))).astype(np.complex64)
    columns = np.exp(2j * np.pi * np.outer(shifts[:, 1], np.fft.rfftfreq(band.shape[1]))).astype(np.complex64)
    result = np.empty((len(shifts), band.row.size), np.complex64)
    along_x = np.empty(band.row.size, np.complex64)
    for frame, along_y, x in zip(result, rows, columns, strict=True):
        # Clipping, which does nothing here, saves a copy.
        np.take(along_y, band.row, out=frame, mode="clip")
        np.take(x, band.column, out=along_x, mode="clip")
        frame *= along_x
    return result


_BLOCK = 200_000
"""Coefficients that a thread works on at once: a megabyte or two."""


def over_rows(kernel: Callable[[slice], None], shape: tuple[int, ...]) -> None:
    """Call a kernel with slices of rows (E, K), on several threads if there are several."""
    rows = max(1, _BLOCK // max(1, shape[1]))
    if rows >= shape[0]:
        return kernel(slice(0, shape[0]))

    def work(start: int) -> float:
        kernel(slice(start, start + rows))
        return start / shape[0]

    on_threads(work, range(0, shape[0], rows))
