"""ALBA MISTRAL: transmission that the beamline's own pipeline normalized, ``/SpecNormalized``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes.io.energies import to_ev
from napari_xanes.io.hdf5.file import array, child, is_hdf5, load, open_hdf5, row, text
from napari_xanes.io.length_units import length_in_um
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import choice_note, selected_index

_STACKS = ("spectroscopy_normalized_aligned", "spectroscopy_normalized")
_PER_FRAME = {"ExpTimes": "exposure", "Currents": "ring_current"}


def why_not_readable(path: Path) -> str | None:
    """Return why the file is not of MISTRAL, or None if it is."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        group = child(file, "SpecNormalized")
        if not isinstance(group, h5py.Group):
            return "no /SpecNormalized in it"
        return None if _names(group) else f"no {_STACKS[1]} in /SpecNormalized"


def _names(group: h5py.Group) -> list[str]:
    return [name for name in _STACKS if child(group, name) is not None]


@reader("mistral", title="ALBA MISTRAL", patterns=("*.h5", "*.hdf5"), why_not_readable=why_not_readable)
def read(path: Path, select: str | int | None = None) -> RawStack:
    """Read the normalized images: the aligned ones if the file has them, unless the others are selected.

    Parameters
    ----------
    path : Path
        The file; images are (E, Y, X), energies in eV, pixel sizes in µm, exposures in s.
    select : str or int, optional
        ``"spectroscopy_normalized"`` takes the images before alignment.

    Raises
    ------
    ValueError
        If images or energies are not what MISTRAL writes.
    """
    with open_hdf5(path) as file:
        group = child(file, "SpecNormalized")
        available = _names(group)
        at = selected_index(select, available)
        images, axis = array(group, available[at]), row(group, "energy")
        if images is None or images.ndim != 3 or 0 in images.shape:
            shape = None if images is None else images.shape
            raise ValueError(f"/SpecNormalized/{available[at]} must be numbers (E, Y, X), its shape is {shape}")
        metadata: dict[str, Any] = {"detector": available[at], "available": available}
        energy = None
        if axis is not None:
            energy, metadata["energy_unit"] = to_ev(axis[()], text(axis.attrs.get("units", "")))
        for name, key in _PER_FRAME.items():
            values = row(group, name)
            if values is not None and values.shape == images.shape[:1]:
                metadata[key] = values[()].astype(np.float64)
        angle = row(group, "rotation_angle")
        if angle is not None and angle.size:
            metadata["angle"] = float(np.ravel(angle[()])[0])
        return RawStack(
            load(images),
            energy,
            "transmission",
            _pixel_size(group),
            metadata,
            notes=["normalized by the beamline's pipeline", *choice_note(at, available)],
            interruptible=True,
        )


def _pixel_size(group: h5py.Group) -> tuple[float, float] | None:
    sizes = []
    for name in ("y_pixel_size", "x_pixel_size"):
        field = row(group, name)
        value = float(np.ravel(field[()])[0]) if field is not None and field.size == 1 else np.nan
        factor = None if field is None else length_in_um(text(field.attrs.get("units", "")))
        if factor is None or not (np.isfinite(value) and value > 0):
            return None
        sizes.append(round(value * factor, 9))
    return sizes[0], sizes[1]
