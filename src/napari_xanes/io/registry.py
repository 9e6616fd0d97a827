"""The registry of formats: decorators that declare a reader or a writer, and the formats in the order of asking.

A format is one file with a decorated function, and one line here. Formats from outside the package need no line: the
decorator alone adds them. Every format is recognised by its content, never by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, overload

from napari_xanes.io.formats import MapsReader, Reader, SpectraReader, Writer
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum

Check = Callable[..., str | None]


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def module(self) -> str: ...


F = TypeVar("F", bound=_Named)
Function = TypeVar("Function", bound=Callable[..., Any])
StackFunction = TypeVar("StackFunction", bound=Callable[..., RawStack])
SpectraFunction = TypeVar("SpectraFunction", bound=Callable[..., list[Spectrum]])
MapsFunction = TypeVar("MapsFunction", bound=Callable[[Path], MapSet])
WriterFunction = TypeVar("WriterFunction", bound=Callable[[Any, Path], None])


class Registry(Sequence[F], Generic[F]):
    """Formats in the order in which they are asked.

    Importing the package stays cheap: the modules of its formats are imported when the formats are first looked at.

    Parameters
    ----------
    *modules : str
        Modules of `napari_xanes.io` that declare formats, in the order of asking. Formats from elsewhere come first.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = [f"{__package__}.{module}" for module in modules]
        self._formats: dict[str, F] = {}

    def register(self, item: F) -> None:
        """Add a format.

        Raises
        ------
        ValueError
            If another format has its name.
        """
        if item.name in self._formats:
            raise ValueError(
                f"the name {item.name!r} is taken by the format in {self._formats[item.name].module}; "
                "give it another name"
            )
        self._formats[item.name] = item

    def unregister(self, name: str) -> None:
        """Remove the format of this name.

        Raises
        ------
        KeyError
            If there is none.
        """
        del self._formats[name]

    def _ordered(self) -> list[F]:
        for module in self._modules:
            import_module(module)
        order = {module: number for number, module in enumerate(self._modules)}
        return sorted(self._formats.values(), key=lambda item: order.get(item.module, -1))

    @overload
    def __getitem__(self, index: int) -> F: ...
    @overload
    def __getitem__(self, index: slice) -> list[F]: ...
    def __getitem__(self, index: int | slice) -> F | list[F]:
        return self._ordered()[index]

    def __iter__(self) -> Iterator[F]:
        return iter(self._ordered())

    def __len__(self) -> int:
        return len(self._ordered())


READERS: Registry[Reader] = Registry(
    "hdf5.als_stxm",
    "hdf5.nexus",
    "hdf5.hermes",
    "hdf5.mistral",
    "hdf5.pyxas_series",
    "hdf5.pyxas",
    "hdf5.fxi",
    "hdf5.fxi_tomography",
    "hdf5.exchange",
    "hdf5.exchange_mantis",
    "hdf5.ptychography",
    "hdf5.xrf_maps",
    "zeiss.xrm_series",
    "zeiss.txrm_series",
    "zeiss.reader",
    "stxm.stony_brook",
    "stxm.stony_brook_netcdf",
    "edf.series",
    "stxm.axis",
    "stxm.sdf",
    "zarr.reader",
    "tiff.reader",
    "plain.itex",
    "plain.mrc",
    "plain.arrays",
)
"""Formats of stacks."""

SPECTRA_READERS: Registry[SpectraReader] = Registry(
    "spectra.athena",
    "spectra.xdi",
    "spectra.csv",
    "spectra.exported",
    "spectra.photon_factory",
    "spectra.cls",
    "spectra.lytle",
    "spectra.rex",
    "spectra.nxxas",
    "spectra.xaslib",
    "spectra.npy",
    "spectra.columns",
)
"""Formats of spectra."""

MAP_READERS: Registry[MapsReader] = Registry("hdf5.maps", "tiff.maps")
"""Formats of parameter maps."""

WRITERS: Registry[Writer] = Registry(
    "hdf5.writer",
    "tiff.writer",
    "zarr.writer",
    "spectra.csv",
    "spectra.xdi",
    "spectra.athena_writer",
    "hdf5.fxi_writer",
)
"""Formats to write."""


def _registering(registry: Registry[F], declare: Callable[[Any], F]) -> Callable[[Function], Function]:
    """Return a decorator that registers the format of a function, and returns the function unchanged."""

    def register(function: Function) -> Function:
        registry.register(declare(function))
        return function

    return register


def reader(
    name: str, *, title: str, patterns: Sequence[str], why_not_readable: Check, folders: bool = False
) -> Callable[[StackFunction], StackFunction]:
    """Declare a function that reads stacks of one format.

    Parameters
    ----------
    name : str
        Name of the format in code.
    title : str
        Name of the format for people.
    patterns : sequence of str
        Usual file names, such as ``("*.h5",)``.
    why_not_readable : callable
        ``why_not_readable(path)`` gives one line why the file is not of this format, or None if it is. It may also take
        ``energies``.
    folders : bool
        Whether a folder can be of this format.

    Returns
    -------
    callable
        Decorator that registers the function ``read(path, ...)`` and returns it unchanged. What the function can do
        besides follows from its parameters; see `napari_xanes.io.formats.Reader`.

    Examples
    --------
    >>> import numpy as np
    >>> def why_not_numbers(path):
    ...     return None if path.read_bytes()[:7] == b"NUMBERS" else "does not begin with NUMBERS"
    >>> @reader("numbers", title="Numbers", patterns=("*.numbers",), why_not_readable=why_not_numbers)
    ... def read_numbers(path):
    ...     return RawStack(np.ones((2, 3, 4)), np.array([700.0, 710.0]))
    >>> READERS[0].name
    'numbers'
    >>> READERS.unregister("numbers")
    """
    return _registering(
        READERS, lambda function: Reader(name, title, tuple(patterns), why_not_readable, function, folders)
    )


def spectra_reader(
    name: str, *, title: str, patterns: Sequence[str], why_not_readable: Check, folders: bool = False
) -> Callable[[SpectraFunction], SpectraFunction]:
    """Declare a function ``read_spectra(path)`` that reads spectra of one format; see `reader`.

    A format of columns also takes ``choice``, see `napari_xanes.io.formats.SpectraReader`.
    """
    return _registering(
        SPECTRA_READERS,
        lambda function: SpectraReader(name, title, tuple(patterns), why_not_readable, function, folders),
    )


def maps_reader(
    name: str, *, title: str, patterns: Sequence[str], why_not_readable: Check
) -> Callable[[MapsFunction], MapsFunction]:
    """Declare a function ``read_maps(path)`` that reads parameter maps of one format; see `reader`."""
    return _registering(
        MAP_READERS, lambda function: MapsReader(name, title, tuple(patterns), why_not_readable, function)
    )


def writer(
    name: str, *, title: str, suffixes: Sequence[str], layout: str | None = None
) -> Callable[[WriterFunction], WriterFunction]:
    """Declare a function ``write(value, path)`` that writes values of one kind.

    Parameters
    ----------
    name : str
        Name of the format in code.
    title : str
        Name of the format for people.
    suffixes : sequence of str
        Ends of file names, lower case, with the dot.
    layout : str, optional
        The ``layout`` that asks for this format; without one the suffix decides.

    Returns
    -------
    callable
        Decorator that registers the function and returns it unchanged. The annotation of its first parameter
        (SpectralStack, MapSet or list[Spectrum]) says which kind of values the function writes.
    """
    return _registering(WRITERS, lambda function: Writer(name, title, tuple(suffixes), function, layout))
