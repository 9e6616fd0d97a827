"""The history of a value: the file that it was read from, and the steps since then.

Steps hold only plain values (numbers, text, lists, mappings), so that every file format can store a history without
loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]


def to_plain(value: Any) -> Plain:
    """Return a value as numbers, text, lists and mappings, ready for YAML or JSON.

    Objects with a method ``to_plain`` convert themselves.

    Parameters
    ----------
    value : object
        Number, text, path, sequence, mapping, array, or an object with ``to_plain``.

    Raises
    ------
    TypeError
        If the value can't be written as text.

    Examples
    --------
    >>> to_plain({"e0": np.float64(8343.0), "pre": (-60, -15)})
    {'e0': 8343.0, 'pre': [-60, -15]}
    """
    if hasattr(value, "to_plain"):
        return value.to_plain()  # type: ignore[no-any-return]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray) and value.dtype == bool and value.ndim == 2:
        return mask_to_plain(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()  # type: ignore[no-any-return]
    if isinstance(value, int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    raise TypeError(f"a recipe can't store a {type(value).__name__}: {value!r}")


def mask_to_plain(mask: np.ndarray) -> dict[str, Any]:
    """Return a boolean image as run lengths, which are few for brushed regions.

    Examples
    --------
    >>> mask_to_plain(np.array([[False, True, True]]))
    {'shape': [1, 3], 'runs': [1, 2]}
    """
    flat = np.asarray(mask, dtype=bool).ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    if flat.size and flat[0]:
        runs = [0, *runs]
    return {"shape": list(mask.shape), "runs": runs}


def mask_from_plain(plain: Mapping[str, Any]) -> np.ndarray:
    """Return the boolean image that `mask_to_plain` wrote; the runs alternate False, True, False ...

    Raises
    ------
    ValueError
        If the runs do not add up to the number of pixels.
    """
    height, width = (int(n) for n in plain["shape"])
    runs = np.asarray(plain["runs"], dtype=np.int64)
    if (runs < 0).any() or runs.sum() != height * width:
        raise ValueError(f"the mask's runs cover {runs.sum()} pixels, its shape {height} x {width}")
    values = np.arange(runs.size) % 2 == 1
    return np.repeat(values, runs).reshape(height, width)


@dataclass(frozen=True)
class Step:
    """One operation or estimator with its parameters, as given by the user and as carried out.

    Parameters
    ----------
    name : str
        Name in the registry of operations or estimators.
    parameters : mapping
        Parameters as the user gave them; the others have their defaults.
    state : mapping, optional
        Parameters that were estimated from the data when the step ran, such as an automatic E0. A step with a state
        is repeated exactly; without one, the state is estimated again.
    version : str, optional
        Version of napari-xanes that ran the step.

    Examples
    --------
    >>> Step("crop", {"energy": [8300, 8400]}).to_plain()
    {'crop': {'energy': [8300, 8400]}}
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ValueError(f"a step must have the name of an operation or estimator, not {self.name!r}")
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        if self.state is not None:
            object.__setattr__(self, "state", MappingProxyType(dict(self.state)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and self.to_plain(exact=True) == other.to_plain(exact=True)

    def __hash__(self) -> int:
        return hash(repr(self.to_plain(exact=True)))

    def to_plain(self, *, exact: bool = False) -> dict[str, Any]:
        """Return the step as plain values; with `exact`, also its state and version."""
        plain: dict[str, Any] = {self.name: to_plain(self.parameters)}
        if exact and self.state is not None:
            plain["state"] = to_plain(self.state)
        if exact and self.version is not None:
            plain["version"] = self.version
        return plain

    @classmethod
    def from_plain(cls, plain: Any) -> Step:
        """Return the step that `to_plain` wrote; ``"crop"`` alone is a step with its defaults.

        Raises
        ------
        ValueError
            If `plain` does not describe one step.
        """
        if isinstance(plain, str):
            return cls(plain)
        if not isinstance(plain, Mapping):
            raise ValueError(f"a step is written as 'name: {{parameters}}', not as {plain!r}")
        names = [key for key in plain if key not in ("state", "version")]
        if len(names) != 1:
            raise ValueError(f"a step names exactly one operation or estimator, this one has {names!r}")
        parameters = plain[names[0]]
        if parameters is not None and not isinstance(parameters, Mapping):
            raise ValueError(f"the parameters of {names[0]!r} must be a mapping, not {parameters!r}")
        return cls(names[0], parameters or {}, plain.get("state"), plain.get("version"))


@dataclass(frozen=True)
class Source:
    """File or folder that a value was read from.

    Parameters
    ----------
    path : str
        Absolute path at the time of reading.
    fingerprint : str, optional
        Content hash, prefixed by what was hashed (see `napari_xanes.io.fingerprint`).
    reading : mapping, optional
        Keywords of `napari_xanes.read` that were not the default, and ``files``: names of the files in the folder
        `path` that were read.
    notes : tuple of str
        Changes that reading made to the frames: sorted, averaged, dropped.

    Examples
    --------
    >>> Source("/data/scan.h5", reading={"select": "counter1"}).to_read()
    ('/data/scan.h5', {'select': 'counter1'})
    """

    path: str
    fingerprint: str | None = None
    reading: Mapping[str, Any] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "reading", MappingProxyType(dict(self.reading)))
        object.__setattr__(self, "notes", tuple(self.notes))

    def __str__(self) -> str:
        return self.path

    def to_read(self) -> tuple[str | list[str], dict[str, Any]]:
        """Return the path or paths and the keywords with which `napari_xanes.read` reads the source again."""
        keywords = dict(self.reading)
        names = keywords.pop("files", None)
        return ([str(Path(self.path) / name) for name in names] if names else self.path), keywords

    def to_plain(self) -> dict[str, Any]:
        """Return the source as a mapping."""
        plain = {"path": self.path, "fingerprint": self.fingerprint}
        optional = {"reading": to_plain(self.reading), "notes": list(self.notes)}
        return plain | {name: value for name, value in optional.items() if value}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any] | None) -> Source | None:
        """Return the source that `to_plain` wrote."""
        if plain is None:
            return None
        notes = tuple(map(str, plain.get("notes", ())))
        return cls(str(plain["path"]), plain.get("fingerprint"), plain.get("reading") or {}, notes)
