"""The arrays in an HDF5 file: names, shapes and types, without reading any values."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Hashable

import h5py

from napari_xanes.io.array_notes import MOST_ARRAYS, MOST_LEVELS, NUMBERS, FoundArray

_TELLING = re.compile(rb"flat|white|bright|open|bkg|dark|i0|izero|ener|eng|data|ima?g|^(io|ff)$", re.IGNORECASE)
"""Parts of names of arrays that may matter: asked of thousands of names."""

_MOST_NAMES = 10_000
"""Longer lists of names are cut short."""

_MOST_OPENED, _MOST_TELLING = 150, 250
"""Most groups and arrays that are opened, and most with those whose names say that they may matter; half of the others
in one group, so that one of many does not hide the rest."""


def key_of(item: h5py.h5d.DatasetID) -> Hashable:
    """Return what all names of an array share: its place in the file."""
    return int(h5py.h5o.get_info(item).addr)


def arrays_in(file: h5py.File) -> list[FoundArray]:
    """List the arrays of numbers in a file, level by level; links are not followed.

    Opening an array takes a tenth of a millisecond, a name a thousandth: so arrays with a name that says what they are
    come first where there are more than a list can have.
    """
    found: dict[Hashable, FoundArray] = {}
    pending = deque([("", file.id)])
    n_opened = n_left_out = 0
    while pending:
        prefix, group = pending.popleft()
        telling, others = _sorted_out(_names(group))
        chosen = telling[: max(0, _MOST_TELLING - n_opened)]
        chosen += others[: max(0, min(_MOST_OPENED // 2, _MOST_OPENED - n_opened - len(chosen)))]
        n_opened += len(chosen)
        n_left_out += len(telling) + len(others) - len(chosen)
        for name in chosen:
            item = _opened(group, name)
            path = f"{prefix}{_text(name)}"
            if isinstance(item, h5py.h5g.GroupID):
                if prefix.count("/") < MOST_LEVELS:
                    pending.append((f"{path}/", item))
            elif isinstance(item, h5py.h5d.DatasetID) and (array := _array(path, item)) is not None:
                if len(found) < MOST_ARRAYS:
                    found.setdefault(array.key, array)
                else:
                    n_left_out += 1
    rest = [FoundArray(f"{n_left_out} more", (), "", None, "not listed: too many")] if n_left_out else []
    return [*found.values(), *rest]


def _sorted_out(names: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return names that may matter, and the others."""
    telling: list[bytes] = []
    others: list[bytes] = []
    for name in names:
        (telling if _TELLING.search(name) else others).append(name)
    return telling, others


def _names(group: h5py.h5g.GroupID) -> list[bytes]:
    """Return the names in a group that are no links to other places."""
    names: list[bytes] = []

    def note(name: bytes, info: h5py.h5l.LinkInfo) -> bool:
        if info.type == h5py.h5l.TYPE_HARD:
            names.append(name)
        return len(names) >= _MOST_NAMES

    group.links.iterate(note, info=True)
    return names


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _opened(group: h5py.h5g.GroupID, name: bytes) -> h5py.h5o.ObjectID | None:
    """Open a group or array; None if it is damaged."""
    try:
        return h5py.h5o.open(group, name)
    except (OSError, ValueError, KeyError, RuntimeError):
        return None


def _array(name: str, item: h5py.h5d.DatasetID) -> FoundArray | None:
    """Return an array of numbers; None for a single number, texts and others.

    Values in other files are not asked for: their shape alone may open these files.
    """
    try:
        dtype = item.dtype
    except TypeError:  # a type that NumPy does not have
        return None
    if dtype.kind not in NUMBERS:
        return None
    properties = item.get_create_plist()
    if properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count():
        return FoundArray(name, (), dtype.name, key_of(item), "its values lie in other files, which are not followed")
    shape = item.shape
    return None if shape is None else FoundArray(name, tuple(shape), dtype.name, key_of(item))
