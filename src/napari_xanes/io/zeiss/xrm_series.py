"""A series of Zeiss ``.xrm`` files, one image each, as SSRL 6-2c and APS 8-BM write them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import refuse_unsorted
from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.files import files_in, listed, look_through, not_followed
from napari_xanes.io.frames import one_if_alike, one_per_file, taken
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import choice_note, chosen
from napari_xanes.io.zeiss.file import Content, content, image, why_not
from napari_xanes.io.zeiss.xrm_names import (
    MOST_APART,
    Named,
    references_of,
    samples_of,
    scan_of,
    scans_in,
    told_by,
    told_by_headers,
    told_by_names,
)


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Why the folder, or the folder of the file, holds no series; None if it does.

    Any file with its energy in the name opens its series; where energies are in the headers alone, the folder does.
    """
    if not path.is_dir():
        if reason := why_not(path):
            return reason
        if energy_in(path.stem) is None or path.suffix.lower() != ".xrm":
            return "no .xrm with its energy in the name"
        if _has_company(path):
            return None
    named, links = _in_folder(path)
    if path.is_dir():
        samples = [one for one in named if not one.is_reference]
        if any(_is_zeiss(one.path) for one in samples):
            return None
        return "; ".join(["no .xrm with energies in their names, or of several energies, in it", *links])
    scan = scan_of(path, named)
    if scan is None:
        return "a reference without images that belong to it"
    together = {one.energy for one in samples_of(named, scan)}
    alone = len(together) < 2 and not references_of(named, scan)
    return "; ".join(["no .xrm of other energies beside it", *links]) if alone else None


@reader("xrm_series", title="Zeiss XRM series", patterns=("*.xrm",), why_not_readable=why_not_readable, folders=True)
def read(
    path: Path,
    energies: Any = None,
    select: str | int | None = None,
    repeat: int | None = None,
    files: Sequence[Path] | None = None,
) -> RawStack:
    """One image per energy, repeats averaged; references become ``flat`` (E, Y, X), float32.

    Counts are as measured. ``exposure`` and ``flat_exposure`` are in s; where exposures change with energy, the flats
    are scaled to those of the images. Energies are those of the headers where all of them agree with the names.

    Parameters
    ----------
    path : Path
        A folder, or one file of the series in it.
    energies : array_like of eV, or path of a text file, optional
        One for each different energy of the names, which images are sorted by; `finalize` puts them in.
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
        If no image is whole, or images differ in size.
    """
    named, told = _in_folder(path) if files is None else (told_by_names(files), [])
    available = scans_in(named)
    if not available:
        raise ValueError(f"{path}: references alone; put the images of the sample with them")
    opened = scan_of(path, named) if files is None and not path.is_dir() else None
    at = chosen(select, available) if select is not None or opened is None else available.index(opened)
    of_scan = samples_of(named, available[at])
    samples = _whole(of_scan, "images", told)
    if not samples:
        raise ValueError(f"{path}: no image of the scan {available[at]!r} is whole: {'; '.join(told)}")
    flats = _whole(references_of(named, available[at]), "references", told)
    repeats = _by_energy(samples)
    kept, averaging = taken(list(repeats.values()), repeat)
    groups = dict(zip(repeats, kept, strict=True))
    first = next(iter(groups.values()))[0]
    for one in (*(c for g in groups.values() for c in g), *(c for _, c in flats)):
        if one.shape != first.shape:
            raise ValueError(f"{one.path}: {one.shape} pixels, {first.path.name} has {first.shape}; select one scan")
    names = np.array(list(groups))
    if energies is not None:
        refuse_unsorted(energies, names)
    if energy_in(Path(of_scan[0].name).stem):
        energy, notes = _energies(groups, names)
        known = {"energy_unit": "eV" if energy is not names else "eV (file names)", "energy_in_names": names.tolist()}
    else:
        energy, notes, known = names, ["energies of the headers, the names have none"], {"energy_unit": "eV"}
    metadata: dict[str, Any] = {
        **known,
        "available": available,
        "detector": available[at],
        "files": [content.path.name for _, content in samples + flats],
    }
    if (most := max(map(len, repeats.values()))) > 1:
        metadata["repeats"] = most
    if of_scan[0].angle:
        metadata["angle"] = of_scan[0].degrees
    exposure = _exposures(list(groups.values()))
    if exposure is not None:
        metadata["exposure"] = one_if_alike(exposure)
    if flats:
        metadata |= _flats(_by_energy(flats), names, exposure, notes, told)
    averaged = any(len(group) > 1 for group in groups.values())
    whole = np.result_type(*(c.dtype for _, c in samples)).newbyteorder("=")
    dtype = np.dtype(np.float32) if averaged else whole
    data = one_per_file([partial(_mean, group, 1.0, dtype) for group in groups.values()], first.shape, dtype)
    size = None if first.pixel_size is None else (first.pixel_size, first.pixel_size)
    return RawStack(data, energy, "counts", size, metadata, told, notes + averaging + choice_note(at, available))


def _in_folder(path: Path) -> tuple[list[Named], list[str]]:
    """What the names of the files in a folder, or around a file, tell, and what to tell of links out of it.

    Files without an energy in the name are left out, unless none has one: then the headers tell.
    """
    folder = path if path.is_dir() else path.parent
    files, links = files_in(folder, (".xrm",), named=path)
    named = told_by_names(files)
    if path.is_dir() and not named:
        named = told_by_headers(files)
    return named, not_followed(links)


def _has_company(path: Path) -> bool:
    """Whether a file that clearly belongs to the same scan lies beside one, as the first few names usually tell.

    Hundreds of files may be asked one after the other.
    """
    this = told_by(str(path.parent), path.name)
    if this is None:
        return False
    others = (
        told_by(str(file.parent), file.name) for file, is_link in look_through(path.parent, (".xrm",)) if not is_link
    )
    return any(
        this.serves(other) if this.is_reference else other.scan == this.scan and other.energy != this.energy
        for other in others
        if other is not None and not other.is_reference
    )


def _is_zeiss(path: Path) -> bool:
    try:
        return why_not(path) is None
    except OSError:
        return False


def _whole(named: list[Named], what: str, told: list[str]) -> list[tuple[float, Content]]:
    """Headers of the files that hold their image, with the energies of the names; the user is told of the others."""
    whole, lost = [], []
    for one in named:
        try:
            header = content(one.path)
        except (OSError, ValueError):
            header = None
        if header is not None and header.images:
            whole.append((one.energy, header))
        else:
            lost.append(one.name)
    if lost:
        told.append(
            f"{len(lost)} of {len(named)} {what} are aborted exposures or damaged, and are dropped: {listed(lost)}"
        )
    return whole


def _by_energy(shots: list[tuple[float, Content]]) -> dict[float, list[Content]]:
    groups: dict[float, list[Content]] = {}
    for energy, header in sorted(shots, key=lambda shot: shot[0]):
        groups.setdefault(energy, []).append(header)
    return groups


def _energies(groups: dict[float, list[Content]], names: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """The energies of the headers if all agree with those of the names and differ from each other, else the latter."""
    means = []
    for name, group in groups.items():
        told = np.array([c.energy[0] if c.energy.size else 0.0 for c in group])
        if not (np.abs(told - name) <= MOST_APART).all():
            if (told > 0).any():
                worst = told[np.argmax(np.abs(told - name))]
                return names, [f"energies of the file names: a header says {worst:g} eV where the name says {name:g}"]
            return names, ["energies of the file names: not all headers have one"]
        means.append(told.mean())
    energy = np.array(means)
    if (np.diff(energy) <= 0).any():
        return names, ["energies of the file names: those of the headers repeat"]
    apart = np.abs(energy - names).max()
    return energy, [f"energies of the headers; those of the file names differ by up to {apart:.2f} eV"]


def _exposures(groups: Sequence[list[Content]]) -> NDArray[np.float64] | None:
    """Mean exposure of each group in s, None if one is not known."""
    times = [[c.exposure[0] if c.exposure.size else 0.0 for c in group] for group in groups]
    known = all(0 < time < np.inf for group in times for time in group)
    return np.array([np.mean(group) for group in times]) if known else None


def _flats(
    flats: dict[float, list[Content]],
    energy: NDArray[np.float64],
    exposure: NDArray[np.float64] | None,
    notes: list[str],
    told: list[str],
) -> dict[str, Any]:
    """For each energy the mean of its references, or of those of the nearest energy that has some."""
    known = np.array(list(flats))
    nearest = known[np.abs(known[None, :] - energy[:, None]).argmin(axis=1)]
    if missing := int((nearest != energy).sum()):
        apart = np.abs(nearest - energy).max()
        notes.append(f"{missing} energies have no reference; the nearest ones, up to {apart:g} eV away, are taken")
    groups = [flats[e] for e in nearest]
    times = _exposures(groups)
    found: dict[str, Any] = {"n_flat": min(len(group) for group in groups)}
    scale = np.ones(energy.size)
    if exposure is None or times is None:
        told.append("exposure times are not known; images and references are taken to be exposed alike")
    elif isinstance(one_if_alike(exposure), float) and isinstance(one_if_alike(times), float):
        found["flat_exposure"] = one_if_alike(times)
    else:
        scale = exposure / times
        notes.append("references scaled to the exposure times of the images")
    single = np.dtype(np.float32)
    parts = [partial(_mean, group, float(s), single) for group, s in zip(groups, scale, strict=True)]
    return found | {"flat": one_per_file(parts, groups[0][0].shape, single)}


def _mean(group: list[Content], scale: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The mean image of some files, times a factor."""
    total = sum(image(c.path, c.images[0], c.shape, c.dtype).astype(np.float64) for c in group)
    return np.asarray(total / len(group) * scale).astype(dtype)
