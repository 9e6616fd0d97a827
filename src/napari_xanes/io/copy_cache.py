"""The folder of working copies: where it is, how large it may become, what lies in it, and how it is emptied.

Each copy is a Zarr store, a folder ``NAME-KEY.copy.zarr``. Its time of change is the time of its last use.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_xanes.io.files import read_text
from napari_xanes.io.unchanged import FileState

FOLDER = "NAPARI_XANES_CACHE"
"""Environment variable with the folder of the cache."""
LIMIT = "NAPARI_XANES_CACHE_GB"
"""Environment variable with the most that copies may take together, in GB."""
MARK = "napari_xanes_copy"
"""Attribute of the root of a copy."""

_DEFAULT_GB = 100.0
_SUFFIX = ".copy.zarr"
_DECLINED = "declined"
_SPARE = 1.05
"""The disk must have this many times the size of a copy."""


@dataclass(frozen=True)
class WorkingCopy:
    """A working copy in the cache.

    Parameters
    ----------
    folder : Path
        Its Zarr store.
    source : str
        The file or folder that it is a copy of.
    size : int
        Bytes on the disk.
    used : float
        When it was last made or opened, in s since 1970.
    files : tuple of FileState
        The files that it was made of, as they were.
    """

    folder: Path
    source: str
    size: int
    used: float
    files: tuple[FileState, ...]

    @property
    def is_current(self) -> bool:
        """Whether its files are there and unchanged: else it is never used again."""
        try:
            for state in self.files:
                state.check()
        except OSError:
            return False
        return True


def cache_folder() -> Path:
    """Return the folder of working copies: ``NAPARI_XANES_CACHE``, or a folder in the user's cache."""
    if named := os.environ.get(FOLDER):
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("napari-xanes", appauthor=False) / "copies"


def cache_limit() -> int:
    """Return the most bytes that working copies may take together: ``NAPARI_XANES_CACHE_GB``, or 100 GB.

    Raises
    ------
    ValueError
        If the variable is no positive number.
    """
    text = os.environ.get(LIMIT, "")
    try:
        gigabytes = float(text) if text.strip() else _DEFAULT_GB
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < float("inf"):
        raise ValueError(f"{LIMIT} is {text!r}; set it to a size in GB, such as 100")
    return int(gigabytes * 1e9)


def working_copies() -> list[WorkingCopy]:
    """Return the working copies in the cache, the last used first."""
    found = [copy_in(folder) for folder in _folders()]
    return sorted((copy for copy in found if copy is not None), key=lambda copy: -copy.used)


def remove_copies(copies: Iterable[WorkingCopy] | None = None) -> int:
    """Remove working copies, by default all, and with all the memory of which stacks shall have none.

    A window or program that reads from such a copy says so, and that its file must be opened again.

    Parameters
    ----------
    copies : iterable of WorkingCopy, optional
        Of `working_copies`.

    Returns
    -------
    int
        Bytes that are free again.

    Raises
    ------
    OSError
        If one can't be removed.
    """
    if copies is None:
        shutil.rmtree(cache_folder() / _DECLINED, ignore_errors=True)
    freed = 0
    for copy in working_copies() if copies is None else copies:
        shutil.rmtree(copy.folder)
        freed += copy.size
    return freed


def make_room(n_bytes: int) -> None:
    """Remove the copies that were not used for the longest time, until another one of a size fits below the limit.

    Raises
    ------
    OSError
        If it is larger than the limit, or than what is free on the disk.
    """
    limit, copies = cache_limit(), working_copies()
    if n_bytes > limit:
        raise OSError(
            f"a working copy takes up to {n_bytes / 1e9:.1f} GB, more than the {limit / 1e9:g} GB of the cache; "
            f"raise {LIMIT}"
        )
    total = sum(copy.size for copy in copies)
    while copies and total + n_bytes > limit:
        total -= remove_copies([copies.pop()])
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder).free) < _SPARE * n_bytes:
        raise OSError(
            errno.ENOSPC,
            f"a working copy takes up to {n_bytes / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; empty the cache "
            f"(napari-xanes cache --empty), or name a folder on a larger disk in {FOLDER}",
            str(folder),
        )


def folder_of(key: str, name: str) -> Path:
    """Return the folder of the copy with a key; its name begins with that of the source, for people."""
    readable = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:40]
    return cache_folder() / f"{readable}-{key}{_SUFFIX}"


def copy_in(folder: Path) -> WorkingCopy | None:
    """Return the copy in a folder; None if it holds none."""
    from napari_xanes.io.zarr.store import folder_size

    try:
        note = json.loads(read_text(folder / "zarr.json"))["attributes"][MARK]
        files = tuple(FileState(Path(path), size, mtime, inode, None) for path, size, mtime, inode in note["files"])
        return WorkingCopy(folder, str(note["source"]), folder_size(folder), folder.stat().st_mtime, files)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def was_used(folder: Path) -> None:
    """Note that a copy is in use now."""
    with suppress(OSError):  # of a cache that can only be read: it counts as older than it is
        os.utime(folder, (now := time.time(), now))


def key_of(identity: Mapping[str, Any]) -> str:
    """Return a short hash of what tells a source from others.

    Examples
    --------
    >>> key_of({"shape": [3, 4], "dtype": "float32"}) == key_of({"dtype": "float32", "shape": [3, 4]})
    True
    """
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def decline(key: str) -> None:
    """Remember that the user wants no copy of the source with this key."""
    note = cache_folder() / _DECLINED / key
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()


def is_declined(key: str) -> bool:
    """Whether the user wants no copy of the source with this key."""
    return (cache_folder() / _DECLINED / key).exists()


def _folders() -> list[Path]:
    try:
        with os.scandir(cache_folder()) as entries:
            return [Path(entry.path) for entry in entries if entry.name.endswith(_SUFFIX) and entry.is_dir()]
    except OSError:
        return []
