"""What a reader and a writer are, and what every reader's stack goes through before a user gets it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from napari_xanes.history import Source, Step
from napari_xanes.io.energies import given_energies
from napari_xanes.io.files import fingerprint
from napari_xanes.io.frames import filled_length, frame_groups, grouped, ordered, shared_length
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import MapSet, Quantity, SpectralStack

_PER_FRAME = ("i0", "exposure", "ring_current", "flat", "dark")
"""Metadata with one entry per frame, which follow the frames when these are sorted or dropped."""


@dataclass
class Found:
    """What a reader found in a file, before frames are sorted and the empty end of a scan is dropped.

    Parameters
    ----------
    data : numpy or dask array, shape (E, Y, X) or (E, Z, Y, X)
        The frames as they lie in the file.
    energy : array of float64, shape (E,)
        eV, in the file's order; may be longer or shorter than the frames if `interruptible`.
    quantity : str
        What the values are.
    pixel_size : tuple of float, optional
        µm, (Y, X) or (Z, Y, X).
    metadata : dict
        What else the file said.
    warnings : list of str
        What the user must be told.
    notes : list of str
        What was done to the data while reading.
    interruptible : bool
        Whether the format leaves empty frames or spare energies at the end of an interrupted scan.
    own : bool
        Whether napari-xanes wrote the file: then nothing is added to its metadata.
    history : tuple of Step
        For files of our own.
    source : Source, optional
        Where the data of a file of our own came from.
    """

    data: Any
    energy: NDArray[np.float64]
    quantity: Quantity = "counts"
    pixel_size: tuple[float, ...] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interruptible: bool = False
    own: bool = False
    history: tuple[Step, ...] = ()
    source: Source | None = None


@dataclass(frozen=True)
class Reader:
    """A format that stacks are read from.

    Parameters
    ----------
    name : str
        Name of the module of this package that does it: ``declines(path, energies)`` and ``read(path, energies)``,
        the latter returning `Found`.
    title : str
        What people call the format.
    patterns : tuple of str
        File names that such files usually have, for file dialogs. Recognised they are by content.
    directories : bool
        Whether a folder can be one.
    """

    name: str
    title: str
    patterns: tuple[str, ...]
    directories: bool = False

    def _module(self) -> ModuleType:
        return import_module(f"napari_xanes.io.{self.name}")

    def usual(self, path: Path) -> bool:
        """Whether files of this format usually have such a name."""
        return path.is_dir() if self.directories and path.is_dir() else _matches(path, self.patterns)

    def declines(self, path: str | Path, *, energies: Any = None) -> str | None:
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
        with naming(path):
            reason: str | None = self._module().declines(path, energies)
        return reason

    def read(self, path: str | Path, *, energies: Any = None, quantity: Quantity | None = None) -> SpectralStack:
        """The stack in a file of this format.

        Parameters
        ----------
        path : path
            The file or folder.
        energies : array_like of eV, or path of a text file, optional
            Replaces the energies that are found.
        quantity : str, optional
            Replaces the guess of what the values are.

        Raises
        ------
        OSError
            If the file can't be read or is cut short.
        ValueError
            If what it holds is no stack; the message names the file.
        """
        path = Path(path)
        if quantity is not None and quantity not in get_args(Quantity):
            raise ValueError(f"quantity {quantity!r} is none of {', '.join(get_args(Quantity))}")
        with naming(path):
            found: Found = self._module().read(path, energies)
            return _finished(path, found, energies, quantity, self.title)


@dataclass(frozen=True)
class SpectraReader:
    """A format that spectra are read from.

    Parameters
    ----------
    name : str
        Name of the module of this package that does it: ``declines(path)`` and ``read_spectra(path)``.
    title : str
        What people call the format.
    patterns : tuple of str
        Usual file names.
    """

    name: str
    title: str
    patterns: tuple[str, ...]

    def _module(self) -> ModuleType:
        return import_module(f"napari_xanes.io.{self.name}")

    def usual(self, path: Path) -> bool:
        """Whether files of this format usually have such a name."""
        return _matches(path, self.patterns)

    def declines(self, path: str | Path) -> str | None:
        """One line why the file is not of this format, None if it is."""
        with naming(Path(path)):
            reason: str | None = self._module().declines(Path(path))
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
        with naming(Path(path)):
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
        Name of the module of this package that does it: ``write_stack``, ``write_maps`` or ``write_spectra``, each
        ``(value, path)``.
    title : str
        What people call the format.
    suffixes : tuple of str
        Ends of file names, lower case, with the dot.
    takes : tuple of str
        Which of "stack", "maps", "spectra" it can hold.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    takes: tuple[str, ...]

    def write(self, kind: str, value: Any, path: Path) -> None:
        """Write a value of one of the kinds that it `takes`; an existing file stays intact on failure."""
        getattr(import_module(f"napari_xanes.io.{self.name}"), f"write_{kind}")(value, path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
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


def _finished(path: Path, found: Found, energies: Any, quantity: Quantity | None, title: str) -> SpectralStack:
    """The stack of what was found: given energies put in, empty ends cut off, frames in order, the user told."""
    metadata = dict(found.metadata) if found.own else {"format": title} | found.metadata
    data, energy = found.data, found.energy
    n_frames = data.shape[0]
    if energies is not None:
        energy, metadata["energy_unit"] = given_energies(energies)
        if energy.size != n_frames:
            where = str(energies) if isinstance(energies, str | Path) else "energies="
            raise ValueError(f"{energy.size} energies in {where} for {n_frames} frames")
    if found.interruptible:
        kept, told = shared_length(n_frames, energy.size)
        found.warnings += told
        filled = filled_length(data[:kept])
        if filled == 0:
            raise ValueError(f"all {kept} frames are empty: nothing but zeros and NaN")
        if filled < kept:
            found.warnings.append(f"the last {kept - filled} of {kept} frames are empty and dropped: the scan stopped")
        if filled < n_frames:
            data = data[:filled]
        energy = energy[:filled]
        metadata = _follow(metadata, n_frames, lambda values: values[:filled])
        n_frames = filled
    data, axis, told = ordered(data, energy)
    if (groups := frame_groups(energy)) is not None:
        metadata = _follow(metadata, n_frames, lambda values: grouped(values, groups))
    for key, lines in (("warnings", found.warnings), ("notes", found.notes + told)):
        if lines:
            metadata[key] = [*metadata.get(key, []), *lines]
    stack = SpectralStack(
        data,
        axis,
        quantity or found.quantity,
        found.pixel_size,
        found.history,
        found.source or (None if found.history else Source(str(path.resolve()), fingerprint(path))),
        metadata,
    )
    for line in found.warnings:
        warnings.warn(f"{path.name}: {line}", UserWarning, stacklevel=4)
    return stack


def _follow(metadata: Mapping[str, Any], n_frames: int, change: Any) -> dict[str, Any]:
    return {
        key: change(value) if key in _PER_FRAME and getattr(value, "shape", ())[:1] == (n_frames,) else value
        for key, value in metadata.items()
    }


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
