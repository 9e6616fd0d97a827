"""Stony Brook STXM 5 (NSLS X1A): netCDF files ``.sm``, one image of one energy each.

The manual of the microscope says what is in them: dimensions ``n_fast_pixels``, ``n_slow_pixels`` and ``n_data`` (the
detectors), the array ``image_data`` of unsigned numbers that are stored as signed ones, and each parameter of the scan
as a global attribute. The energy is ``start_ev``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import HIGHEST, LOWEST
from napari_xanes.io.files import files_in, listed, not_followed, starts_with
from napari_xanes.io.frames import of_one_shape, one_per_file
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import choice_note, chosen
from napari_xanes.io.stxm.netcdf3 import Header, Variable, header, is_netcdf3

_FAST, _SLOW = "n_fast_pixels", "n_slow_pixels"
_SUFFIXES = (".sm", ".nc")


@dataclass(frozen=True)
class _Scan:
    """One file: its images (Y, X) of `n_data` detectors in `images`, energy in eV, pixel size in µm, dwell in s."""

    path: Path
    images: Variable
    shape: tuple[int, int]
    n_data: int
    energy: float
    pixel_size: tuple[float, float] | None
    dwell: float


def why_not_readable(path: Path) -> str | None:
    """Why the file or folder holds no images of STXM 5; None if it does."""
    if path.is_dir():
        files, links = files_in(path, _SUFFIXES)
        if any(map(_holds_images, files)):
            return None
        return "; ".join(["no netCDF file of STXM 5 in the folder", *not_followed(links)])
    if not is_netcdf3(starts_with(path, 4)):
        return "not a netCDF-3 file"
    return None if _holds_images(path) else "no image_data of n_fast_pixels and n_slow_pixels in it"


@reader(
    "stony_brook_netcdf",
    title="Stony Brook netCDF",
    patterns=("*.sm", "*.nc"),
    why_not_readable=why_not_readable,
    folders=True,
)
def read(
    path: Path, energies: Any = None, select: str | int | None = None, files: Sequence[Path] | None = None
) -> RawStack:
    """The images of one detector, the first unless selected, one file per energy; ``exposure`` is the dwell time in s.

    Parameters
    ----------
    path : Path
        One file, or the folder of a scan.
    energies : any
        Whether there are some, which `finalize` puts in: then files need no energy.
    select : str or int, optional
        Which detector, from 0.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If the only file is cut short.
    ValueError
        If no file is an image with an energy, or images differ in size.
    """
    found, links = files_in(path, _SUFFIXES) if path.is_dir() else ([path], [])
    told = not_followed(links) if files is None else []
    scans = _scans(files or found, energies is not None, told)
    available = [f"detector {i}" for i in range(min(scan.n_data for scan in scans))]
    at = chosen(select, available)
    shape = of_one_shape([scan.shape for scan in scans], [scan.path for scan in scans])
    metadata: dict[str, Any] = {"energy_unit": "eV", "detector": available[at], "available": available}
    dwell = np.array([scan.dwell for scan in scans])
    if dwell.min() > 0:
        metadata["exposure"] = float(dwell[0]) if np.ptp(dwell) == 0 else dwell
    if len(scans) > 1:
        metadata["files"] = [scan.path.name for scan in scans]
    sizes = {scan.pixel_size for scan in scans}
    if len(sizes) > 1:
        told.append("pixel sizes differ from file to file; open only the files of one scan")
    energy = np.array([scan.energy for scan in scans])
    dtype = np.result_type(*(_pixel_type(scan.images.dtype) for scan in scans))
    data = one_per_file([partial(_image, scan, at, dtype) for scan in scans], shape, dtype)
    size = sizes.pop() if len(sizes) == 1 else None
    return RawStack(data, energy, "counts", size, metadata, told, choice_note(at, available), interruptible=True)


def _holds_images(path: Path) -> bool:
    """Whether a file is of STXM 5, cut short or not."""
    try:
        found = header(path)
    except (OSError, ValueError):
        return False
    images = found.variables.get("image_data")
    return images is not None and {_FAST, _SLOW} <= set(images.dimensions)


def _scans(paths: Sequence[Path], any_energy: bool, told: list[str]) -> list[_Scan]:
    """What the files hold; of several those that can't be used are told and left out."""
    scans: list[_Scan] = []
    cut: list[str] = []
    other: list[str] = []
    for path in paths:
        try:
            scans.append(_scan(path, any_energy))
        except (OSError, ValueError) as error:
            if len(paths) == 1:
                raise
            (cut if isinstance(error, OSError) else other).append(path.name)
    for names, what in ((cut, "cut short"), (other, "no images of one energy")):
        if names:
            told.append(f"{len(names)} of {len(paths)} files are {what} and left out: {listed(names)}")
    if not scans:
        raise ValueError(f"none of {len(paths)} files can be used: {'; '.join(told)}")
    return scans


def _scan(path: Path, any_energy: bool) -> _Scan:
    """What a file holds.

    Raises
    ------
    OSError
        If it is cut short.
    ValueError
        If it is no image of one energy.
    """
    found = header(path)
    images = found.variables.get("image_data")
    if images is None or not {_FAST, _SLOW} <= set(images.dimensions) or len(images.shape) > 3 or 0 in images.shape:
        raise ValueError(f"{path.name}: no image_data of n_fast_pixels and n_slow_pixels in it")
    devices = [_text(found, f"{axis}_device_name") for axis in ("fast", "slow")]
    if any(name and not name.startswith(axis) for name, axis in zip(devices, "XY", strict=True)):
        raise ValueError(f"{path.name}: a scan of {' and '.join(devices)}, not an image of x and y")
    energy = _number(found, "start_ev")
    if not LOWEST <= energy <= HIGHEST and not any_energy:
        raise ValueError(f"{path.name}: no photon energy, start_ev is {energy:g}; pass energies=")
    lengths = dict(zip(images.dimensions, images.shape, strict=True))
    shape = lengths[_SLOW], lengths[_FAST]
    n_data = int(np.prod(images.shape, dtype=object)) // (shape[0] * shape[1])
    n_bytes = shape[0] * shape[1] * n_data * images.dtype.itemsize
    if images.begin + n_bytes > path.stat().st_size:
        raise OSError(f"{path.name}: its images need {n_bytes} bytes, the file ends before: cut short")
    size = _number(found, "slow_pixel_um"), _number(found, "fast_pixel_um")
    dwell = _number(found, "dwell_msec") * 1e-3
    known = all(1e-6 < side < 1e4 for side in size)
    return _Scan(path, images, shape, n_data, energy, size if known else None, dwell if 0 < dwell < 1e6 else 0.0)


def _number(found: Header, name: str) -> float:
    """The value of a global attribute, 0 if there is none."""
    values = found.attributes.get(name)
    if values is None or values.size != 1 or values.dtype.kind not in "fi":
        return 0.0
    # Of float32 0.05 is meant, not 0.05000000074505806.
    value = float(f"{values[0]:.7g}") if values.dtype.itemsize == 4 else float(values[0])
    return value if np.isfinite(value) else 0.0


def _text(found: Header, name: str) -> str:
    """A text, stored as characters or as small numbers and filled with zeros."""
    values = found.attributes.get(name)
    if values is None or values.dtype.itemsize != 1:
        return ""
    return values.tobytes().split(b"\0")[0].decode("latin-1").strip().upper()


def _pixel_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of pixels: netCDF-3 has no unsigned 16 bit, the microscope means them by signed ones."""
    return np.dtype(np.uint16) if dtype == np.dtype(">i2") else dtype.newbyteorder("=")


def _image(scan: _Scan, at: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The image (Y, X) of one detector."""
    images = scan.images
    count = int(np.prod(images.shape))
    with scan.path.open("rb") as file:
        file.seek(images.begin)
        content = file.read(count * images.dtype.itemsize)
    if len(content) != count * images.dtype.itemsize:
        raise OSError(f"{scan.path.name}: cut short since its header was read")
    values = np.frombuffer(content, _pixel_type(images.dtype).newbyteorder(">")).reshape(images.shape)
    order = [images.dimensions.index(name) for name in (_SLOW, _FAST)]
    rest = [axis for axis in range(values.ndim) if axis not in order]
    return values.transpose(*order, *rest).reshape(*scan.shape, -1)[..., at].astype(dtype)
