"""Folders that are written whole or not at all: the new one takes the place of the old one in one step."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_xanes.saving.claims import claimed, clear_leftovers
from napari_xanes.saving.replacing import keep_permissions, refuse_read_only, sync_folder
from napari_xanes.saving.termination import cleaning_up

_HERE = -100
"""AT_FDCWD: names are relative to the working directory."""
_SYNCED = os.W_OK if os.name == "nt" else os.R_OK
"""How a file must be accessible to be brought to the disk: Windows wants it open for writing."""
_EXCHANGE = 2
"""RENAME_EXCHANGE of Linux's renameat2 (rename(2)), and RENAME_SWAP of macOS's renamex_np (sys/stdio.h)."""


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder next to the target, which takes its place when the block has succeeded.

    The target stands at any moment where the system can exchange two folders. Elsewhere the old one is moved aside for
    an instant; if the program is killed there, `recover` or the next writer brings it back.

    Parameters
    ----------
    path : Path
        The folder to write; the block makes the temporary one. Whether one that is there may be replaced is for the
        caller to check. A link stays, and the folder that it leads to is replaced.

    Raises
    ------
    OSError
        If there is no such folder to write into, the target is read-only or no folder, or it can't be written.
    """
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(f"{path}: its links lead in a circle; name another folder")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: there is no folder {target.parent}; make it first, or name another")
    with cleaning_up() as interruption, claimed(target) as claim:
        if target.exists():
            if not target.is_dir():
                raise NotADirectoryError(f"{target} is no folder; name another")
            refuse_read_only(target)
        yield claim.draft
        _bring_to_disk(claim.draft)
        interruption.check()
        keep_permissions(claim.draft, target)
        if not target.exists():
            os.rename(claim.draft, target)
        elif not exchange(claim.draft, target):
            claim.move_away()
            os.rename(claim.draft, target)
        sync_folder(target.parent)


def recover(path: Path) -> bool:
    """Bring back a folder that a replacement had moved aside when it was killed.

    Parameters
    ----------
    path : Path
        Where the folder should be.

    Returns
    -------
    bool
        Whether it is there again.
    """
    target = Path(os.path.realpath(path))
    clear_leftovers(target.parent)
    return target.is_dir()


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders or files in one step; False if the system can't, and then nothing has changed.

    Raises
    ------
    FileNotFoundError
        If one of them is not there.
    """
    for path in (one, other):
        path.lstat()
    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, ctypes.c_uint(_EXCHANGE)) == 0)
        return bool(library.renameat2(_HERE, names[0], _HERE, names[1], ctypes.c_uint(_EXCHANGE)) == 0)
    except (AttributeError, OSError, TypeError):
        return False  # no such function: Windows, old C libraries


def _bring_to_disk(folder: Path) -> None:
    """Bring all files of a folder to the disk, so that after a power failure the new name has the new content."""
    if _whole_disk_synced(folder):
        return
    for here, _, names in os.walk(folder, topdown=False):
        for path in (Path(here, name) for name in names):
            # Links and pipes have no content; what is read-only is a file that was kept, and on the disk already.
            if stat.S_ISREG(path.lstat().st_mode) and os.access(path, _SYNCED):
                _sync_file(path)
        sync_folder(Path(here))


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR if _SYNCED == os.W_OK else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole_disk_synced(folder: Path) -> bool:
    """Bring everything on a disk to it, which takes a fraction of the time of thousands of files one by one.

    Raises
    ------
    OSError
        If the disk reports an error.
    """
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, TypeError):
        return False  # not on Linux
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(descriptor)
    return True
