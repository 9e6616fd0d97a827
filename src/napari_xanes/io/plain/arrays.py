"""NumPy files: ``.npz`` with the arrays ``data`` and ``energy``, ``.npy`` with energies in a text beside it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, get_args

import numpy as np

from napari_xanes.io import allocation_limits
from napari_xanes.io.energies import to_ev
from napari_xanes.io.files import starts_with
from napari_xanes.io.npz_archive import HEADER_ERRORS, check_archive, mapped_array
from napari_xanes.io.raw_arrays import native_array
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.sidecar import given_or_sidecar_energies, missing, only_fitting, same_stem
from napari_xanes.stack import Quantity

_NPY = b"\x93NUMPY"
_WANTED = ("data.npy", "energy.npy", "quantity.npy", "pixel_size.npy")


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the file is not an array or archive of a stack, or None if it is."""
    first_bytes = starts_with(path, 6)
    if first_bytes == _NPY:
        shape = mapped_array(path).shape
        if len(shape) not in (3, 4):
            return f"an array of shape {shape}, not (E, Y, X)"
        if energies is None and not (same_stem(path) or only_fitting(path.parent, shape[:1])):
            return missing(path)
        return None
    if first_bytes[:4] != b"PK\x03\x04":
        return "not an .npz archive or .npy array"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise OSError(f"{path}: damaged or cut short; copy it again ({error})") from error
    required_names = ["data.npy"] if energies is not None else ["data.npy", "energy.npy"]
    missing_names = [name.removesuffix(".npy") for name in required_names if name not in names]
    return f"it has no array {missing_names[0]!r}; save it with the arrays data and energy" if missing_names else None


@reader("arrays", title="NumPy arrays", patterns=("*.npz", "*.npy"), why_not_readable=why_not_readable)
def read(path: Path, energies: Any = None) -> RawStack:
    """Read the arrays ``data`` (E, Y, X) and ``energy`` (E,), and ``quantity`` and ``pixel_size`` (µm) if present.

    Raises
    ------
    OSError
        If the file is damaged.
    ValueError
        If an array holds Python objects: these are never loaded.
    """
    if starts_with(path, 6) == _NPY:
        return _array(path, energies)
    try:
        _check_lists(check_archive(path, _WANTED))
        with np.load(path, allow_pickle=False) as archive:
            data = archive["data"]
            energy = archive["energy"] if "energy" in archive else np.zeros(data.shape[:1])
            quantity = str(archive["quantity"]) if "quantity" in archive else "counts"
            size = archive.get("pixel_size")
    except (zipfile.BadZipFile, *HEADER_ERRORS) as error:
        raise OSError(f"{path}: damaged or cut short; copy it again ({error})") from None
    _check(data)
    if quantity not in get_args(Quantity):
        raise ValueError(
            f"its quantity {quantity!r} is none of {', '.join(get_args(Quantity))}; save it with one of these"
        )
    values, unit = to_ev(energy)
    sizes = None if size is None else tuple(float(s) for s in np.broadcast_to(size, (data.ndim - 1,)))
    return RawStack(data, values, quantity, sizes, {"energy_unit": unit})  # type: ignore[arg-type]


def _array(path: Path, energies: Any) -> RawStack:
    data = mapped_array(path)
    _check(data)
    values, metadata, notes = given_or_sidecar_energies(path, data.shape[0], energies)
    metadata["quantity_source"] = "an array does not say; pass quantity= if they are not counts"
    is_fortran = data.flags.f_contiguous and not data.flags.c_contiguous
    pixels = native_array(path, data.dtype, data.shape, data.offset, fortran=is_fortran)
    return RawStack(pixels, values, "counts", None, metadata, notes=notes)


def _check_lists(shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in shapes.items():
        if name != "data.npy" and prod(shape) > allocation_limits.LONGEST_LIST:
            raise ValueError(
                f"{name} has shape {shape}, no list of energies is so long; "
                "save the images as data and their energies as energy"
            )


def _check(data: Any) -> None:
    if data.ndim not in (3, 4) or data.dtype.kind not in "fiu":
        raise ValueError(f"its data are {data.dtype} of shape {data.shape}, not numbers (E, Y, X)")
