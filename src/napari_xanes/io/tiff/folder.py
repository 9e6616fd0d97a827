"""A folder of TIFF files, one per energy: the energies are in their names, or one per line in a text beside them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.files import files_in, link_warnings
from napari_xanes.io.image_folder import read_images, why_no_energies
from napari_xanes.io.packing import scaled
from napari_xanes.io.part import Part
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.tiff.file import calibration, images, is_tiff, open_tiff, pixel_size, pixels, slice_distance

_SUFFIXES = (".tif", ".tiff")


def tiffs_in(folder: Path) -> list[Path]:
    """Return the files named as TIFF in a folder, by name, with 2 before 10."""
    return files_in(folder, _SUFFIXES)[0]


def links_in(folder: Path) -> list[str]:
    """Return a warning if TIFF files in a folder are links out of it."""
    return link_warnings(files_in(folder, _SUFFIXES)[1])


def why_not_readable(folder: Path, files: Sequence[Path], energies: Any = None) -> str | None:
    """Return why TIFF files are no series with an energy for each; None if they are."""
    if not files:
        return "; ".join(["no TIFF files in the folder", *links_in(folder)])
    if not is_tiff(files[0]):
        return f"{files[0].name} is not a TIFF file; move it elsewhere, or save it again"
    return why_no_energies(folder, files, energies)


def read(folder: Path, files: Sequence[Path], energies: Any = None) -> RawStack:
    """Read the files as frames (E, Y, X), or (E, Z, Y, X) if each is a volume; see `read_images`.

    Raises
    ------
    OSError
        If a file is cut short.
    ValueError
        If energies are missing, several series lie in the folder, or the files differ in shape.
    """
    return read_images(folder, files, parse, energies, links_in(folder))


def parse(path: Path) -> Part:
    """Return what is known of the image or volume in a file, with the energy in its name if it has one.

    Raises
    ------
    OSError
        If the file is cut short.
    ValueError
        If it holds no grey image or volume.
    """
    with open_tiff(path) as tiff:
        series = images(tiff)
        shape, dtype, size = tuple(series.shape), series.dtype, _size(tiff, series.axes)
        scale = calibration(tiff)
    if len(shape) not in (2, 3):
        raise ValueError(f"{path.name} holds {dtype} of shape {shape}, not a grey image or volume")
    energy = energy_in(path.stem)
    return Part(
        path.resolve(),
        None if energy is None else energy[0],
        shape,
        dtype.newbyteorder("=") if scale is None else np.dtype(np.float32),
        partial(_frame, path.resolve(), scale),
        pixel_size=size,
    )


def _frame(path: Path, scale: tuple[float, float] | None) -> NDArray[Any]:
    with open_tiff(path) as tiff:
        values = pixels(images(tiff))
    return values if scale is None else np.asarray(scaled(values, scale))


def _size(tiff: tifffile.TiffFile, axes: str) -> tuple[float, ...] | None:
    """Return µm per pixel of an image (Y, X), or of a volume (Z, Y, X) if ImageJ tells the distance of its slices."""
    size, depth = pixel_size(tiff), slice_distance(tiff)
    if len(axes) == 2:
        return size
    return (depth, *size) if size and depth and axes[0] == "Z" else None
