"""One OLE2 file of a Zeiss (Xradia) microscope: its header, its images and its reference image."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import olefile
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.io import ways_out
from napari_xanes.io.files import starts_with
from napari_xanes.io.unchanged import only_unchanged

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TYPES: dict[int, np.dtype[Any]] = {3: np.dtype("u1"), 5: np.dtype("<u2"), 10: np.dtype("<f4")}
_MOST_IMAGES = 100_000
_END_OF_CHAIN = 0xFFFFFFFE
_OLE_ERRORS = (OSError, IndexError, KeyError, OverflowError, MemoryError, RecursionError, struct.error)
"""Errors that olefile raises for a damaged table."""
_REFERENCE = "ReferenceData/Image"


@dataclass(frozen=True)
class Content:
    """The header of a file, and the images that are complete in it.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        (Y, X) of every image.
    stored : numpy dtype
        Of the pixels, in the byte order of the file.
    n_taken : int
        How many images were taken, as the header says; 0 after an aborted exposure.
    numbers : tuple of int
        Which of the images taken are complete in the file, from 0.
    energy, exposure, angle : array of float64, shape (N,)
        eV, s, degrees, as in the header, where they may be more or fewer than the images. Image i has entry i.
    pixel_size : float or None
        µm.
    tiles : tuple of int
        Rows and columns of a mosaic, (0, 0) if it is none.
    reference_type : numpy dtype or None
        Type of the pixels of the reference image, None if there is none that fits.
    reference_broken : bool
        Whether there is a reference image that is cut short or does not fit.
    has_several_references : bool
        Whether there are several reference images, of which nothing public says to which images they belong.
    reference_exposure : float or None
        s.
    corrected : bool
        Whether the microscope has divided the images by the reference already.
    """

    path: Path
    shape: tuple[int, int]
    stored: np.dtype[Any]
    n_taken: int
    numbers: tuple[int, ...]
    energy: Float64Array
    exposure: Float64Array
    angle: Float64Array
    pixel_size: float | None
    tiles: tuple[int, int]
    reference_type: np.dtype[Any] | None
    reference_broken: bool
    has_several_references: bool
    reference_exposure: float | None
    corrected: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels, in native byte order."""
        return self.stored.newbyteorder("=")

    @property
    def pixel_sizes(self) -> tuple[float, float] | None:
        """µm, (Y, X); None if the header does not tell it."""
        return None if self.pixel_size is None else (self.pixel_size, self.pixel_size)


def why_not_zeiss(path: Path) -> str | None:
    """Return why the file is not of a Zeiss microscope; None if it is.

    Raises
    ------
    OSError
        If it can't be read.
    """
    if starts_with(path, len(_OLE2)) != _OLE2:
        return "not an OLE2 file"
    with _opened(path) as ole:
        if _has_stream(ole, "ImageInfo/ImageWidth"):
            return None
        if ole.parsing_issues:
            return f"an OLE2 file that is damaged or cut short ({ole.parsing_issues[0][1]}); copy it again"
        return "no ImageInfo of a Zeiss microscope in it"


def read_content(path: Path) -> Content:
    """Read the header of a file and find its complete images; no pixel is read.

    Raises
    ------
    OSError
        If the file is damaged.
    ValueError
        If the header is not understood, or describes more than the file can hold.
    """
    with _opened(path) as ole:
        height, width = (_integer(ole, f"ImageInfo/Image{side}") for side in ("Height", "Width"))
        code = _integer(ole, "ImageInfo/DataType")
        if code not in _TYPES:
            raise ValueError(f"{path}: images of the data type {code}; known are 3 (u1), 5 (u2) and 10 (f4)")
        stored = _TYPES[code]
        tiles = _integer(ole, "ImageInfo/MosiacRows"), _integer(ole, "ImageInfo/MosiacColumns")
        is_mosaic = min(tiles) > 0
        n_taken = _integer(ole, "ImageInfo/ImagesTaken")
        n_taken = min(n_taken, 1) if is_mosaic else n_taken
        _check_size(path, n_taken, (height, width), height * width * stored.itemsize)
        reference_type = _TYPES.get(_integer(ole, "ReferenceData/DataType"), stored)
        fits = _is_complete(ole, _REFERENCE, height * width * reference_type.itemsize)
        # float32 stores 0.0312 as 0.031199999153614044: sizes and exposures are rounded.
        size, reference_exposure = (_floats(ole, name)[:1] for name in ("ImageInfo/PixelSize", "ReferenceData/ExpTime"))
        return Content(
            path.resolve(),
            (height, width),
            stored,
            n_taken,
            _complete_images(ole, path, n_taken, (height, width), stored),
            _floats(ole, "ImageInfo/Energy"),
            np.round(_floats(ole, "ImageInfo/ExpTimes"), 6),
            _floats(ole, "ImageInfo/Angles"),
            pixel_size=round(float(size[0]), 7) if size.size and 1e-7 < size[0] < 1e4 else None,
            tiles=tiles if is_mosaic else (0, 0),
            reference_type=reference_type if fits else None,
            reference_broken=ole.exists(_REFERENCE) and not fits,
            has_several_references=_has_stream(ole, "MultiReferenceData/Image1"),
            reference_exposure=(
                round(float(reference_exposure[0]), 6)
                if reference_exposure.size and 0 < reference_exposure[0] < np.inf
                else None
            ),
            corrected=_integer(ole, "ImageInfo/OriginalDataRefCorrected") == 1,
        )


def content_with_image(path: Path) -> Content:
    """Read the header of a file of a series, which must hold a complete image.

    Raises
    ------
    OSError
        If the file is damaged, its header is not understood, or no image is complete.
    """
    try:
        content = read_content(path)
    except ValueError as error:
        raise OSError(str(error)) from error
    if not content.numbers:
        raise OSError(f"{path}: {why_no_image(content)}")
    return content


def why_no_image(content: Content) -> str:
    """Return why a file has no complete image."""
    if not content.n_taken or not content.energy.size:
        return "the exposure was aborted, no image was taken; leave the file out"
    return f"none of {content.n_taken} images is complete in the file, it is cut short; copy it again"


def image_loader(content: Content, number: int) -> Callable[[], NDArray[Any]]:
    """Return a picklable function that reads the image (Y, X) of a number; it raises OSError if the file changed."""
    load = partial(_read_pixels, content.path, _image_name(number), content.shape, content.stored)
    return only_unchanged(content.path, load)


def reference_loader(content: Content) -> Callable[[], NDArray[Any]]:
    """Return a picklable function that reads the reference image (Y, X) of a file that has one."""
    stored = content.reference_type or content.stored
    return partial(_read_pixels, content.path, _REFERENCE, content.shape, stored)


def _check_size(path: Path, n_images: int, shape: tuple[int, int], n_bytes: int) -> None:
    if not 0 <= n_images <= _MOST_IMAGES:
        raise ValueError(
            f"{path}: the header promises {n_images} images, more than any such file holds; {ways_out.COPY}"
        )
    if min(shape) < 1 or (n_images and n_bytes > path.stat().st_size):
        raise ValueError(
            f"{path}: the header promises images of {shape[0]} x {shape[1]} pixels, the file is smaller: cut short; "
            "copy it again"
        )


def _complete_images(
    ole: olefile.OleFileIO, path: Path, n_taken: int, shape: tuple[int, int], stored: np.dtype[Any]
) -> tuple[int, ...]:
    """Return the numbers of the complete images; an image of another size is an error."""
    n_bytes = shape[0] * shape[1] * stored.itemsize
    names = [_image_name(number) for number in range(n_taken)]
    sizes = {ole.get_size(name) for name in names if _has_stream(ole, name)} - {n_bytes}
    if sizes:
        raise ValueError(f"{path}: an image has {min(sizes)} bytes where {shape[0]} x {shape[1]} pixels need {n_bytes}")
    return tuple(number for number, name in enumerate(names) if _is_complete(ole, name, n_bytes))


def _image_name(number: int) -> str:
    return f"ImageData{number // 100 + 1}/Image{number + 1}"


def _read_pixels(path: Path, name: str, shape: tuple[int, int], stored: np.dtype[Any]) -> NDArray[Any]:
    with _opened(path) as ole:
        stream = ole.openstream(name).read() if _has_stream(ole, name) else b""
    n_bytes = shape[0] * shape[1] * stored.itemsize
    if len(stream) != n_bytes:
        raise OSError(
            f"{path}: {name} has {len(stream)} bytes instead of {n_bytes}: cut short or changed since; "
            "read it again, or copy it again"
        )
    return np.frombuffer(stream, stored).reshape(shape).astype(stored.newbyteorder("="), copy=False)


@contextmanager
def _opened(path: Path) -> Iterator[olefile.OleFileIO]:
    try:
        ole = olefile.OleFileIO(path)
    except (ValueError, *_OLE_ERRORS) as error:
        raise OSError(
            f"{path}: can't be opened as OLE2, it is damaged or cut short; copy it again ({error})"
        ) from error
    with ole:
        try:
            yield ole
        except _OLE_ERRORS as error:
            if isinstance(error, OSError) and path.name in str(error):
                raise
            raise OSError(f"{path}: damaged or cut short; copy it again ({error})") from error


def _floats(ole: olefile.OleFileIO, name: str) -> Float64Array:
    """Read numbers of the header; none if there is no such entry."""
    with np.errstate(invalid="ignore"):  # values that are not numbers stay so
        return _stream(ole, name, "<f4").astype(np.float64)


def _integer(ole: olefile.OleFileIO, name: str) -> int:
    """Read a whole number of the header; 0 if there is no such entry."""
    values = _stream(ole, name, "<i4")
    return int(values[0]) if values.size else 0


def _has_stream(ole: olefile.OleFileIO, name: str) -> bool:
    """Return whether the file has a stream with this name; in a damaged table the name may belong to a folder."""
    return bool(ole.get_type(name) == olefile.STGTY_STREAM)


def _stream(ole: olefile.OleFileIO, name: str, dtype: str) -> NDArray[Any]:
    if not _has_stream(ole, name) or not 4 <= ole.get_size(name) <= 4 * _MOST_IMAGES:
        return np.empty(0, dtype)
    stream = ole.openstream(name).read()
    if len(stream) != ole.get_size(name):
        raise OSError(f"{name} is not complete in the file, it is damaged or cut short; copy it again")
    return np.frombuffer(stream[: len(stream) // 4 * 4], dtype)


def _is_complete(ole: olefile.OleFileIO, name: str, n_bytes: int) -> bool:
    """Whether the file has all bytes of a stream. The stream is followed through its sectors, not read."""
    if not _has_stream(ole, name) or ole.get_size(name) != n_bytes:
        return False
    if n_bytes < ole.minisectorcutoff:
        return len(ole.openstream(name).read()) == n_bytes
    sector = ole.direntries[ole._find(name)].isectStart
    file_size = ole.fp.seek(0, 2)
    for remaining in range(n_bytes, 0, -ole.sectorsize):
        start = (sector + 1) * ole.sectorsize
        if sector >= min(len(ole.fat), _END_OF_CHAIN) or start + min(remaining, ole.sectorsize) > file_size:
            return False
        sector = ole.fat[sector]
    return True
