"""Save what a run made: the result, pictures of it, and the recipe."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from napari_xanes import pictures
from napari_xanes.io import read_maps, write
from napari_xanes.parameter_map import MapSet
from napari_xanes.recipe import Recipe
from napari_xanes.saving.folders import replacing_folder
from napari_xanes.saving.replacing import write_whole
from napari_xanes.stack import SpectralStack

logger = logging.getLogger(__name__)

_RECIPES = {"recipe.yaml": False, "recipe-as-run.yaml": True}
"""Recipes of a result, and whether they are exact."""

RecordText = Callable[[tuple[str, ...]], str]

RECORD = "run.json"
"""The file of a result that says from what it was made, and what came out."""

_NAMES = {"maps.h5", "maps.tif", "maps.png", "stack.h5", "stack.png", RECORD, *_RECIPES}
"""Files of results, besides the pictures of maps, which have the names of the maps."""


def save_result(result: SpectralStack | MapSet, folder: Path, *, record: RecordText | None = None) -> list[Path]:
    """Write a result, its pictures and its recipe into a folder.

    Parameters
    ----------
    result : SpectralStack or MapSet
        Result of a recipe.
    folder : Path
        Folder to write into; made if it does not exist.
    record : callable, optional
        Returns a text to keep beside the result as ``run.json``, from the names of the other files; none is kept
        without it.

    Returns
    -------
    list of Path
        Files that were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(result, MapSet):
        written = [folder / "maps.h5", folder / "maps.tif"]
        for path in written:
            write(result, path)
        written += pictures.save_maps(result, folder)
    else:
        written = [folder / "stack.h5", folder / "stack.png"]
        write(result, written[0])
        pictures.save_frame(result, written[1])
    for name, exact in _RECIPES.items():
        Recipe(result.history).save(folder / name, exact=exact)
        written.append(folder / name)
    if record is not None:
        text = record(tuple(path.name for path in written))
        written.append(folder / RECORD)
        write_whole(written[-1], text.encode())
    return written


def replace_result(result: SpectralStack | MapSet, folder: Path, *, record: RecordText | None = None) -> list[Path]:
    """Write a result as `save_result` does, into a folder that appears whole or stays as it was.

    Parameters
    ----------
    result : SpectralStack or MapSet
        Result of a recipe.
    folder : Path
        Folder to write. An older result in it is replaced as a whole; files that are of no result are kept.
    record : callable, optional
        As in `save_result`.

    Returns
    -------
    list of Path
        Files that were written.

    Raises
    ------
    OSError
        If the folder can't be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder) as draft:
        written = save_result(result, draft, record=record)
        if folder.exists():
            _keep_others(folder, draft)
    return [folder / path.name for path in written]


def _keep_others(folder: Path, draft: Path) -> None:
    """Put the files of a folder that are of no result into the folder that will take its place."""
    results = _result_names(folder)
    for path in folder.iterdir():
        kept = draft / path.name
        if path.name in results or os.path.lexists(kept):
            continue
        logger.info("%s is of no result and is kept", path)
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, kept, symlinks=True, copy_function=_link)
        else:
            _link(path, kept)


def _result_names(folder: Path) -> set[str]:
    """Return the names that the files of an older result in a folder have."""
    names = set(_NAMES)
    with suppress(OSError, ValueError):  # no maps, or damaged ones: their pictures are kept
        names |= {f"{pictures.file_name(name)}.png" for name in read_maps(folder / "maps.h5")}
    return names


def _link(source: str | Path, target: str | Path) -> None:
    """Give a file a second name, or copy it where the file system has no links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)
