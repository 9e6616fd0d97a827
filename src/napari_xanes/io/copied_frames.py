"""Working copies: the frames of a stack whose file is slow to read by pixels, once more in Zarr, and used from then on.

A copy belongs to one state of its source: path, size, time and number (inode) of each file that the frames come from,
which of several stacks, and how it was read. `read` takes the frames from the copy, everything else from the source.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_xanes.history import to_plain
from napari_xanes.io import frames
from napari_xanes.io.copy_cache import MARK, folder_of, is_declined, key_of, was_used
from napari_xanes.io.lazy_sources import MOST_PIXELS, names_of, pixels_at_once, sources_of, states_of
from napari_xanes.io.read_errors import DAMAGE_ERRORS
from napari_xanes.io.unchanged import FileState
from napari_xanes.progress import Progress, part
from napari_xanes.saving.folders import replacing_folder
from napari_xanes.stack import SpectralStack

logger = logging.getLogger(__name__)

_FRAMES = ""
"""Name of the frames among the arrays of a copy; the others have that of their metadata."""


class _CopiedArray:
    """An array of a working copy, for dask. It is read only while its source is as it was.

    Parameters
    ----------
    stored : StoredArray
        The array of the copy.
    source : str
        What it is a copy of.
    states : list of FileState
        The files of the source.
    """

    def __init__(self, stored: Any, source: str, states: list[FileState]) -> None:
        self.stored, self.source, self.states = stored, source, states
        self.shape, self.dtype, self.ndim, self.piece = stored.shape, stored.dtype, stored.ndim, stored.piece
        self.array = stored.array

    def __getitem__(self, index: Any) -> Any:
        for state in self.states:
            state.check()
        try:
            return self.stored[index]
        except DAMAGE_ERRORS as error:
            raise OSError(
                f"{error}. It belongs to the working copy of {self.source}, which was removed or is damaged: "
                "remove all by napari-xanes cache --empty, and open the file again"
            ) from error


def is_slow_by_pixels(stack: SpectralStack) -> bool:
    """Return whether a stack is read from files in which each spectrum costs whole frames, so that a copy pays.

    False of stacks in memory, of those that steps changed since they were read, of files that another program adds
    frames to, and of those whose user wants no copy.

    Parameters
    ----------
    stack : SpectralStack
        As `read` returns it.
    """
    return not stack.history and has_slow_source(stack)


def has_slow_source(stack: SpectralStack) -> bool:
    """Return the same as `is_slow_by_pixels`, also of a stack whose steps are carried out when it is read."""
    if stack.source is None or pixels_at_once(stack.data) < MOST_PIXELS:
        return False
    key = source_key(stack)
    return key is not None and not is_declined(key)


def source_key(stack: SpectralStack) -> str | None:
    """Return what tells the files of a lazy stack, as they are now, from others; None if nothing does.

    A stack that steps changed since it was read has the key of the stack that was read.
    """
    states = states_of(stack.data)
    if states is None or stack.source is None:
        return None
    files = [_plain(state) for state in states]
    if not _is_source_of(Path(stack.source.path), files):
        return None
    return key_of({"files": files, "reading": to_plain(stack.source.reading)})


def with_copy(stack: SpectralStack) -> SpectralStack:
    """Return a stack with the frames of its working copy, if there is one that fits; otherwise as it is.

    Parameters
    ----------
    stack : SpectralStack
        As a reader returned it.
    """
    if not stack.is_lazy or stack.source is None or stack.history or is_copied(stack):
        return stack
    identity = identity_of(stack)
    folder = None if identity is None else folder_of(key_of(identity), stack.name)
    if folder is None or not folder.is_dir():
        return stack
    try:
        copied = _open(folder, identity, stack)
    except DAMAGE_ERRORS as error:
        logger.warning("the working copy %s is not used, it is damaged: %s", folder, error)
        return stack
    if copied is None:
        return stack
    was_used(folder)
    lazy = {name: array for name, array in copied.items() if name}
    return stack.with_data(copied[_FRAMES], metadata={**stack.metadata, **lazy})


def is_copied(stack: SpectralStack) -> bool:
    """Return whether the frames of a stack are read from a working copy."""
    return any(isinstance(source, _CopiedArray) for source in sources_of(stack.data))


def lazy_arrays(stack: SpectralStack) -> dict[str, Any]:
    """Return the frames and the lazy metadata, such as flats, by name."""
    metadata = {name: value for name, value in stack.metadata.items() if hasattr(value, "__dask_graph__")}
    return {_FRAMES: stack.data, **metadata}


def _about(array: Any) -> dict[str, Any] | None:
    """Return what tells a lazy array from others, as plain values; None if nothing tells whether it changes."""
    states = states_of(array)
    if states is None:
        return None
    return {
        "files": [_plain(state) for state in states],
        "arrays": names_of(array),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
    }


def _plain(state: FileState) -> list[Any]:
    return [str(state.path), state.size, state.mtime_ns, state.inode]


def identity_of(stack: SpectralStack) -> dict[str, Any] | None:
    """Return what tells the frames of a stack from those of others, as plain values."""
    from napari_xanes.version import __version__

    about = _about(stack.data)
    if about is None or stack.source is None or not _is_source_of(Path(stack.source.path), about["files"]):
        return None
    return about | {
        "version": __version__,
        "fingerprint": "" if Path(stack.source.path).is_dir() else stack.source.fingerprint,
        "reading": to_plain(stack.source.reading),
        "notes": list(stack.source.notes),
        "energy": hashlib.sha256(stack.energy.tobytes()).hexdigest(),
    }


def _is_source_of(source: Path, files: list[list[Any]]) -> bool:
    """Whether files are those of a source; those of a file that we wrote of it are not."""
    folders = {Path(os.path.realpath(Path(path).parent)) for path, *_ in files}
    if len(files) == 1 and files[0][0] != str(source) and not source.is_dir():
        return False
    return all(folder == source.parent or folder.is_relative_to(source) for folder in folders)


def write_copy(stack: SpectralStack, identity: Mapping[str, Any], folder: Path, progress: Progress | None) -> None:
    """Write the lazy arrays of a stack as a working copy; the folder appears whole or not at all.

    Parameters
    ----------
    stack : SpectralStack
        As a reader returned it.
    identity : mapping
        Of `identity_of`.
    folder : Path
        Of `copy_cache.folder_of`.
    progress : callable or None
        Called with the fraction done and a message; it may raise `Cancelled`.

    Raises
    ------
    OSError
        If it can't be written, or the source changes meanwhile.
    """
    from napari_xanes.io.zarr.store import created
    from napari_xanes.io.zarr.writer import write_array

    assert stack.source is not None
    arrays = {name: (array, _about(array)) for name, array in lazy_arrays(stack).items()}
    kept = {name: (array, about) for name, (array, about) in arrays.items() if about is not None}
    total = sum(array.nbytes for array, _ in kept.values())
    with replacing_folder(folder) as draft:
        root, done = created(draft), 0
        for number, (array, _) in enumerate(kept.values()):
            axes = ["energy", *"zyx"[-array.ndim + 1 :]]
            within = part(progress, done / total, (done + array.nbytes) / total)
            write_array(root, str(number), array, axes, within)
            done += array.nbytes
        files = {tuple(file) for _, about in kept.values() for file in about["files"]}
        root.attrs[MARK] = {
            "source": stack.source.path,
            "files": sorted(map(list, files)),
            "identity": dict(identity),
            "arrays": {name: {"number": str(n), **about} for n, (name, (_, about)) in enumerate(kept.items())},
        }


def _open(folder: Path, identity: Mapping[str, Any] | None, stack: SpectralStack) -> dict[str, Any] | None:
    """Return the lazy arrays of a copy that are the same as those of a stack; None if its frames are not."""
    from napari_xanes.io.zarr.arrays import checked, load
    from napari_xanes.io.zarr.nodes import attributes, child
    from napari_xanes.io.zarr.store import open_store

    root = open_store(folder)
    note = attributes(root)[MARK]
    if note["identity"] != identity:
        return None
    token, copied = frames.MEMORY_LIMIT.set(0), {}
    try:
        for name, array in lazy_arrays(stack).items():
            kept = note["arrays"].get(name)
            if kept is None or {key: value for key, value in kept.items() if key != "number"} != _about(array):
                continue
            stored = checked(child(root, kept["number"]), folder, complete=True)
            copied[name] = load(stored, _CopiedArray(stored, str(stack.source), states_of(array) or []))
    finally:
        frames.MEMORY_LIMIT.reset(token)
    return copied if _FRAMES in copied else None
