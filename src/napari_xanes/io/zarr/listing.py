"""The arrays in a Zarr store: names, shapes and types from their metadata files; zarr itself is not imported."""

from __future__ import annotations

import json
import os
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.array_notes import MOST_ARRAYS, MOST_LEVELS, FoundArray
from napari_xanes.io.files import inside, read_text

_MOST_FOLDERS = 1000
"""Of more folders no list is made: each takes a system call, and an array with folders of chunks has many."""

_METADATA_BYTES = 1 << 20


def arrays_in(root: Path) -> list[FoundArray]:
    """List the arrays of numbers in a store of Zarr 2 or 3, level by level; links out of the folder are not followed.

    Raises
    ------
    OSError
        If a folder can't be listed.
    """
    found: list[FoundArray] = []
    pending = deque([root])
    n_folders = 0
    while pending and len(found) < MOST_ARRAYS and n_folders < _MOST_FOLDERS:
        folder = pending.popleft()
        n_folders += 1
        metadata = _metadata(root, folder)
        if metadata is None or "shape" in metadata:
            array = None if metadata is None else _array(folder.relative_to(root).as_posix(), metadata)
            found += [] if array is None else [array]
        elif len(folder.relative_to(root).parts) < MOST_LEVELS:
            with os.scandir(folder) as items:
                pending.extend(sorted(folder / item.name for item in items if item.is_dir(follow_symlinks=False)))
    return found


def _metadata(root: Path, folder: Path) -> dict[str, Any] | None:
    """Return the metadata of an array, or an empty mapping for a group; None for a folder that is neither."""
    for name in ("zarr.json", ".zarray", ".zgroup"):
        file = folder / name
        if file.is_file() and inside(root, file):
            try:
                content = json.loads(read_text(file, limit=_METADATA_BYTES))
            except (OSError, ValueError, RecursionError):
                return None
            return content if isinstance(content, dict) else None
    return None


def _array(name: str, metadata: dict[str, Any]) -> FoundArray | None:
    """Return an array of numbers; None for others, and for what is damaged."""
    shape = metadata["shape"]
    try:
        dtype = np.dtype(str(metadata.get("data_type") or metadata.get("dtype")))
    except (TypeError, ValueError):
        return None
    if dtype.kind not in "fiubc" or not isinstance(shape, list) or not all(type(length) is int for length in shape):
        return None
    key = "" if name == "." else name
    return FoundArray(key or "the array", tuple(shape), dtype.name, key)
