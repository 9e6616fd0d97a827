"""Stony Brook STXM 5 (NSLS X1A): netCDF files ``.sm``, each with one image at one energy.

The manual of the microscope describes them: dimensions ``n_fast_pixels``, ``n_slow_pixels`` and ``n_data`` (the
detectors), the array ``image_data`` of unsigned numbers that are stored as signed numbers, and each parameter of the
scan as a global attribute. The energy is ``start_ev``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energy_limits import HIGHEST, LOWEST
from napari_xanes.io.files import files_in, link_warnings, starts_with
from napari_xanes.io.part import Part
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import selected_index, with_choice
from napari_xanes.io.series import assemble, parse_files, series_files
from napari_xanes.io.stxm.netcdf3 import Header, Variable, header, is_netcdf3

_FAST, _SLOW = "n_fast_pixels", "n_slow_pixels"
_SUFFIXES = (".sm", ".nc")


@dataclass(frozen=True)
class _Scan:
    """The facts of one file.

    Parameters
    ----------
    path : Path
        The file.
    images : Variable
        Where its images lie.
    shape : tuple of int
        (Y, X) of each image.
    n_detectors : int
        How many images there are.
    energy : float or None
        eV.
    pixel_size : tuple of float or None
        µm, (Y, X).
    dwell : float
        Dwell time in s, 0 if it is not known.
    """

    path: Path
    images: Variable
    shape: tuple[int, int]
    n_detectors: int
    energy: float | None
    pixel_size: tuple[float, float] | None
    dwell: float


def why_not_readable(path: Path) -> str | None:
    """Return why the file or folder holds no images of STXM 5; None if it does."""
    if path.is_dir():
        files, links = files_in(path, _SUFFIXES)
        if any(map(_holds_images, files)):
            return None
        return "; ".join(["no netCDF file of STXM 5 in the folder", *link_warnings(links)])
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
    """Read the images of one detector, the first unless selected, one file per energy.

    The dwell time in s becomes ``exposure``.

    Parameters
    ----------
    path : Path
        One file, or the folder of a scan.
    energies : array_like of eV, or path of a text file, optional
        One for each file; then files need no energy.
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
    warnings: list[str] = []
    scans = parse_files(series_files(path, files, _SUFFIXES, warnings), _parse, warnings)
    available = [f"detector {i}" for i in range(min(scan.n_detectors for scan in scans))]
    number = selected_index(select, available)
    parts = [_part(scan, number) for scan in scans]
    stack = assemble(parts, energies=energies, energy_place="in start_ev", warnings=warnings)
    return with_choice(stack, number, available)


def _holds_images(path: Path) -> bool:
    """Whether a file is of STXM 5, cut short or not."""
    try:
        images = header(path).variables.get("image_data")
    except (OSError, ValueError):
        return False
    return images is not None and {_FAST, _SLOW} <= set(images.dimensions)


def _parse(path: Path) -> _Scan:
    """Return the facts of a file.

    Raises
    ------
    OSError
        If it is cut short.
    ValueError
        If it is not an image of x and y.
    """
    content = header(path)
    images = content.variables.get("image_data")
    if images is None or not {_FAST, _SLOW} <= set(images.dimensions) or len(images.shape) > 3 or 0 in images.shape:
        raise ValueError(f"{path.name}: no image_data of n_fast_pixels and n_slow_pixels in it; {ways_out.SAVE_AS}")
    devices = [_text(content, f"{axis}_device_name") for axis in ("fast", "slow")]
    if any(name and not name.startswith(axis) for name, axis in zip(devices, "XY", strict=True)):
        raise ValueError(f"{path.name}: a scan of {' and '.join(devices)}, not an image of x and y")
    lengths = dict(zip(images.dimensions, images.shape, strict=True))
    shape = lengths[_SLOW], lengths[_FAST]
    n_detectors = int(np.prod(images.shape, dtype=object)) // (shape[0] * shape[1])
    n_bytes = shape[0] * shape[1] * n_detectors * images.dtype.itemsize
    if images.begin + n_bytes > path.stat().st_size:
        raise OSError(f"{path.name}: its images need {n_bytes} bytes, the file ends before: cut short; copy it again")
    energy = _number(content, "start_ev")
    size = _number(content, "slow_pixel_um"), _number(content, "fast_pixel_um")
    dwell = _number(content, "dwell_msec") * 1e-3
    return _Scan(
        path,
        images,
        shape,
        n_detectors,
        energy if LOWEST <= energy <= HIGHEST else None,
        size if all(1e-6 < side < 1e4 for side in size) else None,
        dwell if 0 < dwell < 1e6 else 0.0,
    )


def _part(scan: _Scan, detector: int) -> Part:
    return Part(
        scan.path,
        scan.energy,
        scan.shape,
        _pixel_type(scan.images.dtype),
        partial(_image, scan, detector),
        exposure=scan.dwell,
        pixel_size=scan.pixel_size,
    )


def _number(content: Header, name: str) -> float:
    """Return the value of a global attribute, 0 if there is none."""
    values = content.attributes.get(name)
    if values is None or values.size != 1 or values.dtype.kind not in "fi":
        return 0.0
    # float32 stores 0.05 as 0.05000000074505806.
    value = float(f"{values[0]:.7g}") if values.dtype.itemsize == 4 else float(values[0])
    return value if np.isfinite(value) else 0.0


def _text(content: Header, name: str) -> str:
    """Return a text, which is stored as characters or as small numbers, and filled with zeros."""
    values = content.attributes.get(name)
    if values is None or values.dtype.itemsize != 1:
        return ""
    return values.tobytes().split(b"\0")[0].decode("latin-1").strip().upper()


def _pixel_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of pixels: netCDF-3 has no unsigned 16 bit, so the microscope stores them as signed numbers."""
    return np.dtype(np.uint16) if dtype == np.dtype(">i2") else dtype.newbyteorder("=")


def _image(scan: _Scan, detector: int) -> NDArray[Any]:
    """Read the image (Y, X) of one detector."""
    images = scan.images
    n_bytes = int(np.prod(images.shape)) * images.dtype.itemsize
    with scan.path.open("rb") as file:
        file.seek(images.begin)
        content = file.read(n_bytes)
    if len(content) != n_bytes:
        raise OSError(f"{scan.path.name}: cut short since its header was read; copy it again")
    dtype = _pixel_type(images.dtype)
    values = np.frombuffer(content, dtype.newbyteorder(">")).reshape(images.shape)
    order = [images.dimensions.index(name) for name in (_SLOW, _FAST)]
    other_axes = [axis for axis in range(values.ndim) if axis not in order]
    return values.transpose(*order, *other_axes).reshape(*scan.shape, -1)[..., detector].astype(dtype)
