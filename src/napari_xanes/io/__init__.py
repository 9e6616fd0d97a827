"""Files in and out. Adding a format is a file here and a line below.

Every format is recognised by its content, never by its name. Nothing is imported before a file asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_xanes.io.files import fingerprint
from napari_xanes.io.frames import MEMORY_LIMIT, ordered
from napari_xanes.io.reader import Reader, SpectraReader, Writer, kind_of, naming
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import MapSet, Quantity, SpectralStack

READERS: tuple[Reader, ...] = (
    Reader("nexus", "NeXus NXstxm", ("*.h5", "*.hdf5", "*.nxs", "*.hdf", "*.stxm"), selects=True),
    Reader("hermes", "HERMES and SoftiMAX", ("*.h5", "*.hdf5"), selects=True),
    Reader("mistral", "ALBA MISTRAL", ("*.h5", "*.hdf5"), selects=True),
    Reader("pyxas_series", "PyXAS tomograms", ("*.h5",), directories=True, series=True),
    Reader("pyxas", "PyXAS", ("*.h5", "*.hdf5")),
    Reader("fxi", "NSLS-II FXI", ("*.h5", "*.hdf5", "*.hdf")),
    Reader("fxi_tomography", "FXI tomography", ("*.h5",), directories=True, selects=True, series=True),
    Reader("exchange", "APS Data Exchange", ("*.h5", "*.hdf5", "*.hdf")),
    Reader("exchange_mantis", "MANTiS Data Exchange", ("*.hdf5", "*.h5", "*.hdf")),
    Reader("ptychography", "ptychographic CXI", ("*.cxi", "*.h5", "*.hdf5"), directories=True, series=True),
    Reader("xrm_series", "Zeiss XRM series", ("*.xrm",), directories=True, selects=True, series=True),
    Reader("txrm_series", "Zeiss tomographies", ("*.txrm",), directories=True, selects=True, series=True),
    Reader("zeiss", "Zeiss XRM", ("*.xrm", "*.txrm"), selects=True),
    Reader("stony_brook", "Stony Brook", ("*.stk",)),
    Reader("stony_brook_netcdf", "Stony Brook netCDF", ("*.sm", "*.nc"), directories=True, selects=True, series=True),
    Reader("edf_series", "ESRF EDF series", ("*.edf",), directories=True, selects=True, series=True),
    Reader("axis", "aXis2000", ("*.ncb", "*.dat")),
    Reader("sdf", "STXM_Control SDF", ("*.hdr",), directories=True, selects=True),
    Reader("zarr_folder", "OME-Zarr and Zarr", ("*.zarr",), directories=True),
    Reader("tiff", "TIFF with energies", ("*.tif", "*.tiff"), directories=True),
    Reader("mrc", "MRC with energies", ("*.mrc", "*.mrcs", "*.st", "*.rec")),
    Reader("arrays", "NumPy arrays", ("*.npz", "*.npy")),
)
"""Formats of stacks, in the order in which they are asked."""

SPECTRA_READERS: tuple[SpectraReader, ...] = (
    SpectraReader("athena", "Athena project", ("*.prj",)),
    SpectraReader("xdi", "XDI", ("*.xdi", "*.nor")),
    SpectraReader("csv", "spectra of napari-xanes", ("*.csv",)),
    SpectraReader("columns", "columns of text", ("*.txt", "*.dat", "*.csv", "*.xsp", "*.nor", "*.xmu", "*.t", "*.r")),
)
"""Formats of spectra, in the order in which they are asked."""

WRITERS: tuple[Writer, ...] = (
    Writer("hdf5_writer", "NeXus HDF5", (".h5", ".hdf5", ".nxs"), ("stack", "maps")),
    Writer("tiff_writer", "ImageJ TIFF", (".tif", ".tiff"), ("stack", "maps")),
    Writer("zarr_writer", "OME-Zarr", (".zarr",), ("stack",)),
    Writer("csv", "CSV", (".csv",), ("spectra",)),
    Writer("xdi", "XDI", (".xdi",), ("spectra",)),
)
"""Formats to write, by suffix."""

LAYOUTS: dict[str, Writer] = {"fxi": Writer("fxi_writer", "NSLS-II FXI", (".h5", ".hdf5", ".hdf"), ("stack",))}
"""Formats to write whose suffix is another's, by the ``layout`` that asks for them."""

MAP_READERS = ("hdf5_maps", "tiff_maps")
"""Modules that read maps, each with ``declines(path)`` and ``read_maps(path)``."""

__all__ = [
    "LAYOUTS",
    "MAP_READERS",
    "READERS",
    "SPECTRA_READERS",
    "WRITERS",
    "Reader",
    "SpectraReader",
    "Writer",
    "are_one_stack",
    "fingerprint",
    "holds_maps",
    "is_text_name",
    "ordered",
    "read",
    "read_maps",
    "read_spectra",
    "readers_of",
    "write",
]


def read(
    path_or_paths: str | Path | Iterable[str | Path],
    *,
    energies: Any = None,
    quantity: Quantity | None = None,
    memory_limit: int | None = None,
    select: str | int | None = None,
    repeat: int | None = None,
) -> SpectralStack:
    """Read a stack from a file or folder of any known format.

    Parameters
    ----------
    path_or_paths : path or list of paths
        A file or a folder. Of several files exactly one must be a stack, or each of them one energy of a format whose
        scans are a series of files; a text of energies may be with them.
    energies : array_like of eV, or path of a text file, optional
        Replaces the energies that are found. A text may be in keV.
    quantity : {"counts", "transmission", "optical_depth", "fluorescence", "normalized"}, optional
        Replaces the guess of what the values are.
    memory_limit : int, optional
        Stacks of more bytes stay in their file and are read piece by piece; 2 GiB by default.
    select : str or int, optional
        Which of several stacks in one file (regions, detectors, projections): a name, or a number from 0, as in
        ``metadata["available"]``. The first one by default, named in ``metadata["detector"]``.
    repeat : int, optional
        Where energies were measured more than once (``metadata["repeats"]`` times): take only this frame of each,
        from 1, or the last one of those that have fewer. Their mean by default.

    Returns
    -------
    SpectralStack
        Energies in eV and increasing. What had to be done to the frames is in ``metadata["notes"]`` and in the
        source, what a user should know in ``metadata["warnings"]`` and given as UserWarning.

    Raises
    ------
    OSError
        If a file can't be read.
    ValueError
        If no format fits, with each format's reason, or the file can't be used.
    """
    paths = [Path(path_or_paths)] if isinstance(path_or_paths, str | Path) else [Path(p) for p in path_or_paths]
    files, energies = _together(paths, energies)
    path, several = files[0], files if len(files) > 1 else None
    reader, reasons = _reader_of(path, energies)
    if reader is None:
        raise ValueError(f"{path}: {reasons}")
    if several:
        path = Path(os.path.commonpath([file.resolve().parent for file in several]))
    token = MEMORY_LIMIT.set(MEMORY_LIMIT.get() if memory_limit is None else memory_limit)
    try:
        return reader.read(path, energies=energies, quantity=quantity, select=select, repeat=repeat, files=several)
    finally:
        MEMORY_LIMIT.reset(token)


def _reader_of(path: Path, energies: Any) -> tuple[Reader | None, str]:
    """The first reader that takes the file, or why none does."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    if holds_maps(path):
        return None, "holds parameter maps, not a stack; open it with napari_xanes.read_maps"
    reasons: list[tuple[Reader, str]] = []
    for reader in READERS:
        reason = reader.declines(path, energies=energies)
        if reason is None:
            return reader, ""
        reasons.append((reader, reason))
    # Only formats whose files have such names can explain this one; with an unknown name all of them speak.
    usual = [item for item in reasons if item[0].usual(path)]
    told = "; ".join(f"{reader.title}: {reason}" for reader, reason in usual or reasons)
    return None, f"no stack that napari-xanes can read. {told}"


def readers_of(paths: Iterable[Path], energies: Any = None) -> dict[Path, Reader | None]:
    """The format of each of several files, None where no format takes it.

    Raises
    ------
    OSError
        If one does not exist or can't be opened.
    """
    found: dict[Path, Reader | None] = {}
    last: Reader | None = None
    for path in paths:
        # The next file of a series is of the same format: hundreds of files need not ask every reader.
        if not (last and last.series and path.is_file() and last.declines(path, energies=energies) is None):
            last = _reader_of(path, energies)[0]
        found[path] = last
    return found


def _together(paths: list[Path], energies: Any) -> tuple[list[Path], Any]:
    """The files of the one stack among several, and the energies that lie with it."""
    if len(paths) == 1:
        return paths, energies
    texts = {p for p in paths if is_text_name(p) and _reader_of(p, None)[0] is None}
    if energies is None and len(texts) == 1 and len(paths) == 2:
        (energies,) = texts
    readers = readers_of((path for path in paths if path not in texts), energies)
    stacks = [path for path, reader in readers.items() if reader]
    kinds = {reader.name: reader.series for reader in readers.values() if reader}
    if len(kinds) == 1 and all(kinds.values()):
        return stacks, energies
    if len(stacks) == 2 and len(kinds) == 1 and stacks[0].with_suffix("") == stacks[1].with_suffix(""):
        return stacks[:1], energies  # images and the text that belongs to them: either opens both
    if len(stacks) != 1:
        names = ", ".join(path.name for path in paths[:5]) or "nothing"
        raise ValueError(f"{len(stacks)} of {len(paths)} files are stacks ({names}); open one stack at a time")
    return stacks, energies


def are_one_stack(paths: list[Path]) -> bool:
    """Whether several files are the parts of one stack: a series, or images and the text of their energies.

    Raises
    ------
    OSError
        If one does not exist or can't be opened.
    """
    try:
        files, _ = _together(paths, None)
    except ValueError:
        return False
    return all(path in files or is_text_name(path) for path in paths)


def is_text_name(path: Path) -> bool:
    """Whether a file is called as texts of energies are, which may lie among the files of a stack."""
    return path.suffix.lower() in (".txt", ".dat", ".csv")


def read_spectra(path: str | Path) -> list[Spectrum]:
    """Read all spectra in a file of any known format.

    Parameters
    ----------
    path : path
        XDI, Athena project or ``.nor``, CSV, or columns of text in eV or keV.

    Returns
    -------
    list of Spectrum
        At least one; ``metadata["path"]`` is the file.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it holds no spectrum; the message says what each format misses.
    """
    path = Path(path)
    reasons: list[tuple[SpectraReader, str]] = []
    for reader in SPECTRA_READERS:
        reason = reader.declines(path)
        if reason is None:
            return reader.read(path)
        reasons.append((reader, reason))
    usual = [item for item in reasons if item[0].usual(path)]
    told = "; ".join(f"{reader.title}: {reason}" for reader, reason in usual or reasons)
    raise ValueError(f"{path}: no spectra that napari-xanes can read. {told}")


def holds_maps(path: str | Path) -> bool:
    """Whether a file holds parameter maps that napari-xanes wrote.

    Raises
    ------
    OSError
        If the file can't be opened.
    """
    return _maps_module(Path(path)) is not None


def _maps_module(path: Path) -> Any:
    from importlib import import_module

    if path.is_dir():
        return None
    with naming(path):
        modules = (import_module(f"napari_xanes.io.{name}") for name in MAP_READERS)
        return next((module for module in modules if module.declines(path) is None), None)


def read_maps(path: str | Path) -> MapSet:
    """Read parameter maps that `write` wrote.

    Parameters
    ----------
    path : path
        HDF5 or TIFF file.

    Returns
    -------
    MapSet
        The maps with their units, sigmas, masks, labels and history.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it holds no maps of napari-xanes.
    """
    path = Path(path)
    module = _maps_module(path)
    if module is None:
        raise ValueError(f"{path}: holds no parameter maps that napari-xanes wrote")
    with naming(path):
        maps: MapSet = module.read_maps(path)
    return maps


def write(
    value: SpectralStack | MapSet | Spectrum | list[Spectrum], path: str | Path, *, layout: str | None = None
) -> None:
    """Write a stack, maps or spectra; the suffix decides the format.

    Parameters
    ----------
    value : SpectralStack, MapSet, Spectrum, or list of Spectrum
        What to write.
    path : path
        Stacks and maps: ``.h5``, ``.hdf5``, ``.nxs`` (everything is kept) or ``.tif``, ``.tiff`` (float32, for
        ImageJ). Stacks: ``.zarr`` (everything is kept). Spectra: ``.csv`` or ``.xdi``. The file appears whole or not
        at all.
    layout : {"fxi"}, optional
        ``"fxi"`` writes a stack's transmission to ``.h5`` as the beamline FXI does, for PyXAS.

    Raises
    ------
    OSError
        If the file can't be written; one that was there is as it was.
    TypeError
        If the value is none of these.
    ValueError
        If the suffix or layout is unknown or does not go with the value.
    """
    path = Path(path)
    kind = kind_of(value)
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"{path}: layout {layout!r} is none of {', '.join(LAYOUTS)}; without one the suffix decides")
    known_writers = WRITERS if layout is None else (LAYOUTS[layout],)
    fitting = [writer for writer in known_writers if kind in writer.takes]
    for writer in fitting:
        if path.suffix.lower() in writer.suffixes:
            writer.write(kind, [value] if isinstance(value, Spectrum) else value, path)
            return
    known = ", ".join(suffix for writer in fitting for suffix in writer.suffixes)
    raise ValueError(f"{path}: {kind} can't be written with the suffix {path.suffix!r}; take one of {known}")
