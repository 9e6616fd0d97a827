"""Files in and out. Adding a format is a file here and a line in `formats`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_xanes.io.files import fingerprint
from napari_xanes.io.frames import MEMORY_LIMIT, ordered
from napari_xanes.io.reader import Reader, SpectraReader, Writer, kind_of, wrap_read_errors
from napari_xanes.io.recognition import (
    are_one_stack,
    group_paths,
    holds_maps,
    is_text_name,
    maps_module,
    reader_of,
    readers_of,
)
from napari_xanes.io.registry import LAYOUTS, MAP_READERS, READERS, SPECTRA_READERS, WRITERS
from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import Quantity, SpectralStack

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
    files, energies = group_paths(paths, energies)
    path, several = files[0], files if len(files) > 1 else None
    reader, reasons = reader_of(path, energies)
    if reader is None:
        raise ValueError(f"{path}: {reasons}")
    if several:
        path = Path(os.path.commonpath([file.resolve().parent for file in several]))
    token = MEMORY_LIMIT.set(MEMORY_LIMIT.get() if memory_limit is None else memory_limit)
    try:
        return reader.read(path, energies=energies, quantity=quantity, select=select, repeat=repeat, files=several)
    finally:
        MEMORY_LIMIT.reset(token)


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
        reason = reader.why_not_readable(path)
        if reason is None:
            return reader.read(path)
        reasons.append((reader, reason))
    usual = [item for item in reasons if item[0].name_matches(path)]
    told = "; ".join(f"{reader.title}: {reason}" for reader, reason in usual or reasons)
    raise ValueError(f"{path}: no spectra that napari-xanes can read. {told}")


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
    module = maps_module(path)
    if module is None:
        raise ValueError(f"{path}: holds no parameter maps that napari-xanes wrote")
    with wrap_read_errors(path):
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
