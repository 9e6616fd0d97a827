"""Ptychographic images in CXI files (ALS): the complex transmission of the sample, usually one file per energy.

Format: https://www.cxidb.org/cxi.html. All numbers are in SI units, so energies are in joule.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.io.energies import to_ev
from napari_xanes.io.hdf5.file import array, is_hdf5, note_dataset, open_hdf5, row, text
from napari_xanes.io.hdf5.series import hdf5_files, parse_hdf5, why_no_series
from napari_xanes.io.part import Part
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.series import assemble

_IMAGE = "entry_1/image_1/data"
_ENERGY = "entry_1/instrument_1/source_1/energy"
_MOST_JOULE = 1e-10
"""J: no photon of a beamline has more energy; larger numbers are in eV or keV."""


def why_not_readable(path: Path) -> str | None:
    """Return why the file or folder holds no ptychographic image; None if it does."""
    if path.is_dir():
        return why_no_series(path, _is_ptychography, "no ptychographic CXI file in the folder")
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        return None if _is_ptychography(file) else f"no complex image /{_IMAGE} in it"


def _is_ptychography(file: h5py.File) -> bool:
    image = array(file, _IMAGE, "c")
    return image is not None and bool(image.shape)


@reader(
    "ptychography",
    title="ptychographic CXI",
    patterns=("*.cxi", "*.h5", "*.hdf5"),
    why_not_readable=why_not_readable,
    folders=True,
)
def read(path: Path, energies: Any = None, files: Sequence[Path] | None = None) -> RawStack:
    """Read the squared modulus of each image, which is the transmission of intensity, float32.

    Parameters
    ----------
    path : Path
        One file, or the folder of a series.
    energies : array_like of eV, or path of a text file, optional
        One for each file; then a file need not tell its energy.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If the only file is damaged.
    ValueError
        If images differ in size, or no file has an energy.
    """
    warnings: list[str] = []
    parts = parse_hdf5(hdf5_files(path, files, warnings), _parse, warnings)
    notes = ["transmission is the squared modulus of the complex image; its phase is not read"]
    place = f"at /{_ENERGY}"
    return assemble(
        parts, quantity="transmission", energies=energies, energy_place=place, warnings=warnings, notes=notes
    )


def _parse(file: h5py.File, path: Path) -> Part | None:
    if not _is_ptychography(file):
        return None
    image = array(file, _IMAGE, "c")
    if image is None or image.ndim != 2 or 0 in image.shape:
        shape = None if image is None else image.shape
        raise ValueError(f"/{_IMAGE} must be one image (Y, X), its shape is {shape}")
    note_dataset(image)
    energy, unit = _energy(file)
    load = partial(_transmission, path)
    return Part(path, energy, image.shape, np.dtype(np.float32), load, unit, pixel_size=_pixel_size(file, image.shape))


def _pixel_size(file: h5py.File, shape: tuple[int, int]) -> tuple[float, float] | None:
    """Return µm per pixel (Y, X) from the size of the image in m; None unless it gives square pixels.

    Which of the lengths is x differs between programs. With square pixels both readings agree or one makes no sense.
    """
    field = row(file, "entry_1/image_1/image_size")
    if field is None or field.size < 2:
        return None
    first, second = np.ravel(field[()])[:2].astype(np.float64) * 1e6
    for height, width in ((second, first), (first, second)):
        size = (round(float(height) / shape[0], 9), round(float(width) / shape[1], 9))
        if 0 < size[0] < 1e6 and abs(size[1] / size[0] - 1) < 0.01:
            return size
    return None


def _energy(file: h5py.File) -> tuple[float | None, str]:
    """Return the energy in eV, None if there is none, and how its unit was known."""
    field = row(file, _ENERGY)
    if field is None or field.size != 1:
        return None, ""
    value = float(np.ravel(field[()])[0])
    unit = text(field.attrs.get("units", "")) or ("J" if 0 < value < _MOST_JOULE else "")
    (energy,), unit = to_ev([value], unit)
    return round(float(energy), 6), unit


def _transmission(path: Path) -> Float32Array:
    with open_hdf5(path) as file:
        image = array(file, _IMAGE, "c")
        if image is None:
            raise OSError(f"{path}: /{_IMAGE} is no longer in it; read the files again")
        values = image[()]
    transmission: Float32Array = np.square(np.abs(values)).astype(np.float32)
    return transmission
