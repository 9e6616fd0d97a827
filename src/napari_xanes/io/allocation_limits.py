"""What the header of a file may promise: nothing is allocated for pixels that the file can't hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from napari_xanes.io.frames import MEMORY_LIMIT

ALWAYS_BELIEVED = 64 << 20
"""Any file may promise this many bytes."""

ONE_PIECE = 32 << 20
"""One image, strip or chunk may unpack to this and the size of its file; libraries take three times as much for it."""

DEFLATED = 1100
"""No deflated data shrink by more than this (zlib: 1032)."""

LONGEST_LIST = 100_000
"""No list of energies, positions or times is longer."""


def at_once(held: int) -> int:
    """Return how many bytes may be in memory at once for files of `held` bytes."""
    return 2 * held + ALWAYS_BELIEVED


def check(name: str, promised: int, held: int, *, piece: int = 0, packed: int = DEFLATED) -> None:
    """Refuse values that a file can't hold, or that can't be read in pieces that fit into memory.

    Parameters
    ----------
    name : str
        What the values are called, for the message.
    promised : int
        How many bytes they have when unpacked.
    held : int
        How many bytes the file has.
    piece : int
        Bytes of the smallest part that can be read by itself, when unpacked.
    packed : int
        By how much the values can have been compressed.

    Raises
    ------
    ValueError
        If it does.
    """
    if promised > ALWAYS_BELIEVED and promised > held * packed:
        raise ValueError(f"{name} promises {promised >> 20} MB, but the file has {held >> 10} kB")
    if piece > held + ONE_PIECE:
        raise ValueError(
            f"{name} unpacks to {piece >> 20} MB in one piece, but the file has {held >> 10} kB; "
            "save it with less compression, or in smaller chunks"
        )


@contextmanager
def memory_limited_to(held: int) -> Iterator[None]:
    """Lower the memory limit in a block to what files of `held` bytes may take; larger stacks stay in their files."""
    token = MEMORY_LIMIT.set(min(MEMORY_LIMIT.get(), at_once(held)))
    try:
        yield
    finally:
        MEMORY_LIMIT.reset(token)


def counted(fetch: Callable[[Any], Any], held: int) -> Callable[[Any], Any]:
    """Return `fetch`, which gives arrays of a file of `held` bytes, with a limit on the memory that all arrays take.

    A few bytes of text can ask for one array any number of times.
    """
    taken = 0

    def fetch_counted(key: Any) -> Any:
        nonlocal taken
        values = fetch(key)
        taken += values.nbytes if isinstance(values, np.ndarray) else 0
        if taken > at_once(held):
            raise ValueError(f"its metadata unpack to more than {at_once(held) >> 20} MB, but it has {held >> 10} kB")
        return values

    return fetch_counted
