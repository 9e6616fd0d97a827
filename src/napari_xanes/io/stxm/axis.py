"""aXis2000 ``.ncb``: images in a bare binary file, everything else in a text ``.dat`` of the same stem."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energies import to_ev
from napari_xanes.io.energy_limits import SOFT_KEV_BELOW, looks_like_energies
from napari_xanes.io.files import files_in, lines_of, link_warnings, read_text
from napari_xanes.io.raw_arrays import native_array
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.rising_positions import turn_to_rise

_TEXT_BYTES = 4 << 20


@dataclass(frozen=True)
class _Sidecar:
    """What the text says: (E, Y, X), the divisor of whole numbers (negative for floats), ends in µm, eV and s."""

    shape: tuple[int, int, int]
    scale: float
    x: tuple[float, float]
    y: tuple[float, float]
    energy: NDArray[np.float64]
    dwell: NDArray[np.float64]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype("<f4" if self.scale < 0 else "<i2")


def why_not_readable(path: Path) -> str | None:
    """Return why the file is not a stack of aXis2000, or None if it is."""
    try:
        binary, sidecar = _pair(path)
    except ValueError as error:
        return str(error)
    n_bytes = int(np.prod(sidecar.shape, dtype=object)) * sidecar.dtype.itemsize
    size = binary.stat().st_size
    return None if size == n_bytes else f"its text needs {n_bytes} bytes of images, {binary.name} has {size}"


def _pair(path: Path) -> tuple[Path, _Sidecar]:
    """Read the images and their text, whichever of the two files is named.

    Raises
    ------
    ValueError
        If one of them is missing or the text is another one.
    """
    os.stat(path)
    if path.is_dir():
        raise ValueError("a folder, not a file")
    is_text = path.suffix.lower() == ".dat"
    suffix = ".ncb" if is_text else ".dat"
    # Suffixes may be written in capitals; only the folder of the file is looked at.
    files, links = ([p for p in paths if p.stem == path.stem] for paths in files_in(path.parent, (suffix,)))
    if len(files) != 1:
        raise ValueError("; ".join([f"no {path.stem}{suffix} beside it", *link_warnings(links)]))
    text, binary = (path, files[0]) if is_text else (files[0], path)
    return binary, _parse_sidecar(text)


def _parse_sidecar(path: Path) -> _Sidecar:
    """Parse the text.

    Raises
    ------
    ValueError
        If it is laid out otherwise.
    """
    lines = [line.split(maxsplit=9) for line in lines_of(read_text(path, limit=_TEXT_BYTES)) if line.strip()]
    try:
        columns, rows, scale = int(lines[0][0]), int(lines[0][1]), float(lines[0][2])
        x, y = ((float(line[0]), float(line[1])) for line in lines[1:3])
        images = int(lines[3][0])
        if len(lines) < 4 + images:
            raise ValueError(f"{len(lines) - 4} energies instead of {images}; {ways_out.COPY}")
        energy = np.array([float(line[0]) for line in lines[4 : 4 + images]])
        dwell = [float(line[-1]) if len(line) > 1 else np.nan for line in lines[4 + images : 4 + 2 * images]]
    except (ValueError, IndexError, OverflowError) as error:
        raise ValueError(
            f"{path.name} is no text of aXis2000 ({error}); save the stack again in aXis2000 as .ncb"
        ) from None
    if min(columns, rows, images) < 1 or scale == 0 or not np.isfinite([scale, *x, *y]).all():
        raise ValueError(
            f"{path.name} announces {columns} x {rows} pixels, {images} images and the scale {scale:g}; {ways_out.COPY}"
        )
    return _Sidecar((images, rows, columns), scale, x, y, energy, np.array(dwell))


@reader("axis", title="aXis2000", patterns=("*.ncb", "*.dat"), why_not_readable=why_not_readable)
def read(path: Path, energies: Any = None) -> RawStack:
    """Read the images, float32 (E, Y, X), with x and y increasing; dwell times are in ms.

    Whole numbers are divided by the text's scale. Images that were scanned from right to left, or from top to bottom,
    are turned.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If sizes do not add up, or the energies can't be any.
    """
    if reason := why_not_readable(path):
        raise ValueError(f"{path}: {reason}")
    binary, sidecar = _pair(path)
    if energies is None and not looks_like_energies(np.sort(sidecar.energy)):
        raise ValueError(f"{path}: the energies in the text can't be any; pass energies=")
    data = native_array(binary, sidecar.dtype, sidecar.shape)
    data = data if sidecar.scale < 0 else (data / np.float32(sidecar.scale)).astype(np.float32, copy=False)
    turn, notes = turn_to_rise(sidecar.y, sidecar.x)
    values, unit = to_ev(sidecar.energy, kev_below=SOFT_KEV_BELOW)
    metadata: dict[str, Any] = {"energy_unit": unit}
    if sidecar.dwell.size == sidecar.energy.size and np.isfinite(sidecar.dwell).all() and (sidecar.dwell > 0).all():
        metadata["exposure"] = sidecar.dwell * 1e-3
    sizes = [_step(ends, n) for ends, n in zip((sidecar.y, sidecar.x), sidecar.shape[1:], strict=True)]
    pixel_size = [size for size in sizes if size is not None]
    size = (pixel_size[0], pixel_size[1]) if len(pixel_size) == 2 else None
    return RawStack(turn(data), values, "counts", size, metadata, notes=notes)


def _step(ends: tuple[float, float], n: int) -> float | None:
    """Distance of neighbouring pixels in µm, whose first and last centre are given."""
    size = abs(ends[1] - ends[0]) / (n - 1) if n > 1 else 0.0
    return round(size, 7) if 1e-7 < size < 1e6 else None
