"""Zarr stores on this computer, opened carefully; imported only once a folder has turned out to be one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_xanes.io import frames

try:
    import zarr
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype
    from zarr.storage import LocalStore
except ImportError as error:
    raise ValueError(
        f"Zarr is read and written by the package zarr; install it: pip install 'zarr>=3.1' ({error})"
    ) from (error)

_ALWAYS_BELIEVED = 64 << 20
_MOST_COMPRESSED = 100_000
"""Constant chunks shrink to some ten thousandths."""
_MOST_CHUNKS = 1_000_000
_LAZY_BYTES = 32 << 20

_CODECS = (
    *("blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4", "packbits", "bytes", "transpose", "sharding_indexed"),
    *("shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "astype"),
    *("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3"),
)
"""Codecs of numbers. Others run what a file tells them to (pickle) or make objects (json2, vlen)."""


class _Folder(LocalStore):
    """A folder that no link leads out of."""

    def _inside(self, key: str) -> None:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise OSError(f"{key} leads out of the folder to {path}, which is not followed")

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        self._inside(key)
        return super().get_sync(key, prototype=prototype, byte_range=byte_range)

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        self._inside(key)
        return await super().get(key, prototype, byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        ranges = list(key_ranges)
        for key, _ in ranges:
            self._inside(key)
        return await super().get_partial_values(prototype, ranges)


def opened(path: Path) -> Any:
    """The group or array at the root of a store, of Zarr 2 or 3, for reading.

    Raises
    ------
    OSError, ValueError
        If it is damaged.
    """
    store = _Folder(path.resolve(), read_only=True)
    version: Literal[2, 3] = 3 if (path / "zarr.json").is_file() else 2
    if version == 3 or (path / ".zgroup").is_file():
        try:
            return zarr.open_group(store, mode="r", zarr_format=version, use_consolidated=False)
        except zarr.errors.ContainsArrayError:
            pass
    return zarr.open_array(store, mode="r", zarr_format=version)


def created(path: Path) -> Any:
    """The root group of a new store of Zarr 2 for writing."""
    return zarr.open_group(str(path), mode="w-", zarr_format=2)


def child(group: Any, name: str) -> Any:
    """The group or array of a name in a group, None if there is none.

    Raises
    ------
    OSError, ValueError
        If it is damaged, or the name leads out of the folder.
    """
    return group.get(name)


def checked(array: Any, root: Path) -> Any:
    """An array of numbers whose promises its folder can keep.

    Raises
    ------
    ValueError
        If it holds anything but numbers, is coded in a way that is not known to be harmless, or is larger than its
        files can be.
    """
    if not isinstance(array, zarr.Array) or array.dtype.kind not in "fiub":
        raise ValueError(f"{getattr(array, 'path', 'it')} is no array of numbers")
    metadata = array.metadata.to_dict()
    used = _codecs([metadata.get(key) for key in ("filters", "compressor", "codecs")])
    if unknown := sorted(used.difference(_CODECS)):
        raise ValueError(f"{array.path or 'the array'} is coded by {unknown[0]!r}, which is not read")
    chunks = array.shards or array.chunks
    if 0 in chunks and array.size:
        raise ValueError(f"{array.path} has chunks of shape {chunks}")
    n_chunks = prod(-(-length // chunk) for length, chunk in zip(array.shape, chunks, strict=True) if chunk)
    promised = max(array.nbytes, prod(chunks) * array.dtype.itemsize)
    if promised > _ALWAYS_BELIEVED and not _holds(root / array.path, promised // _MOST_COMPRESSED):
        raise ValueError(f"{array.path or 'the array'} promises {promised >> 20} MB, but its files are far too small")
    if n_chunks > _MOST_CHUNKS:
        raise ValueError(f"{array.path or 'the array'} has {n_chunks} chunks, too many to be read; make them larger")
    return array


def load(array: Any) -> Any:
    """The values: a NumPy array, or a dask array of whole chunks if larger than the memory limit."""
    dtype = array.dtype.newbyteorder("=")
    if array.nbytes <= frames.MEMORY_LIMIT.get() or array.ndim < 3:
        return np.asarray(array[...]).astype(dtype, copy=False)
    import dask.array as da

    chunks = da.core.normalize_chunks(  # type: ignore[no-untyped-call]
        "auto", array.shape, _LAZY_BYTES, dtype, previous_chunks=array.chunks
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


def _holds(folder: Path, least: int) -> bool:
    held = 0
    for here, _, names in os.walk(folder):
        for name in names:
            held += os.lstat(os.path.join(here, name)).st_size
            if held >= least:
                return True
    return False
