"""The history of a value: the file that it was read from, and the steps since then.

Steps hold only plain values (numbers, text, lists, mappings), so that every file format can store a history without
loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.field_mapping import FrozenMapping
from napari_xanes.run_lengths import MASK_AXES, mask_to_plain

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]

MAX_DEPTH = 60
"""Most levels of lists and mappings in a plain value: every reader and Python itself can take them."""

_BESIDE_THE_NAME = ("state", "version", "files")
"""Keys of a written step that are not its name."""

READ_KEYWORDS = (
    "energies", "select", "repeat", "quantity", "energy_unit", "pixel_size", "exposure", "absorber"
)  # fmt: skip
"""Keywords of `napari_xanes.read` that say which values are read; a source keeps them."""


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
    ValueError
        If lists and mappings are nested more than `MAX_DEPTH` levels deep, or contain themselves.

    Examples
    --------
    >>> to_plain({"e0": np.float64(8343.0), "pre": (-60, -15)})
    {'e0': 8343.0, 'pre': [-60, -15]}
    """
    return _to_plain(value, 0)


def _to_plain(value: Any, depth: int) -> Plain:
    if depth > MAX_DEPTH:
        raise ValueError(
            f"a recipe can't store lists and mappings that nest more than {MAX_DEPTH} levels deep; give flatter ones"
        )
    if hasattr(value, "to_plain"):
        return value.to_plain()  # type: ignore[no-any-return]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | Path):
        return str(value)  # also of NumPy's texts, whose repr is no literal
    if isinstance(value, np.ndarray) and value.dtype == bool and value.ndim in MASK_AXES:
        return mask_to_plain(value)
    if isinstance(value, np.generic | np.ndarray):
        return _numbers_to_plain(value, depth)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_plain(item, depth + 1) for item in value]
    raise TypeError(f"a recipe can't store a {type(value).__name__}: {value!r}")


def _numbers_to_plain(value: np.generic | NDArray[Any], depth: int) -> Plain:
    """Return numbers of NumPy, or what else an array holds."""
    if value.dtype.kind in "biu":
        return value.tolist()  # type: ignore[no-any-return]
    if value.dtype.kind == "f":  # of more than 64 bits, too, which have no plain number
        return value.astype(np.float64).tolist()
    if value.dtype.kind not in "UO":
        raise TypeError(f"a recipe can't store values of type {value.dtype}: {str(value)[:60]}")
    return _to_plain(value.tolist(), depth)


def literal(value: Any) -> str:
    """Return a value as Python source: literals, and ``float("nan")`` or the like, which have none.

    Text from a file stays text, whatever quotes, line breaks or code it contains.

    Examples
    --------
    >>> print(literal({"name": "it's", "mu": (0.5, float("inf"))}))
    {'name': "it's", 'mu': [0.5, float('inf')]}
    """
    return _literal(to_plain(value))


def _literal(plain: Any) -> str:
    if isinstance(plain, dict):
        return "{" + ", ".join(f"{key!r}: {_literal(item)}" for key, item in plain.items()) + "}"
    if isinstance(plain, list):
        return "[" + ", ".join(map(_literal, plain)) + "]"
    if isinstance(plain, float) and not np.isfinite(plain):
        return f"float({str(plain)!r})"
    return repr(plain)


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
    files : mapping of str to str, optional
        Content hashes of the files that the step read, by path.

    Examples
    --------
    >>> Step("crop", {"energy": [8300, 8400]}).to_plain()
    {'crop': {'energy': [8300, 8400]}}
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    version: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ValueError(f"a step must have the name of an operation or estimator, not {self.name!r}")
        object.__setattr__(self, "parameters", FrozenMapping(self.parameters))
        object.__setattr__(self, "files", FrozenMapping(self.files))
        if self.state is not None:
            object.__setattr__(self, "state", FrozenMapping(self.state))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and self.to_plain(exact=True) == other.to_plain(exact=True)

    def __hash__(self) -> int:
        return hash(repr(self.to_plain(exact=True)))

    def to_plain(self, *, exact: bool = False) -> dict[str, Any]:
        """Return the step as plain values; with `exact`, also its state, version and the hashes of its files."""
        plain: dict[str, Any] = {self.name: to_plain(self.parameters)}
        if exact and self.state is not None:
            plain["state"] = to_plain(self.state)
        if exact and self.version is not None:
            plain["version"] = self.version
        if exact and self.files:
            plain["files"] = to_plain(self.files)
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
        names = [key for key in plain if key not in _BESIDE_THE_NAME]
        if len(names) != 1:
            raise ValueError(f"a step names exactly one operation or estimator, this one has {names!r}")
        parameters = plain[names[0]]
        if parameters is not None and not isinstance(parameters, Mapping):
            raise ValueError(f"the parameters of {names[0]!r} must be a mapping, not {parameters!r}")
        state, version = plain.get("state"), plain.get("version")
        if not isinstance(state, Mapping | None):
            raise ValueError(f"the state of {names[0]!r} must be a mapping, not {str(state)[:60]!r}")
        files = plain.get("files") or {}
        if not isinstance(files, Mapping) or not all(isinstance(text, str) for pair in files.items() for text in pair):
            raise ValueError(f"the files of {names[0]!r} must be paths with content hashes, not {str(files)[:60]!r}")
        if any("\0" in path for path in files):
            raise ValueError(f"the files of {names[0]!r} must be paths; a path can't hold a null character")
        return cls(names[0], parameters or {}, state, None if version is None else str(version), files)


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
        object.__setattr__(self, "reading", FrozenMapping(self.reading))
        object.__setattr__(self, "notes", tuple(self.notes))

    def __str__(self) -> str:
        return self.path

    def to_read(self) -> tuple[str | list[str], dict[str, Any]]:
        """Return the path or paths and the keywords with which `napari_xanes.read` reads the source again.

        Raises
        ------
        ValueError
            If the source, which may come from a file, names other keywords, or files outside its folder.
        """
        keywords = dict(self.reading)
        names = keywords.pop("files", None)
        unknown = sorted(str(name) for name in keywords if name not in READ_KEYWORDS)
        if unknown:
            raise ValueError(f"{self.path!r} was read with {unknown[0]!r}, which is no keyword of read")
        if not names:
            return self.path, keywords
        if not isinstance(names, list | tuple) or not all(isinstance(n, str) and _stays_inside(n) for n in names):
            raise ValueError(f"the files of {self.path!r} are not names in this folder: {str(names)[:200]!r}")
        return [str(Path(self.path) / name) for name in names], keywords

    def to_plain(self) -> dict[str, Any]:
        """Return the source as a mapping."""
        plain = {"path": self.path, "fingerprint": self.fingerprint}
        optional = {"reading": to_plain(self.reading), "notes": list(self.notes)}
        return plain | {name: value for name, value in optional.items() if value}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any] | None) -> Source | None:
        """Return the source that `to_plain` wrote.

        Raises
        ------
        ValueError
            If what it says of the reading is not a mapping.
        """
        if plain is None:
            return None
        if not isinstance(plain.get("reading") or {}, Mapping):
            raise ValueError(f"how {plain['path']!r} was read is a mapping, not {str(plain['reading'])[:60]!r}")
        notes = tuple(map(str, plain.get("notes", ())))
        return cls(str(plain["path"]), plain.get("fingerprint"), plain.get("reading") or {}, notes)


def _stays_inside(name: str) -> bool:
    """Whether a relative path stays in its folder, by the rules of Windows too."""
    return not any(path.anchor or ".." in path.parts for path in (PurePath(name), PureWindowsPath(name)))
