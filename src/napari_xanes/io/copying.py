"""Make a working copy of a stack: read its frames once, write them into the cache, and read them from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_xanes.io.copied_frames import (
    identity_of,
    is_copied,
    is_slow_by_pixels,
    lazy_arrays,
    with_copy,
    write_copy,
)
from napari_xanes.io.copy_cache import folder_of, key_of, make_room
from napari_xanes.io.frames import MEMORY_LIMIT
from napari_xanes.io.reading import read
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack


def working_copy(stack: SpectralStack, *, progress: Progress | None = None) -> SpectralStack:
    """Copy the frames of a stack into Zarr once, where its file is slow to read by pixels, and read them from there.

    Files that are compressed frame by frame, and series of files, decode every frame for the spectrum of one pixel.
    The copy lies in the cache (`napari_xanes.io.cache_folder`); from then on `read` uses it by itself as long as the
    files are unchanged. Values are the same to the last bit. A copy that is interrupted leaves nothing.

    Parameters
    ----------
    stack : SpectralStack
        As `read` returned it. It is read again from its file.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.

    Returns
    -------
    SpectralStack
        The stack as it is in the file, with lazy data. A stack in memory is returned as it is.

    Raises
    ------
    OSError
        If a file changes meanwhile, or the copy can't be written: a full disk, or more than the limit of the cache.
    ValueError
        If steps changed the stack, or nothing says which files it comes from.

    Examples
    --------
    >>> stack = SpectralStack([[[1.0]]], [700.0])
    >>> working_copy(stack) is stack
    True
    """
    if not stack.is_lazy:
        return stack
    if stack.history or stack.source is None:
        raise ValueError(
            f"{stack.name!r} is not as it was read from a file, so it has no working copy; copy the stack that "
            "napari_xanes.read returns, or write this one: napari_xanes.write(stack, 'name.zarr')"
        )
    paths, keywords = stack.source.to_read()
    fresh = read(paths, memory_limit=0, **keywords)
    changed = f"{stack.name!r} is no longer what {fresh.source} holds; open the file again"
    if fresh.shape != stack.shape:
        raise ValueError(changed)
    if is_copied(fresh):
        return fresh
    identity = identity_of(fresh)
    if identity is None:
        raise ValueError(f"{fresh.source}: another program adds frames to it; make the copy when it is complete")
    if (known := identity_of(stack)) is None or known["files"] != identity["files"]:
        raise ValueError(changed)
    folder = folder_of(key_of(identity), fresh.name)
    make_room(sum(array.nbytes for array in lazy_arrays(fresh).values()))
    write_copy(fresh, identity, folder, progress)
    return with_copy(fresh)


def copy_if_slow(path: Path, *, progress: Progress | None = None, **reading: Any) -> bool:
    """Make a working copy of a stack that stays in its file because of its size, and is slow to read by pixels there.

    Parameters
    ----------
    path : Path
        File or folder.
    progress : callable, optional
        As of `working_copy`.
    **reading
        Keywords of `read`.

    Returns
    -------
    bool
        Whether `read` takes its frames from a copy now.

    Raises
    ------
    OSError, ValueError
        If it can't be read, or the copy can't be written.
    """
    stack = read(path, memory_limit=0, **reading)
    if is_copied(stack):
        return True
    if stack.data.nbytes <= MEMORY_LIMIT.get() or not is_slow_by_pixels(stack):
        return False
    return is_copied(working_copy(stack, progress=progress))
