"""The errors that reading a file may end with: an OSError or a ValueError that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def wrap_read_errors(path: Path) -> Iterator[None]:
    """Turn every error of the block into an OSError or a ValueError that names the file.

    The original error stays as the cause.

    Parameters
    ----------
    path : Path
        The file that is read in the block.
    """
    try:
        yield
    except Warning:
        raise
    except Exception as error:
        names_file = str(path) in str(error) or path.name in str(error)
        if isinstance(error, OSError | ValueError) and names_file:
            raise
        if isinstance(error, OSError):
            raise OSError(f"{path}: {error}") from error
        if isinstance(error, ValueError):
            raise ValueError(f"{path}: {error}") from error
        if isinstance(error, MemoryError):
            raise ValueError(f"{path}: does not fit into memory ({error})") from error
        raise ValueError(f"{path}: damaged or not understood ({type(error).__name__}: {error})") from error
