"""Which format a file has, and which files are one stack."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from napari_xanes.io.files import starts_with
from napari_xanes.io.foreign_content import is_false_hdf5, why_foreign
from napari_xanes.io.formats import Format, Reader
from napari_xanes.io.refusals import likely_reason
from napari_xanes.io.registry import MAP_READERS, READERS, SPECTRA_READERS
from napari_xanes.io.special_files import refuse_special_file
from napari_xanes.saving.folders import recover

_log = logging.getLogger(__name__)

F = TypeVar("F", bound=Format)


def holds_maps(path: str | Path) -> bool:
    """Return whether a file holds parameter maps that napari-xanes wrote.

    Raises
    ------
    OSError
        If the file can't be opened.
    """
    return first_reader(MAP_READERS, Path(path))[0] is not None


def first_reader(readers: Iterable[F], path: Path, energies: Any = None) -> tuple[F | None, str]:
    """Return the first reader that can read a file, or None and why the most likely one can't.

    Parameters
    ----------
    readers : iterable of Format
        In the order of asking.
    path : Path
        The file or folder.
    energies : array_like of eV, or path of a text file, optional
        Energies that the caller gave: then the file need not have any.

    Raises
    ------
    OSError
        If the file can't be opened.
    """
    reasons: list[tuple[F, str]] = []
    for reader in readers:
        reason = reader.why_not_readable(path, energies=energies)
        if reason is None:
            _log.debug("%s: %s can read it", path, reader.name)
            return reader, ""
        reasons.append((reader, reason))
    if readers is not MAP_READERS:  # which are asked of every file
        for reader, reason in reasons:
            _log.info("%s: %s can't read it: %s", path, reader.title, reason)
    return None, likely_reason(path, reasons)


def reader_of(path: Path, energies: Any) -> tuple[Reader | None, str]:
    """Return the first reader that can read a stack in a file, or None and why none can.

    Raises
    ------
    OSError
        If the file does not exist or can't be opened.
    """
    refuse_special_file(path)
    if not path.exists():
        if not recover(path):
            raise FileNotFoundError(f"{path}: there is no such file or folder; check the path")
        warnings.warn(
            f"{path}: writing it was interrupted; its last version was brought back", UserWarning, stacklevel=3
        )
    if holds_maps(path):
        return None, "holds parameter maps, not a stack; open it with napari_xanes.read_maps"
    reader, reasons = first_reader(READERS, path, energies)
    reasons = (reader is None and why_foreign(path)) or reasons
    return reader, reasons and f"no stack that napari-xanes can read. {reasons}"


def real_reason(path: Path, no_stack: Exception, no_spectra: Exception) -> Exception:
    """Return why a file can't be read: a text that no format of stacks knows is meant as spectra.

    Parameters
    ----------
    path : Path
        The file that can be read neither as a stack nor as spectra.
    no_stack, no_spectra : Exception
        What reading it as each ended with.

    Raises
    ------
    OSError
        If it does not exist or can't be opened.
    """
    is_text = path.is_file() and not is_false_hdf5(path) and b"\0" not in starts_with(path, 4096)
    return no_spectra if is_text and reader_of(path, None)[0] is None else no_stack


def readers_of(paths: Iterable[Path], energies: Any = None) -> dict[Path, Reader | None]:
    """Return the format of each file, None where no format fits.

    Raises
    ------
    OSError
        If one does not exist or can't be opened.
    """
    readers: dict[Path, Reader | None] = {}
    last: Reader | None = None
    for path in paths:
        # The next file of a series is of the same format: hundreds of files need not ask every reader.
        if not (last and last.is_series and path.is_file() and last.why_not_readable(path, energies=energies) is None):
            last = reader_of(path, energies)[0]
        readers[path] = last
    return readers


def group_paths(paths: list[Path], energies: Any) -> tuple[list[Path], Any]:
    """Return the files of the only stack among several files, and the energies that belong to it.

    Raises
    ------
    OSError
        If one does not exist or can't be opened.
    ValueError
        If there is no stack among them, or several.
    """
    if len(paths) == 1:
        return paths, energies
    texts = {p for p in paths if is_text_name(p) and reader_of(p, None)[0] is None}
    if energies is None and len(texts) == 1 and len(paths) == 2:
        (energies,) = texts
    readers = readers_of((path for path in paths if path not in texts), energies)
    stacks = [path for path, reader in readers.items() if reader]
    kinds = {reader.name: reader.is_series for reader in readers.values() if reader}
    if len(kinds) == 1 and all(kinds.values()):
        return stacks, energies
    if len(stacks) == 2 and len(kinds) == 1 and stacks[0].with_suffix("") == stacks[1].with_suffix(""):
        return stacks[:1], energies  # images and the text that belongs to them: either opens both
    if len(stacks) != 1:
        names = ", ".join(path.name for path in paths[:5]) or "nothing"
        raise ValueError(f"{len(stacks)} of {len(paths)} files are stacks ({names}); open one stack at a time")
    return stacks, energies


def are_one_stack(paths: list[Path]) -> bool:
    """Whether several files are the parts of one stack: a series, or images and the text of their energies.

    Raises
    ------
    OSError
        If one does not exist or can't be opened.
    """
    try:
        files, _ = group_paths(paths, None)
    except ValueError:
        return False
    return all(path in files or is_text_name(path) for path in paths)


def is_spectra_file(path: Path) -> bool:
    """Return whether a file is meant as spectra: a format of spectra, or a text, that is neither a stack nor maps.

    Raises
    ------
    OSError
        If it does not exist or can't be opened.
    """
    if path.is_dir() or is_false_hdf5(path) or reader_of(path, None)[0] is not None or holds_maps(path):
        return False
    return b"\0" not in starts_with(path, 4096) or first_reader(SPECTRA_READERS, path)[0] is not None


def is_text_name(path: Path) -> bool:
    """Whether a file is called as texts of energies are, which may lie among the files of a stack."""
    return path.suffix.lower() in (".txt", ".dat", ".csv")
