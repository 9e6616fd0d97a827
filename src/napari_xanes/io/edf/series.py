"""EDF files of the ESRF: full-field series of ID21, folders of files with an energy each, several images in a file.

ID21 writes ``<radix>_data_<zone>_<energy>_<repeat>.edf``, references as ``<radix>_ref_...`` and darks as
``<radix>_dark_...``; zones are parts of one energy scan, which may be exposed differently. The header has ``energy``
(keV), ``exposure_time`` of one camera frame and ``nb_frames``, how many camera frames were summed in the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.edf.corrections import dark_frames, dark_images, flats
from napari_xanes.io.edf.file import why_not
from napari_xanes.io.edf.shots import (
    Shot,
    by_energy,
    exposure,
    mean,
    named,
    of_scan,
    shots_of,
    whole_shots,
)
from napari_xanes.io.energies import given_energies, refuse_unsorted
from napari_xanes.io.files import files_in, look_through, not_followed
from napari_xanes.io.frames import one_if_alike, one_per_file, taken
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import choice_note, chosen


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Why the folder, or the file with those around it, holds no series; None if they do."""
    own: list[Shot] = []
    problem = None
    if not path.is_dir():
        if reason := why_not(path):
            return reason
        own, problem = shots_of(path)
        if energies is None and own and own[0].role == "data" and all(one.energy is None for one in own):
            return "no energy in its header or name"
    seen: set[Any] = set()
    for shot in chain(own, _beside(path)):
        if shot.role == "data":
            seen.add(shot.energy if energies is None else (shot.frame.path.name, shot.frame.start))
        if len(seen - {None}) > 1:
            return None
    folder = path if path.is_dir() else path.parent
    lacking = f"no EDF images of several energies in {'it' if path.is_dir() else 'its folder'}"
    return "; ".join([problem or lacking, *not_followed(files_in(folder, (".edf",))[1])])


def _beside(path: Path) -> Iterator[Shot]:
    """Data images of a folder, or of the files beside one that may be of its scan, in no order.

    Thousands of files may lie in a folder, and each be asked: it is looked through only as far as need be.
    """
    role, scan = named(path)
    for file, is_link in look_through(path if path.is_dir() else path.parent, (".edf",)):
        kind, other = named(file)
        wanted = kind == "data" and (path.is_dir() or role != "data" or other == scan)
        if wanted and not is_link and file.name != path.name:
            yield from shots_of(file)[0]


@reader("edf_series", title="ESRF EDF series", patterns=("*.edf",), why_not_readable=why_not_readable, folders=True)
def read(
    path: Path,
    energies: Any = None,
    select: str | int | None = None,
    repeat: int | None = None,
    files: Sequence[Path] | None = None,
) -> RawStack:
    """One image per energy, repeats averaged; references become ``flat`` (E, Y, X), darks ``dark``, both float32.

    Counts are as measured. ``exposure`` is that of the whole image in s: ``exposure_time`` times ``nb_frames``. An
    energy without reference gets one that is interpolated between those around. Darks are those of the same
    ``exposure_time``, else interpolated, times the camera frames in an image. References that were exposed otherwise
    are scaled to the images, so that one dark serves both.

    Parameters
    ----------
    path : Path
        A folder, or one file of the series in it.
    energies : array_like of eV, or path of a text file, optional
        Then images need no energy. `finalize` puts them in the place of those that are found, which increase; where an
        image has none, all are taken in the order of their files.
    select : str or int, optional
        Which of several scans in a folder, as in ``metadata["available"]``.
    repeat : int, optional
        Which of several images of one energy, from 1; their mean by default.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If a file that looked whole can't be read.
    ValueError
        If no image is whole or has an energy, images differ in size, or given energies are in another order.
    """
    found, links = files_in(path if path.is_dir() else path.parent, (".edf",), named=path)
    told = not_followed(links) if files is None else []
    shots = whole_shots(found if files is None else files, told)
    available = sorted({one.scan for one in shots if one.role == "data"})
    if not available:
        raise ValueError(f"{path}: no whole image of a sample in it; {'; '.join(told) or 'references and darks alone'}")
    opened = None if path.is_dir() or select is not None else named(path, len(shots_of(path)[0]) > 1)[1]
    at = available.index(opened) if opened in available else chosen(select, available)
    data, refs, darks = (
        of_scan(shots, role, available[at], alone=len(available) == 1) for role in ("data", "ref", "dark")
    )
    _check_alike([*data, *refs, *darks], told)
    if energies is None:
        data = _with_energy(data, "images", told)
        if not data:
            raise ValueError(f"{path}: no energy in the header or the name of an image; pass energies=")
    if any(one.energy is not None for one in refs):
        refs = _with_energy(refs, "references", told)
    in_order = any(one.energy is None for one in data)
    repeats = {float(i): [one] for i, one in enumerate(data)} if in_order else by_energy(data)
    groups, notes = taken(list(repeats.values()), repeat)
    if sources := {one.source for one in data} - {"", "energy"}:
        notes.append(f"energies from {', '.join(sorted(sources))}")
    energy = np.array(list(repeats))
    if energies is not None:
        energy = _given(energies, energy, in_order)
    metadata: dict[str, Any] = {
        "energy_unit": data[0].unit,
        "available": available,
        "detector": available[at],
    }
    if (most := max(map(len, repeats.values()))) > 1:
        metadata["repeats"] = most
    times = np.array([exposure(group) for group in groups])
    if times.min() > 0:
        metadata["exposure"] = one_if_alike(times)
    dark = dark_frames(darks)
    if dark:
        metadata["dark"] = dark_images(dark, groups, notes)
    if refs:
        of_energy = by_energy(refs)
        metadata["flat"] = flats(of_energy, energy, groups, dark, notes, told)
        metadata["n_flat"] = min(map(len, of_energy.values()))
    averaged = any(len(group) > 1 for group in groups)
    dtype = np.dtype(np.float32) if averaged else np.result_type(*(one.frame.dtype for one in data))
    stack = one_per_file([partial(mean, group, dtype) for group in groups], data[0].frame.shape, dtype)
    return RawStack(stack, energy, "counts", None, metadata, told, notes + choice_note(at, available))


def _check_alike(shots: Sequence[Shot], told: list[str]) -> None:
    """Whether images show one region of the camera; the user is told if they may not.

    Raises
    ------
    ValueError
        If their sizes differ.
    """
    first = shots[0].frame
    for one in shots:
        if one.frame.shape != first.shape:
            raise ValueError(
                f"{one.frame.path}: {one.frame.shape} pixels, {first.path.name} has {first.shape}; "
                "open only the files of one scan"
            )
    if len({one.frame.header.get("roi") for one in shots}) > 1:
        told.append("images may show different regions of the camera: the roi in their headers differ")


def _given(energies: Any, found: NDArray[np.float64], in_order: bool) -> NDArray[np.float64]:
    """Energies that references are looked for at: those given for images without any, else the ones that are found.

    Raises
    ------
    ValueError
        If images are sorted by their own energies, and those given are not.
    """
    if not in_order:
        refuse_unsorted(energies, found)
        return found
    given = given_energies(energies)[0]
    return given if given.size == found.size else found  # `finalize` refuses others


def _with_energy(shots: list[Shot], what: str, told: list[str]) -> list[Shot]:
    known = [one for one in shots if one.energy is not None]
    if 0 < len(known) < len(shots):
        told.append(f"{len(shots) - len(known)} of {len(shots)} {what} have no energy and are left out")
    return known
