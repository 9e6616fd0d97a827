"""Read what is there of a scan, lazily and without warnings: they are told once, with the final maps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io import READERS, read
from napari_xanes.io.facts import Facts
from napari_xanes.io.formats import Reader
from napari_xanes.io.frames import MEMORY_LIMIT
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.stack import SpectralStack

_FACTS = ("quantity", "energy_unit", "pixel_size", "exposure", "absorber")


@contextmanager
def _quietly(memory_limit: int | None) -> Iterator[None]:
    token = MEMORY_LIMIT.set(MEMORY_LIMIT.get() if memory_limit is None else memory_limit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        MEMORY_LIMIT.reset(token)


def read_lazily(path: Path, reading: Mapping[str, Any]) -> SpectralStack:
    """Return the stack in a file or folder, its frames still there.

    Raises
    ------
    OSError, ValueError
        As `napari_xanes.read`.
    """
    with _quietly(0):
        return read(path, **reading)


def read_whole(path: Path, reading: Mapping[str, Any]) -> SpectralStack:
    """Return the stack as `napari_xanes.read` does; its warnings are in its metadata.

    Raises
    ------
    OSError, ValueError
        As `napari_xanes.read`.
    """
    with _quietly(None):
        return read(path, **reading)


def series_reader(path: Path) -> Reader | None:
    """Return the format of a file that is one energy of a scan; None if there is none.

    Raises
    ------
    OSError
        If the file can't be read.
    """
    for reader in READERS:
        if reader.name == "tiff" and _is_tiff_frame(path):
            return replace(reader, function=_tiff_files)
        if reader.is_series and reader.why_not_readable(path) is None:
            return reader
    return None


def _is_tiff_frame(path: Path) -> bool:
    """Whether a file holds one image, or a volume whose energy is in its name; other volumes may be stacks."""
    from napari_xanes.io.tiff.file import is_tiff
    from napari_xanes.io.tiff.folder import parse

    if not is_tiff(path):
        return False
    try:
        found = parse(path)
    except ValueError:
        return False
    return len(found.shape) == 2 or found.energy is not None


def _tiff_files(path: Path, energies: Any = None, files: Sequence[Path] | None = None) -> RawStack:
    from napari_xanes.io.tiff.reader import read_files

    return read_files(path, files or [], energies)


def read_frames(
    reader: Reader, folder: Path, files: Sequence[Path], reading: Mapping[str, Any], memory_limit: int | None = 0
) -> SpectralStack:
    """Return the stack in some files of a folder.

    Parameters
    ----------
    reader : Reader
        The format of the files.
    folder : Path
        Where they lie.
    files : sequence of Path
        At least one, one energy each.
    reading : mapping
        Keywords of `napari_xanes.read`.
    memory_limit : int, optional
        As there; 0 leaves all frames in their files.

    Raises
    ------
    OSError, ValueError
        As `napari_xanes.read`.
    """
    facts = Facts(**{name: reading[name] for name in _FACTS if name in reading})
    others = {name: value for name, value in reading.items() if name not in _FACTS}
    with _quietly(memory_limit):
        return reader.read(folder, facts=facts, files=list(files), **others)


def why_damaged(reader: Reader, path: Path) -> str:
    """Return why a file can't be read as a whole; no text if it can.

    A file that only makes sense beside others (a reference, an image without an energy) is taken for whole.
    """
    try:
        if reader.name == "tiff":
            from napari_xanes.io.tiff.folder import parse

            parse(path).load()
        else:
            np.asarray(read_frames(reader, path.parent, [path], {}).data)
    except OSError as error:
        return str(error) or type(error).__name__
    except ValueError as error:
        return str(error) if reader.name == "tiff" else ""
    return ""
