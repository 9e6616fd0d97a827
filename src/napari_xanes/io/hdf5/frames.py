"""Frames and positions of HDF5 files: means of flats, distances of positions."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.hdf5.file import text
from napari_xanes.io.length_units import length_in_um

_BLOCK_BYTES = 64 << 20


def mean_frame(dataset: h5py.Dataset) -> tuple[NDArray[np.float32], int]:
    """Return the mean of frames (N, Y, X) and their number; empty frames, reserved but never taken, do not count.

    Raises
    ------
    ValueError
        If there is no frame in it.
    """
    if dataset.ndim != 3 or not dataset.size:
        raise ValueError(
            f"{dataset.name} has shape {dataset.shape}, it should hold frames (N, Y, X); {ways_out.SAVE_AS}"
        )
    total, n_frames = np.zeros(dataset.shape[1:]), 0
    rows = max(1, _BLOCK_BYTES // max(1, 8 * total.size))
    for start in range(0, dataset.shape[0], rows):
        block = dataset[start : start + rows]
        is_filled = (np.nan_to_num(block) if block.dtype.kind == "f" else block).any(axis=(1, 2))
        total += (block if is_filled.all() else block[is_filled]).sum(axis=0, dtype=np.float64)
        n_frames += int(is_filled.sum())
    return (total / max(1, n_frames)).astype(np.float32), n_frames


def check_energies_first(images: h5py.Dataset, n_energies: int) -> None:
    """Refuse images (Y, X, E) where (E, Y, X) is expected: their rows would be cut to the number of energies.

    Raises
    ------
    ValueError
        If the last axis has one entry for each energy, and the first has not.
    """
    if images.shape[0] != n_energies == images.shape[-1]:
        raise ValueError(
            f"{images.name} has shape {images.shape} and {n_energies} energies: its energies lie along the last axis; "
            "write them along the first, (E, Y, X)"
        )


def exposures(times: h5py.Dataset | None, n_frames: int, seconds: float) -> dict[str, Any]:
    """Return ``exposure`` in s as metadata: one number for all frames, or one for each.

    Nothing if there are no times, their number fits no frames, or none of them is positive.

    Parameters
    ----------
    times : h5py.Dataset, optional
        Exposure times.
    n_frames : int
        How many frames there are.
    seconds : float
        Unit of the times.
    """
    if times is None or times.size not in (1, n_frames):
        return {}
    values = np.ravel(times[()]).astype(np.float64) * seconds
    if not (values > 0).any():
        return {}
    return {"exposure": float(values[0]) if (values == values[0]).all() else values}


def spacing(positions: h5py.Dataset | None) -> float | None:
    """Distance of neighbouring positions (N,) in µm; None if it is not known.

    Without a unit, positions 0, 1, 2 ... are the numbers of the pixels: MANTiS writes these where it knows no lengths.
    """
    factor = None if positions is None else length_in_um(text(positions.attrs.get("units", "")))
    if positions is None or factor is None or positions.ndim != 1 or positions.size < 2:
        return None
    if "units" not in positions.attrs and np.array_equal(positions[()], np.arange(positions.size)):
        return None
    step = float(np.median(np.abs(np.diff(positions[()].astype(np.float64))))) * factor
    return round(step, 9) if np.isfinite(step) and step > 0 else None
