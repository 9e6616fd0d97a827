"""One file of FXI's tomography: where its frames lie, what is known before they are read, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import to_ev
from napari_xanes.io.hdf5.file import array, child, opened, row, text
from napari_xanes.io.hdf5.frames import mean_frame
from napari_xanes.io.hdf5.fxi import nominal_pixel_size


@dataclass(frozen=True)
class Layout:
    """Names of what a file holds."""

    images: str
    energy: str
    angles: str
    corrections: tuple[tuple[str, tuple[str, ...]], ...]
    about: str


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
    """What is known of one file before its frames are read; energy in eV, angles in degrees, pixel size in µm."""

    path: Path
    images: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    energy: float
    energy_unit: str
    angles: NDArray[np.float64]
    frames: dict[str, str]
    n_flat: int
    pixel_size: float | None


def layout_of(file: h5py.File) -> Layout | None:
    """The layout of a file with projections at one energy; None if it is another."""
    for layout in _LAYOUTS:
        if isinstance(child(file, layout.images), h5py.Dataset):
            energy = row(file, layout.energy)
            if energy is not None and energy.size == 1:
                return layout
    return None


def scan_of(file: h5py.File, path: Path) -> Scan | None:
    """What is known of a file before its frames are read; None if it holds no projections.

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
    frames: dict[str, str] = {}
    n_flat = 1
    for key, names in layout.corrections:
        for name in names:
            taken = array(file, name)
            if taken is not None and taken.ndim == 3 and taken.size and taken.shape[1:] == images.shape[1:]:
                frames[key] = name
                n_flat = taken.shape[0] if key == "flat" else n_flat
                break
    said = "keV" if layout.energy.endswith("(keV)") else ""
    values, unit = to_ev(energy[()], text(energy.attrs.get("units", "")) or said)
    about = child(file, layout.about)
    return Scan(
        path,
        layout.images,
        images.shape,
        images.dtype.newbyteorder("="),
        float(values[0]),
        unit,
        np.zeros(0) if angles is None else np.ravel(angles[()]).astype(np.float64),
        frames,
        n_flat,
        nominal_pixel_size(about) if isinstance(about, h5py.Group) else None,
    )


def projection(path: Path, name: str, at: int) -> NDArray[Any]:
    """One projection (Y, X)."""
    with opened(path) as file:
        images = array(file, name)
        if images is None:
            raise OSError(f"{path}: /{name} is no longer in it")
        values: NDArray[Any] = images[at]
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def mean(path: Path, name: str) -> NDArray[np.float32]:
    """The mean (Y, X) of flats or darks."""
    with opened(path) as file:
        taken = array(file, name)
        if taken is None:
            raise OSError(f"{path}: /{name} is no longer in it")
        return mean_frame(taken)[0]
