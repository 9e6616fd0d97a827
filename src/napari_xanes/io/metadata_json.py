"""Metadata as JSON, with its arrays kept elsewhere: what a stack carries besides its data, written and read back.

Longer than 300 lines because what writes a kind of value stands beside what reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_xanes.history import Plain, Source, Step
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.spectrum import Spectrum

_DTYPE = re.compile(r"[<>|=]?(?:f[248]|[iu][1248]|b1)")
"""What `numpy.dtype.str` gives for real numbers and booleans."""

Keep = Callable[[str, Any], Plain]
"""Stores an array under a name and returns what finds it again."""

Fetch = Callable[[Any], Any]
"""Returns the array that a `Keep` stored."""


_KINDS = ("__array__", "__tuple__", "__step__", "__source__", "__spectrum__", "__map__")
"""Keys that tell what a mapping with one key stands for."""

PROVENANCE = ("history", "source", "pixel_size", "metadata")
"""Names of what is kept of a stack or of maps besides the data."""


class NotWritable(TypeError):
    """The value is of a kind that no file can hold."""


def pack(value: Any, keep: Keep, name: str = "") -> Plain:
    """Return a value for JSON; arrays are passed to `keep`.

    Parameters
    ----------
    value : object
        Number, text, path, list, mapping, array, Spectrum, ParameterMap, Step or Source, nested at will.
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
    if isinstance(value, np.longdouble):
        return float(value)
    if isinstance(value, np.generic):
        return value.item()  # type: ignore[no-any-return]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Spectrum):
        return {"__spectrum__": _spectrum_to_plain(value, keep, name)}
    if isinstance(value, ParameterMap):
        return {"__map__": _map_to_plain(value, keep, name)}
    if isinstance(value, Step):
        return {"__step__": value.to_plain(exact=True)}
    if isinstance(value, Source):
        return {"__source__": value.to_plain()}
    if isinstance(value, Mapping):
        if len(value) == 1 and next(iter(value)) in _KINDS:
            raise NotWritable(f"{name}: {next(iter(value))!r} alone in a mapping has a meaning of its own")
        return {str(key): pack(item, keep, f"{name}.{key}" if name else str(key)) for key, item in value.items()}
    if isinstance(value, tuple):
        return {"__tuple__": [pack(item, keep, f"{name}.{i}") for i, item in enumerate(value)]}
    if isinstance(value, list):
        return [pack(item, keep, f"{name}.{i}") for i, item in enumerate(value)]
    if hasattr(value, "dtype") and hasattr(value, "shape") and value.dtype.kind in "fiub":
        return {"__array__": keep(name, value)}
    raise NotWritable(f"{name}: a {type(value).__name__} can't be written")


def pack_mapping(values: Mapping[str, Any], keep: Keep) -> tuple[dict[str, Any], list[str]]:
    """Return a mapping for JSON, and the names of values that can't be written."""
    packed: dict[str, Any] = {}
    lost_keys = []
    for key, value in values.items():
        try:
            packed[key] = pack(value, keep, key)
        except NotWritable:
            lost_keys.append(key)
    return packed, lost_keys


def unpack(plain: Any, fetch: Fetch) -> Any:
    """Return the value that `pack` wrote."""
    if isinstance(plain, list):
        return [unpack(item, fetch) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if len(plain) == 1:
        kind, content = next(iter(plain.items()))
        if kind == "__array__":
            return fetch(content)
        if kind == "__tuple__":
            return tuple(unpack(item, fetch) for item in expect(content, list, "a tuple"))
        if kind == "__step__":
            return _parse_step(content)
        if kind == "__source__":
            return _parse_source(content)
        if kind == "__spectrum__":
            return _parse_spectrum(content, fetch)
        if kind == "__map__":
            return _parse_map(content, fetch)
    return {key: unpack(item, fetch) for key, item in plain.items()}


def expect(value: Any, kind: Any, name: str) -> Any:
    """Return a value from JSON that must be of a kind.

    Parameters
    ----------
    value : object
        The value.
    kind : type or union of types
        What `isinstance` takes.
    name : str
        Name of the value, for the message.

    Raises
    ------
    ValueError
        If the value is of another kind.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {str(value)[:60]!r}: the file is damaged; copy it again")
    return value


def expect_mappings(value: Any, name: str) -> list[dict[str, Any]]:
    """Return a list of mappings from JSON; see `expect`."""
    return [expect(item, dict, f"an item of {name}") for item in expect(value, list, name)]


def _parse_step(plain: Any) -> Step:
    if isinstance(plain, dict):
        expect(plain.get("state"), dict | None, "the state of a step")
    return Step.from_plain(plain)


def _parse_source(plain: Any) -> Source | None:
    source = expect(plain, dict | None, "the source") or {}
    expect(source.get("reading"), dict | None, "how the source was read")
    expect(source.get("notes", []), list, "the notes of the source")
    return Source.from_plain(plain)


def _parse_spectrum(plain: Any, fetch: Fetch) -> Spectrum:
    plain = expect(plain, dict, "a spectrum")
    sigma = plain.get("sigma")
    return Spectrum(
        str(plain["name"]),
        parse_numbers(plain["energy"]),
        parse_numbers(plain["mu"]),
        expect(plain.get("valence"), int | float | None, "the valence"),
        None if sigma is None else parse_numbers(sigma),
        unpack(expect(plain.get("metadata", {}), dict, "the metadata of a spectrum"), fetch),
    )


def _map_to_plain(item: ParameterMap, keep: Keep, name: str) -> dict[str, Any]:
    return {
        "name": "",
        "unit": item.unit,
        "labels": None if item.labels is None else list(map(list, item.labels.items())),
        "companion": item.companion,
        "data": keep(name, item.data),
        "sigma": None if item.sigma is None else keep(f"{name}.sigma", item.sigma),
        "mask": keep(f"{name}.mask", item.mask),
    }


def _parse_map(plain: Any, fetch: Fetch) -> ParameterMap:
    notes = parse_map_notes(plain)
    data, mask = np.asarray(fetch(notes["data"])), np.asarray(fetch(notes["mask"]), dtype=bool)
    sigma = None if notes["sigma"] is None else np.asarray(fetch(notes["sigma"]))
    return ParameterMap(data, notes["unit"], sigma, mask, notes["labels"], notes["companion"])


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
        If the array is too large for text, or of a type that few programs know.
    """
    refuse_long_numbers(name, array)
    if array.size > 100_000:
        raise NotWritable(f"{name}: {array.size} numbers are too many for text")
    values = np.asarray(array)
    return {"dtype": values.dtype.str, "shape": list(values.shape), "values": values.ravel().tolist()}


def refuse_long_numbers(name: str, array: Any) -> None:
    """Refuse numbers of more than 64 bits (NumPy's longdouble), which text and Zarr can't hold.

    Raises
    ------
    NotWritable
        If the array has such.
    """
    if array.dtype.itemsize > 8:
        raise NotWritable(f"{name}: numbers of type {array.dtype} can't be written")


def fetch_inline(plain: Any) -> Any:
    """Return the array that `keep_inline` wrote."""
    plain = expect(plain, dict, "an array")
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
    size = expect(notes["pixel_size"], list | None, "the pixel size")
    return {
        "history": tuple(map(_parse_step, expect(notes["history"], list, "the history"))),
        "source": _parse_source(notes["source"]),
        "pixel_size": None if size is None else tuple(parse_numbers(size).ravel().tolist()),
        "metadata": {key: unpack(item, fetch) for key, item in expect(notes["metadata"], dict, "the metadata").items()},
    }


def parse_map_notes(plain: Any) -> dict[str, Any]:
    """Return name, unit, labels (None or a dict of int to str) and companion of a map from JSON; others as they are.

    Raises
    ------
    ValueError
        If one is not of the kind that was written.
    """
    notes: dict[str, Any] = expect(plain, dict, "a map")
    labels = expect(notes["labels"], list | None, "the labels of a map")
    pairs = [expect(pair, list, "a label of a map") for pair in labels or []]
    return notes | {
        "name": str(notes["name"]),
        "unit": str(notes["unit"]),
        "labels": None if labels is None else {int(str(label)): str(name) for label, name in pairs},
        "companion": expect(notes["companion"], str | None, "the companion of a map"),
    }


def parse_shape(plain: Any) -> tuple[int, ...]:
    """Return a shape from JSON.

    Raises
    ------
    ValueError
        If it is no list of whole numbers.
    """
    if not all(type(length) is int for length in expect(plain, list, "a shape")):
        raise ValueError(f"a shape is {plain!r}: the file is damaged; copy it again")
    return tuple(plain)


def parse_dtype(plain: Any) -> np.dtype[Any]:
    """Return a type of numbers from JSON.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not _DTYPE.fullmatch(str(plain)):
        raise ValueError(f"{plain!r} is no type of numbers: the file is damaged; copy it again")
    return np.dtype(str(plain))


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
        raise ValueError(f"{str(plain)[:60]!r} are no numbers: the file is damaged; copy it again") from None
