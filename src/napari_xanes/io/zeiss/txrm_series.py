"""Zeiss (Xradia) tomographies at several energies, a ``.txrm`` each: a stack of one projection.

SSRL 6-2c, APS 8-BM and lab microscopes write them so. Several are opened by their folder, or together; one of them
alone is what `zeiss` makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.files import files_in, listed, not_followed
from napari_xanes.io.frames import of_one_shape, one_per_file
from napari_xanes.io.projections import those_with, view
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import choice_note, chosen
from napari_xanes.io.zeiss import reader as zeiss
from napari_xanes.io.zeiss.file import why_not
from napari_xanes.io.zeiss.txrm_tomography import Tomography, energies_of, flat, projection, tomography
from napari_xanes.io.zeiss.xrm_names import REFERENCE_NAME


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Why the folder, or the file and those beside it, are no tomographies of several energies; None if they are."""
    if path.is_dir():
        paths, links = _in_folder(path)
        if _are_series(paths, energies):
            return None
        lacking = "no .txrm of several energies, one each, in the folder"
        alone = "a single .txrm in the folder; open the file"
        return "; ".join([alone if len(paths) == 1 else lacking, *not_followed(links)])
    if reason := why_not(path):
        return reason
    if path.suffix.lower() != ".txrm":
        return "not a .txrm"
    this = tomography(path)
    if this is not None and not this.is_one:
        return "a stack of several energies by itself"
    beside = [other for other in _in_folder(path.parent)[0] if other.name != path.name]
    return None if _are_series([path, *beside], energies) else "no .txrm of other energies beside it"


@reader(
    "txrm_series", title="Zeiss tomographies", patterns=("*.txrm",), why_not_readable=why_not_readable, folders=True
)
def read(
    path: Path, energies: Any = None, select: str | int | None = None, files: Sequence[Path] | None = None
) -> RawStack:
    """One projection per energy, the first unless selected, as counts; references become ``flat`` (E, Y, X), float32.

    Energies are those of the headers, unless the names tell others. ``exposure`` and ``flat_exposure`` are in s; where
    exposures change with energy, the flats are scaled to those of the projections.

    Parameters
    ----------
    path : Path
        A folder, or one file: then that file alone.
    energies : array_like of eV, or path of a text file, optional
        Then energies are not looked for; one for each file that is used, in the order of names or of `files`.
    select : str or int, optional
        Which projection, from 0; ``metadata["angle"]`` is its angle in degrees.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If a file that looked whole can't be read.
    ValueError
        If no file can be used, one has no energy, projections differ in size, or only some are corrected.
    """
    if files is None and not path.is_dir():
        return zeiss.read(path, energies, select)
    paths, links = (files, []) if files is not None else _in_folder(path)
    told = not_followed(links)
    notes: list[str] = []
    found = _tomographies(paths, told)
    numbers = sorted({i for one in found for i in one.held.at})
    available = [f"projection {i}" for i in numbers]
    at = chosen(select, available)
    number = numbers[at]
    found = those_with(found, lambda one: number in one.held.at, available[at], told)
    shape = of_one_shape([one.held.shape for one in found], [one.path for one in found])
    metadata: dict[str, Any] = {"detector": available[at], "available": available}
    energy = np.zeros(len(found))
    if energies is None:
        energy, metadata["energy_unit"], note = energies_of(found)
        order = np.argsort(energy, kind="stable")
        found, energy = [found[i] for i in order], energy[order]
        notes.append(note)
    angles = np.array([angle for one in found for angle in one.held.angle[number : number + 1] if np.isfinite(angle)])
    metadata |= view(angles, available[at], told) | _names(found)
    exposure = _times([one.held.exposure[number : number + 1] for one in found])
    if exposure is not None:
        metadata["exposure"] = float(exposure[0]) if np.ptp(exposure) == 0 else exposure
    corrected = [one.path.name for one in found if one.held.corrected]
    if corrected and len(corrected) < len(found):
        raise ValueError(
            f"{path}: in {len(corrected)} of {len(found)} files the microscope has divided by the reference "
            f"({listed(corrected)}), in the others not; open either by themselves"
        )
    if corrected:
        notes.append("the microscope has divided by the reference; it is not applied again")
    else:
        metadata |= _flats(found, exposure, told, notes)
    sizes = [one.held.pixel_size for one in found if one.held.pixel_size is not None]
    if len(set(sizes)) > 1:
        notes.append(f"pixels are {min(sizes):g} to {max(sizes):g} µm in the headers; {sizes[0]:g} µm is taken")
    dtype = np.result_type(*(one.held.dtype for one in found)).newbyteorder("=")
    data = one_per_file([partial(projection, one.held, number, dtype) for one in found], shape, dtype)
    return RawStack(
        data,
        energy,
        "transmission" if corrected else "counts",
        (sizes[0], sizes[0]) if sizes else None,
        metadata,
        told,
        notes + choice_note(at, available),
    )


def _in_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files in a folder without those that are references by name, and links out of it."""
    files, links = files_in(folder, (".txrm",))
    return [path for path in files if not REFERENCE_NAME.search(path.stem)], links


def _are_series(paths: Sequence[Path], energies: Any) -> bool:
    """Whether two of some files are tomographies of different energies, or of any where energies are given."""
    first: Tomography | None = None
    for path in paths:
        this = tomography(path)
        if this is None or not this.is_one:
            continue
        if first is not None and (energies is not None or this.differs(first)):
            return True
        first = first or this
    return False


def _tomographies(paths: Sequence[Path], told: list[str]) -> list[Tomography]:
    """What the files hold; those that can't be used are told and left out.

    Raises
    ------
    ValueError
        If none is left.
    """
    found: list[Tomography] = []
    references: list[str] = []
    lost: list[str] = []
    stacks: list[str] = []
    for path in paths:
        if REFERENCE_NAME.search(path.stem):
            references.append(path.name)
        elif (one := tomography(path)) is None:
            lost.append(path.name)
        elif one.is_one:
            found.append(one)
        else:
            stacks.append(path.name)
    for names, what in (
        (lost, "damaged, cut short or without an image"),
        (stacks, "stacks of several energies by themselves"),
        (references, "references by their names, and only those within a file are applied"),
    ):
        if names:
            told.append(f"{len(names)} of {len(paths)} files are {what}; left out: {listed(names)}")
    if not found:
        raise ValueError(f"none of {len(paths)} .txrm files can be used: {'; '.join(told)}")
    return found


def _names(found: Sequence[Tomography]) -> dict[str, Any]:
    """The files, if there are several, and the energies in their names in eV, if all have one."""
    files = {"files": [one.path.name for one in found]} if len(found) > 1 else {}
    energies = [one.named for one in found]
    return files | ({} if np.isnan(energies).any() else {"energy_in_names": energies})


def _times(exposures: Sequence[NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """The exposure of each file in s; None if one is not known."""
    known = all(one.size and 0 < one[0] < np.inf for one in exposures)
    return np.array([one[0] for one in exposures]) if known else None


def _flats(
    found: Sequence[Tomography], exposure: NDArray[np.float64] | None, told: list[str], notes: list[str]
) -> dict[str, Any]:
    """The references in the files, if all have one."""
    held = [one.held for one in found]
    without = [one.path.name for one in found if one.held.reference is None]
    if without:
        if len(without) < len(held) or any(one.reference_broken for one in held):
            told.append(f"{len(without)} of {len(held)} files have no whole reference, none is used: {listed(without)}")
        return {}
    times = _times([np.array([one.reference_exposure or 0.0]) for one in held])
    metadata: dict[str, Any] = {"n_flat": 1}
    scale = np.ones(len(held))
    if exposure is None or times is None:
        told.append("exposure times are not known; projections and references are taken to be exposed alike")
    elif np.ptp(exposure) == 0 and np.ptp(times) == 0:
        metadata["flat_exposure"] = float(times[0])
    else:
        scale = exposure / times
        notes.append("references scaled to the exposure times of the projections")
    parts = [partial(flat, one, float(factor)) for one, factor in zip(held, scale, strict=True)]
    return metadata | {"flat": one_per_file(parts, held[0].shape, np.dtype(np.float32))}
