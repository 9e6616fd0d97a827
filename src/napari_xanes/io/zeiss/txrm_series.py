"""Zeiss (Xradia) tomographies at several energies, one ``.txrm`` each: a stack of one projection.

SSRL 6-2c, APS 8-BM and lab microscopes write them. A folder, or several files together, are a series; one file alone
is read by `zeiss.reader`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.files import files_in, link_warnings
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import scans_with_stack, selected_index, with_choice
from napari_xanes.io.series import assemble, parse_files, series_files
from napari_xanes.io.zeiss import reader as zeiss
from napari_xanes.io.zeiss.file import why_not_zeiss
from napari_xanes.io.zeiss.image_part import CORRECTED, are_corrected, image_part, one_reference, unused_references
from napari_xanes.io.zeiss.txrm_tomography import Tomography, energies_of, parse_tomography
from napari_xanes.io.zeiss.xrm_names import REFERENCE_NAME

_SUFFIXES = (".txrm",)


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the folder, or the file and those beside it, are no tomographies of several energies; None if so."""
    if path.is_dir():
        files, links = files_in(path, _SUFFIXES)
        paths = _without_references(files)
        if _are_series(paths, energies):
            return None
        missing = "no .txrm of several energies, one each, in the folder"
        single = "a single .txrm in the folder; open the file"
        return "; ".join([single if len(paths) == 1 else missing, *link_warnings(links)])
    if reason := why_not_zeiss(path):
        return reason
    if path.suffix.lower() != ".txrm":
        return "not a .txrm"
    tomography = _parse_or_none(path)
    if tomography is not None and not tomography.has_one_energy:
        return "a stack of several energies by itself"
    siblings = [other for other in _without_references(files_in(path.parent, _SUFFIXES)[0]) if other.name != path.name]
    return None if _are_series([path, *siblings], energies) else "no .txrm of other energies beside it"


def _without_references(paths: Sequence[Path]) -> list[Path]:
    return [path for path in paths if not REFERENCE_NAME.search(path.stem)]


def _are_series(paths: Sequence[Path], energies: Any) -> bool:
    """Whether two of some files are tomographies of different energies, or of any if energies are given."""
    first: Tomography | None = None
    for path in paths:
        tomography = _parse_or_none(path)
        if tomography is None or not tomography.has_one_energy:
            continue
        if first is not None and (energies is not None or tomography.differs(first)):
            return True
        first = first or tomography
    return False


def _parse_or_none(path: Path) -> Tomography | None:
    try:
        return parse_tomography(path)
    except OSError:
        return None


@reader(
    "txrm_series", title="Zeiss tomographies", patterns=("*.txrm",), why_not_readable=why_not_readable, folders=True
)
def read(
    path: Path, energies: Any = None, select: str | int | None = None, files: Sequence[Path] | None = None
) -> RawStack:
    """Read one projection per energy, the first unless selected; references become ``flat`` (E, Y, X), float32.

    The energies are those of the headers, unless the names tell others. ``exposure`` and ``flat_exposure`` are in s;
    if exposures change with energy, the flats are scaled to those of the projections.

    Parameters
    ----------
    path : Path
        A folder, or one file: then that file alone.
    energies : array_like of eV, or path of a text file, optional
        One for each file that is used, in the order of names or of `files`; then energies are not looked for.
    select : str or int, optional
        Which projection, from 0; ``metadata["angle"]`` is its angle in degrees.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If a file that looked complete can't be read.
    ValueError
        If no file can be used or has an energy, projections differ in size, or only some are corrected.
    """
    if files is None and not path.is_dir():
        return zeiss.read(path, energies, select)
    warnings: list[str] = []
    paths = series_files(path, files, _SUFFIXES, warnings)
    tomographies = parse_files(_without_references(paths) if files is None else paths, _parse, warnings)
    numbers = sorted({number for tomography in tomographies for number in tomography.content.numbers})
    available = [f"projection {number}" for number in numbers]
    index = selected_index(select, available)
    number = numbers[index]
    tomographies = scans_with_stack(
        tomographies, lambda tomography: number in tomography.content.numbers, available[index], warnings
    )
    energy, unit, note = energies_of(tomographies)
    corrected = are_corrected(path, [tomography.content for tomography in tomographies])
    notes = [CORRECTED] if corrected else []
    if energies is None:
        order = np.argsort(energy, kind="stable")
        tomographies, energy = [tomographies[i] for i in order], energy[order]
        notes.insert(0, note)
    names = [tomography.name_energy for tomography in tomographies]
    if not corrected and all(tomography.content.reference_broken for tomography in tomographies):
        warnings.append("the reference images of all files are cut short or of another size, and are not used")
    parts = [
        image_part(scan.path, scan.content, number, None if np.isnan(value) else float(value), unit)
        for scan, value in zip(tomographies, energy, strict=True)
    ]
    warnings += one_reference(parts) + unused_references([tomography.content for tomography in tomographies])
    stack = assemble(
        parts,
        quantity="transmission" if corrected else "counts",
        energies=energies,
        energy_place="in its header or its name (such as _8333.0eV)",
        metadata={} if np.isnan(names).any() else {"energy_in_names": names},
        warnings=warnings,
        notes=notes,
    )
    return with_choice(stack, index, available)


def _parse(path: Path) -> Tomography:
    """Parse a file.

    Raises
    ------
    OSError
        If it is damaged or holds no image.
    ValueError
        If it is a reference, or a stack of several energies.
    """
    if REFERENCE_NAME.search(path.stem):
        raise ValueError("a reference by its name; only references within a file are applied; leave it out")
    tomography = parse_tomography(path)
    if not tomography.has_one_energy:
        raise ValueError("a stack of several energies by itself; open it alone")
    return tomography
