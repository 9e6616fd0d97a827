"""TIFF files that were written by others: opened carefully, and what napari-xanes notes in its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_xanes.io import allocation_limits, frames, ways_out
from napari_xanes.io.array_notes import MOST_ARRAYS, FoundArray, note_file, note_read
from napari_xanes.io.files import starts_with
from napari_xanes.io.length_units import length_in_um
from napari_xanes.io.packing import scale_of
from napari_xanes.io.raw_arrays import RawArray
from napari_xanes.io.tiff.directories import broken_off
from napari_xanes.io.tiff.ome import ome_header
from napari_xanes.io.tiff.packed_images import check_page
from napari_xanes.io.unchanged import FileState, unchanged
from napari_xanes.wording import first_few

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_UNCALIBRATED = 20
"""ImageJ's number of no calibration function (``ij.measure.Calibration``: 0 is a straight line, 21 optical density)."""

KEY = "napari_xanes"
"""Key of the JSON text in ImageJ's Info that marks a file of our own; its value is the kind and version."""
STACK = "stack 1"
MAPS = "maps 1"


def is_tiff(path: Path) -> bool:
    """Whether the file begins as TIFF or BigTIFF files do."""
    return starts_with(path, 4) in _MAGIC


@contextmanager
def open_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a file for reading; other files that it names are not followed.

    Raises
    ------
    OSError
        If it is damaged or cut short.
    """
    with ExitStack() as stack:
        try:
            tiff = stack.enter_context(tifffile.TiffFile(path, is_ome=False, is_mmstack=False, is_ndtiff=False))
            _ = tiff.series, tiff.imagej_metadata  # parsed at the first access, so here
        except OSError:
            raise
        except Exception as error:
            # tifffile raises errors of any kind for a damaged header, also TypeError and AssertionError: none of ours.
            raise OSError(
                f"{path}: can't be opened as TIFF, it is damaged or cut short; copy it again ({error})"
            ) from None
        note_file(path, _series_in)
        yield tiff


def _series_in(path: Path) -> list[FoundArray]:
    """List the series of images of one shape, as tifffile finds them."""
    with open_tiff(path) as tiff:
        return [_found(i, series) for i, series in enumerate(tiff.series[:MOST_ARRAYS])]


def _found(number: int, series: tifffile.TiffPageSeries) -> FoundArray:
    dtype = series.dtype
    return FoundArray(f"series {number}", tuple(series.shape), dtype.name if dtype else "", number)


def own_notes(tiff: tifffile.TiffFile, kind: str) -> dict[str, Any] | None:
    """Return what napari-xanes wrote into a file of this kind, or None for any other file."""
    info = (tiff.imagej_metadata or {}).get("Info") if tiff.is_imagej else None
    if not isinstance(info, str) or f'"{KEY}"' not in info[:100]:
        return None
    try:
        notes = json.loads(info)
    except ValueError:
        return None
    return notes if isinstance(notes, dict) and notes.get(KEY) == kind else None


def images(tiff: tifffile.TiffFile, *, own: bool = False) -> tifffile.TiffPageSeries:
    """Return the series of images of one shape that is read; see `main_series`.

    Parameters
    ----------
    tiff : TiffFile
        The file.
    own : bool
        Whether napari-xanes wrote it and knows the shape: tifffile takes images of a single pixel for one image.

    Raises
    ------
    OSError
        If it is cut short.
    ValueError
        If there is none, it holds no numbers, or it promises more than the file can hold.
    """
    if not tiff.series:
        raise ValueError("it holds no image; save the images again as TIFF")
    number = main_series(tiff)
    series = tiff.series[number]
    if series.dtype is None or series.dtype.kind not in "fiu":
        raise ValueError(f"its pixels are of type {series.dtype}, not grey values; save it again with 16 or 32 bits")
    note_read(Path(tiff.filehandle.path), _found(number, series))
    size = tiff.filehandle.size
    allocation_limits.check("it", series.nbytes, size)
    n_images = (tiff.imagej_metadata or {}).get("images", 1) if tiff.is_imagej and not own else 1
    if int(np.prod(series.shape[:-2], dtype=np.int64)) < n_images:
        raise OSError(
            f"it announces {n_images} images but holds {int(np.prod(series.shape[:-2]))}: cut short; copy it again"
        )
    if series.dataoffset is not None:
        end = series.dataoffset + series.nbytes
    else:
        ends = [
            o + n for page in series.pages if page for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
        end = max(ends, default=0)
    if end > size:
        raise OSError(f"its images end at byte {end}, the file at {size}: cut short; copy it again")
    if own and (broken := broken_off(tiff)):
        raise OSError(f"{broken}: cut short; copy it again")
    if series.dataoffset is None:
        for page in filter(None, series.pages):
            check_page(tiff, page)
    return series


def main_series(tiff: tifffile.TiffFile) -> int:
    """Return the number of the first series of several images; 0 if each is a single image, as a thumbnail is."""
    return next((i for i, series in enumerate(tiff.series) if int(np.prod(series.shape[:-2])) > 1), 0)


def remarks(tiff: tifffile.TiffFile) -> list[str]:
    """Return what a user should know of how the images of a file are meant to be shown, and what is not read."""
    number, page = main_series(tiff), tiff.series[main_series(tiff)].keyframe
    told = []
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        told.append("the file shows its smallest number as white; the numbers are taken as they are")
    orientation = page.tags.get("Orientation")
    if orientation is not None and orientation.value != 1:
        told.append(
            f"the file asks to turn its images (orientation {orientation.value}); rows are left as they lie in it"
        )
    if others := [str(s.shape) for i, s in enumerate(tiff.series) if i != number]:
        told.append(f"images of other sizes or types in the file are not read: {first_few(others, 3)}")
    return told


def pixels(images: tifffile.TiffPageSeries | tifffile.TiffPage | tifffile.TiffFrame) -> NDArray[Any]:
    """Return the pixels of a series of images, or of one, in the byte order of this computer.

    Raises
    ------
    ValueError
        If they can't be decoded.
    """
    try:
        values = np.asarray(images.asarray())
    except (AssertionError, AttributeError, TypeError) as error:
        # tifffile asserts what a damaged header does not hold, and computes with tags that are missing.
        raise ValueError(
            f"the images can't be decoded, the file is damaged; copy it again ({type(error).__name__})"
        ) from None
    return values.astype(values.dtype.newbyteorder("="), copy=False)


class _LazyPages:
    """Pages that are read one by one from a file that is opened for each, for dask."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any) -> None:
        self.path, self.shape, self.dtype, self.ndim = path, shape, dtype, len(shape)
        self.state, self.piece = FileState.of(path), (1, *shape[1:])

    def __getitem__(self, index: Any) -> Any:
        first, *inner_index = index if isinstance(index, tuple) else (index,)
        numbers = np.arange(self.shape[0])[first]
        with unchanged(self.state), open_tiff(self.path) as tiff:
            pages = tiff.series[main_series(tiff)].pages
            read = [self._page(pages[int(number)], number)[tuple(inner_index)] for number in np.atleast_1d(numbers)]
        return np.stack(read) if numbers.ndim else read[0]

    def _page(self, page: tifffile.TiffPage | tifffile.TiffFrame | None, number: int) -> NDArray[Any]:
        if page is None:
            raise OSError(f"{self.path}: image {number} is missing in it; {ways_out.COPY}")
        return pixels(page)


def load(tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path) -> Any:
    """Return the images as a NumPy array, or above the memory limit as a dask array over the file."""
    with allocation_limits.memory_limited_to(tiff.filehandle.size):
        fits_into_memory = series.nbytes <= frames.MEMORY_LIMIT.get()
    if fits_into_memory:
        return pixels(series)
    import dask.array as da

    if series.dataoffset is not None:
        dtype = series.dtype.newbyteorder(tiff.byteorder)
        source: Any = RawArray(path.resolve(), dtype, series.shape, series.dataoffset)
    else:
        source = _LazyPages(path.resolve(), (len(series.pages), *series.shape[-2:]), series.dtype)
    thickness = max(1, (32 << 20) // max(1, series.nbytes // source.shape[0]))
    lazy = da.from_array(source, chunks=(thickness, *source.shape[1:]), name=False)  # type: ignore[no-untyped-call]
    return lazy.astype(source.dtype.newbyteorder("=")).reshape(series.shape)


def calibration(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """Return factor and offset of ImageJ's calibration of grey values; None if the stored numbers are the values.

    ImageJ stores images of 16 bits with a sign as numbers without one, and a straight line (``cf=0``, ``c0``, ``c1``)
    that takes 32768 away; a user's calibration is stored alike.

    Raises
    ------
    ValueError
        If it is no straight line, as one to optical density.
    """
    notes: dict[str, Any] = (tiff.imagej_metadata or {}) if tiff.is_imagej else {}
    kind = notes.get("cf")
    if kind is None or kind == _UNCALIBRATED:
        return None
    if kind != 0:
        raise ValueError(
            "ImageJ calibrated its grey values by a function that is not read; in ImageJ choose Analyze > Calibrate, "
            "None, or convert it to 32 bits, and save it again"
        )
    return scale_of(notes.get("c1"), notes.get("c0"), "ImageJ's calibration")


def slice_distance(tiff: tifffile.TiffFile) -> float | None:
    """µm from one slice of a volume to the next, from ImageJ's ``spacing``; None without one or without a unit."""
    metadata: dict[str, Any] = (tiff.imagej_metadata or {}) if tiff.is_imagej else {}
    spacing, factor = metadata.get("spacing"), _imagej_unit(str(metadata.get("zunit", metadata.get("unit", ""))))
    if factor is None or not isinstance(spacing, int | float) or not np.isfinite(spacing) or spacing <= 0:
        return None
    return round(spacing * factor, 9) or None


def _imagej_unit(unit: str) -> float | None:
    """Return ImageJ's unit of length in µm; None without a unit, because lengths are then in pixels."""
    return length_in_um(unit.replace("\\u00B5", "µ")) if unit.strip() else None


def pixel_size(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """µm per pixel (Y, X) from the OME header, or ImageJ's unit and the resolution tags; None without a unit."""
    first: Any = tiff.pages[0]
    if ome := ome_header(first.description):
        return ome.pixel_size
    factor = _imagej_unit(str((tiff.imagej_metadata or {}).get("unit", ""))) if tiff.is_imagej else None
    if factor is None:
        return None
    sizes = []
    for name in ("YResolution", "XResolution"):
        tag = first.tags.get(name)
        per_unit = tag.value if tag is not None else (0, 1)
        if not per_unit[0] or not per_unit[1]:
            return None
        sizes.append(round(per_unit[1] / per_unit[0] * factor, 9))
    return (sizes[0], sizes[1]) if min(sizes) > 0 else None
