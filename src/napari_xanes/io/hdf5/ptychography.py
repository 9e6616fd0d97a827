"""Ptychographic images in CXI files (ALS): the complex transmission of the sample, usually one file per energy.

Format: https://www.cxidb.org/cxi.html. All numbers are in SI units, so energies are in joule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.allocation_limits import room
from napari_xanes.io.energies import to_ev
from napari_xanes.io.frames import of_one_shape, one_per_file
from napari_xanes.io.hdf5.file import array, is_hdf5, opened, row, text
from napari_xanes.io.hdf5.frames import any_in, facts_of, hdf5_files, links_in
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader

_IMAGE = "entry_1/image_1/data"
_ENERGY = "entry_1/instrument_1/source_1/energy"
_MOST_JOULE = 1e-10
"""No photon of a beamline has more energy; numbers above it are in eV or keV."""


@dataclass(frozen=True)
class _Image:
    """What is known of one file before its image is read."""

    path: Path
    shape: tuple[int, ...]
    energy: float
    unit: str


def why_not_readable(path: Path) -> str | None:
    """Why the file or folder holds no ptychographic image; None if it does."""
    if path.is_dir():
        return (
            None if any_in(path, _is_one) else "; ".join(["no ptychographic CXI file in the folder", *links_in(path)])
        )
    if not is_hdf5(path):
        return "not an HDF5 file"
    with opened(path) as file:
        return None if _is_one(file) else f"no complex image /{_IMAGE} in it"


def _is_one(file: h5py.File) -> bool:
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
    """The squared modulus of each image, which is the transmission of intensity, float32.

    Parameters
    ----------
    path : Path
        One file, or the folder of a series.
    energies : array_like of eV, or path of a text file, optional
        Then a file need not say its energy.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If the only file is damaged.
    ValueError
        If images differ in size, or a file has no energy.
    """
    told = links_in(path) if files is None and path.is_dir() else []
    look = partial(_image, needs_energy=energies is None)
    images = facts_of(files or (list(hdf5_files(path)) if path.is_dir() else [path]), look, told)
    shape = of_one_shape([image.shape for image in images], [image.path for image in images])
    parts = [partial(_transmission, image.path) for image in images]
    with room(sum(image.path.stat().st_size for image in images)):
        data = one_per_file(parts, shape, np.dtype(np.float32))
    energy = np.array([image.energy for image in images])
    metadata: dict[str, Any] = {"energy_unit": images[0].unit}
    if len(images) > 1:
        metadata["files"] = [image.path.name for image in images]
    notes = ["transmission is the squared modulus of the complex image; its phase is not read"]
    return RawStack(data, energy, "transmission", None, metadata, told, notes, interruptible=True)


def _image(file: h5py.File, path: Path, *, needs_energy: bool) -> _Image | None:
    if not _is_one(file):
        return None
    image = array(file, _IMAGE, "c")
    if image is None or image.ndim != 2 or 0 in image.shape:
        shape = None if image is None else image.shape
        raise ValueError(f"/{_IMAGE} must be one image (Y, X), its shape is {shape}")
    field = row(file, _ENERGY)
    if field is None or field.size != 1:
        if needs_energy:
            raise ValueError(f"no energy /{_ENERGY} in it; pass energies=")
        return _Image(path, image.shape, 0.0, "")
    value = float(np.ravel(field[()])[0])
    said = text(field.attrs.get("units", "")) or ("J" if 0 < value < _MOST_JOULE else "")
    energy, unit = to_ev([value], said)
    return _Image(path, image.shape, round(float(energy[0]), 6), unit)


def _transmission(path: Path) -> NDArray[np.float32]:
    with opened(path) as file:
        image = array(file, _IMAGE, "c")
        if image is None:
            raise OSError(f"{path}: /{_IMAGE} is no longer in it")
        values = image[()]
    transmission: NDArray[np.float32] = np.square(np.abs(values)).astype(np.float32)
    return transmission
