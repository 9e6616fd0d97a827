"""The reader that napari calls when a user opens or drops files and folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_xanes import io
from napari_xanes.gui.files.recipes import is_recipe, take_recipe
from napari_xanes.gui.files.save_entries import offer_our_files
from napari_xanes.gui.files.spectra import add_references, split_spectra
from napari_xanes.gui.in_thread import WindowClosed, in_thread, is_closed
from napari_xanes.gui.layers import LayerData, is_stack, stack_to_layer
from napari_xanes.gui.loading import warm_up
from napari_xanes.gui.map_layers import run_layers
from napari_xanes.gui.projects.opening import open_project
from napari_xanes.gui.settings import settings
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.io.project_file import holds_project

if TYPE_CHECKING:
    from napari.viewer import Viewer

PathOrPaths = str | list[str]


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[Any]] | None:
    """Return the reader for a path, or None for images without energies, which napari itself opens.

    Parameters
    ----------
    path : str or list of str
        The files or folders; several paths may be the parts of one stack.
    """
    return read_layers if in_thread(lambda: _is_readable(path)) else None


def _is_readable(path: PathOrPaths) -> bool:
    if isinstance(path, str):
        file = Path(path)
        return holds_project(path) or is_recipe(file) or _can_read(file) or io.is_spectra_file(file)
    paths = [Path(file) for file in path]
    if all(io.is_spectra_file(file) for file in paths):
        return True
    unreadable = [file for file, reader in io.readers_of(paths).items() if reader is None]
    unrelated = [file for file in unreadable if not io.is_text_name(file) and not io.holds_maps(file)]
    return not unrelated and (len(unreadable) < len(paths) or any(map(io.holds_maps, unreadable)))


def _can_read(path: Path) -> bool:
    return io.holds_maps(path) or any(reader.why_not_readable(path) is None for reader in io.READERS)


def read_layers(path: PathOrPaths) -> list[Any]:
    """Return layers for stacks and saved maps; several paths give one stack if they are its parts.

    Spectra become references of the viewer, and no layers; a recipe is taken for the chosen stack. A project is opened
    in a thread, so there are none at once.

    Raises
    ------
    OSError, ValueError
        If a file can't be read; the message names the file and the problem.
    """
    import napari

    viewer = napari.current_viewer()
    paths = [Path(file) for file in ([path] if isinstance(path, str) else path)]
    if len(paths) == 1 and holds_project(paths[0]):
        if viewer is None:
            raise ValueError(f"{path}: a project; read it with napari_xanes.io.project_file.read_project")
        show_energies(viewer)
        open_project(viewer, paths[0])
        return [(None,)]
    if len(paths) == 1 and is_recipe(paths[0]):
        if viewer is None:
            raise ValueError(f"{path}: a recipe; read it with napari_xanes.Recipe.load")
        show_energies(viewer)
        take_recipe(paths[0], viewer)
        return [(None,)]
    images, spectra = in_thread(lambda: split_spectra(paths))
    if spectra and viewer is None:
        raise ValueError(f"{spectra[0]}: spectra, no stack; read them with napari_xanes.read_spectra")
    if reasons := add_references(spectra, viewer):
        raise ValueError("\n".join(reasons))
    try:
        groups = in_thread(lambda: group_by_stack([str(file) for file in images])) if images else []
        layers = [layer for files in groups for layer in layers_of(files, viewer)]
    except WindowClosed:
        return [(None,)]
    if viewer is not None and is_closed(viewer):
        return [(None,)]
    show_energies(viewer)
    return layers or [(None,)]


def group_by_stack(paths: Sequence[str]) -> list[list[Path]]:
    """Group paths: all files of one stack together, otherwise one file per group.

    Raises
    ------
    OSError
        If a file does not exist or can't be opened.
    """
    files = [Path(file) for file in paths]
    return [files] if len(files) == 1 or io.are_one_stack(files) else [[file] for file in files]


def layers_of(paths: list[Path], viewer: Viewer | None) -> list[LayerData]:
    """Return layers for one stack (one or several files) or for saved maps; none if the viewer shows them already.

    Parameters
    ----------
    paths : list of Path
        The files of one stack, or one file with maps.
    viewer : napari.viewer.Viewer or None
        The viewer that opens the files.

    Raises
    ------
    OSError, ValueError
        As `read_layers`.
    """
    if len(paths) == 1 and viewer is not None and (layer_name := layer_of(paths[0], viewer)):
        # A status text, not a notification: napari opens a dropped series file by file, which may be hundreds of files.
        viewer.status = f"{paths[0].name} is part of {layer_name}, which is open already"
        return []
    return in_thread(lambda: _layers_in(paths), f"open {paths[0].name}")


def _layers_in(paths: list[Path]) -> list[LayerData]:
    warm_up()
    if len(paths) == 1 and io.holds_maps(paths[0]):
        return run_layers(io.read_maps(paths[0]))
    return [stack_to_layer(io.read(paths, memory_limit=settings().memory_bytes))]


def layer_of(path: Path, viewer: Viewer) -> str | None:
    """Return the layer that shows the unchanged series of a file; None if the viewer has no such layer.

    Any file of a series opens the whole series, and napari opens dropped files one by one.
    """
    for layer in viewer.layers:
        xanes = layer.metadata.get("xanes")
        if is_stack(layer) and not xanes["history"] and xanes["source"] and path.name in _files(xanes):
            source = Path(xanes["source"]["path"])
            if path.resolve().parent == (source if source.is_dir() else source.parent):
                return str(layer.name)
    return None


def _files(xanes: Mapping[str, Any]) -> Sequence[str]:
    files: Sequence[str] = xanes["metadata"].get("files", ())
    return files


def show_energies(viewer: Viewer | None) -> None:
    """Show the energy of the frame as text in a viewer, and follow its runs; do nothing without one.

    napari's own entries to save then offer our files, too.
    """
    if viewer is not None:
        workspace_of(viewer)
        offer_our_files()
