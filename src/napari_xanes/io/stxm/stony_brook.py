"""Stony Brook ``.stk``: four lists and the images in one file of big-endian numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.energies import to_ev
from napari_xanes.io.energy_limits import SOFT_KEV_BELOW, looks_like_energies
from napari_xanes.io.files import starts_with
from napari_xanes.io.raw_arrays import native_array
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.rising_positions import turn_to_rise

_HEAD = np.dtype(">i4")
_NUMBER = np.dtype(">f4")


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the file is not a Stony Brook stack, or None if it is."""
    head = starts_with(path, 3 * _HEAD.itemsize)
    if len(head) < 3 * _HEAD.itemsize:
        return "too short for its header"
    columns, rows, images = (int(n) for n in np.frombuffer(head, _HEAD))
    if min(columns, rows, images) < 1:
        return "no numbers of columns, rows and energies at its beginning"
    expected, size = _bytes(columns, rows, images), path.stat().st_size
    return None if size == expected else f"its header needs {expected} bytes, the file has {size}"


def _bytes(columns: int, rows: int, images: int) -> int:
    return 3 * _HEAD.itemsize + _NUMBER.itemsize * (columns + rows + 2 * images + columns * rows * images)


@reader("stony_brook", title="Stony Brook", patterns=("*.stk",), why_not_readable=why_not_readable)
def read(path: Path, energies: Any = None) -> RawStack:
    """Read the images as native float32 (E, Y, X); dwell times become ``exposure`` in s, positions are in µm.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If the sizes do not add up, or the energies can't be any.
    """
    if reason := why_not_readable(path):
        raise ValueError(f"{path}: {reason}")
    with path.open("rb") as file:
        columns, rows, images = (int(n) for n in np.frombuffer(file.read(3 * _HEAD.itemsize), _HEAD))
        content = file.read(_NUMBER.itemsize * (columns + rows + 2 * images))
        with np.errstate(invalid="ignore"):  # numbers that are none stay so
            lists = np.frombuffer(content, _NUMBER).astype(np.float64)
        start = file.tell()
    x, y, energy, dwell = np.split(lists, np.cumsum([columns, rows, images]))
    if energies is None and not looks_like_energies(np.sort(energy)):
        raise ValueError(f"{path}: the energies in it can't be any ({energy[0]:g} to {energy[-1]:g}); pass energies=")
    values, unit = to_ev(energy, kev_below=SOFT_KEV_BELOW)
    metadata: dict[str, Any] = {"energy_unit": unit}
    if np.isfinite(dwell).all() and (dwell > 0).all():
        metadata["exposure"] = dwell[0] * 1e-3 if np.ptp(dwell) == 0 else dwell * 1e-3
    data = native_array(path, _NUMBER, (images, rows, columns), start)
    sizes = [step(y), step(x)]
    pixel_size = [size for size in sizes if size is not None]
    size = (pixel_size[0], pixel_size[1]) if len(pixel_size) == 2 else None
    turn, notes = turn_to_rise(y, x)
    return RawStack(turn(data), values, "counts", size, metadata, notes=notes)


def step(positions: Any) -> float | None:
    """Mean distance of neighbouring positions (N,) in their unit; None if they are not evenly apart."""
    if positions.size < 2 or not np.isfinite(positions).all():
        return None
    mean = abs(float(positions[-1] - positions[0])) / (positions.size - 1)
    even = np.ptp(np.diff(positions)) <= max(0.2 * mean, 4e-7 * np.abs(positions).max())
    return round(mean, 7) if even and mean > 1e-7 else None
