"""PyXAS tomograms at many energies, one file each: ``img`` (Z, Y, X) and one ``X_eng`` in keV.

PyXAS writes aligned tomograms as ``ali_recon_*.h5`` into the folder of the ``recon_*.h5`` that they were made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energies import to_ev
from napari_xanes.io.files import first_names
from napari_xanes.io.hdf5.file import array, is_hdf5, note_dataset, open_hdf5, row, text
from napari_xanes.io.hdf5.pyxas import names_in
from napari_xanes.io.hdf5.series import hdf5_files, parse_hdf5, why_no_series
from napari_xanes.io.part import Part
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.series import assemble

_ALIGNED = "ali_recon"
_IMAGE = "img"


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the file or folder holds no tomograms of PyXAS; None if it does."""
    if path.is_dir():
        return why_no_series(path, _is_tomogram, "no tomogram of PyXAS in the folder")
    if not is_hdf5(path):
        return "not an HDF5 file"
    if energies is not None:
        return "energies are given: one for each of its images; open it with the files of the other energies"
    with open_hdf5(path) as file:
        return None if _is_tomogram(file) else f"no volume /{_IMAGE} at one energy in it"


def _is_tomogram(file: h5py.File) -> bool:
    image, key = names_in(file)
    images, keys = array(file, image or ""), row(file, key or "")
    return image == _IMAGE and images is not None and images.ndim == 3 and keys is not None and keys.size == 1


@reader("pyxas_series", title="PyXAS tomograms", patterns=("*.h5",), why_not_readable=why_not_readable, folders=True)
def read(path: Path, files: Sequence[Path] | None = None) -> RawStack:
    """Read the tomograms (E, Z, Y, X), whose absorption per length is proportional to optical depth.

    Parameters
    ----------
    path : Path
        The folder of a series, or one file, which is refused.
    files : sequence of Path, optional
        Of the folder only these; else the aligned tomograms, if there are some.

    Raises
    ------
    OSError
        If the only file is damaged.
    ValueError
        If there is only one tomogram, or tomograms differ in size.
    """
    warnings: list[str] = []
    paths = hdf5_files(path, files, warnings)
    if files is None:
        paths = _only_aligned(paths, warnings)
    parts = parse_hdf5(paths, _parse, warnings)
    if len(parts) == 1:
        raise ValueError(
            f"{parts[0].shape[0]} images at one energy: a tomogram and no stack; open the folder of its series, "
            "or pass energies= with the file if each image has its own"
        )
    source = "guessed: what is reconstructed, absorption per length, is proportional to optical depth"
    metadata = {"quantity_source": source}
    return assemble(parts, quantity="optical_depth", metadata=metadata, warnings=warnings)


def _only_aligned(paths: list[Path], warnings: list[str]) -> list[Path]:
    """Return the aligned tomograms; all files if none is aligned."""
    aligned = [path for path in paths if path.name.startswith(_ALIGNED)]
    unaligned = [path.name for path in paths if path not in aligned]
    if aligned and unaligned:
        warnings.append(
            f"{len(unaligned)} files that are not aligned (not {_ALIGNED}*) are left out: {first_names(unaligned)}"
        )
    return aligned or paths


def _parse(file: h5py.File, path: Path) -> Part | None:
    if not _is_tomogram(file):
        return None
    images, keys = array(file, _IMAGE), row(file, names_in(file)[1] or "")
    if images is None or keys is None or 0 in images.shape:
        raise ValueError(f"/{_IMAGE} is empty; {ways_out.COPY}")
    note_dataset(images)
    (energy,), unit = to_ev(np.ravel(keys[()]), text(keys.attrs.get("units", "")))
    dtype = images.dtype.newbyteorder("=")
    return Part(path, round(float(energy), 6), images.shape, dtype, partial(_volume, path), unit)


def _volume(path: Path) -> NDArray[Any]:
    with open_hdf5(path) as file:
        images = array(file, _IMAGE)
        if images is None:
            raise OSError(f"{path}: /{_IMAGE} is no longer in it; read the files again")
        return np.asarray(images[()])
