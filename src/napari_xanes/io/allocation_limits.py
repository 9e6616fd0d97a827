"""What the header of a file may promise: nothing is allocated for pixels that the file can't hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from napari_xanes.io import ways_out
from napari_xanes.io.frames import MEMORY_LIMIT

BASE_ALLOWANCE = 64 << 20
"""Bytes that a file of any size may promise."""

ONE_PIECE = 32 << 20
"""One image, strip or chunk may unpack to this and the size of its file; libraries take three times as much for it."""

MAX_DEFLATE_RATIO = 1100
"""Largest ratio by which deflate compresses (zlib: 1032)."""

LONGEST_LIST = 100_000
"""No list of energies, positions or times is longer."""


def memory_allowance(file_size: int) -> int:
    """Return how many bytes of memory a file of `file_size` bytes may take at one time."""
    return 2 * file_size + BASE_ALLOWANCE


def check(name: str, unpacked_size: int, file_size: int, *, piece: int = 0, max_ratio: int = MAX_DEFLATE_RATIO) -> None:
    """Refuse values that a file can't hold, or that can't be read in pieces that fit into memory.

    Parameters
    ----------
    name : str
        What the values are called, for the message.
    unpacked_size : int
        Bytes of the values when unpacked.
    file_size : int
        Bytes of the file.
    piece : int
        Bytes of the smallest part that can be read by itself, when unpacked.
    max_ratio : int
        Largest ratio by which the values can have been compressed.

    Raises
    ------
    ValueError
        If it does.
    """
    if unpacked_size > BASE_ALLOWANCE and unpacked_size > file_size * max_ratio:
        raise ValueError(
            f"{name} promises {unpacked_size >> 20} MB, but the file has {file_size >> 10} kB; {ways_out.COPY}"
        )
    if piece > file_size + ONE_PIECE:
        raise ValueError(
            f"{name} unpacks to {piece >> 20} MB in one piece, but the file has {file_size >> 10} kB; "
            "save it with less compression, or in smaller chunks"
        )


@contextmanager
def memory_limited_to(file_size: int) -> Iterator[None]:
    """Lower the memory limit in a block to what files of `file_size` bytes may take; larger stacks stay in files."""
    token = MEMORY_LIMIT.set(min(MEMORY_LIMIT.get(), memory_allowance(file_size)))
    try:
        yield
    finally:
        MEMORY_LIMIT.reset(token)


def with_memory_limit(fetch: Callable[[Any], Any], file_size: int) -> Callable[[Any], Any]:
    """Limit the memory of all arrays that `fetch` returns from a file of `file_size` bytes.

    A few bytes of text can ask for one array many times.
    """
    total_bytes = 0

    def fetch_limited(key: Any) -> Any:
        nonlocal total_bytes
        values = fetch(key)
        total_bytes += values.nbytes if isinstance(values, np.ndarray) else 0
        limit = memory_allowance(file_size)
        if total_bytes > limit:
            raise ValueError(f"its metadata unpack to more than {limit >> 20} MB, but it has {file_size >> 10} kB")
        return values

    return fetch_limited
