"""EDF files of the ESRF: full-field series of ID21, folders with one energy per file, several images in a file.

ID21 writes ``<radix>_data_<zone>_<energy>_<repeat>.edf``, references as ``<radix>_ref_...`` and darks as
``<radix>_dark_...``; zones are parts of one energy scan, which may have other exposures. The header has ``energy``
(keV), ``exposure_time`` of one camera frame and ``nb_frames``, the number of camera frames summed in the image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.edf.corrections import Darks, camera_darks, with_dark, with_flats
from napari_xanes.io.edf.file import why_not_edf
from napari_xanes.io.edf.shots import Shot, of_scan, parse_name, parse_shots
from napari_xanes.io.energies import given_energies, refuse_unsorted
from napari_xanes.io.files import files_in, first_names, iter_files, link_warnings
from napari_xanes.io.part import Part, common_shape, group_repeats, mean_parts
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import selected_index, with_choice
from napari_xanes.io.series import assemble, parse_files, with_known_energies
from napari_xanes.wording import counted, one_or_more

_SUFFIXES = (".edf",)
_ENERGY_PLACE = "in the header or the name"


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the folder, or the file with those around it, holds no series; None if they do."""
    file_shots: list[Shot] = []
    problem = None
    if not path.is_dir():
        if reason := why_not_edf(path):
            return reason
        file_shots, problem = _shots_or_problem(path)
        if (
            energies is None
            and file_shots
            and file_shots[0].role == "data"
            and all(shot.energy is None for shot in file_shots)
        ):
            return "no energy in its header or name"
    different: set[Any] = set()
    for shot in chain(file_shots, _siblings(path)):
        if shot.role == "data":
            different.add(shot.energy if energies is None else (shot.frame.path.name, shot.frame.start))
        if len(different - {None}) > 1:
            return None
    folder = path if path.is_dir() else path.parent
    missing = f"no EDF images of several energies in {'it' if path.is_dir() else 'its folder'}"
    return "; ".join([problem or missing, *link_warnings(files_in(folder, _SUFFIXES)[1])])


def _shots_or_problem(path: Path) -> tuple[list[Shot], str | None]:
    """Return the complete images of a file, and the problem of the rest of it; None if it has no problem."""
    try:
        shots, is_cut = parse_shots(path)
    except (OSError, ValueError) as error:
        return [], str(error)
    return shots, "cut short" if is_cut else None


def _siblings(path: Path) -> Iterator[Shot]:
    """Return data images of a folder, or of the files beside a file that may be of its scan, in no order.

    A folder may have thousands of files, and each may be asked: files are parsed only when they are needed.
    """
    role, scan = parse_name(path)
    for file, is_link in iter_files(path if path.is_dir() else path.parent, _SUFFIXES):
        file_role, file_scan = parse_name(file)
        is_data_of_scan = file_role == "data" and (path.is_dir() or role != "data" or file_scan == scan)
        if is_data_of_scan and not is_link and file.name != path.name:
            yield from _shots_or_problem(file)[0]


@reader("edf_series", title="ESRF EDF series", patterns=("*.edf",), why_not_readable=why_not_readable, folders=True)
def read(
    path: Path,
    energies: Any = None,
    select: str | int | None = None,
    repeat: int | None = None,
    files: Sequence[Path] | None = None,
) -> RawStack:
    """Read one image per energy, repeats averaged; references become ``flat`` (E, Y, X), darks ``dark``, float32.

    Counts are as measured. ``exposure`` is that of the whole image in s: ``exposure_time`` times ``nb_frames``. If an
    energy has no reference, it is interpolated between those around. Darks are those of the same ``exposure_time``,
    else interpolated, times the camera frames in an image. References of another exposure are scaled to the images,
    so that one dark serves both.

    Parameters
    ----------
    path : Path
        A folder, or one file of the series in it.
    energies : array_like of eV, or path of a text file, optional
        Then images need no energy. If all images have one, these replace their energies, in increasing order; else
        they are those of the images in the order of their files.
    select : str or int, optional
        Which of several scans in a folder, as in ``metadata["available"]``.
    repeat : int, optional
        Which of several images of one energy, from 1; their mean by default.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If a file that looked complete can't be read, or the only file is damaged.
    ValueError
        If no image is complete or has an energy, images differ in size, or given energies are in another order.
    """
    in_folder, links = files_in(path if path.is_dir() else path.parent, _SUFFIXES, user_file=path)
    warnings = link_warnings(links) if files is None else []
    shots = _shots(in_folder if files is None else files, warnings)
    available = sorted({shot.scan for shot in shots if shot.role == "data"})
    if not available:
        raise ValueError(
            f"{path}: no complete image of a sample in it; {'; '.join(warnings) or 'references and darks alone'}"
        )
    of_file = None if path.is_dir() or select is not None else parse_name(path, len(_shots_or_problem(path)[0]) > 1)[1]
    number = available.index(of_file) if of_file in available else selected_index(select, available)
    data, refs, darks = (
        of_scan(shots, role, available[number], is_only_scan=len(available) == 1) for role in ("data", "ref", "dark")
    )
    _check_alike([*data, *refs, *darks], warnings)
    stack = _stack(data, refs, camera_darks(darks), energies, repeat, warnings)
    return with_choice(stack, number, available)


def _shots(paths: Sequence[Path], warnings: list[str]) -> list[Shot]:
    """Return the complete images of all files, in their order."""
    parsed = parse_files(paths, parse_shots, warnings)
    cut = [shots[0].frame.path.name for shots, is_cut in parsed if is_cut]
    if cut:
        warnings.append(
            f"{len(cut)} of {len(paths)} files {one_or_more(len(cut), 'is', 'are')} cut short; only the first "
            f"images are used: {first_names(cut)}"
        )
    return [shot for shots, _ in parsed for shot in shots]


def _check_alike(shots: Sequence[Shot], warnings: list[str]) -> None:
    """Check that images show one region of the camera.

    Raises
    ------
    ValueError
        If their sizes differ.
    """
    common_shape([shot.part for shot in shots])
    if len({shot.frame.header.get("roi") for shot in shots}) > 1:
        warnings.append("images may show different regions of the camera: the roi in their headers differ")


def _stack(
    data: Sequence[Shot], refs: Sequence[Shot], darks: Darks, energies: Any, repeat: int | None, warnings: list[str]
) -> RawStack:
    images = [with_dark(shot, darks) for shot in data]
    images = with_known_energies(images, energies, warnings, kind="images", energy_place=_ENERGY_PLACE)
    groups, notes = group_repeats(images, repeat)
    if sources := {shot.energy_source for shot in data} - {"", "energy"}:
        notes.append(f"energies from {', '.join(sorted(sources))}")
    parts = mean_parts(groups)
    energy = _energies(parts, energies)
    metadata: dict[str, Any] = {}
    if darks:
        cameras = {(shot.camera_time, shot.n_summed) for shot in data}
        _tell_missing_darks({shot.camera_time for shot in (*data, *refs)}, darks, warnings, notes)
    if refs:
        parts = with_flats(parts, _references(refs, darks, warnings), energy, notes)
    if darks and len(cameras) == 1 and (dark := parts[0].dark):
        # One dark (Y, X) serves all images.
        metadata["dark"] = dark.load().astype("float32")
        parts = [replace(part, dark=None) for part in parts]
    return assemble(
        parts, energies=energies, energy_place=_ENERGY_PLACE, metadata=metadata, warnings=warnings, notes=notes
    )


def _tell_missing_darks(times: set[float], darks: Darks, warnings: list[str], notes: list[str]) -> None:
    """Say which exposures of images and references have no dark: between others it is interpolated, else a guess."""
    missing = times - set(darks)
    beyond = [time for time in missing if not min(darks) < time < max(darks)]
    if between := len(missing) - len(beyond):
        notes.append(f"darks of {counted(between, 'exposure time', 'exposure times')} are interpolated between others")
    if beyond:
        warnings.append(
            f"no darks of the exposure {_seconds(beyond)}; those of {_seconds(darks)} are taken, which differ by the "
            "dark current; measure darks of the same exposure"
        )


def _seconds(times: Iterable[float]) -> str:
    return ", ".join(f"{time:g} s" if time else "unknown" for time in sorted(times)[:3])


def _references(refs: Sequence[Shot], darks: Darks, warnings: list[str]) -> list[Part]:
    """Average references of one energy; if none has an energy, all become one at 0, which serves all images."""
    parts = [with_dark(shot, darks) for shot in refs]
    if all(part.energy is None for part in parts):
        parts = [replace(part, energy=0.0) for part in parts]
        warnings.append(
            "the references name no energy, and their mean is taken for all images, although the beam changes with "
            "energy; put the energy into their headers or names"
        )
    parts = with_known_energies(parts, None, warnings, kind="references", energy_place=_ENERGY_PLACE)
    return mean_parts(group_repeats(parts)[0])


def _energies(parts: Sequence[Part], energies: Any) -> list[float]:
    """Return the energies at which references are looked for: those of the images, else those given.

    Raises
    ------
    ValueError
        If images are sorted by their own energies, and those given are not.
    """
    image_energies = [part.energy or 0.0 for part in parts]
    if energies is None:
        return image_energies
    if all(part.energy is not None for part in parts):
        refuse_unsorted(energies, np.array(image_energies))
        return image_energies
    user_energies: list[float] = given_energies(energies)[0].tolist()
    return user_energies if len(user_energies) == len(image_energies) else image_energies  # `finalize` refuses others
