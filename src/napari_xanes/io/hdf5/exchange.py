"""APS 32-ID energy scans in Data Exchange: ``/exchange/data`` (E, Y, X), ``/exchange/energy``, flats and darks.

Flats are called ``data_white``, since 2026 ``data_flat``. Since then the arrays grow while the scan runs, so the last
frame may lack its flat or its energy.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import to_ev
from napari_xanes.io.hdf5.file import array, child, in_words, is_hdf5, load, open_hdf5, row, text, texts
from napari_xanes.io.hdf5.frames import mean_frame
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader

_FLATS = ("data_white", "data_flat")
_GROWING = "bl32id energy_scan"
_MOST_OFF = 0.1
"""eV: readbacks of the monochromator that differ less from the energies are not told."""


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
        if images is not None and images.ndim == 3 and not images.shape[0]:
            raise ValueError(
                "/exchange/data has no frames yet: its scan has not come to the first one; wait, or follow it with Live"
            )
        if images is None or images.ndim != 3 or 0 in images.shape:
            raise ValueError(f"/exchange/data must be numbers (E, Y, X), it holds {in_words(file, 'exchange/data')}")
        if axis is None and energies is None:
            raise ValueError("/exchange/energy holds no numbers; pass energies=")
        metadata: dict[str, Any] = {}
        energy = np.zeros(images.shape[0])
        if axis is not None:
            energy, metadata["energy_unit"] = to_ev(axis[()], text(axis.attrs.get("units", "")))
        if energy.size == 1 < images.shape[0] and energies is None and not _grows(images):
            raise ValueError(
                f"{images.shape[0]} images at one energy: a tomogram and no stack; "
                "reconstruct each energy, and open the volumes together"
            )
        warnings = _progress(file, images)
        n_frames, flats = _flats(file, images, warnings)
        metadata |= flats | _darks(file, images, warnings) | _acquisition(file)
        size = _attribute(file, "zone_plate_and_optics", "image_pixel_size_nm")
        pixel_size = None if size is None else (round(size * 1e-3, 9),) * 2
        data = load(images)[:n_frames]
        notes = _readbacks(file, energy)
        return RawStack(data, energy, "counts", pixel_size, metadata, warnings, notes, interruptible=True)


def _grows(dataset: h5py.Dataset) -> bool:
    """Whether more frames can be added to a dataset."""
    return dataset.maxshape[0] is None


def _progress(file: h5py.File, images: h5py.Dataset) -> list[str]:
    """Return a warning if a scan of the layout of 2026 has not finished."""
    if not text(file.attrs.get("format", "")).lower().startswith(_GROWING) or "finished" in file.attrs:
        return []
    plan: Any = {}
    with suppress(ValueError):
        plan = json.loads(text(file.attrs.get("scan_config", "")))
    planned = ""
    with suppress(KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        planned = f" of {round(abs(plan['e_end_eV'] - plan['e_start_eV']) / abs(plan['de_eV'])) + 1} planned"
    return [f"the scan has not finished: {images.shape[0]}{planned} frames are in the file; read it again for more"]


def _flats(file: h5py.File, images: h5py.Dataset, warnings: list[str]) -> tuple[int, dict[str, Any]]:
    """Return how many images to use, and the flats: one each if they were taken so, else their mean."""
    names = [name for name in _FLATS if (flat := array(file, f"exchange/{name}")) is not None and flat.size]
    for name in names[1:]:
        warnings.append(f"/exchange/{name} is not used, because the file has /exchange/{names[0]}")
    for name in names[:1]:
        flats = array(file, f"exchange/{name}")
        if flats is None or not _fits(flats, images, name, warnings):
            break
        if flats.shape == images.shape:
            return images.shape[0], {"flat": load(flats), "n_flat": 1}
        if flats.ndim == 3 and _grows(flats) and _grows(images) and abs(flats.shape[0] - images.shape[0]) == 1:
            n_frames = min(flats.shape[0], images.shape[0])
            if n_frames < images.shape[0]:
                warnings.append("the last image has no flat yet and is dropped")
            return n_frames, {"flat": load(flats)[:n_frames], "n_flat": 1}
        mean, n_flat = _mean(flats)
        if not mean.any():
            warnings.append(f"/exchange/{name} holds nothing but zeros; it is left out")
            break
        warnings.append(f"{n_flat} flats for {images.shape[0]} images: their mean is used at every energy")
        return images.shape[0], {"flat": mean, "n_flat": n_flat}
    return images.shape[0], {}


def _darks(file: h5py.File, images: h5py.Dataset, warnings: list[str]) -> dict[str, Any]:
    darks = array(file, "exchange/data_dark")
    if darks is None or not darks.size or not _fits(darks, images, "data_dark", warnings):
        return {}
    return {"dark": _mean(darks)[0]}


def _fits(dataset: h5py.Dataset, images: h5py.Dataset, name: str, warnings: list[str]) -> bool:
    if dataset.shape[-2:] == images.shape[1:] and dataset.ndim in (2, 3):
        return True
    warnings.append(f"/exchange/{name} has shape {dataset.shape}, the images {images.shape}; it is left out")
    return False


def _acquisition(file: h5py.File) -> dict[str, Any]:
    """Return dates and exposure of the scan, where the file has them."""
    metadata: dict[str, Any] = {}
    for name in ("start_date", "end_date"):
        if date := text(child(file, f"process/acquisition/{name}")):
            metadata[name] = date
    exposure = _attribute(file, "detector", "exposure_time_s")
    return metadata if exposure is None else metadata | {"exposure": exposure}


def _attribute(file: h5py.File, group: str, name: str) -> float | None:
    """Return a positive number that the layout of 2026 keeps as an attribute of a part of the instrument."""
    item = child(file, f"measurement/instrument/{group}")
    value = np.ravel(item.attrs[name]) if isinstance(item, h5py.Group) and name in item.attrs else np.zeros(0)
    if value.size != 1 or value.dtype.kind not in "fiu" or not 0 < value[0] < np.inf:
        return None
    return float(value[0])


def _readbacks(file: h5py.File, energy: NDArray[np.float64]) -> list[str]:
    """Return a note if the monochromator read other energies than those that the scan asked for."""
    field = row(file, "measurement/per_step/energy_rbv_eV")
    if field is None or field.ndim != 1 or not energy.size or field.size < energy.size:
        return []
    off = np.abs(to_ev(field[: energy.size], text(field.attrs.get("units", "")))[0] - energy)
    if not np.isfinite(off).any() or np.nanmax(off) < _MOST_OFF:
        return []
    return [f"the monochromator read energies that differ by up to {np.nanmax(off):.2f} eV from those taken"]


def _mean(dataset: h5py.Dataset) -> tuple[NDArray[np.float32], int]:
    return (np.asarray(dataset[()], np.float32), 1) if dataset.ndim == 2 else mean_frame(dataset)
