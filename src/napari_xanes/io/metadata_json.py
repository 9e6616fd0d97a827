"""Metadata as JSON, with its arrays kept elsewhere: what a stack carries besides its data, written and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_xanes.history import Plain, Source, Step
from napari_xanes.spectrum import Spectrum

Keep = Callable[[str, Any], Plain]
"""Stores an array under a name and returns what finds it again."""

Fetch = Callable[[Any], Any]
"""Returns the array that a `Keep` stored."""


PROVENANCE = ("history", "source", "pixel_size", "metadata")
"""Names of what is kept of a stack or of maps besides the data."""


class NotWritable(TypeError):
    """The value is of a kind that no file can hold."""


def pack(value: Any, keep: Keep, name: str = "") -> Plain:
    """A value as JSON; arrays are handed to `keep`.

    Parameters
    ----------
    value : object
        Number, text, path, list, mapping, array, Spectrum, Step or Source, nested at will.
    keep : callable
        Stores an array.
    name : str
        What the value is called, for `keep`.

    Raises
    ------
    NotWritable
        If something in it is of another kind.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.generic):
        return value.item()  # type: ignore[no-any-return]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Spectrum):
        return {"__spectrum__": _spectrum_to_plain(value, keep, name)}
    if isinstance(value, Step):
        return {"__step__": value.to_plain(exact=True)}
    if isinstance(value, Source):
        return {"__source__": value.to_plain()}
    if isinstance(value, Mapping):
        return {str(key): pack(item, keep, f"{name}.{key}" if name else str(key)) for key, item in value.items()}
    if isinstance(value, tuple):
        return {"__tuple__": [pack(item, keep, f"{name}.{i}") for i, item in enumerate(value)]}
    if isinstance(value, list):
        return [pack(item, keep, f"{name}.{i}") for i, item in enumerate(value)]
    if hasattr(value, "dtype") and hasattr(value, "shape") and value.dtype.kind in "fiub":
        return {"__array__": keep(name, value)}
    raise NotWritable(f"{name}: a {type(value).__name__} can't be written")


def pack_mapping(values: Mapping[str, Any], keep: Keep) -> tuple[dict[str, Any], list[str]]:
    """A mapping as JSON, and the names of what could not be written."""
    packed: dict[str, Any] = {}
    lost = []
    for key, value in values.items():
        try:
            packed[key] = pack(value, keep, key)
        except NotWritable:
            lost.append(key)
    return packed, lost


def unpack(plain: Any, fetch: Fetch) -> Any:
    """The value that `pack` wrote."""
    if isinstance(plain, list):
        return [unpack(item, fetch) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if len(plain) == 1:
        kind, content = next(iter(plain.items()))
        if kind == "__array__":
            return fetch(content)
        if kind == "__tuple__":
            return tuple(unpack(item, fetch) for item in content)
        if kind == "__step__":
            return Step.from_plain(content)
        if kind == "__source__":
            return Source.from_plain(content)
        if kind == "__spectrum__":
            return Spectrum(**unpack(content, fetch))
    return {key: unpack(item, fetch) for key, item in plain.items()}


def _spectrum_to_plain(spectrum: Spectrum, keep: Keep, name: str) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "name": spectrum.name,
        "energy": spectrum.energy.tolist(),
        "mu": spectrum.mu.tolist(),
        "valence": spectrum.valence,
        "metadata": pack_mapping(spectrum.metadata, keep)[0],
    }
    if spectrum.sigma is not None:
        plain["sigma"] = spectrum.sigma.tolist()
    return plain


def keep_inline(name: str, array: Any) -> Plain:
    """Keeps a short array as a list beside its type.

    Raises
    ------
    NotWritable
        If the array is too large for text.
    """
    if array.size > 100_000:
        raise NotWritable(f"{name}: {array.size} numbers are too many for text")
    values = np.asarray(array)
    return {"dtype": values.dtype.str, "shape": list(values.shape), "values": values.ravel().tolist()}


def fetch_inline(plain: Any) -> Any:
    """The array that `keep_inline` kept."""
    if not isinstance(plain, dict):
        raise ValueError(f"an array is kept as a mapping, not as {plain!r}: the file is damaged")
    return parse_numbers(plain["values"], parse_dtype(plain["dtype"])).reshape(parse_shape(plain["shape"]))


def parse_provenance(notes: Mapping[str, Any], fetch: Fetch) -> dict[str, Any]:
    """Return history, source, pixel size and metadata as keyword arguments of a stack or of maps.

    Parameters
    ----------
    notes : mapping
        JSON values by the names in `PROVENANCE`.
    fetch : callable
        Returns the arrays of the metadata.

    Raises
    ------
    ValueError
        If a value is not of the kind that was written.
    """
    history, source, size = notes["history"], notes["source"], notes["pixel_size"]
    for name, kind in (("history", list), ("source", dict | None), ("pixel_size", list | None), ("metadata", dict)):
        if not isinstance(notes[name], kind):
            raise ValueError(f"the {name} is kept as {notes[name]!r}: the file is damaged")
    return {
        "history": tuple(Step.from_plain(step) for step in history),
        "source": Source.from_plain(source),
        "pixel_size": None if size is None else tuple(parse_numbers(size).tolist()),
        "metadata": unpack(notes["metadata"], fetch),
    }


def parse_shape(plain: Any) -> tuple[int, ...]:
    """Return a shape from JSON.

    Raises
    ------
    ValueError
        If it is no list of whole numbers.
    """
    if not isinstance(plain, list) or not all(isinstance(length, int) for length in plain):
        raise ValueError(f"{plain!r} is no shape: the file is damaged")
    return tuple(plain)


def parse_dtype(plain: Any) -> np.dtype[Any]:
    """Return a type of numbers from JSON.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return np.dtype(str(plain))
    except (TypeError, SyntaxError):  # NumPy's errors for a text that names no type
        raise ValueError(f"{plain!r} is no type of numbers: the file is damaged") from None


def parse_numbers(plain: Any, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return a list of numbers from JSON as an array.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return np.array(plain, dtype=dtype)
    except TypeError:  # NumPy's error for what is no number, such as None or a mapping
        raise ValueError(f"{str(plain)[:60]!r} are no numbers: the file is damaged") from None
