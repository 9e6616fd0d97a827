"""Frames and positions of HDF5 files: means of flats, what several files hold, distances of positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.files import files_in, listed, not_followed
from napari_xanes.io.hdf5.file import is_hdf5, opened, text
from napari_xanes.io.length_units import length_in_um

Fact = TypeVar("Fact")

_BLOCK_BYTES = 64 << 20

SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi")


def mean_frame(dataset: h5py.Dataset) -> tuple[NDArray[np.float32], int]:
    """The mean of frames (N, Y, X), and of how many; empty ones, reserved and never taken, do not count.

    Raises
    ------
    ValueError
        If there is no frame in it.
    """
    if dataset.ndim != 3 or not dataset.size:
        raise ValueError(f"{dataset.name} has shape {dataset.shape}, it should hold frames (N, Y, X)")
    total, n_frames = np.zeros(dataset.shape[1:]), 0
    rows = max(1, _BLOCK_BYTES // max(1, 8 * total.size))
    for start in range(0, dataset.shape[0], rows):
        block = dataset[start : start + rows]
        taken = (np.nan_to_num(block) if block.dtype.kind == "f" else block).any(axis=(1, 2))
        total += (block if taken.all() else block[taken]).sum(axis=0, dtype=np.float64)
        n_frames += int(taken.sum())
    return (total / max(1, n_frames)).astype(np.float32), n_frames


def spacing(positions: h5py.Dataset | None) -> float | None:
    """Distance of neighbouring positions (N,) in µm; None if it is not known."""
    factor = None if positions is None else length_in_um(text(positions.attrs.get("units", "")))
    if positions is None or factor is None or positions.ndim != 1 or positions.size < 2:
        return None
    step = float(np.median(np.abs(np.diff(positions[()].astype(np.float64))))) * factor
    return round(step, 9) if np.isfinite(step) and step > 0 else None


def hdf5_files(folder: Path) -> Iterator[Path]:
    """The HDF5 files in a folder, in the order of the numbers in their names."""
    return filter(is_hdf5, files_in(folder, SUFFIXES)[0])


def links_in(folder: Path) -> list[str]:
    """What to tell of HDF5 files in a folder that are links out of it."""
    return not_followed(files_in(folder, SUFFIXES)[1])


def any_in(folder: Path, test: Callable[[h5py.File], bool]) -> bool:
    """Whether a folder holds an HDF5 file that passes; damaged ones, and what leads out of a file, do not."""
    for path in hdf5_files(folder):
        try:
            with opened(path) as file:
                if test(file):
                    return True
        except (OSError, ValueError):
            continue
    return False


def facts_of(paths: Sequence[Path], look: Callable[[h5py.File, Path], Fact | None], told: list[str]) -> list[Fact]:
    """What `look` finds in each of several files; those where it is None are passed over.

    Of several files those that can't be opened, as an interrupted scan leaves its last one, are told and left out.

    Raises
    ------
    OSError
        If the only file can't be opened.
    ValueError
        If what a file holds is not as it should be, or no file is left.
    """
    found, damaged = [], []
    for path in paths:
        try:
            with opened(path) as file:
                fact = look(file, path)
        except OSError:
            if len(paths) == 1:
                raise
            damaged.append(path.name)
            continue
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
        if fact is not None:
            found.append(fact)
    if damaged:
        told.append(f"{len(damaged)} of {len(paths)} files are damaged or cut short and left out: {listed(damaged)}")
    if not found:
        why = told[-1] if damaged else "they hold something else"
        raise ValueError(f"none of {len(paths)} files can be used: {why}")
    return found
