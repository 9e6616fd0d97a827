"""Series of HDF5 files with one energy each: find the files of a folder, and parse each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import h5py

from napari_xanes.io.files import files_in, link_warnings
from napari_xanes.io.hdf5.file import is_hdf5, open_hdf5
from napari_xanes.io.series import parse_files, series_files

Facts = TypeVar("Facts")

SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi")


def why_no_series(folder: Path, test: Callable[[h5py.File], bool], missing: str) -> str | None:
    """Return None if a file of the folder passes the test, else the reason: `missing`, and links out of the folder."""
    paths, links = files_in(folder, SUFFIXES)
    if any(_passes(path, test) for path in paths):
        return None
    return "; ".join([missing, *link_warnings(links)])


def _passes(path: Path, test: Callable[[h5py.File], bool]) -> bool:
    """Whether a file passes a test; a damaged file, or one that leads to other files, does not."""
    try:
        if not is_hdf5(path):
            return False
        with open_hdf5(path) as file:
            return test(file)
    except (OSError, ValueError):
        return False


def hdf5_files(path: Path, files: Sequence[Path] | None, warnings: list[str]) -> list[Path]:
    """List the HDF5 files of a series, in the order of the numbers in their names; see `series_files`."""
    paths = series_files(path, files, SUFFIXES, warnings)
    return paths if files is not None or not path.is_dir() else [path for path in paths if is_hdf5(path)]


def parse_hdf5(
    paths: Sequence[Path], parse: Callable[[h5py.File, Path], Facts | None], warnings: list[str]
) -> list[Facts]:
    """Parse each file, which is open while `parse` looks at it; damaged files are left out.

    A file that opens is whole. If it is not as it should be, or leads to other files, the user must decide.

    Raises
    ------
    OSError
        If the only file is damaged.
    ValueError
        If a file is not as it should be, or none can be used.
    """
    return parse_files(paths, partial(_parse_file, parse), warnings, skip=OSError)


def _parse_file(parse: Callable[[h5py.File, Path], Facts | None], path: Path) -> Facts | None:
    with open_hdf5(path) as file:
        try:
            return parse(file, path)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
