"""The formats of files: each kind of reader and the writer, as the registry holds them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from inspect import signature
from pathlib import Path
from time import perf_counter
from typing import Any, get_type_hints

from napari_xanes.history import to_plain
from napari_xanes.io import ways_out
from napari_xanes.io.array_notes import noting_arrays
from napari_xanes.io.column_choice import NOTHING, Choice
from napari_xanes.io.contents import note_contents
from napari_xanes.io.facts import NO_FACTS, Facts
from napari_xanes.io.files import fingerprint
from napari_xanes.io.live_files import live_warnings, noting_live_files
from napari_xanes.io.raw_stack import finalize
from napari_xanes.io.read_errors import wrap_read_errors
from napari_xanes.io.unchanged import read_once
from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_log = logging.getLogger(__name__)

_KINDS: dict[Any, str] = {SpectralStack: "stack", MapSet: "maps", list[Spectrum]: "spectra"}
"""Names of the kinds of values that can be written, by their types."""


@dataclass(frozen=True)
class Format:
    """What all formats have that can be read.

    Parameters
    ----------
    name : str
        Name of the format in code.
    title : str
        Name of the format for people.
    patterns : tuple of str
        Usual file names, for file dialogs and messages. A format is recognised by content, never by the name.
    check : callable
        ``check(path)`` gives one line why the file is not of this format, or None if it is. It may also take
        ``energies``.
    function : callable
        ``function(path, ...)`` reads the file. Its parameters say what the format can do; see `Reader`.
    folders : bool
        Whether a folder can be of this format.
    """

    name: str
    title: str
    patterns: tuple[str, ...]
    check: Callable[..., str | None]
    function: Callable[..., Any]
    folders: bool = False

    @property
    def module(self) -> str:
        """Name of the module that declares the format."""
        return self.function.__module__

    def name_matches(self, path: Path) -> bool:
        """Whether files of this format usually have such a name."""
        if path.is_dir():
            return self.folders
        return any(fnmatch(path.name.lower(), pattern) for pattern in self.patterns)

    def why_not_readable(self, path: str | Path, *, energies: Any = None) -> str | None:
        """Return one line why the file is not of this format, or None if it is.

        A file of this format that can't be used (a focus scan, a wrong number of energies) gives None too: `read` then
        says what is wrong with the file.

        Raises
        ------
        OSError
            If the file does not exist or can't be opened.
        """
        path = path if isinstance(path, Path) else Path(path)
        if not self.folders and path.is_dir():
            return "a folder, not a file"
        with wrap_read_errors(path):
            return self.check(path, **_accepted(self.check, energies=energies))


@dataclass(frozen=True)
class Reader(Format):
    """A format that stacks are read from.

    Its function returns a `RawStack`. Besides the path the function may take

    - ``energies``: those that the caller gave, if it reads the file in another way then;
    - ``select``: which of several stacks in a file;
    - ``repeat``: which of several frames of one energy, if the function groups frames itself;
    - ``files``: of a folder only these; then several files, one energy each, make one stack.
    """

    @property
    def can_select(self) -> bool:
        """Whether one file can hold several stacks."""
        return "select" in _parameters_of(self.function)

    @property
    def is_series(self) -> bool:
        """Whether several files, one energy each, make one stack."""
        return "files" in _parameters_of(self.function)

    def read(
        self,
        path: str | Path,
        *,
        energies: Any = None,
        facts: Facts = NO_FACTS,
        select: str | int | None = None,
        repeat: int | None = None,
        files: Sequence[Path] | None = None,
    ) -> SpectralStack:
        """Read the stack in a file of this format.

        Parameters
        ----------
        path : path
            The file or folder.
        energies : array_like of eV, or path of a text file, optional
            Replaces the energies of the file.
        facts : Facts
            Replace what the file says and what was guessed.
        select : str or int, optional
            Which of several stacks, by its name or its number in ``metadata["available"]``.
        repeat : int, optional
            Which of several frames of one energy, from 1; their mean by default.
        files : sequence of path, optional
            Of the folder `path` only these, if the format is a series.

        Raises
        ------
        OSError
            If the file can't be read or is cut short.
        ValueError
            If the file holds no stack, or there is nothing to select; the message names the file.
        """
        # A lazy stack is read later, perhaps when the program has changed to another folder.
        path, files = Path(path).absolute(), None if files is None else [file.absolute() for file in files]
        if select is not None and not self.can_select:
            raise ValueError(f"{path}: a {self.title} file holds one stack, nothing to select; leave select out")
        if files is not None and not self.is_series:
            raise ValueError(f"{path}: a {self.title} stack is one file; open the files one by one")
        if repeat is not None and repeat < 1:
            raise ValueError(f"{path}: repeat={repeat}: repeats count from 1; leave it out for their mean")
        start = perf_counter()
        with wrap_read_errors(path), noting_live_files() as live, noting_arrays() as arrays, read_once(path, live):
            arguments = {"energies": energies, "select": select, "repeat": repeat, "files": files}
            raw = self.function(path, **_accepted(self.function, **arguments))
            raw.warnings = [*raw.warnings, *live_warnings(live)]
            note_contents(raw, arrays, energies_given=energies is not None)
            reading = _recorded(path, {**arguments, **facts.to_plain()})
            stack = finalize(path, raw, self.title, energies=energies, facts=facts, repeat=repeat, reading=reading)
        _log.debug("%s: read as %s, shape %s, in %.3f s", path, self.name, stack.shape, perf_counter() - start)
        return stack


def _recorded(path: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return how a file was read, as plain values for the source of the stack."""
    recorded = {name: value for name, value in arguments.items() if value is not None}
    if isinstance(recorded.get("energies"), str | Path):
        recorded["energies"] = Path(recorded["energies"]).resolve()
    if "files" in recorded:
        recorded["files"] = [file.resolve().relative_to(path.resolve()) for file in recorded["files"]]
    return {name: to_plain(value) for name, value in recorded.items()}


@dataclass(frozen=True)
class SpectraReader(Format):
    """A format that spectra are read from; its function returns a list of `Spectrum`.

    Besides the path the function may take ``choice``: the columns, mode and scan that the user chose.
    """

    def read(self, path: str | Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
        """Read the spectra in a file of this format; their metadata keep the content hash of the file.

        Parameters
        ----------
        path : path
            The file.
        choice : Choice
            Columns, mode and scan that the user chose.

        Raises
        ------
        OSError
            If the file can't be read.
        ValueError
            If the file holds no spectrum or nothing to choose; the message names the file.
        """
        arguments = _accepted(self.function, choice=choice)
        if not arguments and (given := choice.to_plain()):
            raise ValueError(f"{path}: {self.title} has no columns to choose; leave {', '.join(given)} out")
        with wrap_read_errors(Path(path)), read_once(Path(path)):
            spectra: list[Spectrum] = self.function(Path(path), **arguments)
            if not spectra:
                raise ValueError(f"the file holds no spectrum; {ways_out.WRITE_COLUMNS}")
            content = fingerprint(path)
        return [spectrum.read_from_file(content) for spectrum in spectra]


@dataclass(frozen=True)
class MapsReader(Format):
    """A format that parameter maps are read from; its function returns a `MapSet`."""

    def read(self, path: str | Path) -> MapSet:
        """Read the maps in a file of this format.

        Raises
        ------
        OSError
            If the file can't be read.
        ValueError
            If the file is damaged; the message names the file.
        """
        with wrap_read_errors(Path(path)):
            return self.function(Path(path))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Writer:
    """A format that values of one kind are written to.

    Parameters
    ----------
    name : str
        Name of the format in code.
    title : str
        Name of the format for people.
    suffixes : tuple of str
        Ends of file names, lower case, with the dot.
    function : callable
        ``function(value, path)`` writes the file; an existing file stays intact on failure. The annotation of `value`
        (SpectralStack, MapSet or list[Spectrum]) says what can be written.
    layout : str, optional
        The ``layout`` that asks for this format; without one the suffix decides.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    function: Callable[[Any, Path], None]
    layout: str | None = None

    @property
    def module(self) -> str:
        """Name of the module that declares the format."""
        return self.function.__module__

    @property
    def kind(self) -> str:
        """What can be written: "stack", "maps" or "spectra"."""
        value = _parameters_of(self.function)[0]
        return _KINDS[get_type_hints(self.function)[value]]

    def write(self, value: Any, path: Path) -> None:
        """Write a value of this kind; an existing file stays intact on failure."""
        self.function(value, path)


def kind_of(value: Any) -> str:
    """Return the kind of a value as writers name it: "stack", "maps" or "spectra".

    Raises
    ------
    TypeError
        If the value is of no such kind.
    """
    if isinstance(value, SpectralStack):
        return "stack"
    if isinstance(value, MapSet):
        return "maps"
    if isinstance(value, Spectrum):
        return "spectra"
    if isinstance(value, list | tuple) and value and all(isinstance(item, Spectrum) for item in value):
        return "spectra"
    raise TypeError(f"a stack, a set of maps, a spectrum or a list of spectra can be written, not {value!r}")


@cache
def _parameters_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's parameters; thousands of files may be asked about."""
    return tuple(signature(function).parameters)


def _accepted(function: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """Return those of the arguments that a function has parameters for."""
    return {name: value for name, value in arguments.items() if name in _parameters_of(function)}
