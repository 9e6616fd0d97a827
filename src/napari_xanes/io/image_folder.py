"""Images of a folder, one energy each: the energies are in their names, or one per line in a text beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.io import ways_out
from napari_xanes.io.energies import given_energies
from napari_xanes.io.energy_names import energies_in, energy_in, is_same_beside_another
from napari_xanes.io.part import Part, common_shape, known_times, mean_of
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.series import assemble, parse_files
from napari_xanes.io.sidecar import only_fitting

_FLAT = re.compile(r"(?<![a-z])(flats?|refs?|references?|white|bkg|background)(?![a-z])")
_DARK = re.compile(r"(?<![a-z])darks?(?![a-z])")


def why_no_energies(folder: Path, files: Sequence[Path], energies: Any) -> str | None:
    """Return why there is no energy for each of some files; None if there is."""
    if energies is not None:
        return None
    series, _, _ = _by_role(files)
    if any(energy_in(path.stem) for path in series):
        return None
    if only_fitting(folder, (len(files),)) is not None:
        return None
    return (
        f"no energies in names such as {files[0].name}, nor a text with {len(files)} of them beside the files; "
        "name files like scan_7112.5eV.tif, or put their energies into a text"
    )


def read_images(
    folder: Path, files: Sequence[Path], parse: Callable[[Path], Part], energies: Any, warnings: list[str]
) -> RawStack:
    """Read files as frames (E, Y, X), or (E, Z, Y, X) if each is a volume.

    Files called flat, ref, white or background with the same energies become ``metadata["flat"]`` (E, Y, X), files
    called dark ``metadata["dark"]`` (E, Y, X). If they have no energies, their mean (Y, X) serves all frames.

    Parameters
    ----------
    folder : Path
        Where the files lie; a text of energies may be beside them.
    files : sequence of Path
        The files, in the order that given energies are meant in.
    parse : callable
        Returns what is known of one file, with the energy in its name if it has one.
    energies : array_like of eV, path of a text file, or None
        One for each file, or for each that is no flat and no dark.
    warnings : list of str
        What the user must be told already.

    Raises
    ------
    OSError
        If a file is cut short.
    ValueError
        If energies are missing, several series lie in the folder, or the files differ in shape.
    """
    series, flats, darks = _by_role(files)
    notes: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    if energies is not None:
        axis, unit = given_energies(energies)
        if axis.size != len(series):
            series, flats, darks = list(files), [], []
    elif any(energy_in(path.stem) for path in series):
        axis, unit = _energies_of_names(series)
        metadata["energy_source"] = "names of the files"
    else:
        text = only_fitting(folder, (len(files),))
        if text is None:
            raise ValueError(
                f"no energies in the names of its files, nor in a text beside them; {ways_out.NAME_ENERGIES}"
            )
        series, flats, darks = list(files), [], []
        axis, unit, notes = text.values, text.unit, text.notes
        metadata["energy_source"] = str(text.path.resolve())
    # Energies may be in the order of the files, so no damaged file may be left out.
    parts = parse_files(series, parse, warnings, skip=())
    if axis.size == len(parts):
        parts = [
            replace(part, energy=float(energy), energy_unit=unit) for part, energy in zip(parts, axis, strict=True)
        ]
    corrections: list[tuple[Literal["flat", "dark"], list[Path]]] = [("flat", flats), ("dark", darks)]
    for name, paths in corrections:
        parts, common_images = _with_corrections(parts, name, paths, parse, warnings)
        metadata |= common_images
    stack = assemble(parts, energies=energies, metadata=metadata, warnings=warnings, notes=notes)
    # Without the names of its files, a repeated energy is no reason for a warning: names with a counter are repeats.
    stack.metadata.pop("files", None)
    return stack


def _by_role(files: Sequence[Path]) -> tuple[list[Path], list[Path], list[Path]]:
    """Return images, flats and darks; the words in the names count only if some files have them and others not."""
    flats = [path for path in files if _FLAT.search(path.stem.lower())]
    darks = [path for path in files if _DARK.search(path.stem.lower()) and path not in flats]
    image_files = [path for path in files if path not in flats and path not in darks]
    return (image_files, flats, darks) if image_files else (list(files), [], [])


def _energies_of_names(series: Sequence[Path]) -> tuple[Float64Array, str]:
    """Return the energies in the names of one series of files.

    Raises
    ------
    ValueError
        If a name has none, the names are of several series, or the numbers can't be energies.
    """
    energies = [(path, energy_in(path.stem)) for path in series]
    if missing := [path.name for path, energy in energies if energy is None]:
        raise ValueError(f"no energy in the name {missing[0]}, but in others; move files of another kind elsewhere")
    if is_same_beside_another(path.stem for path in series):
        raise ValueError(f"{series[0].name} has two energies, and the first is the same in all names; remove that one")
    prefixes = [path.stem[: energy[2][0]] for path, energy in energies if energy]
    suffixes = {re.sub(r"\d+", "#", path.stem[energy[2][1] :]) for path, energy in energies if energy}
    # A number before the energy is a counter if it is different in every name, else it is that of a field of view.
    has_counter = len(set(prefixes)) == len(prefixes) and len({re.sub(r"\d+", "#", text) for text in prefixes}) == 1
    if len(suffixes) > 1 or (len(set(prefixes)) > 1 and not has_counter):
        kinds = sorted(suffixes if len(suffixes) > 1 else set(prefixes))[:2]
        raise ValueError(f"several series in one folder ({kinds[0]!r}, {kinds[1]!r} ...); give each its own folder")
    name_energies = energies_in(path.stem for path in series)
    if name_energies is None:
        raise ValueError(f"the numbers in the names of its files can't be energies; {ways_out.NAME_ENERGIES}")
    return name_energies


def _with_corrections(
    parts: Sequence[Part],
    name: Literal["flat", "dark"],
    paths: Sequence[Path],
    parse: Callable[[Path], Part],
    warnings: list[str],
) -> tuple[list[Part], dict[str, Any]]:
    """Give each frame the flat or dark of its energy; if they have no energies, return their mean for all frames."""
    no_common_image: dict[str, Any] = {}
    if not paths:
        return list(parts), no_common_image
    corrections = parse_files(paths, parse, warnings, skip=())
    by_energy = {part.energy: part for part in corrections}
    if common_shape(corrections) == parts[0].shape:
        if set(by_energy) == {None}:
            image = mean_of([part.load for part in corrections]).astype(np.float32)
            return list(parts), {name: image} | _exposure(parts, name, corrections, warnings)
        if len(by_energy) == len(corrections) and all(part.energy in by_energy for part in parts):
            return [_corrected(part, name, by_energy[part.energy]) for part in parts], no_common_image
    warnings.append(f"{len(paths)} files called {name} do not fit the images and are left out")
    return list(parts), no_common_image


def _exposure(
    parts: Sequence[Part], name: Literal["flat", "dark"], corrections: Sequence[Part], warnings: list[str]
) -> dict[str, float]:
    """Return the exposure of the mean flat; add a warning where darks are of another exposure than the images."""
    times, own_times = known_times(parts), known_times(corrections)
    if times is None or own_times is None:
        return {}
    if name == "flat":
        return {"flat_exposure": float(own_times.mean())}
    if not np.allclose(times, own_times.mean()):
        warnings.append(f"darks were exposed for {own_times.mean():g} s, images for {times.mean():g} s")
    return {}


def _corrected(part: Part, name: Literal["flat", "dark"], image: Part) -> Part:
    return replace(part, flat=image) if name == "flat" else replace(part, dark=image)
