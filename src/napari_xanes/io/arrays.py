"""NumPy archives (``.npz``) with the arrays ``data`` and ``energy``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, get_args

import numpy as np

from napari_xanes.io.energies import to_ev
from napari_xanes.io.files import starts_with
from napari_xanes.io.found import Found
from napari_xanes.stack import Quantity


def declines(path: Path, energies: Any = None) -> str | None:
    """Why the file is no archive of a stack; None if it is."""
    if starts_with(path, 4) != b"PK\x03\x04":
        return "not an .npz archive"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise OSError(f"{path}: damaged or cut short ({error})") from error
    needed = ["data.npy"] if energies is not None else ["data.npy", "energy.npy"]
    missing = [name.removesuffix(".npy") for name in needed if name not in names]
    return f"it has no array {missing[0]!r}" if missing else None


def read(path: Path, energies: Any = None) -> Found:
    """The arrays ``data`` (E, Y, X) and ``energy`` (E,), and if there ``quantity`` and ``pixel_size`` (µm).

    Raises
    ------
    OSError
        If the archive is damaged.
    ValueError
        If an array holds Python objects: these are never loaded.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            promised = sum(item.file_size for item in archive.infolist())
        if promised > (64 << 20) and promised > path.stat().st_size * 1100:
            raise ValueError(f"it promises {promised >> 20} MB, but the file has {path.stat().st_size >> 10} kB")
        with np.load(path, allow_pickle=False) as archive:
            data = archive["data"]
            energy = archive["energy"] if "energy" in archive else np.zeros(data.shape[:1])
            quantity = str(archive["quantity"]) if "quantity" in archive else "counts"
            size = archive.get("pixel_size")
    except (zipfile.BadZipFile, EOFError) as error:
        raise OSError(f"{path}: damaged or cut short ({error})") from error
    if data.ndim not in (3, 4) or data.dtype.kind not in "fiu":
        raise ValueError(f"its data are {data.dtype} of shape {data.shape}, not numbers (E, Y, X)")
    if quantity not in get_args(Quantity):
        raise ValueError(f"its quantity {quantity!r} is none of {', '.join(get_args(Quantity))}")
    values, unit = to_ev(energy)
    sizes = None if size is None else tuple(float(s) for s in np.broadcast_to(size, (data.ndim - 1,)))
    return Found(data, values, quantity, sizes, {"energy_unit": unit})  # type: ignore[arg-type]
