"""Arrays of numbers in a Zarr store: checked, complete or with their gaps told, read whole or chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io import allocation_limits, frames, ways_out
from napari_xanes.io.array_notes import FoundArray, note_read
from napari_xanes.io.read_errors import DAMAGE_ERRORS
from napari_xanes.io.unchanged import FileState
from napari_xanes.io.unpacked_size import ZSTD_BLOCK
from napari_xanes.io.zarr.chunks import ChunkFiles, chunk_files, found_chunks
from napari_xanes.io.zarr.store import ChunkRules, SafeFolder, filled_with_nan, holds
from napari_xanes.io.zarr.unchanged_chunks import ChunkStates

_MOST_COMPRESSED = 100_000
"""Constant chunks shrink to some ten thousandths."""
_MANY_CHUNKS = 10_000
"""Of so many chunks a hundredth must be there: the pixels of a small store would fill the memory."""
_LAZY_BYTES = 32 << 20
_ERRORS: tuple[type[Exception], ...] = (*DAMAGE_ERRORS, TypeError)
"""Errors of codecs for damaged chunks."""

_COMPRESSORS = ("blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4")
_CODECS = (
    *("blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4", "packbits", "bytes", "transpose", "sharding_indexed"),
    *("shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "astype"),
    *("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3"),
)
"""Codecs of numbers. Others run what a file tells them to (pickle) or make objects (json2, vlen)."""


@dataclass(frozen=True)
class StoredArray:
    """An array in a store, which dask may read piece by piece. A chunk that can't be read is named.

    Parameters
    ----------
    array : zarr.Array
        A checked one.
    files : ChunkFiles
        Names of its chunks.
    n_missing, n_chunks : int
        How many of its chunks are not there.
    """

    array: Any
    files: ChunkFiles
    n_missing: int
    n_chunks: int

    @property
    def shape(self) -> tuple[int, ...]:
        """As NumPy's."""
        return tuple(self.array.shape)

    @property
    def ndim(self) -> int:
        """As NumPy's."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """As NumPy's, in the byte order of the file."""
        dtype: np.dtype[Any] = self.array.dtype
        return dtype

    @property
    def piece(self) -> tuple[int, ...]:
        """Shape of what is decoded as a whole: a chunk."""
        return tuple(self.array.chunks)

    def file_states(self) -> list[FileState]:
        """Return the states of its files, as they were when it was loaded; none of an array of too many files."""
        states = self.array.store.states.get(self.array.path)
        known = {} if states is None or states.facts is None else states.facts
        return [FileState(self.array.store.root / key, *facts) for key, facts in known.items()]

    def __getitem__(self, index: Any) -> Any:
        try:
            return np.asarray(self.array[index])
        except _ERRORS as error:
            if str(self.array.store.root) in str(error):
                raise
            raise OSError(f"{self._damaged(index) or self._folder}: damaged; copy it again ({error})") from error

    @property
    def _folder(self) -> Path:
        return Path(self.array.store.root) / str(self.array.path)

    def _damaged(self, index: Any) -> Path | None:
        """Return the first chunk of a selection that can't be read."""
        lengths = self.array.shards or self.array.chunks
        is_plain = isinstance(index, tuple) and all(isinstance(i, slice) and i.step in (None, 1) for i in index)
        slices = index if is_plain and len(index) == self.ndim else (slice(None),) * self.ndim
        ranges = [i.indices(n) for i, n in zip(slices, self.shape, strict=True)]
        places = (range(start // c, -(-stop // c)) for (start, stop, _), c in zip(ranges, lengths, strict=True))
        for place in product(*places):
            try:
                self.array[tuple(slice(i * c, (i + 1) * c) for i, c in zip(place, lengths, strict=True))]
            except _ERRORS:
                return self._folder / self.files.key(place)
        return None

    def told(self) -> list[str]:
        """Return the warning about chunks that are not there; none if all are."""
        if not self.n_missing:
            return []
        fill = self.array.fill_value
        value = "NaN" if self.dtype.kind == "f" else f"the fill value {fill}"
        return [
            f"{self.n_missing} of {self.n_chunks} chunks of {self.array.path or 'the array'} are not in the folder, "
            f"their values are {value}: the folder is incomplete, or the program that wrote it left out empty chunks"
        ]


def checked(array: Any, root: Path, *, complete: bool = False) -> StoredArray:
    """Open an array of numbers, if its folder can hold what its metadata promise.

    Parameters
    ----------
    array : zarr.Array
        Of a store that `open_store` opened.
    root : Path
        The folder of the store.
    complete : bool
        Whether each chunk must be there. Otherwise missing ones become NaN, or the fill value of integers.

    Raises
    ------
    OSError
        If a chunk is missing, or a link leads out of the folder.
    ValueError
        If it holds anything but numbers, is coded in a way that is not known to be harmless, or is larger than its
        files can be.
    """
    if not hasattr(array, "chunks") or array.dtype.kind not in "fiub":
        raise ValueError(f"{getattr(array, 'path', 'it')} is no array of numbers; {ways_out.WRITE_ZARR}")
    name = array.path or "the array"
    compressors = _known_compressors(array, name)
    if 0 in (array.shards or array.chunks) and array.size:
        raise ValueError(f"{array.path} has chunks of shape {array.shards or array.chunks}; {ways_out.WRITE_ZARR}")
    _check_size(array, root / array.path, name)
    files = chunk_files(array)
    found = found_chunks(array, root / array.path, files)
    missing = np.argwhere(~found)
    if len(missing) and complete:
        first = root / array.path / files.key(tuple(missing[0].tolist()))
        raise OSError(
            f"{len(missing)} of {found.size} chunks are missing, such as {first}; copy the whole folder again, or, to "
            'read it with gaps, set "complete" to false in its attribute napari_xanes'
        )
    if found.size and (not found.any() or (found.size > _MANY_CHUNKS and found.sum() < found.size // 100)):
        raise ValueError(
            f"{name} has {found.size} chunks, of which {found.sum() or 'none'} is there; copy the whole folder again"
        )
    if len(missing) and array.dtype.kind == "f":
        array = filled_with_nan(array)
    _keep_rules(array, files, found if array.shards is None else files.found(root / array.path), compressors)
    return StoredArray(array, files, len(missing), found.size)


def _known_compressors(array: Any, name: str) -> list[str]:
    """Return the compressor of an array in a list, which may be empty; refuse codecs that could do harm."""
    metadata = array.metadata.to_dict()
    codecs = _codecs([metadata.get(key) for key in ("filters", "compressor", "codecs")])
    if unknown := sorted(codecs.difference(_CODECS)):
        raise ValueError(f"{name} uses the unsupported codec {unknown[0]!r}; {ways_out.WRITE_ZARR}")
    compressors = sorted(codecs.intersection(_COMPRESSORS))
    if len(compressors) > 1:
        raise ValueError(f"{name} is compressed more than once ({', '.join(compressors)}); {ways_out.WRITE_ZARR}")
    return compressors


def _check_size(array: Any, folder: Path, name: str) -> None:
    """Refuse more bytes than the files in the folder can hold."""
    chunks, item = array.shards or array.chunks, array.dtype.itemsize
    n_bytes = max(array.nbytes, prod(chunks) * item)
    # OME images have axes of length 1; without them the first one is read piece by piece.
    lengths = [length for length in array.shape if length != 1]
    piece = item * max(prod(chunks), prod(lengths[1:] if len(lengths) > 2 else lengths))
    min_bytes = max(n_bytes // _MOST_COMPRESSED, piece - allocation_limits.ONE_PIECE)
    if max(n_bytes, 2 * piece) > allocation_limits.BASE_ALLOWANCE and not holds(folder, min_bytes):
        raise ValueError(
            f"{name} promises {n_bytes >> 20} MB and {piece >> 20} MB in one piece, but its files are far too small; "
            "copy the whole folder again"
        )


def _keep_rules(array: Any, files: ChunkFiles, found: Any, compressors: list[str]) -> None:
    """Tell the store what to expect of the chunks."""
    store, item = array.store, array.dtype.itemsize
    if not isinstance(store, SafeFolder):
        return
    prefix = f"{array.path}/".lstrip("/")
    metadata = Path(store.root) / array.path / (".zarray" if array.metadata.zarr_format == 2 else "zarr.json")
    absent = frozenset(prefix + files.key(tuple(place)) for place in np.argwhere(~found).tolist())
    # Filters may turn numbers into larger ones, and a size that Zstandard does not tell is known to a block only.
    max_bytes = prod(array.chunks) * max(8, item) + ZSTD_BLOCK
    codec = compressors[0] if compressors and not array.shards else ""
    store.rules[prefix] = ChunkRules(codec, max_bytes, absent, FileState.of(metadata))


def load(stored: StoredArray, guarded: Any = None) -> Any:
    """Return the values as a NumPy array, or above the memory limit as a dask array of whole chunks.

    Parameters
    ----------
    stored : StoredArray
        The array.
    guarded : array_like, optional
        What dask reads in its place: an array around it.
    """
    array = stored.array
    name = str(array.path)
    note_read(Path(array.store.root), FoundArray(name or "the array", stored.shape, stored.dtype.name, name))
    dtype = stored.dtype.newbyteorder("=")
    excess = array.nbytes - allocation_limits.BASE_ALLOWANCE
    is_plausible = excess <= 0 or holds(array.store.root / array.path, excess // 2)
    if (array.nbytes <= frames.MEMORY_LIMIT.get() and is_plausible) or array.ndim < 3:
        return stored[...].astype(dtype, copy=False)
    import dask.array as da

    array.store.states[array.path] = ChunkStates(array.store.root, array.path)
    # Thin along the energies, the first axis that is longer than 1, so that a frame decodes no others than it must.
    energy = next((axis for axis, length in enumerate(array.shape) if length > 1), 0)
    chunk_lengths = [chunk if axis <= energy else "auto" for axis, chunk in enumerate(array.chunks)]
    size = max(_LAZY_BYTES, prod(array.chunks) * dtype.itemsize)
    chunks = da.core.normalize_chunks(  # type: ignore[no-untyped-call]
        chunk_lengths, array.shape, size, dtype, previous_chunks=array.chunks
    )
    lazy = da.from_array(stored if guarded is None else guarded, chunks=chunks, name=False)  # type: ignore[no-untyped-call]
    return lazy.astype(dtype)


def _codecs(metadata: Any) -> set[str]:
    """Names of all codecs in an array's metadata, those within shards too, without the prefix of numcodecs."""
    if isinstance(metadata, list | tuple):
        return set().union(*map(_codecs, metadata)) if metadata else set()
    if not isinstance(metadata, dict):
        return set() if metadata is None else {str(metadata)}
    inner = metadata.get("configuration") or {}
    name = str(metadata.get("id") or metadata.get("name")).removeprefix("numcodecs.")
    return {name} | _codecs([inner.get(key) for key in ("codecs", "index_codecs")])
