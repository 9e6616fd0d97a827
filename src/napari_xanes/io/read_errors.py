"""The errors that reading a file may end with: an OSError or a ValueError that names the file."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_xanes.io.special_files import refuse_special_file

DAMAGE_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    ValueError,  # also of JSON, Unicode, tifffile and zarr
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,  # of h5py; also RecursionError, for text that is nested too deeply
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
"""Errors that parsing a damaged file can raise. All others (NameError, TypeError ...) are errors of the program."""


@contextmanager
def wrap_read_errors(path: Path) -> Iterator[None]:
    """Turn errors of a damaged file into an OSError or a ValueError that names the file; refuse pipes and devices.

    The original error stays as the cause. Errors of the program are not changed: they must be seen.

    Parameters
    ----------
    path : Path
        The file that is read in the block.
    """
    refuse_special_file(path)
    try:
        yield
    except DAMAGE_ERRORS as error:
        names_file = str(path) in str(error) or path.name in str(error)
        if isinstance(error, OSError | ValueError) and names_file:
            raise
        if isinstance(error, OSError):
            raise OSError(f"{path}: {error}") from error
        if isinstance(error, ValueError):
            raise ValueError(f"{path}: {error}") from error
        if isinstance(error, MemoryError):
            raise ValueError(f"{path}: does not fit into memory ({error})") from error
        raise ValueError(
            f"{path}: damaged or not understood; copy it again ({type(error).__name__}: {error})"
        ) from error
