"""Read stacks, spectra and maps: the content of the file decides the format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from napari_xanes.io.column_choice import Choice, Mode
from napari_xanes.io.copied_frames import with_copy
from napari_xanes.io.facts import EnergyUnit, Facts
from napari_xanes.io.files import starts_with
from napari_xanes.io.foreign_content import why_foreign
from napari_xanes.io.frames import MEMORY_LIMIT
from napari_xanes.io.recognition import first_reader, group_paths, reader_of
from napari_xanes.io.registry import MAP_READERS, SPECTRA_READERS
from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import Quantity, SpectralStack


def read(
    path_or_paths: str | Path | Iterable[str | Path],
    *,
    energies: Any = None,
    quantity: Quantity | None = None,
    memory_limit: int | None = None,
    select: str | int | None = None,
    repeat: int | None = None,
    energy_unit: EnergyUnit | None = None,
    pixel_size: float | tuple[float, ...] | None = None,
    exposure: float | None = None,
    absorber: str | None = None,
) -> SpectralStack:
    """Read a stack from a file or folder of any known format.

    Parameters
    ----------
    path_or_paths : path or list of paths
        A file or a folder. Of several files exactly one must be a stack, or each of them one energy of a format whose
        scans are a series of files; a text of energies may be with them.
    energies : array_like of eV, or path of a text file, optional
        Replaces the energies that are found. A text may be in keV.
    quantity : str, optional
        Replaces the guess of what the values are: "counts", "transmission", "optical_depth", "fluorescence",
        "normalized", "scaled" or "derivative".
    memory_limit : int, optional
        Stacks of more bytes stay in their file and are read piece by piece, or from their working copy, if one was made
        of the file as it is (`working_copy`); 2 GiB by default.
    select : str or int, optional
        Which of several stacks in one file (regions, detectors, projections): a name, or a number from 0, as in
        ``metadata["available"]``. The first one by default, named in ``metadata["detector"]``.
    repeat : int, optional
        Where energies were measured more than once (``metadata["repeats"]`` times): take only this frame of each,
        from 1, or the last one of those that have fewer. Their mean by default.
    energy_unit : {"eV", "keV", "J"}, optional
        Replaces the unit that the file says or that was guessed for its energies.
    pixel_size : float or tuple of float, optional
        Replaces the pixel size: µm, one length for all axes or one for each, (Y, X) or (Z, Y, X).
    exposure : float, optional
        Replaces the exposure time of the frames: s.
    absorber : str, optional
        Element and edge of the sample, such as ``"Ni K"``, for steps that need one.

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
    facts = Facts(quantity, energy_unit, pixel_size, exposure, absorber)
    paths = [Path(path_or_paths)] if isinstance(path_or_paths, str | Path) else [Path(path) for path in path_or_paths]
    paths, energies = group_paths(paths, energies)
    reader, reasons = reader_of(paths[0], energies)
    if reader is None:
        raise ValueError(f"{paths[0]}: {reasons}")
    path, files = paths[0], None
    if len(paths) > 1:
        path, files = Path(os.path.commonpath([file.resolve().parent for file in paths])), paths
    token = MEMORY_LIMIT.set(MEMORY_LIMIT.get() if memory_limit is None else memory_limit)
    try:
        stack = reader.read(path, energies=energies, facts=facts, select=select, repeat=repeat, files=files)
        return with_copy(stack)
    finally:
        MEMORY_LIMIT.reset(token)


def read_spectra(
    path: str | Path,
    *,
    energy: str | int | None = None,
    i0: str | int | None = None,
    signal: str | int | Sequence[str | int] | None = None,
    mode: Mode | None = None,
    scan: str | int | None = None,
) -> list[Spectrum]:
    """Read all spectra in a file of any known format.

    Columns are found by their names, units and values. What was taken and why is in ``metadata["columns"]`` and
    ``metadata["reasons"]``, what else the file has in ``metadata["unused_columns"]``. The parameters replace a choice.

    Parameters
    ----------
    path : path
        XDI, Athena project or ``.nor``, CSV, or columns of text in eV or keV.
    energy, i0 : str or int, optional
        Column of the energies, and of I0: its name, or its number from 1.
    signal : str, int or list of them, optional
        Column of It, If or mu(E); several columns are summed.
    mode : {"transmission", "fluorescence", "as is"}, optional
        mu(E) is ln(I0/It), If/I0, or the signal as it is. By default what shows an edge.
    scan : str or int, optional
        One scan in a file of several: its number, or part of its title.

    Returns
    -------
    list of Spectrum
        At least one; ``metadata["path"]`` is the file.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it holds no spectrum, or a choice does not fit it; the message says what is missing.
    """
    path = Path(path)
    choice = Choice(energy, i0, signal, mode, scan)
    reader, reasons = first_reader(SPECTRA_READERS, path)
    if reader is None:
        if foreign := why_foreign(path):
            raise ValueError(f"{path}: no spectra that napari-xanes can read. {foreign}")
        if path.is_file() and b"\0" not in starts_with(path, 4096):
            # A text is meant as columns: what it lacks as these is the reason.
            reasons = SPECTRA_READERS[-1].why_not_readable(path) or reasons
            raise ValueError(f"{path}: {reasons}; no spectra that napari-xanes can read")
        raise ValueError(f"{path}: no spectra that napari-xanes can read. {reasons}")
    return reader.read(path, choice=choice)


def read_i0(path: str | Path, **choice: Any) -> Spectrum:
    """Read the incident intensity in a file of spectra: its column of I0, or the only spectrum that it holds.

    Parameters
    ----------
    path : path
        A file that `read_spectra` reads.
    **choice
        Columns, mode and scan as in `read_spectra`, where names do not say which column is I0.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it holds mu(E) but no I0, or several spectra.
    """
    if not set(choice) - {"energy", "scan"}:
        try:
            spectra = read_spectra(path, signal="I0", mode="as is", **choice)
        except ValueError:
            spectra = read_spectra(path, **choice)
            if any("normalized" in s.metadata for s in spectra):
                raise ValueError(f"{path} holds mu(E), not I0; choose a column with signal=") from None
    else:
        spectra = read_spectra(path, **choice)
    if len(spectra) != 1:
        raise ValueError(f"{path} holds {len(spectra)} spectra, but I0 is one spectrum; save it in its own file")
    return spectra[0]


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
    reader, _ = first_reader(MAP_READERS, path)
    if reader is None:
        raise ValueError(f"{path}: holds no parameter maps that napari-xanes wrote; open it with napari_xanes.read")
    return reader.read(path)
