"""One file of an FXI tomography: its layout, the facts known before frames are read, and reading them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.io.energies import to_ev
from napari_xanes.io.hdf5.file import array, child, note_dataset, open_hdf5, row, text
from napari_xanes.io.hdf5.frames import mean_frame
from napari_xanes.io.hdf5.fxi import nominal_pixel_size
from napari_xanes.io.part import Part


@dataclass(frozen=True)
class Layout:
    """Names of datasets and groups in a file."""

    images: str
    energy: str
    angles: str
    corrections: tuple[tuple[str, tuple[str, ...]], ...]
    size_group_name: str


_LAYOUTS = (
    Layout(
        "img_tomo",
        "X_eng",
        "angle",
        (("flat", ("img_bkg", "img_bkg_avg")), ("dark", ("img_dark", "img_dark_avg"))),
        "/",
    ),
    Layout(
        "Exchange/data",
        "Experiment/X_eng (keV)",
        "Exchange/angle",
        (("flat", ("Exchange/flat",)), ("dark", ("Exchange/dark",))),
        "Experiment",
    ),
)


@dataclass(frozen=True)
class Scan:
    """The facts of one file, known before its frames are read.

    Parameters
    ----------
    path : Path
        The file.
    images : str
        Name of the projections in it.
    shape : tuple of int
        (angle, Y, X) of the projections.
    dtype : numpy dtype
        Of the projections, in native byte order.
    energy : float
        eV.
    energy_unit : str
        How its unit was known.
    angles : array of float64, shape (N,)
        Degrees; empty if the file has none.
    corrections : dict of str
        Names of the flats and darks that fit, by "flat" and "dark".
    n_flat : int
        How many flats there are.
    pixel_size : float or None
        µm.
    """

    path: Path
    images: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    energy: float
    energy_unit: str
    angles: Float64Array
    corrections: dict[str, str]
    n_flat: int
    pixel_size: float | None


def layout_of(file: h5py.File) -> Layout | None:
    """Return the layout of a file with projections at one energy; None if it has another."""
    for layout in _LAYOUTS:
        if isinstance(child(file, layout.images), h5py.Dataset):
            energy = row(file, layout.energy)
            if energy is not None and energy.size == 1:
                return layout
    return None


def scan_of(file: h5py.File, path: Path) -> Scan | None:
    """Return the facts of a file; None if it holds no projections. No frame is read.

    Raises
    ------
    ValueError
        If its projections are no images.
    """
    layout = layout_of(file)
    if layout is None:
        return None
    images = array(file, layout.images)
    energy, angles = (row(file, name) for name in (layout.energy, layout.angles))
    if images is None or energy is None or images.ndim != 3 or 0 in images.shape:
        shape = None if images is None else images.shape
        raise ValueError(f"/{layout.images} must be projections (angle, Y, X), its shape is {shape}")
    corrections = _corrections(file, layout, images.shape[1:])
    for dataset in (images, *corrections.values()):
        note_dataset(dataset)
    unit = text(energy.attrs.get("units", "")) or ("keV" if layout.energy.endswith("(keV)") else "")
    values, unit = to_ev(energy[()], unit)
    size_group = child(file, layout.size_group_name)
    return Scan(
        path,
        layout.images,
        images.shape,
        images.dtype.newbyteorder("="),
        float(values[0]),
        unit,
        np.zeros(0) if angles is None else np.ravel(angles[()]).astype(np.float64),
        {key: dataset.name for key, dataset in corrections.items()},
        corrections["flat"].shape[0] if "flat" in corrections else 1,
        nominal_pixel_size(size_group) if isinstance(size_group, h5py.Group) else None,
    )


def _corrections(file: h5py.File, layout: Layout, shape: tuple[int, ...]) -> dict[str, h5py.Dataset]:
    """Find flats and darks with frames of the shape of the projections: of each the first name that fits."""
    corrections = {}
    for key, names in layout.corrections:
        datasets = (array(file, name) for name in names)
        candidates = (data for data in datasets if data is not None and data.ndim == 3 and data.size)
        if (dataset := next((data for data in candidates if data.shape[1:] == shape), None)) is not None:
            corrections[key] = dataset
    return corrections


def part_of(scan: Scan, number: int) -> Part:
    """Return one projection of a file as a frame, with the mean of its flats and of its darks."""
    size, shape = scan.pixel_size, scan.shape[1:]
    corrections = {
        key: Part(scan.path, scan.energy, shape, np.dtype(np.float32), partial(mean, scan.path, name))
        for key, name in scan.corrections.items()
    }
    if "flat" in corrections:
        corrections["flat"] = replace(corrections["flat"], n_frames=scan.n_flat)
    return Part(
        scan.path,
        scan.energy,
        shape,
        scan.dtype,
        partial(projection, scan.path, scan.images, number),
        scan.energy_unit,
        pixel_size=None if size is None else (size, size),
        angle=float(scan.angles[number]) if scan.angles.size == scan.shape[0] else None,
        flat=corrections.get("flat"),
        dark=corrections.get("dark"),
    )


def projection(path: Path, name: str, number: int) -> NDArray[Any]:
    """Read one projection (Y, X)."""
    with open_hdf5(path) as file:
        values: NDArray[Any] = _dataset(file, path, name)[number]
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def mean(path: Path, name: str) -> Float32Array:
    """Read the mean (Y, X) of flats or darks."""
    with open_hdf5(path) as file:
        return mean_frame(_dataset(file, path, name))[0]


def _dataset(file: h5py.File, path: Path, name: str) -> h5py.Dataset:
    dataset = array(file, name)
    if dataset is None:
        raise OSError(f"{path}: /{name} is no longer in it; read the file again")
    return dataset
