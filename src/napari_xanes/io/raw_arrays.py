"""Raw arrays that lie in a file as they lie in memory."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import frames
from napari_xanes.io.unchanged import FileState, unchanged

_LAZY_BYTES = 32 << 20


class RawArray:
    """An array in a file, of which every piece that is indexed is read.

    It is no memory map: dask would copy the whole of it into memory, and touching a map beyond the end of a file that
    was cut short ends the process.

    Parameters
    ----------
    path : Path
        The file.
    stored : numpy dtype
        Of the values, in the byte order of the file; pieces are in the byte order of this computer.
    shape : tuple of int
        At least two axes.
    offset : int
        The byte where the array begins.
    fortran : bool
        Whether the last axis varies slowest.

    Raises
    ------
    OSError
        If the file ends before the array.
    """

    def __init__(
        self, path: Path, stored: np.dtype[Any], shape: tuple[int, ...], offset: int = 0, *, fortran: bool = False
    ) -> None:
        self.path, self.stored, self.shape, self.offset, self.fortran = path, stored, shape, offset, fortran
        self.read_at_once = None if fortran else (1, 1)
        self.dtype, self.ndim, self.nbytes = stored.newbyteorder("="), len(shape), prod(shape) * stored.itemsize
        self.state, self.piece = FileState.of(path), (1,) * self.ndim
        if (end := offset + self.nbytes) > self.state.size:
            raise OSError(
                f"{path}: its images end at byte {end}, the file at {self.state.size}: cut short; copy it again"
            )

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        whole = (*index, *(slice(None),) * (self.ndim - len(index)))
        return self._piece(whole[::-1], self.shape[::-1]).T if self.fortran else self._piece(whole, self.shape)

    def _piece(self, index: tuple[Any, ...], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return a piece of the array; its axes are those of the file, the slowest first.

        Of the second axis everything between the first and the last entry is read, of the others everything.
        """
        outer, rows = (np.arange(length)[i] for length, i in zip(shape[:2], index[:2], strict=True))
        first, end = (int(rows.min()), int(rows.max()) + 1) if rows.size else (0, 0)
        values = np.empty((outer.size, end - first, *shape[2:]), self.stored)
        row_bytes = prod(shape[2:]) * self.stored.itemsize
        starts = self.offset + (outer.reshape(-1) * shape[1] + first) * row_bytes
        is_one_run = end - first == shape[1] and (np.diff(starts) == shape[1] * row_bytes).all()
        with unchanged(self.state), self.path.open("rb", buffering=0) as file:
            for start, run in [(starts[0], values)] if is_one_run and starts.size else zip(starts, values, strict=True):
                self._fill(file, int(start), run)
        if not self.stored.isnative:
            values = values.byteswap(inplace=True).view(self.dtype)
        # One axis after the other: several lists of numbers at once would be taken for coordinates of points.
        values = values[(slice(None), slice(None), *index[2:])]
        values = values[:, rows - first if rows.ndim else int(rows) - first]
        return values if outer.ndim else values[0]

    def _fill(self, file: BinaryIO, start: int, values: NDArray[Any]) -> None:
        """Read values that lie one after the other from a byte of the file on."""
        rest = values.reshape(-1).view(np.uint8).data
        file.seek(start)
        while rest:
            n_bytes = file.readinto(rest)  # type: ignore[attr-defined]
            if not n_bytes:
                raise OSError(f"{self.path}: cut short; copy it again")
            rest = rest[n_bytes:]


def native_array(
    path: Path, stored: np.dtype[Any], shape: tuple[int, ...], offset: int = 0, *, fortran: bool = False
) -> Any:
    """Return the array that lies in a file, in the byte order of this computer.

    Parameters
    ----------
    path, stored, shape, offset, fortran
        As of `RawArray`.

    Returns
    -------
    numpy or dask array, shape as given
        A dask array over the file if larger than the memory limit.

    Raises
    ------
    OSError
        If the file ends before the array.
    """
    source = RawArray(path, stored, shape, offset, fortran=fortran)
    if source.nbytes <= frames.MEMORY_LIMIT.get():
        return source[()]
    import dask.array as da

    slow = -1 if fortran else 0
    chunks = list(shape)
    chunks[slow] = max(1, _LAZY_BYTES // max(1, source.nbytes // shape[slow]))
    return da.from_array(source, chunks=tuple(chunks), name=False)  # type: ignore[no-untyped-call]
