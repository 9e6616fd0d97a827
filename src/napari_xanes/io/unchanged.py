"""Files that are read again later: they must still be what they were when they were opened.

A lazy stack knows its file by size, time of the last change, inode and device. All readers of pieces check these before
and after each piece, so that another file of the same name never becomes part of a stack.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray


class FileChangedError(OSError):
    """A file is not what it was when it was opened; whoever opens it again reads what it is now."""


@dataclass(frozen=True)
class FileState:
    """What tells a file from its successor.

    Parameters
    ----------
    path : Path
        The file, absolute.
    size : int
        In bytes.
    mtime_ns : int
        Time of the last change, in ns.
    inode : int
        Number of the file on its device: another one once the file was replaced.
    device : int or None
        Number of the device; None in another process, because computers number a shared disk differently.
    """

    path: Path
    size: int
    mtime_ns: int
    inode: int
    device: int | None

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the state of a file.

        Raises
        ------
        OSError
            If it can't be reached.
        """
        return cls(path, *facts(path.stat()))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "device": None}

    def check(self, *, may_grow: bool = False) -> None:
        """Check that the file is as it was, or at least the same file and not shorter.

        Raises
        ------
        FileChangedError
            If it has grown (unless it may), was changed or replaced.
        FileNotFoundError
            If it is gone.
        """
        try:
            size, mtime_ns, inode, device = facts(self.path.stat())
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(
                f"{self.path}: the file changed since it was opened, it is no longer there; open it again"
            ) from None
        is_same_file = inode == self.inode and self.device in (None, device)
        if is_same_file and ((size, mtime_ns) == (self.size, self.mtime_ns) or (may_grow and size >= self.size)):
            return
        if is_same_file and size > self.size:
            raise FileChangedError(
                f"{self.path}: the file has grown since it was opened, from {self.size} to {size} bytes: another "
                "program writes to it; open it again"
            )
        raise FileChangedError(f"{self.path}: the file changed since it was opened; open it again")


def facts(stat: os.stat_result) -> tuple[int, int, int, int]:
    """Return size, time of the last change in ns, inode and device of a file."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev


@contextmanager
def unchanged(state: FileState, *, may_grow: bool = False) -> Iterator[None]:
    """Read a piece of a file in a block; the file must be the same before and afterwards, or only have grown.

    Raises
    ------
    OSError
        If the file changed since it was opened. Other errors of the block are only raised if it did not.
    """
    state.check(may_grow=may_grow)
    try:
        yield
    except Exception:
        state.check(may_grow=may_grow)
        raise
    state.check(may_grow=may_grow)


@contextmanager
def read_once(path: Path, live: Collection[str] = ()) -> Iterator[None]:
    """Read and hash a file in a block; it must be the same before and afterwards. Of a folder nothing is checked.

    Parameters
    ----------
    path : Path
        A file or folder.
    live : collection
        Holds something at the end of the block if another program adds to the file and lets us read.

    Raises
    ------
    OSError
        If the file changed meanwhile. Other errors of the block are only raised if it did not.
    """
    if not path.is_file():
        yield
        return
    state = FileState.of(path)
    try:
        yield
    except Exception:
        if not live:
            state.check()
        raise
    if not live:
        state.check()


def only_unchanged(path: Path, load: Callable[[], NDArray[Any]]) -> Callable[[], NDArray[Any]]:
    """Return `load`, which reads something from a file, as a function that refuses the file once it has changed."""
    return partial(_load_unchanged, FileState.of(path), load)


def _load_unchanged(state: FileState, load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    with unchanged(state):
        return load()
