"""Which arrays of a file were read: noted by the functions that open files and read arrays, for the list of contents.

A container (HDF5, TIFF, ...) says where it opens a file how to list its arrays, and where it reads an array which one.
A reader that goes through these functions reports what it used without a line of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

MOST_ARRAYS = 200
"""No list of a file is longer."""

NUMBERS = "fiubc"
"""Kinds of types of arrays that are listed; texts are none."""

MOST_LEVELS = 8
"""Groups that are nested deeper are not looked into."""


@dataclass(frozen=True)
class FoundArray:
    """An array of numbers in a file.

    Parameters
    ----------
    name : str
        Its name, with the groups that it lies in.
    shape : tuple of int
        Its shape; empty if it is not known.
    dtype : str
        Type of its numbers; empty if it is not known.
    key : hashable
        What `note_read` is told: the same for all names of one array.
    reason : str
        Why it can't be read, if that is known.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    key: Hashable
    reason: str = ""


Lister = Callable[[Path], list[FoundArray]]
"""Lists the arrays of a file, at most `MOST_ARRAYS`; the file may be damaged."""


@dataclass
class ArrayNotes:
    """What was noted while a stack was read.

    Parameters
    ----------
    listers : dict
        How to list the arrays of each file, in the order of opening.
    reads : dict
        The arrays that were read, with the names by which they were read, by path and key.
    """

    listers: dict[Path, Lister] = field(default_factory=dict)
    reads: dict[tuple[Path, Hashable], FoundArray] = field(default_factory=dict)


_NOTES: ContextVar[ArrayNotes | None] = ContextVar("array_notes", default=None)


@contextmanager
def noting_arrays() -> Iterator[ArrayNotes]:
    """Collect which files are opened and which arrays are read in a block."""
    notes = ArrayNotes()
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def note_file(path: Path, lister: Lister) -> None:
    """Note that a file is opened, and how its arrays are listed."""
    notes = _NOTES.get()
    if notes is not None:
        notes.listers.setdefault(path.absolute(), lister)


def note_read(path: Path, array: FoundArray) -> None:
    """Note that an array of a file is read, or will be."""
    notes = _NOTES.get()
    if notes is not None:
        notes.reads.setdefault((path.absolute(), array.key), array)


def is_noting() -> bool:
    """Whether a stack is being read: else there is nothing to note."""
    return _NOTES.get() is not None
