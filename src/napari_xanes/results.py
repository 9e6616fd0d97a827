"""Save what a run made: the result, pictures of it, and the recipe."""

from __future__ import annotations

from pathlib import Path

from napari_xanes import pictures
from napari_xanes.io import write
from napari_xanes.parameter_map import MapSet
from napari_xanes.recipe import Recipe
from napari_xanes.stack import SpectralStack


def save_result(result: SpectralStack | MapSet, folder: Path) -> list[Path]:
    """Write a result, its pictures and its recipe into a folder.

    Parameters
    ----------
    result : SpectralStack or MapSet
        Result of a recipe.
    folder : Path
        Folder to write into; made if it does not exist.

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
    for name, exact in (("recipe.yaml", False), ("recipe-as-run.yaml", True)):
        Recipe(result.history).save(folder / name, exact=exact)
        written.append(folder / name)
    return written
