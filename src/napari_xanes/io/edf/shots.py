"""What the images of EDF files show: data, references or darks of which scan, at which energy, exposed how long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.edf.file import (
    Frame,
    energy_in_header,
    exposure_in_header,
    frames,
    frames_in_header,
    image,
    why_not,
)
from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.files import listed

_ROLE = re.compile(r"(?:^|_)(data|ref|flat|dark)(?:end|hst)?(?=[_\d]|$)", re.IGNORECASE)
_COUNTER = re.compile(r"[_-]?\d{3,}$|[_-]\d+$")


@dataclass(frozen=True)
class Shot:
    """An image and what it shows.

    Parameters
    ----------
    frame : Frame
        Where it lies.
    role : {"data", "ref", "dark"}
        What it shows.
    scan : str
        What it belongs to, by its name; references and darks without a scan in their names have "".
    energy : float or None
        eV, None if it is not known.
    source, unit : str
        Where the energy stands, and how its unit was known.
    time : float
        Exposure of one camera frame in s, 0 if it is not known.
    summed : int
        How many camera frames are in it.
    """

    frame: Frame
    role: str
    scan: str
    energy: float | None
    source: str
    unit: str
    time: float
    summed: int


def named(path: Path, several: bool = False) -> tuple[str, str]:
    """Role and scan that the name of a file tells; a file with several images is a scan of its own.

    Examples
    --------
    >>> named(Path("map1_data_0000_0012_0000.edf")), named(Path("map1_ref_0000_0012_0000.edf"))
    (('data', 'map1'), ('ref', 'map1'))
    >>> named(Path("foil_7112.5eV_0003.edf"))
    ('data', 'foil')
    """
    if found := _ROLE.search(path.stem):
        role = found[1].lower()
        return ("ref" if role == "flat" else role), path.stem[: found.start()]
    if several:
        return "data", path.stem
    told = energy_in(path.stem)
    rest = path.stem if told is None else f"{path.stem[: told[2][0]].rstrip('_')}_{path.stem[told[2][1] :]}"
    return "data", _COUNTER.sub("", rest.replace("__", "_").strip("_"))


def shots_of(path: Path) -> tuple[list[Shot], str | None]:
    """The whole images of a file, and what is wrong with the rest of it; None if nothing is."""
    try:
        problem = why_not(path)
        found, cut = ([], False) if problem else frames(path)
    except (OSError, ValueError) as error:
        return [], str(error)
    role, scan = named(path, len(found) > 1)
    shots = []
    for frame in found:
        told = energy_in_header(frame.header)
        in_name = energy_in(path.stem) if told is None and len(found) == 1 else None
        if in_name is not None:
            told = in_name[0], "the names of the files", f"{in_name[1]} (file names)"
        energy, source, unit = told or (None, "", "")
        camera = exposure_in_header(frame.header), frames_in_header(frame.header)
        shots.append(Shot(frame, role, scan, energy, source, unit, *camera))
    return shots, problem or ("cut short" if cut else None)


def whole_shots(paths: Sequence[Path], told: list[str]) -> list[Shot]:
    """The images of files, in their order; the user is told of files that are not whole."""
    shots, lost = [], []
    for path in paths:
        own, problem = shots_of(path)
        shots += own
        if problem:
            lost.append(path.name)
    if lost:
        told.append(
            f"{len(lost)} of {len(paths)} files are damaged or cut short, what is missing is left out: {listed(lost)}"
        )
    return shots


def of_scan(shots: Sequence[Shot], role: str, scan: str, *, alone: bool) -> list[Shot]:
    """The images of a scan; references and darks also those of no scan in particular, or all if it is `alone`."""
    found = [one for one in shots if one.role == role]
    own = [one for one in found if one.scan == scan]
    return own if own or role == "data" else [one for one in found if alone or not one.scan]


def by_energy(shots: Sequence[Shot]) -> dict[float, list[Shot]]:
    """Images by their energies, which increase; those without one are at 0."""
    groups: dict[float, list[Shot]] = {}
    for one in sorted(shots, key=lambda one: one.energy or 0.0):
        groups.setdefault(one.energy or 0.0, []).append(one)
    return groups


def exposure(group: Sequence[Shot]) -> float:
    """Mean exposure of images in s, 0 if one is not known."""
    times = [one.time * one.summed for one in group]
    return float(np.mean(times)) if min(times) > 0 else 0.0


def mean(group: Sequence[Shot], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The mean of images (Y, X); one alone keeps its values as they are.

    Raises
    ------
    OSError
        If one can't be read.
    """
    first, *others = group
    with np.errstate(all="ignore"):  # numbers that are none, or too large for float32, stay so
        if not others:
            return image(first.frame).astype(dtype, copy=False)
        total = image(first.frame).astype(np.float64)
        for one in others:
            total += image(one.frame)
        return (total / len(group)).astype(dtype)
