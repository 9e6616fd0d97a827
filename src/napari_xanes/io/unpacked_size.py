"""How large compressed bytes become, known before a library allocates memory for all of it."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

ZSTD_BLOCK = 128 << 10
"""No block of Zstandard becomes more bytes."""

_STEP = 1 << 20
_STREAMS: dict[str, Callable[[], Any]] = {
    "zlib": zlib.decompressobj,
    "gzip": lambda: zlib.decompressobj(31),
    "bz2": bz2.BZ2Decompressor,
    "lzma": lzma.LZMADecompressor,
}
_SIZES = {"blosc": slice(4, 8), "lz4": slice(0, 4)}
"""Where the size stands in the bytes, little-endian."""
_ZSTD = b"\x28\xb5\x2f\xfd"
_REPEATED, _COMPRESSED = 1, 2


def unpacked_size(codec: str, packed: bytes, limit: int) -> int:
    """Return the unpacked size of compressed bytes, or any number above the limit if it is larger.

    Parameters
    ----------
    codec : str
        As numcodecs calls it: zlib, gzip, bz2, lzma, blosc, lz4, zstd. Others are taken not to compress.
    packed : bytes
        What is compressed. If it is damaged, what comes before the damage counts.
    limit : int
        Where counting stops.

    Examples
    --------
    >>> unpacked_size("zlib", zlib.compress(bytes(5000)), 10_000)
    5000
    """
    if codec in _SIZES:
        return int.from_bytes(packed[_SIZES[codec]], "little")
    if codec == "zstd":
        return _zstd_size(packed, limit)
    if codec not in _STREAMS:
        return len(packed)
    stream = _STREAMS[codec]()
    size = 0
    try:
        while size <= limit and not stream.eof:
            block = stream.decompress(packed, _STEP)
            packed = getattr(stream, "unconsumed_tail", b"")
            size += len(block)
            if not block and not packed:
                break
    except (zlib.error, lzma.LZMAError, OSError):
        pass
    return size


def _zstd_size(packed: bytes, limit: int) -> int:
    """Return the size in the header of a frame (RFC 8878, 3.1.1.1), or the largest size of its blocks without it."""
    if packed[:4] != _ZSTD or len(packed) < 5:
        return 0
    flag, single, dictionary = packed[4] >> 6, packed[4] >> 5 & 1, (0, 1, 2, 4)[packed[4] & 3]
    length = (single, 2, 4, 8)[flag]
    start = 5 + (not single) + dictionary
    if not length:
        return _zstd_blocks(packed, start, limit)
    return int.from_bytes(packed[start : start + length], "little") + (256 if flag == 1 else 0)


def _zstd_blocks(packed: bytes, at: int, limit: int) -> int:
    """Return the largest unpacked size of the blocks of a frame (RFC 8878, 3.1.1.2)."""
    size, last = 0, False
    while not last and at + 3 <= len(packed) and size <= limit:
        header = int.from_bytes(packed[at : at + 3], "little")
        last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
        size += ZSTD_BLOCK if kind == _COMPRESSED else length
        at += 3 + (1 if kind == _REPEATED else length)
    return size
