"""NSLS-II 18-ID FXI: the file that the beamline's ``export_xanes_scan`` writes.

Its images are transmission already, (sample - dark) / (flat - dark), with NaN and Inf replaced by 0. The flats and
darks in the file have been applied, so they are left where they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes.io.energies import to_ev
from napari_xanes.io.hdf5.file import array, child, in_words, is_hdf5, load, open_hdf5, row, text
from napari_xanes.io.hdf5.frames import check_energies_first
from napari_xanes.io.length_units import length_in_um
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader

_NUMBERS = ("scan_id", "scan_time", "Magnification")


def why_not_readable(path: Path) -> str | None:
    """Return why the file is not an export of FXI, or None if it is."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        missing = [name for name in ("img_xanes", "X_eng") if child(file, name) is None]
        return f"no /{missing[0]} in it" if missing else None


@reader("fxi", title="NSLS-II FXI", patterns=("*.h5", "*.hdf5", "*.hdf"), why_not_readable=why_not_readable)
def read(path: Path) -> RawStack:
    """Read the transmission images; zeros that the exporter wrote for NaN stay zeros.

    Raises
    ------
    ValueError
        If images or energies are not what FXI writes.
    """
    with open_hdf5(path) as file:
        images, keys = array(file, "img_xanes"), row(file, "X_eng")
        if images is None or images.ndim not in (3, 4) or keys is None:
            found = [in_words(file, name) for name in ("img_xanes", "X_eng")]
            raise ValueError(f"/img_xanes must be (E, Y, X) and /X_eng (E,); they hold {found[0]}, and {found[1]}")
        check_energies_first(images, keys.size)
        energy, unit = to_ev(keys[()], text(keys.attrs.get("units", "")))
        metadata: dict[str, Any] = {"energy_unit": unit}
        for name in _NUMBERS:
            number = row(file, name)
            if number is not None and number.size == 1:
                metadata[name] = np.ravel(number[()])[0].item()
        for name in ("uid", "note"):
            if value := text(child(file, name)):
                metadata[name] = value
        size = nominal_pixel_size(file)
        n_axes = images.ndim - 1
        return RawStack(
            load(images),
            energy,
            "transmission",
            None if size is None else (size,) * n_axes,
            metadata,
            notes=["flats and darks were applied by the beamline's export"],
            interruptible=True,
        )


def nominal_pixel_size(file: h5py.Group) -> float | None:
    """``Pixel Size`` in µm; it is a text such as "39.0nm", in older files a bare number of nm."""
    value = text(child(file, "Pixel Size"))
    match = re.fullmatch(r"([0-9.]+(?:[eE][-+]?\d+)?)\s*([A-Za-zµμ]*)", value)
    if match and (factor := length_in_um(match[2] or "nm")):
        try:
            size = float(match[1]) * factor
        except ValueError:
            return None
        return round(size, 9) if 0 < size < 1e6 else None
    return None
