"""What lies in one OLE2 file of a Zeiss (Xradia) microscope: header numbers, images, a reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import olefile
from numpy.typing import NDArray

from napari_xanes.io.files import starts_with

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TYPES: dict[int, np.dtype[Any]] = {3: np.dtype("u1"), 5: np.dtype("<u2"), 10: np.dtype("<f4")}
_MOST_IMAGES = 100_000
_END_OF_CHAIN = 0xFFFFFFFE
REFERENCE = "ReferenceData/Image"


@dataclass(frozen=True)
class Content:
    """The header of a file and which of its images are there and whole.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        (Y, X) of every image.
    dtype : numpy dtype
        Of every image.
    announced : int
        How many images the header says were taken; 0 after an aborted exposure.
    images : tuple of str
        Streams of the images that are whole, in the order in which they were taken.
    at : tuple of int
        The number of each of `images` among all, from 0: where its energy stands.
    energy, exposure, angle : array of float64, shape (N,)
        eV, s, degrees, as the header has them; may be longer or shorter than the images.
    pixel_size : float or None
        µm.
    tiles : tuple of int
        Rows and columns of a mosaic, (0, 0) if it is none.
    reference : numpy dtype or None
        Type of the reference image, None if there is none that fits.
    reference_broken : bool
        Whether a reference is there that is cut short or does not fit.
    reference_exposure : float or None
        s.
    corrected : bool
        Whether the microscope has divided the images by the reference already.
    """

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    announced: int
    images: tuple[str, ...]
    at: tuple[int, ...]
    energy: NDArray[np.float64]
    exposure: NDArray[np.float64]
    angle: NDArray[np.float64]
    pixel_size: float | None
    tiles: tuple[int, int]
    reference: np.dtype[Any] | None
    reference_broken: bool
    reference_exposure: float | None
    corrected: bool


def why_not(path: Path) -> str | None:
    """Why the file is none of a Zeiss microscope; None if it is.

    Raises
    ------
    OSError
        If it can't be read.
    """
    if starts_with(path, len(_OLE2)) != _OLE2:
        return "not an OLE2 file"
    with _opened(path) as ole:
        if ole.exists("ImageInfo/ImageWidth"):
            return None
        if ole.parsing_issues:
            return f"an OLE2 file that is damaged or cut short ({ole.parsing_issues[0][1]}); copy it again"
        return "no ImageInfo of a Zeiss microscope in it"


def content(path: Path) -> Content:
    """What the file holds; no image is read.

    Raises
    ------
    OSError
        If the file is damaged.
    ValueError
        If the header is not understood, or promises more than the file can hold.
    """
    with _opened(path) as ole:
        height, width = (_whole_number(ole, f"ImageInfo/Image{side}") for side in ("Height", "Width"))
        code = _whole_number(ole, "ImageInfo/DataType")
        if code not in _TYPES:
            raise ValueError(f"{path}: images of the data type {code}; known are 3 (u1), 5 (u2) and 10 (f4)")
        dtype = _TYPES[code]
        tiles = _whole_number(ole, "ImageInfo/MosiacRows"), _whole_number(ole, "ImageInfo/MosiacColumns")
        taken = _whole_number(ole, "ImageInfo/ImagesTaken")
        announced = min(taken, 1) if min(tiles) > 0 else taken
        if not 0 <= announced <= _MOST_IMAGES:
            raise ValueError(f"{path}: the header promises {announced} images, more than any such file holds")
        n_bytes = height * width * dtype.itemsize
        if height < 1 or width < 1 or (announced and n_bytes > path.stat().st_size):
            raise ValueError(
                f"{path}: the header promises images of {height} x {width} pixels, the file is smaller: cut short"
            )
        names = [f"ImageData{i // 100 + 1}/Image{i + 1}" for i in range(announced)]
        sizes = {ole.get_size(name) for name in names if ole.exists(name)}
        if sizes - {n_bytes}:
            raise ValueError(
                f"{path}: an image has {min(sizes - {n_bytes})} bytes where {height} x {width} pixels need {n_bytes}"
            )
        at = tuple(i for i, name in enumerate(names) if _is_whole(ole, name, n_bytes))
        reference = _TYPES.get(_whole_number(ole, "ReferenceData/DataType"), dtype)
        fits = _is_whole(ole, REFERENCE, height * width * reference.itemsize)
        exposure = _numbers(ole, "ReferenceData/ExpTime")[:1]
        size = _numbers(ole, "ImageInfo/PixelSize")[:1]
        return Content(
            path.resolve(),
            (height, width),
            dtype,
            announced,
            tuple(names[i] for i in at),
            at,
            _numbers(ole, "ImageInfo/Energy"),
            np.round(_numbers(ole, "ImageInfo/ExpTimes"), 6),
            _numbers(ole, "ImageInfo/Angles"),
            # The file has float32: 0.0312 is meant, not 0.031199999153614044; and so for exposures.
            pixel_size=round(float(size[0]), 7) if size.size and 1e-7 < size[0] < 1e4 else None,
            tiles=tiles if min(tiles) > 0 else (0, 0),
            reference=reference if fits else None,
            reference_broken=ole.exists(REFERENCE) and not fits,
            reference_exposure=round(float(exposure[0]), 6) if exposure.size and 0 < exposure[0] < np.inf else None,
            corrected=_whole_number(ole, "ImageInfo/OriginalDataRefCorrected") == 1,
        )


def image(path: Path, name: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """One image (Y, X).

    Raises
    ------
    OSError
        If the file does not hold all of it.
    """
    with _opened(path) as ole:
        stream = ole.openstream(name).read() if ole.exists(name) else b""
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    if len(stream) != n_bytes:
        raise OSError(f"{path}: {name} has {len(stream)} bytes instead of {n_bytes}: cut short or changed since")
    return np.frombuffer(stream, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


@contextmanager
def _opened(path: Path) -> Iterator[olefile.OleFileIO]:
    try:
        ole = olefile.OleFileIO(path)
    except Exception as error:
        # The library stumbles over a damaged table in many ways.
        raise OSError(f"{path}: can't be opened as OLE2, it is damaged or cut short ({error})") from error
    with ole:
        try:
            yield ole
        except ValueError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and path.name in str(error):
                raise
            raise OSError(f"{path}: damaged or cut short ({error})") from error


def _numbers(ole: olefile.OleFileIO, name: str) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # numbers that are none stay so
        return _stream(ole, name, "<f4").astype(np.float64)


def _whole_number(ole: olefile.OleFileIO, name: str) -> int:
    """A whole number of the header, 0 where there is none."""
    values = _stream(ole, name, "<i4")
    return int(values[0]) if values.size else 0


def _stream(ole: olefile.OleFileIO, name: str, dtype: str) -> NDArray[Any]:
    if not ole.exists(name) or not 4 <= ole.get_size(name) <= 4 * _MOST_IMAGES:
        return np.empty(0, dtype)
    stream = ole.openstream(name).read()
    if len(stream) != ole.get_size(name):
        raise OSError(f"{name} is not in the file as a whole, it is damaged or cut short; copy it again")
    return np.frombuffer(stream[: len(stream) // 4 * 4], dtype)


def _is_whole(ole: olefile.OleFileIO, name: str, n_bytes: int) -> bool:
    """Whether the file has all bytes of a stream, without reading them."""
    if not ole.exists(name) or ole.get_size(name) != n_bytes:
        return False
    if n_bytes < ole.minisectorcutoff:
        return len(ole.openstream(name).read()) == n_bytes
    sector = ole.direntries[ole._find(name)].isectStart
    held = ole.fp.seek(0, 2)
    for left in range(n_bytes, 0, -ole.sectorsize):
        start = (sector + 1) * ole.sectorsize
        if sector >= min(len(ole.fat), _END_OF_CHAIN) or start + min(left, ole.sectorsize) > held:
            return False
        sector = ole.fat[sector]
    return True
