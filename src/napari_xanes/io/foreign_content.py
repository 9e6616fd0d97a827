"""Files that no format can have, whatever their name: empty, not copied completely, packed, of other programs."""

from __future__ import annotations

import zlib
from pathlib import Path

from napari_xanes.io.files import starts_with

_HEAD = 4096

_HDF5_NAMES = (".h5", ".hdf5", ".nxs", ".cxi")
_HDF5_MARK = b"\x89HDF\r\n\x1a\n"
_HDF5_BEGINS = (0, 512, 1024, 2048)
"""Bytes at which the content of HDF5 may begin, behind a block of the user; larger blocks are not in use."""

_UNPACK = "unpack it first"
_GREY = "save TIFF of 16 or 32 bits"
_BY_HYPERSPY = "open it in HyperSpy, and save TIFF with a text of its energies"
_LOGGED_IN = "download the file itself, logged in where that is needed"

_PROGRAMS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself by git lfs pull"),
    (b"/annex/objects", "a pointer of git-annex", "fetch the file itself by git annex get"),
    (b"\x0e\x03\x13\x01", "HDF4", "convert it by h4toh5 to HDF5"),
    (b"\x1f\x8b", "packed by gzip", _UNPACK),
    (b"BZh", "packed by bzip2", _UNPACK),
    (b"\xfd7zXZ\0", "packed by xz", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "packed by 7-Zip", _UNPACK),
    (b"Rar!\x1a\x07", "packed by RAR", _UNPACK),
    (b"\x89PNG\r\n", "a picture (PNG), without the numbers of the detector", _GREY),
    (b"\xff\xd8\xff", "a picture (JPEG), without the numbers of the detector", _GREY),
    (b"GIF8", "a picture (GIF), without the numbers of the detector", _GREY),
    (b"%PDF", "a PDF", "save the numbers themselves as text"),
    (b"MATLAB 5", "a file of MATLAB", "load it by scipy.io.loadmat, and save its arrays as .npz (data, energy)"),
    (b"\0\0\0\x03", "of DigitalMicrograph", _BY_HYPERSPY),
    (b"\0\0\0\x04", "of DigitalMicrograph", _BY_HYPERSPY),
    (b"SIMPLE  =", "FITS", "open it in ImageJ, and save TIFF with a text of the energies"),
    (b"###CBF: ", "CBF", "convert it by fabio to EDF or TIFF, with the energies in the names"),
    (b"PCO-", "an image of PCO (.b16)", "save TIFF of 16 bits, with the energies in the names"),
    (b"<!doctype html", "a web page", _LOGGED_IN),
    (b"<html", "a web page", _LOGGED_IN),
)
"""Beginning of a file, what it is, and the way out. No format of napari-xanes has content that begins so."""


def why_foreign(path: Path) -> str | None:
    """Return what a file is that no format reads, and what to do; None if nothing is known of it.

    Parameters
    ----------
    path : Path
        A file that every format refused.
    """
    if not path.is_file():
        return None
    head = starts_with(path, _HEAD)
    if not head:
        return "it is empty; wait until it is written, or copy it again"
    if not any(head):
        return f"its first {len(head)} bytes are zero, so it was not copied completely; copy it again"
    if head.startswith(b"PK\x03\x04"):
        if b"[Content_Types].xml" in head or b"xl/" in head:
            return "it is a workbook of Excel; save the sheet as CSV"
        if b".npy" in head:
            return None  # an archive of NumPy, of which its reader says more
        return f"it is packed by ZIP; {_UNPACK}"
    if head.startswith(b"\x1f\x8b") and _is_project(head):
        return None
    if head.startswith(_HDF5_MARK) and b"HyperSpy" in head:
        return f"it is of HyperSpy; {_BY_HYPERSPY}"
    if head[257:262] == b"ustar":
        return f"it is packed by tar; {_UNPACK}"
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, what, way in _PROGRAMS:
        if head.startswith(mark) or begin.startswith(mark):
            return f"it is {what}; {way}"
    if is_false_hdf5(path):
        what = "another kind of file, or its beginning is damaged" if b"\0" in head else "a text"
        return f"it is no HDF5 file, as its name says, but {what}; copy it again, or give it the ending of what it is"
    return None


def is_false_hdf5(path: Path) -> bool:
    """Return whether a file is called as HDF5 files are, and is none: a text, or one whose beginning is damaged."""
    if path.suffix.lower() not in _HDF5_NAMES or not path.is_file():
        return False
    head = starts_with(path, _HEAD)
    return not any(head.startswith(_HDF5_MARK, begin) for begin in _HDF5_BEGINS)


def _is_project(head: bytes) -> bool:
    """Whether gzip holds a project of Athena or Larch, of which readers of spectra say more."""
    try:
        return zlib.decompressobj(31).decompress(head, 64).startswith((b"# Athena", b"# Larch"))
    except zlib.error:
        return False
