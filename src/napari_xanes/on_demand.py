"""Lazy stacks whose parts are made when they are asked for: by all steps after each other, without whole frames.

dask makes whole chunks, and what a step makes of a frame by rows of other frames would be made again for each of them.
A `Made` array makes exactly what is asked for, and asks the array behind it for as much as it needs.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_xanes import limits
from napari_xanes._typing import Float32Array, IndexArray
from napari_xanes.computing import computed

Read = Callable[[slice, slice], NDArray[Any]]
"""Reads some frames and rows, each a slice from one number to another, of an array (E, Y, ...)."""

Make = Callable[[Read, slice, slice], Float32Array]
"""Makes some frames and rows (E, Y, ...) of what it reads."""

PART_BYTES = 4 << 20
"""About so much is made at once, so that it is in the processor's cache while it goes through all steps."""

_CHUNK_BYTES = 128 << 20
"""Size of a chunk. It is no least size: of a chunk, only what is asked for is made."""


@cache
def reuse_freed_memory() -> None:
    """Let the memory of parts that are freed serve the next ones, once for the process.

    The C library of Linux maps large arrays anew, each as empty pages: a third of the processor time of a fit in bands.
    It stops doing so up to the size of the largest array that was freed, at most 32 MB (mallopt(3), M_MMAP_THRESHOLD).
    """
    np.empty((32 << 20) - (1 << 16), np.uint8)


class Made:
    """An array (E, Y, ...), float32, of which each part is made from parts of another one, when it is asked for.

    Parameters
    ----------
    make : callable
        Makes a part.
    source : dask array, shape (E, Y, ...)
        What it is made from.
    whole_spectra : bool
        Whether each part is made from all frames.
    """

    def __init__(self, make: Make, source: Any, *, whole_spectra: bool = False) -> None:
        self.make, self.source, self.whole_spectra = make, source, whole_spectra
        self.shape, self.ndim, self.dtype = source.shape, source.ndim, np.dtype(np.float32)
        self._read, self.read_at_once = reader_of(source), read_at_once(source)

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        frames, rows = (np.arange(n)[i] for n, i in zip(self.shape[:2], index[:2], strict=True))
        asked = rows.reshape(-1)
        if asked.size and not reads_rows_alone(self.source):
            asked = np.arange(asked.min(), asked.max() + 1)
        n_frames, n_rows = self._part(asked.size)
        out = self._made(_runs(frames.reshape(-1), n_frames), _runs(asked, n_rows), (frames.size, asked.size))
        out = out if asked.size == rows.size else out[:, rows.reshape(-1) - asked[0]]
        out = out[(slice(None), slice(None), *index[2:])]
        if rows.ndim == 0:
            out = out[:, 0]
        return out if frames.ndim else out[0]

    def _part(self, n_rows: int) -> tuple[int, int]:
        """Return how many frames and how many rows are made at once, where so many rows are asked for."""
        row, most = int(np.prod(self.shape[2:])) * 4, self.shape[1]
        if reads_rows_alone(self.source) and n_rows * row > PART_BYTES:
            n_rows = most = max(1, PART_BYTES // row)
        return self.shape[0] if self.whole_spectra else frames_in_part(self.read_at_once[0], n_rows * row), most

    def _made(self, frames: list[_Run], rows: list[_Run], shape: tuple[int, int]) -> Float32Array:
        """Make some frames and rows, and put them into one array."""
        if len(frames) == len(rows) == 1:
            return self.make(self._read, frames[0].numbers, rows[0].numbers)
        out = np.empty((*shape, *self.shape[2:]), np.float32)
        for few in rows:
            for some in frames:
                out[some.places, few.places] = self.make(self._read, some.numbers, few.numbers)
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        # What makes a part is a function within functions, which pickle can't find by name; dask needs cloudpickle.
        import cloudpickle

        return _received, (cloudpickle.dumps(self.make), self.source, self.whole_spectra)


def _received(make: bytes, source: Any, whole_spectra: bool) -> Made:
    return Made(pickle.loads(make), source, whole_spectra=whole_spectra)  # noqa: S301 - itself a part of what is being unpickled


class _Run(NamedTuple):
    """Numbers that follow each other: their places in a list, and from where to where they go."""

    places: slice
    numbers: slice


def _runs(numbers: IndexArray, most: int) -> list[_Run]:
    """Return the runs of numbers that follow each other in a list; a run ends before multiples of `most`."""
    if not numbers.size:
        return []
    ends = (np.diff(numbers) != 1) | (np.diff(numbers // most) != 0)
    starts = [0, *(np.flatnonzero(ends) + 1).tolist()]
    stops = [*starts[1:], numbers.size]
    return [
        _Run(slice(a, b), slice(int(numbers[a]), int(numbers[b - 1]) + 1)) for a, b in zip(starts, stops, strict=True)
    ]


def made_on_demand(make: Make, source: Any, *, whole_spectra: bool = False) -> Any:
    """Return a dask array whose parts are made when they are asked for.

    Parameters
    ----------
    make : callable
        Makes a part.
    source : dask array, shape (E, Y, ...)
        What it is made from. The array has its frames in each chunk, and as many rows as fit.
    whole_spectra : bool
        Whether a part is made from all frames; then a chunk has all of them.
    """
    import dask.array as da

    reuse_freed_memory()
    frames = (source.shape[0],) if whole_spectra else source.chunks[0]
    thick = max(frames, default=1)
    row = max(1, thick * int(np.prod(source.shape[2:])) * 4)
    rows = max(1, limits.bytes_at_once(_CHUNK_BYTES) // row)
    stored = max(source.chunks[1], default=1)
    chunks = (frames, max(rows // stored * stored, min(rows, stored)), *source.shape[2:])
    array, meta = Made(make, source, whole_spectra=whole_spectra), np.empty((0,) * source.ndim, np.float32)
    # Given a name, dask does not hash the array, which may hold large flats.
    return da.from_array(array, chunks, name=f"made-{uuid4().hex}", meta=meta)  # type: ignore[no-untyped-call]


def read_at_once(data: Any) -> tuple[int, int]:
    """Return how many frames and rows of a dask array are best read together: those of a chunk of its file."""
    array = array_behind(data)
    piece = getattr(array, "read_at_once", getattr(array, "piece", None))
    return (piece[0], piece[1]) if piece else (max(data.chunks[0], default=1), max(data.chunks[1], default=1))


def reads_rows_alone(data: Any) -> bool:
    """Return whether rows of a dask array cost as much alone as together, as in a file that is not compressed."""
    return read_at_once(data)[1] == 1


def frames_in_part(together: int, frame: int) -> int:
    """Return how many frames of a number of bytes are made at once: few, or those that are read together.

    Examples
    --------
    >>> frames_in_part(1, 1 << 20), frames_in_part(3, 1 << 20), frames_in_part(10, 1 << 30)
    (4, 3, 10)
    """
    return max(together, PART_BYTES // max(1, frame) // together * together)


def reader_of(data: Any) -> Read:
    """Return what reads frames and rows of a dask array, in one thread; without dask where an array lies behind it."""
    array, rest = array_behind(data), (slice(None),) * (data.ndim - 2)
    if array is not None:
        return lambda frames, rows: np.asarray(array[(frames, rows, *rest)])
    return lambda frames, rows: computed(data[frames, rows], scheduler="synchronous")


def array_behind(data: Any) -> Any:
    """Return the array that a dask array reads as it is, or None if dask makes something else of it."""
    name = f"original-{data.name}"
    layers = getattr(data.dask, "layers", {})
    if set(layers) != {name, data.name}:
        return None
    node = layers[name][name]
    array = getattr(node, "value", node)
    is_same = getattr(array, "shape", None) == data.shape and getattr(array, "dtype", None) == data.dtype
    return array if is_same else None
