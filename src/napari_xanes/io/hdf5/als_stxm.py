"""STXM files of the ALS (``.stxm``), of all versions of its program pystxmcontrol.

Up to version 1, ``counter0`` holds images and two lists of positions. Version 2.0 keeps what was read out along each
line, with its measured positions, and asks the reader to sort it into the ``requested_values``. Version 2.1 adds the
sorted images as ``binned_values``. Version 3 has one NXdata group of images for each detector (``default``, ...).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array
from napari_xanes.io import ways_out
from napari_xanes.io.energies import to_ev
from napari_xanes.io.energy_limits import SOFT_KEV_BELOW
from napari_xanes.io.frames import filled_length, one_per_file
from napari_xanes.io.hdf5.file import array, child, is_hdf5, load, open_hdf5, row, text
from napari_xanes.io.hdf5.frames import exposures, spacing
from napari_xanes.io.hdf5.oversampled import rebinned
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.rising_positions import turn_to_rise
from napari_xanes.io.selection import choice_note, selected_index
from napari_xanes.io.unchanged import only_unchanged

_ENTRY = re.compile(r"entry\d+")
_NO_IMAGES = ("focus", "osa", "motor")
"""Scans over something else than places of the sample, as the program names them."""


@dataclass(frozen=True)
class _Detector:
    """Where the images of one detector and region lie in the file.

    Parameters
    ----------
    name : str
        Such as ``entry0/counter0``.
    binned : str
        Images (E, Y, X) at the pixels that were asked for; may be missing.
    raw, positions : str
        What was read out, and where along x; may be missing.
    axes : str
        Group with the lists ``sample_x`` and ``sample_y`` that were asked for.
    """

    name: str
    binned: str
    raw: str
    positions: str
    axes: str


def why_not_readable(path: Path) -> str | None:
    """Return why the file was not written by the STXMs of the ALS, or None if it was."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        return None if _detectors(file) else "no entry of pystxmcontrol in it (motors beside counter0, or a version)"


@reader("als_stxm", title="ALS STXM", patterns=("*.stxm",), why_not_readable=why_not_readable)
def read(path: Path, select: str | int | None = None) -> RawStack:
    """Read the images of one detector and region, by default the first ones; ``metadata["available"]`` lists all.

    Parameters
    ----------
    path : Path
        The file.
    select : str or int, optional
        Which region and detector, such as ``"entry0/default"``.

    Raises
    ------
    ValueError
        If the scan is none over places of the sample, or parts of it are missing.
    """
    with open_hdf5(path) as file:
        detectors = _detectors(file)
        available = [detector.name for detector in detectors]
        at = selected_index(select, available)
        return _stack(path, file, detectors[at], at, available)


def _detectors(file: h5py.File) -> list[_Detector]:
    """Return the detectors of all regions; version 3 lists the default detector first."""
    detectors = []
    for name in file:
        link = file.get(name, getlink=True)
        if not _ENTRY.fullmatch(name) or not isinstance(link, h5py.HardLink):
            continue
        entry = child(file, name)
        if isinstance(entry, h5py.Group) and text(child(entry, "definition")) in ("", "NXstxm"):
            detectors += _version_3(entry, name) or _before_version_3(entry, name)
    return detectors


def _version_3(entry: h5py.Group, name: str) -> list[_Detector]:
    if child(entry, "instrument/monochromator/energy") is None or child(entry, "version") is None:
        return []
    groups = [item for item in entry if isinstance(entry.get(item, getlink=True), h5py.HardLink)]
    images = [
        g for g in groups if isinstance(child(entry, f"{g}/data"), h5py.Dataset) and child(entry, f"{g}/sample_x")
    ]
    return [
        _Detector(
            f"{name}/{group}",
            f"{name}/{group}/data",
            f"{name}/instrument/{group}/data",
            f"{name}/instrument/sample_x/data",
            f"{name}/{group}",
        )
        for group in sorted(images, key=lambda group: (group not in ("default", "data"), group))
    ]


def _before_version_3(entry: h5py.Group, name: str) -> list[_Detector]:
    if not isinstance(child(entry, "counter0/data"), h5py.Dataset):
        return []
    counter = f"{name}/counter0"
    if child(entry, "binned_values") is not None:
        axes = f"{name}/binned_values"
        return [_Detector(counter, f"{axes}/data", f"{counter}/data", f"{counter}/sample_x", axes)]
    if child(entry, "requested_values") is not None:
        return [_Detector(counter, "", f"{counter}/data", f"{counter}/sample_x", f"{name}/requested_values")]
    if child(entry, "motors") is not None:
        return [_Detector(counter, f"{counter}/data", "", "", counter)]
    return []


def _stack(path: Path, file: h5py.File, detector: _Detector, at: int, available: list[str]) -> RawStack:
    kind = _scan_type(file, detector)
    if any(word in kind.lower() for word in _NO_IMAGES):
        raise ValueError(
            f"{detector.name} holds a {kind!r} scan, no images of a sample at photon energies; open a stack or an image"
        )
    energy, metadata = _energies(file, detector)
    metadata |= {"detector": available[at], "available": available, "scan_type": kind}
    if version := _version(file, detector):
        metadata["file_version"] = version
    # The program counts in ms; some versions write "s" beside it.
    metadata |= exposures(row(file, f"{detector.name}/count_time"), energy.size, 1e-3)
    for name in ("start_time", "end_time"):
        if value := _text(file, f"{detector.name.split('/')[0]}/{name}"):
            metadata[name] = value
    notes = choice_note(at, available)
    data = _binned(file, detector)
    raw = _raw(file, detector)
    pixels = _pixels(file, detector)
    if raw is not None and pixels is not None and (data is None or filled_length(raw[0]) > filled_length(data)):
        n_samples = raw[1][2] / pixels.size
        data = _rebinned_stack(path, detector, raw[1], pixels)
        notes.append(
            f"lines were read out {n_samples:g} times for each pixel, and sorted into the pixels by their measured "
            "positions; a pixel is the mean of its samples times that number, NaN without one"
        )
    if data is None:
        raise ValueError(f"{detector.name} has no images (E, Y, X); {ways_out.SAVE_AS}")
    turn, told = turn_to_rise(*(_positions(file, detector, axis) for axis in "yx"))
    if "line" not in kind.lower():
        data, notes = turn(data), [*notes, *told]
    return RawStack(data, energy, "counts", _pixel_size(file, detector), metadata, notes=notes, interruptible=True)


def _scan_type(file: h5py.File, detector: _Detector) -> str:
    return _text(file, f"{detector.name}/stxm_scan_type")


def _text(file: h5py.File, name: str) -> str:
    return text(child(file, name))


def _version(file: h5py.File, detector: _Detector) -> str:
    """Return the version that the file names: a number of its own, or an attribute of its definition."""
    entry = child(file, detector.name.split("/")[0])
    number, definition = row(entry, "version"), child(entry, "definition")
    if number is not None and number.size == 1:
        return f"{np.ravel(number[()])[0]:.1f}"
    return text(definition.attrs.get("version", "")) if isinstance(definition, h5py.Dataset) else ""


def _energies(file: h5py.File, detector: _Detector) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Return the energies: those of the detector, else of the monochromator, where new detectors have none."""
    entry = detector.name.split("/")[0]
    for name in (f"{detector.name}/energy", f"{entry}/instrument/monochromator/energy"):
        field = row(file, name)
        if field is not None and field.size:
            unit = text(field.attrs.get("units", ""))
            energy, unit = to_ev(np.ravel(field[()]), unit, kev_below=SOFT_KEV_BELOW)
            return energy, {"energy_unit": unit}
    raise ValueError(f"{detector.name} has no energies; pass energies=")


def _binned(file: h5py.File, detector: _Detector) -> Any:
    """Return the images at the pixels that were asked for; None if there are none."""
    images = array(file, detector.binned) if detector.binned else None
    if images is None or images.ndim not in (3, 4) or 0 in images.shape:
        return None
    if images.ndim == 4 and images.shape[1] != 1:
        return None
    data = load(images)
    return data[:, 0] if images.ndim == 4 else data


def _raw(file: h5py.File, detector: _Detector) -> tuple[h5py.Dataset, tuple[int, int, int]] | None:
    """Return what was read out along each line and its shape (E, Y, N); None if it can't be sorted into pixels."""
    counts, positions = (array(file, name) if name else None for name in (detector.raw, detector.positions))
    if counts is None or positions is None or counts.shape != positions.shape or counts.ndim not in (2, 3):
        return None
    shape = _line_shape(file, detector, counts.shape)
    return None if shape is None else (counts, shape)


def _line_shape(file: h5py.File, detector: _Detector, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Return the shape (E, Y, N) of what was read out, None if it is no whole number of lines of pixels."""
    rows = row(file, f"{detector.axes}/sample_y")
    n_lines = shape[1] if len(shape) == 3 else (0 if rows is None else rows.size)
    n_samples = prod(shape[1:]) // n_lines if n_lines else 0
    pixels = _pixels(file, detector)
    if pixels is None or n_samples < pixels.size or n_lines * n_samples != prod(shape[1:]) or pixels[0] == pixels[-1]:
        return None
    return shape[0], n_lines, n_samples


def _pixels(file: h5py.File, detector: _Detector) -> NDArray[np.float64] | None:
    """Return the positions along x that were asked for; None without two of them."""
    pixels = _positions(file, detector, "x")
    return pixels if pixels is not None and pixels.size > 1 else None


def _positions(file: h5py.File, detector: _Detector, axis: str) -> NDArray[np.float64] | None:
    """Return the positions along an axis that were asked for; None without a list of them."""
    positions = row(file, f"{detector.axes}/sample_{axis}")
    return None if positions is None or positions.ndim != 1 else np.asarray(positions[()], np.float64)


def _rebinned_stack(path: Path, detector: _Detector, shape: tuple[int, int, int], pixels: NDArray[np.float64]) -> Any:
    frames = [
        only_unchanged(path, partial(_rebinned_frame, path, detector, number, (shape[1], shape[2]), pixels))
        for number in range(shape[0])
    ]
    return one_per_file(frames, (shape[1], pixels.size), np.dtype(np.float32))


def _rebinned_frame(
    path: Path, detector: _Detector, number: int, shape: tuple[int, int], pixels: NDArray[np.float64]
) -> Float32Array:
    with open_hdf5(path) as file:
        counts, positions = (array(file, name) for name in (detector.raw, detector.positions))
        if counts is None or positions is None:
            raise OSError(f"{path}: {detector.raw} is no longer in it; read the file again")
        return rebinned(counts[number].reshape(shape), positions[number].reshape(shape), pixels)


def _pixel_size(file: h5py.File, detector: _Detector) -> tuple[float, float] | None:
    """Distance of the pixels (Y, X) that were asked for in µm; those of a line lie along it."""
    size_x, size_y = (spacing(row(file, f"{detector.axes}/sample_{axis}")) for axis in "xy")
    if "line" in _scan_type(file, detector).lower():
        along = float(np.hypot(size_x or 0.0, size_y or 0.0))
        return (along, along) if along else None
    return (size_y, size_x) if size_x and size_y else None
