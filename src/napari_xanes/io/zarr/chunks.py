"""Which chunk files of a Zarr array are in its folder, found by listing folders; no file is opened for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.files import inside
from napari_xanes.io.special_files import refuse_special_file

MAX_CHUNKS = 1_000_000
"""Of more chunks not even a list is made."""

_NOTHING = 2**64 - 1
"""Where a shard begins an inner chunk that it leaves out."""
_MAX_SHARDS = 10_000
_CHECKSUM_BYTES = 4


@dataclass(frozen=True)
class ChunkFiles:
    """Names of the files that hold the chunks, or shards, of an array.

    Parameters
    ----------
    grid : tuple of int
        Number of chunks along each axis.
    prefix : str
        What the name begins with: "c" in Zarr 3, nothing in Zarr 2.
    separator : {".", "/"}
        What is between the numbers.

    Examples
    --------
    >>> ChunkFiles((3, 4), "c", "/").key((2, 0)), ChunkFiles((3, 4), "", ".").key((2, 0))
    ('c/2/0', '2.0')
    """

    grid: tuple[int, ...]
    prefix: str
    separator: str

    def key(self, place: tuple[int, ...]) -> str:
        """Return the name of a chunk in the folder of its array."""
        return self.separator.join([*([self.prefix] if self.prefix else []), *map(str, place)]) or "0"

    def found(self, folder: Path) -> NDArray[np.bool_]:
        """Return which chunks are in the folder, in the shape of the grid.

        Raises
        ------
        OSError
            If a folder can't be listed, or a link leads out of it.
        """
        found = np.zeros(self.grid, bool)
        if not self.grid:
            found[()] = (folder / self.key(())).exists()
        elif self.separator == "/":
            self._look(folder / self.prefix, folder, (), found)
        else:
            for entry in _entries(folder):
                parts = entry.name.split(self.separator)
                if parts[: len(parts) - len(self.grid)] == ([self.prefix] if self.prefix else []):
                    _mark(found, parts[-len(self.grid) :])
        return found

    def _look(self, here: Path, folder: Path, place: tuple[int, ...], found: NDArray[np.bool_]) -> None:
        """Mark the chunks in a folder of folders, one axis at each level."""
        length, is_last = self.grid[len(place)], len(place) == len(self.grid) - 1
        for entry in _entries(here):
            number = _number(entry.name, length)
            if number is None:
                continue
            if is_last:
                found[(*place, number)] = True
            elif entry.is_dir():
                if entry.is_symlink() and not inside(folder, here / entry.name):
                    raise OSError(
                        f"{entry.path} leads out of the folder, which is not followed; {ways_out.NOT_FOLLOWED}"
                    )
                self._look(here / entry.name, folder, (*place, number), found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder; nothing if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _number(name: str, length: int) -> int | None:
    """Return the number that a name is, if it is written as Zarr does and lies on the axis."""
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 19 else -1
    return number if 0 <= number < length and str(number) == name else None


def _mark(found: NDArray[np.bool_], parts: list[str]) -> None:
    place = [_number(part, length) for part, length in zip(parts, found.shape, strict=False)]
    if len(place) == found.ndim and None not in place:
        found[tuple(place)] = True


def chunk_files(array: Any) -> ChunkFiles:
    """Return the names of the chunks of a Zarr array (of its shards, if it has any).

    Raises
    ------
    ValueError
        If they are named in a way that is not known, or too many.
    """
    lengths = array.shards or array.chunks
    grid = tuple(-(-n // chunk) if chunk else 0 for n, chunk in zip(array.shape, lengths, strict=True))
    if prod(grid) > MAX_CHUNKS:
        raise ValueError(f"{array.path or 'the array'} has {prod(grid)} chunks, too many to be read; make them larger")
    metadata = array.metadata
    if metadata.zarr_format == 2:
        return ChunkFiles(grid, "", metadata.dimension_separator)
    encoding = metadata.chunk_key_encoding
    if encoding.name not in ("default", "v2"):
        raise ValueError(
            f"{array.path or 'the array'} names its chunks by the unknown rule {encoding.name!r}; {ways_out.WRITE_ZARR}"
        )
    return ChunkFiles(grid, "c" if encoding.name == "default" else "", encoding.separator)


def found_chunks(array: Any, folder: Path, files: ChunkFiles) -> NDArray[np.bool_]:
    """Return which chunks of an array are stored, in the shape of its grid of chunks (of inner chunks in shards).

    Of shards the index is read, which says which inner chunks were left out.

    Raises
    ------
    OSError
        If a folder can't be listed, or a shard can't be read.
    """
    found = files.found(folder)
    sharding = next((codec for codec in getattr(array.metadata, "codecs", ()) if hasattr(codec, "index_codecs")), None)
    if sharding is None or found.size > _MAX_SHARDS or not found.size:
        return found
    per_shard = tuple(shard // chunk for shard, chunk in zip(array.shards, array.chunks, strict=True))
    inner = np.zeros([n * m for n, m in zip(found.shape, per_shard, strict=True)], bool)
    n_checksums = sum(type(codec).__name__ == "Crc32cCodec" for codec in sharding.index_codecs)
    at_start = "start" in str(sharding.index_location)
    for place in map(tuple, np.argwhere(found).tolist()):
        block = tuple(slice(i * m, (i + 1) * m) for i, m in zip(place, per_shard, strict=True))
        inner[block] = _inner_chunks(folder / files.key(place), per_shard, n_checksums, at_start=at_start)
    return inner[tuple(slice(0, -(-n // chunk)) for n, chunk in zip(array.shape, array.chunks, strict=True))]


def _inner_chunks(path: Path, per_shard: tuple[int, ...], n_checksums: int, *, at_start: bool) -> NDArray[np.bool_]:
    """Return which inner chunks a shard holds; all of one whose index is cut short, so that reading it fails."""
    refuse_special_file(path)
    n_bytes, checksums = 16 * prod(per_shard), _CHECKSUM_BYTES * n_checksums
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(0 if at_start else max(0, size - n_bytes - checksums))
        index = file.read(n_bytes)
    if len(index) < n_bytes:
        return np.ones(per_shard, bool)
    is_stored: NDArray[np.bool_] = np.frombuffer(index, "<u8").reshape(*per_shard, 2)[..., 0] != _NOTHING
    return is_stored
