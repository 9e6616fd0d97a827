"""A series of Zeiss ``.xrm`` files, one image each, as SSRL 6-2c and APS 8-BM write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.io.energies import refuse_unsorted
from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.files import files_in, iter_files, link_warnings
from napari_xanes.io.part import Part, group_repeats, mean_parts, with_nearest_flats
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import selected_index, with_choice
from napari_xanes.io.series import assemble, other_views, parse_files
from napari_xanes.io.zeiss.file import Content, content_with_image, why_not_zeiss
from napari_xanes.io.zeiss.image_part import CORRECTED, are_corrected, image_part, one_reference, unused_references
from napari_xanes.io.zeiss.xrm_names import (
    MOST_APART,
    XrmName,
    images_of,
    parse_headers,
    parse_name,
    parse_names,
    references_of,
    scan_of,
    scans_in,
)


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the folder, or the folder of the file, holds no series; None if it does.

    Any file with its energy in the name opens its series. If the energies are only in the headers, the folder does.
    """
    if path.is_dir():
        names, links = _in_folder(path)
        if any(_is_zeiss(image.path) for image in names if not image.is_reference):
            return None
        return "; ".join(["no .xrm with energies in their names, or of several energies, in it", *links])
    if reason := why_not_zeiss(path):
        return reason
    if energy_in(path.stem) is None or path.suffix.lower() != ".xrm":
        return "no .xrm with its energy in the name"
    return None if _is_of_series(path) else _why_alone(path)


def _why_alone(path: Path) -> str | None:
    names, links = _in_folder(path)
    scan = scan_of(path, names)
    if scan is None:
        return "a reference without images that belong to it; open the images of the sample with it"
    energies = {image.energy for image in images_of(names, scan)}
    is_alone = len(energies) < 2 and not references_of(names, scan)
    return "; ".join(["no .xrm of other energies beside it", *links]) if is_alone else None


def _is_of_series(path: Path) -> bool:
    """Whether a file that clearly belongs to the same scan lies beside this file.

    Hundreds of files may be asked one after the other, and the first few names usually tell it.
    """
    name = parse_name(str(path.parent), path.name)
    if name is None:
        return False
    siblings = (
        parse_name(str(file.parent), file.name) for file, is_link in iter_files(path.parent, (".xrm",)) if not is_link
    )
    return any(
        name.serves(image) if name.is_reference else image.scan == name.scan and image.energy != name.energy
        for image in siblings
        if image is not None and not image.is_reference
    )


def _in_folder(path: Path) -> tuple[list[XrmName], list[str]]:
    """Return the facts of the files in a folder, or around a file, and a warning if links lead out of the folder.

    Files without an energy in the name are left out. If no name has one, the headers are read.
    """
    folder = path if path.is_dir() else path.parent
    files, links = files_in(folder, (".xrm",), user_file=path)
    names = parse_names(files)
    if path.is_dir() and not names:
        names = parse_headers(files)
    return names, link_warnings(links)


def _is_zeiss(path: Path) -> bool:
    try:
        return why_not_zeiss(path) is None
    except OSError:
        return False


@reader("xrm_series", title="Zeiss XRM series", patterns=("*.xrm",), why_not_readable=why_not_readable, folders=True)
def read(
    path: Path,
    energies: Any = None,
    select: str | int | None = None,
    repeat: int | None = None,
    files: Sequence[Path] | None = None,
) -> RawStack:
    """Read one image per energy, repeats averaged; references become ``flat`` (E, Y, X), float32.

    Counts are as measured. ``exposure`` and ``flat_exposure`` are in s; if exposures change with energy, the flats
    are scaled to those of the images. The energies of the headers are taken if all of them agree with the names.

    Parameters
    ----------
    path : Path
        A folder, or one file of the series in it.
    energies : array_like of eV, or path of a text file, optional
        One for each different energy of the names, in increasing order; `finalize` puts them in.
    select : str or int, optional
        Which of several scans in a folder, as in ``metadata["available"]``.
    repeat : int, optional
        Which of several images of one energy, from 1; their mean by default.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If a file that looked complete can't be read, or the only image is damaged.
    ValueError
        If no image is complete, or images differ in size.
    """
    names, warnings = _in_folder(path) if files is None else (parse_names(files), [])
    available = scans_in(names)
    if not available:
        raise ValueError(f"{path}: references alone; put the images of the sample with them")
    of_file = scan_of(path, names) if files is None and not path.is_dir() else None
    number = selected_index(select, available) if select is not None or of_file is None else available.index(of_file)
    headers: dict[Path, Content] = {}
    images = _parse(images_of(names, available[number]), headers, warnings)
    corrected = are_corrected(path, [headers[image.path] for image in images])
    reference_names = [] if corrected else references_of(names, available[number])
    references = _parse(reference_names, headers, warnings, kind="references")
    groups, repeat_notes = group_repeats(images, repeat)
    energy = np.array([group[0].energy for group in groups])
    if energies is not None:
        refuse_unsorted(energies, energy)
    in_headers, unit, notes = _energies(groups, headers)
    parts = mean_parts(groups)
    if references:
        parts = with_nearest_flats(parts, mean_parts(group_repeats(references)[0]), notes)
    else:
        warnings += one_reference(images) + unused_references(list(headers.values()))
    metadata: dict[str, Any] = {
        "files": list(dict.fromkeys(part.path.name for part in [*images, *references])),
        "energy_unit": unit,
    }
    if energy_in(images[0].path.stem):
        metadata["energy_in_names"] = energy.tolist()
    parts = [replace(part, energy=float(value)) for part, value in zip(parts, in_headers, strict=True)]
    stack = assemble(
        parts,
        quantity="transmission" if corrected else "counts",
        energies=energies,
        metadata=metadata,
        warnings=warnings,
        notes=[*notes, *repeat_notes, *([CORRECTED] if corrected else [])],
    )
    return with_choice(stack, number, available)


def _parse(
    names: list[XrmName], headers: dict[Path, Content], warnings: list[str], *, kind: str = "images"
) -> list[Part]:
    """Parse images or references, with the energies of the names; the headers are put into `headers`.

    A reference within the file of an image is the flat of this image. Several images of one file are repeats.
    """

    def parse(name: XrmName) -> list[Part]:
        content = headers[name.path] = content_with_image(name.path)
        if other_views(content.angle[: len(content.numbers)]):
            raise ValueError("its images were taken at several angles; open it by itself")
        images = [image_part(name.path, content, number, name.energy, "eV") for number in content.numbers]
        return [replace(i, angle=name.degrees, flat=i.flat if kind == "images" else None) for i in images]

    names_by_path = {image.path: image for image in names}
    parsed = parse_files(
        list(names_by_path), lambda path: parse(names_by_path[path]), warnings, kind=kind, required=kind == "images"
    )
    return [image for images in parsed for image in images]


def _in_header(content: Content) -> Float64Array:
    """Return the energy of the header in eV, shape (1,); 0 if it has none."""
    return content.energy[:1] if content.energy.size else np.zeros(1)


def _energies(groups: Sequence[Sequence[Part]], headers: dict[Path, Content]) -> tuple[Float64Array, str, list[str]]:
    """Return the energies in eV, how their unit was known, and a note.

    These are the energies of the headers if all agree with those of the names and increase, else those of the names.
    """
    names = np.array([group[0].energy for group in groups])
    if not energy_in(groups[0][0].path.stem):
        return names, "eV", ["energies of the headers, the names have none"]
    from_names = names, "eV (file names)"
    for name, group in zip(names, groups, strict=True):
        values = np.concatenate([_in_header(headers[part.path]) for part in group])
        if not (np.abs(values - name) <= MOST_APART).all():
            if not (values > 0).any():
                return *from_names, ["energies of the file names: not all headers have one"]
            worst = values[np.argmax(np.abs(values - name))]
            return *from_names, [f"energies of the file names: a header says {worst:g} eV where the name says {name:g}"]
    energy = np.array([np.mean([_in_header(headers[part.path]) for part in group]) for group in groups])
    if (np.diff(energy) <= 0).any():
        return *from_names, ["energies of the file names: those of the headers repeat"]
    difference = np.abs(energy - names).max()
    return energy, "eV", [f"energies of the headers; those of the file names differ by up to {difference:.2f} eV"]
