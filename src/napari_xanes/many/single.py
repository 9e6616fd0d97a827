"""One file of a run over many: compute it, or keep what an earlier run made of it."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from platform import node
from time import monotonic
from typing import Any

from napari_xanes.io import cache_folder, read
from napari_xanes.io.copying import copy_if_slow
from napari_xanes.io.files import WHOLE_BYTES, encodable, fingerprint, one_line
from napari_xanes.many.file_log import log_of
from napari_xanes.many.outcome import Outcome, kept, record_text, summaries
from napari_xanes.parameter_map import MapSet, first_map
from napari_xanes.progress import Cancelled, Progress, part
from napari_xanes.recipe import Recipe
from napari_xanes.recipe import run as run_steps
from napari_xanes.results import RECORD, replace_result
from napari_xanes.stack import SpectralStack
from napari_xanes.version import __version__

logger = logging.getLogger(__name__)

_FULL = "; make room, and run it again: what is done is kept"
_WAYS_OUT = {errno.ENOSPC: _FULL, errno.EROFS: "; choose another folder for the results"}
"""What to do about errors of the disk."""

if hasattr(errno, "EDQUOT"):  # Windows has no quota of its own
    _WAYS_OUT[errno.EDQUOT] = _FULL

CarryOut = Callable[..., SpectralStack | MapSet]
"""Called with the recipe, the path, and the keywords `reading` and `progress`."""

_READING = 0.1
"""Share of the progress of a file for reading it."""
_COPYING = 0.3
"""Share for making its working copy."""


def run_single(
    recipe: Recipe,
    path: Path,
    folder: Path,
    *,
    reading: Mapping[str, Any],
    again: bool = False,
    copies: bool = False,
    carry_out: CarryOut | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Carry out a recipe on one file, and save the result, or keep the one that an earlier run made of the same.

    Parameters
    ----------
    recipe : Recipe
        The steps.
    path : Path
        The stack to read.
    folder : Path
        Folder for the result; it appears whole or stays as it was.
    reading : mapping
        Keywords for `napari_xanes.read`.
    again : bool
        Whether to compute it in any case, and to replace whatever result the folder holds.
    copies : bool
        Whether to make a working copy first of a large stack that is slow to read by pixels.
    carry_out : callable, optional
        Returns the result of the recipe on the file; by default the file is read and the steps run here.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.

    Returns
    -------
    Outcome
        What became of it. An error of the file, of the recipe or of the disk is told in it.

    Raises
    ------
    Cancelled
        If `progress` does.
    """
    start = monotonic()
    try:
        key = key_of(recipe, path, reading)
        if not again and (earlier := kept(path, folder, key)) is not None:
            return earlier
        if not again:
            refuse_foreign(folder)
        made_by = partial(_from_copy, carry_out or _in_one_piece) if copies else carry_out or _in_one_piece
        return _logged(recipe, path, folder, key, partial(made_by, reading=reading), progress)
    except Cancelled:
        raise
    except Exception as error:  # of any kind: it is told, and the other files go on
        return Outcome(str(path), str(folder), "failed", monotonic() - start, reason_of(error))


def reason_of(error: Exception) -> str:
    """Return why a run failed, in one line, with what to do about an error of the disk.

    Examples
    --------
    >>> reason_of(OSError(errno.EROFS, "Read-only file system"))
    '[Errno 30] Read-only file system; choose another folder for the results'
    """
    reason = one_line(str(error)) or type(error).__name__
    return reason + _WAYS_OUT.get(getattr(error, "errno", None) or 0, "")


def _logged(
    recipe: Recipe, path: Path, folder: Path, key: str, carry_out: CarryOut, progress: Progress | None
) -> Outcome:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with log_of(folder):
        steps = ", ".join(step.name for step in recipe)
        logger.info("%s with napari-xanes %s on %s: %s", path, __version__, node(), steps)
        try:
            outcome = _computed(recipe, path, folder, key, carry_out, progress)
        except Cancelled:
            logger.info("cancelled")
            raise
        except Exception:
            logger.exception("failed")
            raise
        for text in outcome.warnings:
            logger.warning("%s", text)
        logger.info("done in %.1f s: %s", outcome.seconds, folder)
        return outcome


def _computed(
    recipe: Recipe, path: Path, folder: Path, key: str, carry_out: CarryOut, progress: Progress | None
) -> Outcome:
    start = monotonic()
    result = carry_out(recipe, path, progress=progress)
    maps, main = (summaries(result), first_map(result)) if isinstance(result, MapSet) else ({}, "")
    warnings = tuple(dict.fromkeys(map(str, result.metadata.get("warnings", ()))))
    outcome = Outcome(str(path), str(folder), "done", monotonic() - start, "", warnings, maps, main=main)
    written = replace_result(result, folder, record=lambda files: record_text(replace(outcome, files=files), key))
    return replace(outcome, files=tuple(file.name for file in written if file.name != RECORD))


def _from_copy(
    carry_out: CarryOut, recipe: Recipe, path: Path, *, reading: Mapping[str, Any], progress: Progress | None
) -> SpectralStack | MapSet:
    if copy_if_slow(path, progress=part(progress, 0.0, _COPYING), **reading):
        logger.info("read from its working copy in %s", cache_folder())
    return carry_out(recipe, path, reading=reading, progress=part(progress, _COPYING, 1.0))


def _in_one_piece(
    recipe: Recipe, path: Path, *, reading: Mapping[str, Any], progress: Progress | None
) -> SpectralStack | MapSet:
    stack = read(path, **reading)
    logger.info("read %s: %s %s", stack.name, stack.quantity, stack.shape)
    if progress is not None:
        progress(_READING, "read")
    return run_steps(recipe, stack, progress=part(progress, _READING, 1.0))


def refuse_foreign(folder: Path) -> None:
    """Refuse to write where something lies that no run over many made.

    Raises
    ------
    FileExistsError
        If the folder holds files, but no record of a run.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / RECORD).is_file():
        raise FileExistsError(f"{folder} holds results already; choose another folder or add --overwrite")


def key_of(recipe: Recipe, path: Path, reading: Mapping[str, Any]) -> str:
    """Return a hash of all that a result is made from: recipe and its files, stack, how it is read, version.

    Of a file above 64 MB, or of a folder, the content is not read as a whole: the time of its last change counts too.

    Raises
    ------
    OSError
        If a file can't be read.
    """
    stat = path.stat()
    changed = stat.st_mtime_ns if path.is_dir() or stat.st_size > WHOLE_BYTES else 0
    used = [
        *(__version__, recipe.to_yaml(exact=True, folder=path.parent), fingerprint(path), changed),
        json.dumps({name: str(value) for name, value in sorted(reading.items()) if value is not None}),
    ]
    energies = reading.get("energies")
    if energies is not None:
        used.append(fingerprint(energies))
    return hashlib.sha256(encodable("\0".join(map(str, used))).encode()).hexdigest()
