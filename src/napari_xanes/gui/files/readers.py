"""What napari calls when a file or folder is dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_xanes import io
from napari_xanes.gui.energy import attach_energy
from napari_xanes.gui.layers import LayerData, is_stack, maps_to_layers, stack_to_layer

PathOrPaths = str | list[str]


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[Any]] | None:
    """The reader for a path, or None to leave it to napari: ordinary images carry no energies.

    Parameters
    ----------
    path : str or list of str
        What was dropped; several paths may be the parts of one stack.
    """
    if isinstance(path, str):
        return read_layers if _can_read(Path(path)) else None
    paths = [Path(file) for file in path]
    unreadable = [file for file, reader in io.readers_of(paths).items() if reader is None]
    unrelated = [file for file in unreadable if not io.is_text_name(file) and not io.holds_maps(file)]
    return (
        read_layers if not unrelated and (len(unreadable) < len(paths) or any(map(io.holds_maps, unreadable))) else None
    )


def _can_read(path: Path) -> bool:
    return io.holds_maps(path) or any(reader.why_not_readable(path) is None for reader in io.READERS)


def read_layers(path: PathOrPaths) -> list[Any]:
    """Layers for a stack or for saved maps; of several paths one stack, if they are its parts.

    Raises
    ------
    OSError, ValueError
        If a file can't be read; the message names it and says what is wrong.
    """
    layers = [layer for part in group_by_stack([path] if isinstance(path, str) else path) for layer in layers_of(part)]
    show_energies()
    return layers or [(None,)]


def group_by_stack(paths: Sequence[str]) -> list[list[Path]]:
    """Several paths, those of one stack together.

    Raises
    ------
    OSError
        If one does not exist or can't be opened.
    """
    files = [Path(file) for file in paths]
    return [files] if len(files) == 1 or io.are_one_stack(files) else [[file] for file in files]


def layers_of(paths: list[Path]) -> list[LayerData]:
    """Layers for one stack, which may be in several files, or for saved maps; none if the viewer shows it already.

    Raises
    ------
    OSError, ValueError
        As of `read_layers`.
    """
    if len(paths) == 1 and io.holds_maps(paths[0]):
        return maps_to_layers(io.read_maps(paths[0]))
    if len(paths) == 1 and (layer_name := layer_of(paths[0])):
        import napari

        # Not a notification: of a series that is dropped file by file there would be hundreds.
        napari.current_viewer().status = f"{paths[0].name} is part of {layer_name}, which is open already"
        return []
    return [stack_to_layer(io.read(paths, memory_limit=memory_limit()))]


def layer_of(path: Path) -> str | None:
    """The layer of the current viewer that shows, as it was read, the series that a file is part of; None if none does.

    Any file of a series opens all of it, and napari opens dropped files one by one.
    """
    import napari

    viewer = napari.current_viewer()
    for layer in viewer.layers if viewer is not None else ():
        xanes = layer.metadata.get("xanes")
        if is_stack(layer) and not xanes["history"] and xanes["source"] and path.name in _files(xanes):
            source = Path(xanes["source"]["path"])
            if path.resolve().parent == (source if source.is_dir() else source.parent):
                return str(layer.name)
    return None


def _files(xanes: Mapping[str, Any]) -> Sequence[str]:
    files: Sequence[str] = xanes["metadata"].get("files", ())
    return files


def memory_limit() -> int:
    """Largest stack to load into memory, in bytes, as the user set it in napari's preferences."""
    from napari.settings import get_plugin_settings

    return int(get_plugin_settings("napari-xanes").opening.memory_gib * 2**30)


def show_energies() -> None:
    """Have the current viewer show the energy of the frame in view."""
    import napari

    viewer = napari.current_viewer()
    if viewer is not None:
        attach_energy(viewer)
