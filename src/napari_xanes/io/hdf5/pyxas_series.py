"""PyXAS tomograms at many energies, one file each: ``img`` (Z, Y, X) and one ``X_eng`` in keV.

PyXAS writes those that it has aligned as ``ali_recon_*.h5`` into the folder of the ``recon_*.h5`` they were made of.
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
from napari_xanes.io.files import listed
from napari_xanes.io.frames import of_one_shape, one_per_file
from napari_xanes.io.hdf5.file import array, is_hdf5, opened, row, text
from napari_xanes.io.hdf5.frames import any_in, facts_of, hdf5_files, links_in
from napari_xanes.io.hdf5.pyxas import names_in
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader

_ALIGNED = "ali_recon"
_IMAGE = "img"


@dataclass(frozen=True)
class _Tomogram:
    """What is known of one file before its images are read."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    energy: float
    unit: str


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Why the file or folder holds no tomograms of PyXAS; None if it does."""
    if path.is_dir():
        return None if any_in(path, _is_one) else "; ".join(["no tomogram of PyXAS in the folder", *links_in(path)])
    if not is_hdf5(path):
        return "not an HDF5 file"
    if energies is not None:
        return "energies are given: one for each of its images"
    with opened(path) as file:
        return None if _is_one(file) else f"no volume /{_IMAGE} at one energy in it"


def _is_one(file: h5py.File) -> bool:
    image, key = names_in(file)
    images, keys = array(file, image or ""), row(file, key or "")
    return image == _IMAGE and images is not None and images.ndim == 3 and keys is not None and keys.size == 1


@reader("pyxas_series", title="PyXAS tomograms", patterns=("*.h5",), why_not_readable=why_not_readable, folders=True)
def read(path: Path, files: Sequence[Path] | None = None) -> RawStack:
    """The tomograms (E, Z, Y, X), whose absorption per length is proportional to optical depth.

    Parameters
    ----------
    path : Path
        The folder of a series, or one file, which is refused.
    files : sequence of Path, optional
        Of the folder only these; else the aligned ones, if there are such.

    Raises
    ------
    OSError
        If the only file is damaged.
    ValueError
        If there is only one tomogram, or they differ in size.
    """
    told = links_in(path) if files is None and path.is_dir() else []
    tomograms = facts_of(files or (_of_folder(path, told) if path.is_dir() else [path]), _tomogram, told)
    if len(tomograms) == 1:
        raise ValueError(
            f"{tomograms[0].shape[0]} images at one energy: a tomogram and no stack; open the folder of its series, "
            "or pass energies= with the file if each image has its own"
        )
    shape = of_one_shape([one.shape for one in tomograms], [one.path for one in tomograms])
    dtype = np.result_type(*(one.dtype for one in tomograms))
    energy = np.array([one.energy for one in tomograms])
    metadata: dict[str, Any] = {
        "energy_unit": tomograms[0].unit,
        "quantity_source": "guessed: what is reconstructed, absorption per length, is proportional to optical depth",
        "files": [one.path.name for one in tomograms],
    }
    parts = [partial(_volume, one.path, dtype) for one in tomograms]
    with room(sum(one.path.stat().st_size for one in tomograms)):
        data = one_per_file(parts, shape, dtype)
    return RawStack(data, energy, "optical_depth", None, metadata, told, interruptible=True)


def _of_folder(folder: Path, told: list[str]) -> list[Path]:
    files = list(hdf5_files(folder))
    aligned = [path for path in files if path.name.startswith(_ALIGNED)]
    others = [path.name for path in files if path not in aligned]
    if aligned and others:
        told.append(f"{len(others)} files that are not aligned ones (not {_ALIGNED}*) are left out: {listed(others)}")
    return aligned or files


def _tomogram(file: h5py.File, path: Path) -> _Tomogram | None:
    if not _is_one(file):
        return None
    images, keys = array(file, _IMAGE), row(file, names_in(file)[1] or "")
    if images is None or keys is None or 0 in images.shape:
        raise ValueError(f"/{_IMAGE} is empty")
    energy, unit = to_ev(np.ravel(keys[()]), text(keys.attrs.get("units", "")))
    return _Tomogram(path, images.shape, images.dtype.newbyteorder("="), round(float(energy[0]), 6), unit)


def _volume(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    with opened(path) as file:
        images = array(file, _IMAGE)
        if images is None:
            raise OSError(f"{path}: /{_IMAGE} is no longer in it")
        return np.asarray(images[()], dtype)
