"""Zarr stores on this computer, opened carefully; imported only once a folder has turned out to be one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_xanes.io import allocation_limits, frames
from napari_xanes.io.files import inside
from napari_xanes.io.unpacked_size import ZSTD_BLOCK, unpacked_size
from napari_xanes.io.zarr.nodes import zarr_errors

try:
    import zarr
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype
    from zarr.storage import LocalStore
except ImportError as error:
    raise ValueError(
        f"Zarr is read and written by the package zarr; install it: pip install 'zarr>=3.1' ({error})"
    ) from (error)

_MOST_COMPRESSED = 100_000
"""Constant chunks shrink to some ten thousandths."""
_MOST_CHUNKS = 1_000_000
_MANY_CHUNKS = 10_000
"""Of so many chunks a hundredth must be there: to look for each of them takes time."""
_LAZY_BYTES = 32 << 20

_METADATA = (".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json")
_COMPRESSORS = ("blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4")
_CODECS = (
    *("blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4", "packbits", "bytes", "transpose", "sharding_indexed"),
    *("shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "astype"),
    *("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3"),
)
"""Codecs of numbers. Others run what a file tells them to (pickle) or make objects (json2, vlen)."""


class _SafeFolder(LocalStore):
    """A folder that no link leads out of, and whose chunks do not unpack to more than they should."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, read_only=True)
        self.chunks: dict[str, tuple[str, int]] = {}
        """For the path of an array how its chunks are compressed, and the most bytes of one."""

    def _inside(self, key: str) -> None:
        path = self.root / key
        if not inside(self.root, path):
            raise OSError(f"{key} leads out of the folder to {path.resolve()}, which is not followed")

    def _whole(self, key: str, packed: Buffer | None) -> Buffer | None:
        codec, max_bytes = next((entry for array, entry in self.chunks.items() if key.startswith(array)), ("", 0))
        if packed is None or not codec or key.endswith(_METADATA):
            return packed
        if unpacked_size(codec, packed.to_bytes(), max_bytes) > max_bytes:
            raise ValueError(f"{key} unpacks to more than the {max_bytes >> 10} kB that a chunk can have: damaged")
        return packed

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        self._inside(key)
        return self._whole(key, super().get_sync(key, prototype=prototype, byte_range=byte_range))

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        self._inside(key)
        return self._whole(key, await super().get(key, prototype, byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        ranges = list(key_ranges)
        for key, _ in ranges:
            self._inside(key)
        return await super().get_partial_values(prototype, ranges)


def open_store(path: Path) -> Any:
    """Open the root of a store of Zarr 2 or 3 for reading.

    Raises
    ------
    OSError, ValueError
        If it is damaged.
    """
    store = _SafeFolder(path.resolve())
    if links := [name for name in ("zarr.json", ".zgroup", ".zarray") if not inside(path, path / name)]:
        raise OSError(f"{path}: {links[0]} leads out of the folder, which is not followed")
    version: Literal[2, 3] = 3 if (path / "zarr.json").is_file() else 2
    with zarr_errors():
        return _root(store, path, version)


def _root(store: _SafeFolder, path: Path, version: Literal[2, 3]) -> Any:
    if version == 3 or (path / ".zgroup").is_file():
        try:
            return zarr.open_group(store, mode="r", zarr_format=version, use_consolidated=False)
        except zarr.errors.ContainsArrayError:
            pass
    return zarr.open_array(store, mode="r", zarr_format=version)


def created(path: Path) -> Any:
    """Create a store of Zarr 2 for writing; return its root group."""
    return zarr.open_group(str(path), mode="w-", zarr_format=2)


def checked(array: Any, root: Path) -> Any:
    """Open an array of numbers, if its folder can hold what its metadata promise.

    Raises
    ------
    ValueError
        If it holds anything but numbers, is coded in a way that is not known to be harmless, or is larger than its
        files can be.
    """
    if not isinstance(array, zarr.Array) or array.dtype.kind not in "fiub":
        raise ValueError(f"{getattr(array, 'path', 'it')} is no array of numbers")
    metadata = array.metadata.to_dict()
    codecs = _codecs([metadata.get(key) for key in ("filters", "compressor", "codecs")])
    if unknown := sorted(codecs.difference(_CODECS)):
        raise ValueError(f"{array.path or 'the array'} uses the unsupported codec {unknown[0]!r}")
    chunks = array.shards or array.chunks
    if 0 in chunks and array.size:
        raise ValueError(f"{array.path} has chunks of shape {chunks}")
    n_chunks = prod(-(-length // chunk) for length, chunk in zip(array.shape, chunks, strict=True) if chunk)
    item = array.dtype.itemsize
    n_bytes = max(array.nbytes, prod(chunks) * item)
    # OME images have axes of length 1; without them the first one is read piece by piece.
    lengths = [length for length in array.shape if length != 1]
    piece = item * max(prod(chunks), prod(lengths[1:] if len(lengths) > 2 else lengths))
    min_bytes = max(n_bytes // _MOST_COMPRESSED, piece - allocation_limits.ONE_PIECE)
    if max(n_bytes, 2 * piece) > allocation_limits.BASE_ALLOWANCE and not _holds(root / array.path, min_bytes):
        raise ValueError(
            f"{array.path or 'the array'} promises {n_bytes >> 20} MB and {piece >> 20} MB in one piece, "
            "but its files are far too small"
        )
    if n_chunks > _MOST_CHUNKS:
        raise ValueError(f"{array.path or 'the array'} has {n_chunks} chunks, too many to be read; make them larger")
    min_files = n_chunks // 100 if n_chunks > _MANY_CHUNKS else 0
    if sum(1 for _ in islice(_sizes(root / array.path), min_files)) < min_files:
        raise ValueError(f"{array.path or 'the array'} has {n_chunks} chunks, of which hardly any is there")
    compressors = sorted(codecs.intersection(_COMPRESSORS))
    if len(compressors) > 1:
        raise ValueError(f"{array.path or 'the array'} is compressed more than once ({', '.join(compressors)})")
    store = array.store
    if compressors and not array.shards and isinstance(store, _SafeFolder):
        # Filters may turn numbers into larger ones, and a size that Zstandard does not tell is known to a block only.
        store.chunks[f"{array.path}/".lstrip("/")] = compressors[0], prod(chunks) * max(8, item) + ZSTD_BLOCK
    return array


def load(array: Any) -> Any:
    """Return the values as a NumPy array, or above the memory limit as a dask array of whole chunks."""
    dtype = array.dtype.newbyteorder("=")
    excess = array.nbytes - allocation_limits.BASE_ALLOWANCE
    is_plausible = excess <= 0 or _holds(array.store.root / array.path, excess // 2)
    if (array.nbytes <= frames.MEMORY_LIMIT.get() and is_plausible) or array.ndim < 3:
        return np.asarray(array[...]).astype(dtype, copy=False)
    import dask.array as da

    # Thin along the energies, the first axis that is longer than 1, so that a frame decodes no others than it must.
    energy = next((axis for axis, length in enumerate(array.shape) if length > 1), 0)
    chunk_lengths = [chunk if axis <= energy else "auto" for axis, chunk in enumerate(array.chunks)]
    size = max(_LAZY_BYTES, prod(array.chunks) * dtype.itemsize)
    chunks = da.core.normalize_chunks(  # type: ignore[no-untyped-call]
        chunk_lengths, array.shape, size, dtype, previous_chunks=array.chunks
    )
    lazy = da.from_array(array, chunks=chunks, name=False)  # type: ignore[no-untyped-call]
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


def folder_size(folder: Path) -> int:
    """Return the size in bytes of all files in a folder and below."""
    return sum(_sizes(folder))


def _holds(folder: Path, min_bytes: int) -> bool:
    return min_bytes <= 0 or any(size >= min_bytes for size in accumulate(_sizes(folder)))


def _sizes(folder: Path) -> Iterator[int]:
    for here, _, names in os.walk(folder):
        for name in names:
            yield os.lstat(os.path.join(here, name)).st_size
