"""APS 32-ID energy scans in Data Exchange: ``/exchange/data`` (E, Y, X), ``/exchange/energy``, flats and darks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import to_ev
from napari_xanes.io.hdf5.file import array, child, is_hdf5, load, open_hdf5, row, text, texts
from napari_xanes.io.hdf5.frames import mean_frame
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the file is not an energy scan of APS, or None if it is."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        if reason := missing_part(file, energies):
            return reason
        return "its images are (X, Y, E), as MANTiS writes them" if is_x_y_e(file) else None


def missing_part(file: h5py.File, energies: Any) -> str | None:
    """Return which part of an energy scan in Data Exchange is missing, or None."""
    names = ("exchange/data",) if energies is not None else ("exchange/data", "exchange/energy")
    missing = [name for name in names if not isinstance(child(file, name), h5py.Dataset)]
    return f"no /{missing[0]} in it" if missing else None


def is_x_y_e(file: h5py.File) -> bool:
    """Whether the images are (X, Y, E), as MANTiS writes them, and not (E, Y, X).

    The number of energies tells, where only one axis has it; else MANTiS's own group, or its axes.
    """
    data, energy = array(file, "exchange/data"), row(file, "exchange/energy")
    if data is None or data.ndim not in (3, 4):
        return False
    axes = texts(data.attrs["axes"]) if "axes" in data.attrs else []
    has_mantis_layout = axes[:1] == ["x"] or child(file, "spectromicroscopy") is not None
    if energy is not None and data.ndim == 3 and (data.shape[0] == energy.size) != (data.shape[2] == energy.size):
        # One energy fits an image of one line as well, and says nothing.
        return has_mantis_layout if energy.size == 1 else bool(data.shape[2] == energy.size)
    return has_mantis_layout


@reader("exchange", title="APS Data Exchange", patterns=("*.h5", "*.hdf5", "*.hdf"), why_not_readable=why_not_readable)
def read(path: Path, energies: Any = None) -> RawStack:
    """Read the images as counts, with ``flat`` and ``dark`` in the metadata.

    Flats that were taken at every energy stay (E, Y, X), others are averaged to one (Y, X), and so are darks.

    Raises
    ------
    ValueError
        If images or energies are not those of an energy scan.
    """
    with open_hdf5(path) as file:
        images, axis = array(file, "exchange/data"), row(file, "exchange/energy")
        if images is None or images.ndim != 3 or 0 in images.shape:
            shape = None if images is None else images.shape
            raise ValueError(f"/exchange/data must be numbers (E, Y, X), its shape is {shape}")
        if axis is None and energies is None:
            raise ValueError("/exchange/energy holds no numbers; pass energies=")
        metadata: dict[str, Any] = {}
        energy = np.zeros(images.shape[0])
        if axis is not None:
            energy, metadata["energy_unit"] = to_ev(axis[()], text(axis.attrs.get("units", "")))
        if energy.size == 1 < images.shape[0] and energies is None:
            raise ValueError(f"{images.shape[0]} images at one energy: a tomogram and no stack")
        warnings: list[str] = []
        metadata |= _corrections(file, images, warnings)
        for name in ("start_date", "end_date"):
            if date := text(child(file, f"process/acquisition/{name}")):
                metadata[name] = date
        return RawStack(load(images), energy, "counts", None, metadata, warnings, interruptible=True)


def _corrections(file: h5py.File, images: h5py.Dataset, warnings: list[str]) -> dict[str, Any]:
    corrections: dict[str, Any] = {}
    for name, key in (("data_white", "flat"), ("data_dark", "dark")):
        dataset = array(file, f"exchange/{name}")
        if dataset is None or not dataset.size:
            continue
        if dataset.shape[-2:] != images.shape[1:] or dataset.ndim not in (2, 3):
            warnings.append(f"/exchange/{name} has shape {dataset.shape}, the images {images.shape}; it is left out")
        elif key == "flat" and dataset.shape == images.shape:
            corrections |= {"flat": load(dataset), "n_flat": 1}
        else:
            mean, n_frames = _mean(dataset)
            if key == "flat" and not mean.any():
                warnings.append(f"/exchange/{name} holds nothing but zeros; it is left out")
                continue
            corrections[key] = mean
            if key == "flat":
                corrections["n_flat"] = n_frames
                warnings.append(f"{n_frames} flats for {images.shape[0]} images: their mean is used at every energy")
    return corrections


def _mean(dataset: h5py.Dataset) -> tuple[NDArray[np.float32], int]:
    return (np.asarray(dataset[()], np.float32), 1) if dataset.ndim == 2 else mean_frame(dataset)
