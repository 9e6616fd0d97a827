"""STXM_Control SDF: a ``.hdr`` text and one ``.xim`` text per image (ALS, CLS, SLS, MAX IV, MAXYMUS, UVSOR)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energies import given_energies, to_ev
from napari_xanes.io.energy_limits import SOFT_KEV_BELOW
from napari_xanes.io.files import files_in, inside, lines_of, link_warnings, read_text, starts_with
from napari_xanes.io.length_units import length_in_um
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.rising_positions import turn_to_rise
from napari_xanes.io.selection import choice_note, selected_index
from napari_xanes.io.stxm.sdf_companions import drift_beside, i0_beside
from napari_xanes.io.stxm.sdf_header import parse_header

_MARK = b"ScanDefinition"
_IMAGE_BYTES = 64 << 20
_LONGEST_NUMBER = 100
_TEXT_BYTES = 4 << 20
_MOST_REGIONS = 1000
_MOST_IMAGES = 100_000
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def why_not_readable(path: Path) -> str | None:
    """Return why the file or folder is not an SDF scan, or None if it is."""
    if path.is_dir():
        headers = _headers(path)
        if len(headers) != 1:
            problem = f"the folder holds {len(headers)} .hdr files of STXM_Control; open one .hdr"
            return "; ".join([problem, *link_warnings(files_in(path, (".hdr",))[1])])
        return None
    return (
        None
        if _MARK in starts_with(path, 4096)
        else ("no ScanDefinition at its beginning; open the .hdr that lies beside the .xim images")
    )


def _headers(folder: Path) -> list[Path]:
    return [p for p in files_in(folder, (".hdr",))[0] if _MARK in starts_with(p, 4096)]


@reader("sdf", title="STXM_Control SDF", patterns=("*.hdr",), why_not_readable=why_not_readable, folders=True)
def read(path: Path, energies: Any = None, select: str | int | None = None) -> RawStack:
    """Read the images of one detector and region, by default the first ones, as float32.

    Images that are missing or incomplete are left out, and the user is told. An ``i0.xsp`` or ``i0.txt`` beside the
    header becomes the stack's I0; a ``drift.txt`` is kept in the metadata and not applied.

    Parameters
    ----------
    path : Path
        The header, or the folder with it.
    energies : array_like of eV, or path of a text file, optional
        Energies that I0 is wanted on.
    select : str or int, optional
        Which detector and region, such as ``"counter1, region 0"``.

    Raises
    ------
    OSError
        If no image can be read.
    ValueError
        If the scan is no image stack or the header is damaged.
    """
    header = _headers(path)[0] if path.is_dir() else path
    scan = parse_header(read_text(header, limit=_TEXT_BYTES)).get("ScanDefinition")
    if not isinstance(scan, Mapping):
        raise ValueError(f"the header has no ScanDefinition block; {ways_out.COPY}")
    regions, available = _choices(scan)
    at = selected_index(select, available)
    letter, region = _LETTERS[at // len(regions)], at % len(regions)
    if not _is_stack(scan):
        return _small_scan(header, scan, at, regions, available)
    x, y = (_points(regions[region], axis) for axis in ("PAxis", "QAxis"))
    planned = _points(scan, "StackAxis")
    energy, unit = to_ev(planned, _text(scan, "StackAxis", "Unit"), kev_below=SOFT_KEV_BELOW)
    if energy.size > _MOST_IMAGES:
        raise ValueError(f"the header names {energy.size} energies, more than any scan has; {ways_out.COPY}")
    names = [f"{header.stem}_{letter}{i:03d}" for i in range(energy.size)]
    if len(regions) > 1:
        names = [f"{name}{region}" for name in names]
    data, is_complete = _images([header.parent / f"{name}.xim" for name in names], (y.size, x.size))
    warnings = _missing(is_complete, energy)
    metadata: dict[str, Any] = {"energy_unit": unit, "available": available, "detector": available[at]}
    if isinstance(dwell := scan.get("Dwell"), float) and 0 < dwell < np.inf:
        metadata["exposure"] = dwell * 1e-3
    energy = energy[is_complete]
    notes = choice_note(at, available)
    i0_energy = energy if energies is None else given_energies(energies)[0]
    if i0_energy.size == energy.size:
        metadata |= i0_beside(header, i0_energy, is_complete, notes, warnings)
    metadata |= drift_beside(header, is_complete, notes, warnings)
    size = _pixel_size(regions[region])
    turn, told = turn_to_rise(y, x)
    return RawStack(turn(data), energy, "counts", size, metadata, warnings, [*notes, *told])


def _is_stack(scan: Mapping[str, Any]) -> bool:
    return "Image Stack" in str(scan.get("Flags", "")) and "StackAxis" in scan


def _choices(scan: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the regions, and the names of all detectors and regions.

    Raises
    ------
    ValueError
        If there are no regions, or more than any scan has.
    """
    regions, channels = _blocks(scan, "Regions"), _blocks(scan, "Channels")
    if not 0 < len(regions) <= _MOST_REGIONS:
        raise ValueError(f"the header names {len(regions) or 'no'} regions; {ways_out.COPY}")
    channel_names = [str(channel.get("Name", f"channel {i}")) for i, channel in enumerate(channels)]
    detectors = [
        f"{name} ({letter})" if channel_names.count(name) > 1 else name
        for name, letter in zip(channel_names, _LETTERS, strict=False)
    ] or ["channel 0"]
    return regions, [f"{detector}, region {r}" for detector in detectors for r in range(len(regions))]


def _small_scan(
    header: Path, scan: Mapping[str, Any], at: int, regions: list[Mapping[str, Any]], available: list[str]
) -> RawStack:
    """Read a single image as a stack of one energy, or a line scan as a stack of one row.

    Raises
    ------
    ValueError
        If the scan is neither.
    """
    kind, flags = str(scan.get("Type", "")), str(scan.get("Flags", ""))
    region = regions[at % len(regions)]
    names = [_text(region, axis, "Name").lower() for axis in ("PAxis", "QAxis")]
    is_line = "energy" in names[0] or "energy" in names[1]
    if not is_line and ("focus" in kind.lower() or "image" not in f"{kind} {flags}".lower()):
        way = "read its .xsp with read_spectra" if "point" in kind.lower() else "open a scan over energies"
        raise ValueError(f"no image stack but a {kind or 'scan of unknown type'!r} ({flags or 'no flags'}); {way}")
    digit = str(at % len(regions)) if len(regions) > 1 else ""
    path = header.parent / f"{header.stem}_{_LETTERS[at // len(regions)]}{digit}.xim"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.name}, the image of the scan, is not there; copy the .xim images beside the header"
        )
    x, y = (_points(region, axis) for axis in ("PAxis", "QAxis"))
    image = _image(path, (y.size, x.size))
    metadata: dict[str, Any] = {"available": available, "detector": available[at]}
    notes = choice_note(at, available)
    if not is_line:
        notes.append("a single image, for looking at: steps and maps say how many energies they need")
        energy = None
        if isinstance(scan.get("StackAxis"), Mapping) and (points := _points(scan, "StackAxis")).size == 1:
            energy, metadata["energy_unit"] = to_ev(points, _text(scan, "StackAxis", "Unit"), kev_below=SOFT_KEV_BELOW)
        turn, told = turn_to_rise(y, x)
        return RawStack(turn(image[None]), energy, "counts", _pixel_size(region), metadata, notes=[*notes, *told])
    notes.append("a line scan: its places are the pixels of one row")
    axis, other = ("PAxis", "QAxis") if "energy" in names[0] else ("QAxis", "PAxis")
    energy, metadata["energy_unit"] = to_ev(
        _points(region, axis), _text(region, axis, "Unit"), kev_below=SOFT_KEV_BELOW
    )
    lines = image.T if axis == "PAxis" else image
    step, factor = np.diff(_points(region, other)), length_in_um(_text(region, other, "Unit"))
    size = round(float(np.abs(np.mean(step))) * factor, 9) if step.size and factor else 0.0
    return RawStack(lines[:, None], energy, "counts", (size, size) if size else None, metadata, notes=notes)


def _blocks(scan: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    blocks = scan.get(name)
    return [item for item in blocks if isinstance(item, Mapping)] if isinstance(blocks, list) else []


def _text(block: Mapping[str, Any], axis: str, name: str) -> str:
    fields = block.get(axis)
    return str(fields.get(name, "")) if isinstance(fields, Mapping) else ""


def _points(block: Mapping[str, Any], axis: str) -> NDArray[np.float64]:
    fields = block.get(axis)
    points = fields.get("Points") if isinstance(fields, Mapping) else None
    if not isinstance(points, list) or not points or not all(isinstance(p, float) for p in points):
        raise ValueError(f"the header has no list of points for {axis}; {ways_out.COPY}")
    return np.array(points)


def _pixel_size(region: Mapping[str, Any]) -> tuple[float, float] | None:
    sizes = []
    for axis in ("QAxis", "PAxis"):
        points, factor = _points(region, axis), length_in_um(_text(region, axis, "Unit"))
        if points.size < 2 or factor is None:
            return None
        # Positions are written to a nm: their mean distance is better than any single one.
        sizes.append(round(abs(points[-1] - points[0]) / (points.size - 1) * factor, 9))
    return (sizes[0], sizes[1]) if all(np.isfinite(s) and s > 0 for s in sizes) else None


def _images(paths: list[Path], shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the complete images and their numbers."""
    frames = []
    is_complete = np.zeros(len(paths), dtype=bool)
    problem = ""
    for i, path in enumerate(paths):
        try:
            frames.append(_image(path, shape))
            is_complete[i] = True
        except FileNotFoundError:
            continue
        except ValueError as error:
            problem = problem or str(error)
    if not frames:
        raise FileNotFoundError(
            problem
            or (
                f"none of the {len(paths)} images is there; the first is {paths[0].name}; "
                "copy the .xim images beside the header"
            )
        )
    return np.stack(frames), is_complete


def _image(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Read one image; its rows lie along y.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it does not have the shape that the header announces.
    """
    if path.is_symlink() and not inside(path.parent, path):
        raise OSError(f"{path}: {link_warnings([path])[0]}")
    rows: list[NDArray[np.float32]] = []
    for line in lines_of(read_text(path, limit=_IMAGE_BYTES)):
        if not line.strip():
            continue
        if len(line) > _LONGEST_NUMBER * shape[1]:
            raise ValueError(
                f"{path.name}: a row has {len(line)} signs, the header announces {shape[1]} values; {ways_out.COPY}"
            )
        try:
            rows.append(np.array(line.split(), dtype=np.float32))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
        if len(rows) > shape[0] or rows[-1].size != shape[1]:
            break
    if len(rows) != shape[0] or rows[-1].size != shape[1]:
        size = rows[-1].size if rows else 0
        raise ValueError(
            f"{path.name}: {len(rows)} rows, the last of {size} values; the header announces {shape}; {ways_out.COPY}"
        )
    return np.stack(rows)


def _missing(is_complete: NDArray[np.bool_], energy: NDArray[np.float64]) -> list[str]:
    """Return the warnings about missing and incomplete images."""
    last = int(np.flatnonzero(is_complete)[-1])
    warnings = []
    gaps = energy[: last + 1][~is_complete[: last + 1]]
    if gaps.size:
        gap_energies = ", ".join(f"{e:g}" for e in gaps[:10]) + (" ..." if gaps.size > 10 else "")
        warnings.append(f"{gaps.size} images are missing or incomplete in between; dropped: {gap_energies} eV")
    if last + 1 < is_complete.size:
        warnings.append(
            f"the last {is_complete.size - last - 1} of {is_complete.size} images are missing or incomplete and dropped"
        )
    return warnings
