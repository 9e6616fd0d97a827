"""What a reader and a writer are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from napari_xanes.history import to_plain
from napari_xanes.io.frames import REPEAT
from napari_xanes.io.raw_stack import RawStack, finalize
from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import Quantity, SpectralStack


@dataclass(frozen=True)
class Reader:
    """A format that stacks are read from.

    Parameters
    ----------
    name : str
        What the format is called in code.
    home : str
        Module of this package that does it: ``why_not_readable(path, energies)`` and ``read(path, energies)``,
        the latter returning `RawStack`.
    title : str
        What people call the format.
    patterns : tuple of str
        File names that such files usually have, for file dialogs. Recognised they are by content.
    directories : bool
        Whether a folder can be one.
    selects : bool
        Whether one file can hold several stacks: then ``read`` takes ``select=`` too.
    series : bool
        Whether several files, one energy each, make one stack: then ``read`` takes ``files=`` too.
    """

    name: str
    home: str
    title: str
    patterns: tuple[str, ...]
    directories: bool = False
    selects: bool = False
    series: bool = False

    def _module(self) -> ModuleType:
        return import_module(f"napari_xanes.io.{self.home}")

    def name_matches(self, path: Path) -> bool:
        """Whether files of this format usually have such a name."""
        return path.is_dir() if self.directories and path.is_dir() else _matches(path, self.patterns)

    def why_not_readable(self, path: str | Path, *, energies: Any = None) -> str | None:
        """One line why the file is not of this format, None if it is.

        A file that is of this format but can't be used (a focus scan, a wrong number of energies) is not declined:
        `read` says what is wrong with it.

        Raises
        ------
        OSError
            If the file does not exist or can't be opened.
        """
        path = Path(path)
        if path.is_dir() and not self.directories:
            return "a folder, not a file"
        with wrap_read_errors(path):
            reason: str | None = self._module().why_not_readable(path, energies)
        return reason

    def read(
        self,
        path: str | Path,
        *,
        energies: Any = None,
        quantity: Quantity | None = None,
        select: str | int | None = None,
        repeat: int | None = None,
        files: Sequence[Path] | None = None,
    ) -> SpectralStack:
        """The stack in a file of this format.

        Parameters
        ----------
        path : path
            The file or folder.
        energies : array_like of eV, or path of a text file, optional
            Replaces the energies that are found.
        quantity : str, optional
            Replaces the guess of what the values are.
        select : str or int, optional
            Which of several stacks, by its name or its number in ``metadata["available"]``.
        repeat : int, optional
            Which of several frames of one energy, from 1; their mean by default.
        files : sequence of path, optional
            Of the folder `path` only these, for formats that are a `series`.

        Raises
        ------
        OSError
            If the file can't be read or is cut short.
        ValueError
            If what it holds is no stack, or there is nothing to select; the message names the file.
        """
        # A lazy stack is read later, perhaps from another folder.
        path, files = Path(path).absolute(), None if files is None else [file.absolute() for file in files]
        within = None if files is None else [str(file.resolve().relative_to(path.resolve())) for file in files]
        if quantity is not None and quantity not in get_args(Quantity):
            raise ValueError(f"quantity {quantity!r} is none of {', '.join(get_args(Quantity))}")
        if select is not None and not self.selects:
            raise ValueError(f"{path}: a {self.title} holds one stack, there is nothing to select; leave select out")
        if repeat is not None and repeat < 1:
            raise ValueError(f"{path}: repeat={repeat}: repeats count from 1")
        keywords: dict[str, Any] = {"select": select} if self.selects else {}
        if files is not None:
            keywords["files"] = files
        token = REPEAT.set(repeat)
        try:
            with wrap_read_errors(path):
                found: RawStack = self._module().read(path, energies, **keywords)
                asked: dict[str, Any] = {
                    "energies": str(Path(energies).resolve()) if isinstance(energies, str | Path) else energies,
                    "quantity": quantity,
                    "select": select,
                    "repeat": repeat,
                    "files": within,
                }
                reading = {name: to_plain(value) for name, value in asked.items() if value is not None}
                return finalize(
                    path, found, self.title, energies=energies, quantity=quantity, repeat=repeat, reading=reading
                )
        finally:
            REPEAT.reset(token)


@dataclass(frozen=True)
class SpectraReader:
    """A format that spectra are read from.

    Parameters
    ----------
    name : str
        What the format is called in code.
    home : str
        Module of this package that does it: ``why_not_readable(path)`` and ``read_spectra(path)``.
    title : str
        What people call the format.
    patterns : tuple of str
        Usual file names.
    """

    name: str
    home: str
    title: str
    patterns: tuple[str, ...]

    def _module(self) -> ModuleType:
        return import_module(f"napari_xanes.io.{self.home}")

    def name_matches(self, path: Path) -> bool:
        """Whether files of this format usually have such a name."""
        return _matches(path, self.patterns)

    def why_not_readable(self, path: str | Path) -> str | None:
        """One line why the file is not of this format, None if it is."""
        with wrap_read_errors(Path(path)):
            reason: str | None = self._module().why_not_readable(Path(path))
        return reason

    def read(self, path: str | Path) -> list[Spectrum]:
        """The spectra in a file of this format.

        Raises
        ------
        OSError
            If the file can't be read.
        ValueError
            If it holds no spectrum; the message names the file.
        """
        with wrap_read_errors(Path(path)):
            spectra: list[Spectrum] = self._module().read_spectra(Path(path))
            if not spectra:
                raise ValueError("it holds no spectrum")
        return spectra


@dataclass(frozen=True)
class Writer:
    """A format that values are written to.

    Parameters
    ----------
    name : str
        What the format is called in code.
    home : str
        Module of this package that does it: ``write_stack``, ``write_maps`` or ``write_spectra``, each
        ``(value, path)``.
    title : str
        What people call the format.
    suffixes : tuple of str
        Ends of file names, lower case, with the dot.
    takes : tuple of str
        Which of "stack", "maps", "spectra" it can hold.
    """

    name: str
    home: str
    title: str
    suffixes: tuple[str, ...]
    takes: tuple[str, ...]

    def write(self, kind: str, value: Any, path: Path) -> None:
        """Write a value of one of the kinds that it `takes`; an existing file stays intact on failure."""
        getattr(import_module(f"napari_xanes.io.{self.home}"), f"write_{kind}")(value, path)


@contextmanager
def wrap_read_errors(path: Path) -> Iterator[None]:
    """Makes every error of the block an OSError or a ValueError that names the file.

    The libraries below raise whatever a damaged file makes them stumble over; the original error stays as the cause.
    """
    try:
        yield
    except Warning:
        raise
    except Exception as error:
        named = str(path) in str(error) or path.name in str(error)
        if isinstance(error, OSError | ValueError) and named:
            raise
        if isinstance(error, OSError):
            raise OSError(f"{path}: {error}") from error
        if isinstance(error, ValueError):
            raise ValueError(f"{path}: {error}") from error
        if isinstance(error, MemoryError):
            raise ValueError(f"{path}: does not fit into memory ({error})") from error
        raise ValueError(f"{path}: damaged or not understood ({type(error).__name__}: {error})") from error


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path.name.lower(), pattern) for pattern in patterns)


def kind_of(value: Any) -> str:
    """Which of the kinds that a `Writer` takes a value is.

    Raises
    ------
    TypeError
        If it is none.
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
