"""What napari calls when a file or folder is dropped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_xanes import io
from napari_xanes.gui.layers import LayerData, maps_to_layers, stack_to_layer

PathOrPaths = str | list[str]


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """The reader for a path, or None to leave it to napari: ordinary images carry no energies.

    Parameters
    ----------
    path : str or list of str
        What was dropped; several paths are read one by one.
    """
    paths = [path] if isinstance(path, str) else path
    return read_layers if all(_takes(Path(one)) for one in paths) else None


def _takes(path: Path) -> bool:
    return io.holds_maps(path) or any(reader.declines(path) is None for reader in io.READERS)


def read_layers(path: PathOrPaths) -> list[LayerData]:
    """Layers for a stack or for saved maps.

    Raises
    ------
    OSError, ValueError
        If the file can't be read; the message names it and says what is wrong.
    """
    paths = [path] if isinstance(path, str) else path
    layers: list[LayerData] = []
    for one in map(Path, paths):
        if io.holds_maps(one):
            layers += maps_to_layers(io.read_maps(one))
        else:
            layers.append(stack_to_layer(io.read(one, memory_limit=memory_limit())))
    show_energies()
    return layers


def memory_limit() -> int:
    """Largest stack to load into memory, in bytes, as the user set it in napari's preferences."""
    from napari.settings import get_plugin_settings

    return int(get_plugin_settings("napari-xanes").opening.memory_gib * 2**30)


def show_energies() -> None:
    """Have the current viewer show the energy of the frame in view."""
    import napari

    from napari_xanes.gui.energy import attach_energy

    viewer = napari.current_viewer()
    if viewer is not None:
        attach_energy(viewer)
