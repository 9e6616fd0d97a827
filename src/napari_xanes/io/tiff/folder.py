"""A folder of TIFF files, one per energy: the energies in their names, or one a line in a text beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_xanes.io.allocation_limits import room
from napari_xanes.io.energies import given_energies
from napari_xanes.io.energy_names import energies_in, energy_in
from napari_xanes.io.files import files_in, not_followed
from napari_xanes.io.frames import one_per_file
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.sidecar import only_fitting
from napari_xanes.io.tiff.file import images, is_tiff, opened, pixel_size, slice_distance

_SUFFIXES = (".tif", ".tiff")
_FLAT = re.compile(r"(?<![a-z])(flats?|refs?|references?|white|bkg|background)(?![a-z])")
_DARK = re.compile(r"(?<![a-z])darks?(?![a-z])")


def tiffs_in(folder: Path) -> list[Path]:
    """The files named as TIFF in a folder, by name, with 2 before 10."""
    return files_in(folder, _SUFFIXES)[0]


def links_in(folder: Path) -> list[str]:
    """What to tell of TIFF files in a folder that are links out of it."""
    return not_followed(files_in(folder, _SUFFIXES)[1])


def why_not_readable(folder: Path, files: Sequence[Path], energies: Any = None) -> str | None:
    """Why TIFF files are no series with an energy for each; None if they are."""
    if not files:
        return "; ".join(["no TIFF files in the folder", *links_in(folder)])
    if not is_tiff(files[0]):
        return f"{files[0].name} is not a TIFF file"
    if energies is not None:
        return None
    series, _, _ = _sorted_out(files)
    if any(energy_in(path.stem) for path in series):
        return None
    if only_fitting(folder, (len(files),)) is not None:
        return None
    return f"no energies in names such as {files[0].name}, nor a text with {len(files)} of them beside the files"


def read(folder: Path, files: Sequence[Path], energies: Any = None) -> RawStack:
    """The files as frames (E, Y, X), or (E, Z, Y, X) where each is a volume.

    Files called flat, ref, white or background with the same energies become ``metadata["flat"]`` (E, Y, X), files
    called dark ``metadata["dark"]`` (E, Y, X) or, without energies, their mean (Y, X).

    Raises
    ------
    OSError
        If a file is cut short.
    ValueError
        If energies are missing, several series lie in the folder, or the files differ in shape or type.
    """
    series, flats, darks = _sorted_out(files)
    metadata: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    if energies is not None:
        axis, metadata["energy_unit"] = given_energies(energies)
        if axis.size != len(series):
            series, flats, darks = list(files), [], []
    elif any(energy_in(path.stem) for path in series):
        axis, metadata["energy_unit"] = _named(series)
        metadata["energy_source"] = "names of the files"
    else:
        beside = only_fitting(folder, (len(files),))
        if beside is None:
            raise ValueError("no energies in the names of its files, nor in a text beside them")
        series, flats, darks = list(files), [], []
        axis, metadata["energy_unit"], notes = beside.values, beside.unit, beside.notes
        metadata["energy_source"] = str(beside.path.resolve())
    data, size = _load(series)
    warnings = links_in(folder)
    for name, others in (("flat", flats), ("dark", darks)):
        if not others:
            continue
        image = _correction(others, axis)
        if image is not None and image.shape[-len(data.shape) + 1 :] == data.shape[1:]:
            metadata[name] = image
        else:
            warnings.append(f"{len(others)} files called {name} do not fit the images and are left out")
    return RawStack(data, axis, "counts", size, metadata, warnings, list(notes))


def _sorted_out(files: Sequence[Path]) -> tuple[list[Path], list[Path], list[Path]]:
    """Images, flats and darks; the words count only where some files have them and others not."""
    flats = [p for p in files if _FLAT.search(p.stem.lower())]
    darks = [p for p in files if _DARK.search(p.stem.lower()) and p not in flats]
    rest = [p for p in files if p not in flats and p not in darks]
    return (rest, flats, darks) if rest else (list(files), [], [])


def _named(series: Sequence[Path]) -> tuple[NDArray[np.float64], str]:
    """The energies in the names of one series of files."""
    told = [(path, energy_in(path.stem)) for path in series]
    if missing := [path.name for path, energy in told if energy is None]:
        raise ValueError(f"no energy in the name {missing[0]}, but in others; move files of another kind elsewhere")
    befores = [path.stem[: energy[2][0]] for path, energy in told if energy]
    afters = {re.sub(r"\d+", "#", path.stem[energy[2][1] :]) for path, energy in told if energy}
    # A number before the energy is a counter if it is different in every name, else it tells fields of view apart.
    counted = len(set(befores)) == len(befores) and len({re.sub(r"\d+", "#", text) for text in befores}) == 1
    if len(afters) > 1 or (len(set(befores)) > 1 and not counted):
        kinds = sorted(afters if len(afters) > 1 else set(befores))[:2]
        raise ValueError(f"several series in one folder ({kinds[0]!r}, {kinds[1]!r} ...); give each its own folder")
    named = energies_in(path.stem for path in series)
    if named is None:
        raise ValueError("the numbers in the names of its files can't be energies")
    return named


def _frame(path: Path) -> NDArray[Any]:
    with opened(path) as tiff:
        values = np.asarray(images(tiff).asarray())
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _size(tiff: tifffile.TiffFile, axes: str) -> tuple[float, ...] | None:
    """µm per pixel of an image (Y, X), or of a volume (Z, Y, X) if ImageJ says how far its slices are apart."""
    size, depth = pixel_size(tiff), slice_distance(tiff)
    if len(axes) == 2:
        return size
    return (depth, *size) if size and depth and axes[0] == "Z" else None


def _load(series: Sequence[Path]) -> tuple[Any, tuple[float, ...] | None]:
    """One image or volume per file: a NumPy array, or a dask array if larger than the memory limit."""
    kinds = []
    for path in series:
        with opened(path) as tiff:
            found = images(tiff)
            kinds.append((tuple(found.shape), found.dtype))
            if path == series[0]:
                size = _size(tiff, found.axes)
    shape, dtype = kinds[0]
    if len(shape) not in (2, 3) or dtype is None or dtype.kind not in "fiu":
        raise ValueError(f"{series[0].name} holds {dtype} of shape {shape}, not a grey image or volume")
    for path, kind in zip(series, kinds, strict=True):
        if kind != kinds[0]:
            raise ValueError(f"{path.name} is {kind[1]} of shape {kind[0]}, but {series[0].name} {dtype} of {shape}")
    parts = [partial(_frame, path.resolve()) for path in series]
    with room(sum(path.stat().st_size for path in series)):
        return one_per_file(parts, shape, dtype.newbyteorder("=")), size


def _correction(files: Sequence[Path], axis: NDArray[np.float64]) -> Any:
    """Flats or darks: one per frame where their energies are those of the frames, one for all without energies."""
    told = [energy_in(path.stem) for path in files]
    if not any(told):
        return _load(files)[0].mean(axis=0, dtype=np.float64).astype(np.float32)
    by_energy = {energy[0]: path for path, energy in zip(files, told, strict=True) if energy}
    if len(by_energy) != len(files) or any(energy not in by_energy for energy in axis):
        return None
    return _load([by_energy[energy] for energy in axis])[0]
