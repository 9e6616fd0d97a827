"""Damage that hypothesis draws, and what a reader may make of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from napari_xanes import io

TABLES = st.sampled_from([0, 1, 2, 127, 128, 254, 255])
"""Bytes that say much in the tables of OLE2 files."""


def changed(whole: bytes, changes: Iterable[tuple[int, int]], length: int | None) -> bytes:
    """A file's content with some bytes changed, cut to a length."""
    content = bytearray(whole)
    for at, value in changes:
        content[at] = value
    return bytes(content[:length])


def drawn(data: Any, whole: bytes, place: Any, value: Any) -> bytes:
    """A file's content with up to six bytes changed as hypothesis draws places and values, and perhaps cut short."""
    changes = data.draw(st.lists(st.tuples(place, value), max_size=6))
    return changed(whole, changes, data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole)))))


def stack_or_documented_error(path: Path) -> None:
    """Fails unless a file gives a stack with an energy per frame, or an error of the documented kinds that names it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            stack = io.read(path)
        except (OSError, ValueError) as error:
            assert path.name in str(error)  # noqa: PT017
        else:
            assert stack.energy.size == stack.shape[0]
