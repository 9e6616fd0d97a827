"""The arrays in files that a lazy stack is read from: their states, and what they decode at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from inspect import isfunction
from math import prod
from typing import Any

import numpy as np

from napari_xanes.io.unchanged import FileState
from napari_xanes.on_demand import Made, array_behind

MOST_PIXELS = 1 << 18
"""A layout that decodes so many pixels of each frame for the spectrum of one is slow for spectra: 512 x 512. Copies of
ours decode 128 x 128."""
_LONG = 500


def sources_of(data: Any) -> list[Any]:
    """Return the arrays in files that a lazy array is made of; none of an array in memory.

    Each has `piece`, the shape of what is decoded as a whole. All readers give such arrays to dask.

    Parameters
    ----------
    data : numpy or dask array
        Of a stack.
    """
    if not hasattr(data, "__dask_graph__"):
        return []
    found: dict[int, Any] = {}
    for layer in data.__dask_graph__().layers.values():
        for value in dict(layer).values() if type(layer).__name__ == "MaterializedLayer" else ():
            source = getattr(value, "value", value)  # dask wraps constants in nodes
            if isinstance(source, Made):
                found |= {id(behind): behind for behind in sources_of(source.source)}
            elif hasattr(source, "piece"):
                found[id(source)] = source
    return list(found.values())


def pixels_at_once(data: Any) -> int:
    """Return how many pixels of a frame must be decoded to read one of them; 0 of an array in memory.

    Examples
    --------
    >>> pixels_at_once([[1.0]])
    0
    """
    return max((prod(source.piece[1:]) for source in sources_of(data)), default=0)


def states_of(data: Any) -> list[FileState] | None:
    """Return the states of all files that a lazy array is read from, as they were when it was opened.

    None if a source does not know them, or if its file grows: then nobody could tell that it has changed.

    Parameters
    ----------
    data : dask array
        Of a stack.
    """
    states: dict[Any, FileState] = {}
    for source in sources_of(data):
        found = list(_states_of_source(source))
        grows = bool(getattr(source, "ends", None))
        if grows or not found:
            return None
        states |= {state.path: state for state in found}
    return [states[path] for path in sorted(states)] if states else None


def _states_of_source(source: Any) -> Iterator[FileState]:
    if hasattr(source, "state"):
        yield source.state
    elif hasattr(source, "parts"):
        for load in source.parts:
            yield from _states_in(load)
    elif hasattr(source, "file_states"):
        yield from source.file_states()


def _states_in(value: Any) -> Iterator[FileState]:
    """Yield the states that a function was bound to, at any depth."""
    return (bound for bound in _bound_to(value) if isinstance(bound, FileState))


def _bound_to(value: Any) -> Iterator[Any]:
    """Yield a function and what it was bound to, at any depth."""
    if isinstance(value, partial):
        value = (value.func, *value.args, *value.keywords.values())
    if isinstance(value, tuple | list) and not isinstance(value, FileState):
        for item in value:
            yield from _bound_to(item)
    else:
        yield value


def origin_of_frame(data: Any, frame: int) -> str | None:
    """Return which files one frame of a lazy array is read from, and what is done to them.

    None if nothing tells: frames that lie in one file, or that a step changed. A function that reads a frame from
    elsewhere (a server) tells by its attribute `origin`.

    Parameters
    ----------
    data : dask array, shape (E, ...) or (1, ...)
        Frames, or flats; one for all is that of each frame.
    frame : int
        Number of the frame.
    """
    parts = getattr(array_behind(data), "parts", None)
    if parts is None:
        return None
    load = parts[frame if len(parts) > 1 else 0]
    bound = list(_bound_to(load))
    states = {(str(one.path), one.size, one.mtime_ns, one.inode): None for one in bound if isinstance(one, FileState)}
    # A repeat of another frame may change the type of all and how often they are checked, but not their values.
    words = [_in_words(one) for one in bound if not isinstance(one, np.dtype) and not _is_check(one)]
    is_told = bool(states) or any(hasattr(one, "origin") for one in bound)
    return f"{' '.join(words)} {list(states)}" if is_told else None


def _is_check(value: Any) -> bool:
    """Whether something bound to a function only checks that a file is unchanged."""
    return bool(getattr(value, "__module__", "") == FileState.__module__)


def names_of(data: Any) -> list[str]:
    """Return what tells the arrays of a file apart: names, order of axes, where they begin, numbers bound to them.

    Parameters
    ----------
    data : dask array
        Of a stack.
    """
    told = ("name", "order", "offset", "shape", "dtype", "parts")
    return sorted(
        " ".join(f"{key}={_in_words(getattr(source, key))}" for key in told if hasattr(source, key))
        for source in sources_of(data)
    )


def _in_words(value: Any) -> str:
    """Return a value as text, without what differs between two processes; long texts as a hash."""
    if isinstance(value, partial):
        value = (value.func, *value.args, *value.keywords.items())
    if isinstance(value, tuple | list):
        text = f"({', '.join(map(_in_words, value))})"
    elif isinstance(value, FileState):
        text = str(value.path)
    elif hasattr(value, "origin"):
        text = str(value.origin)
    elif hasattr(value, "tobytes"):
        text = sha256(value.tobytes()).hexdigest()
    else:
        text = f"{value.__module__}.{value.__qualname__}" if isfunction(value) else str(value)
    return text if len(text) < _LONG else sha256(text.encode("utf-8", "replace")).hexdigest()
