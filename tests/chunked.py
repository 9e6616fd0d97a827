"""An array that counts what is read of it, as a file does that holds its frames in chunks."""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np


class Chunked:
    """An array (E, Y, X) or (E, Z, Y, X) of which only parts are read.

    Parameters
    ----------
    data : ndarray
        The values.
    frames : int
        Number of frames that a chunk of the file holds; a part of a chunk costs as much as the whole.
    """

    def __init__(self, data: np.ndarray, frames: int = 1) -> None:
        self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim
        self.frames, self.lock = frames, threading.Lock()
        self.most, self.pixels = 0, 0
        self.decoded = np.zeros(-(-len(data) // frames), int)

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        part = self.data[index]
        with self.lock:
            self.pixels += part.size
            self.most = max(self.most, len(part))
            self.decoded[np.unique(np.arange(len(self.data))[index[0]] // self.frames)] += 1
        return part

    def lazy(self, chunks: tuple[int, ...] | None = None) -> da.Array:
        """Return a dask array that reads this one; by default each of its chunks is one of this array."""
        meta = np.empty((0,) * self.ndim, self.dtype)
        return da.from_array(self, chunks=chunks or (self.frames, *self.shape[1:]), meta=meta)
