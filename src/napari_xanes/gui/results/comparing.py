"""Two runs compared: their layers side by side, or their difference as a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_xanes.gui.layers import kind_of
from napari_xanes.map_difference import subtract_maps

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.gui.state.run import Run
    from napari_xanes.gui.state.runs import RunList

_LINKED = ("contrast_limits", "colormap", "gamma")


def side_by_side(viewer: Viewer, first: Layer, second: Layer) -> Callable[[], None]:
    """Show two layers beside each other, in napari's grid; layers of one map and unit share limits and colours.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    first, second : Layer
        The layers.

    Returns
    -------
    callable
        Ends this: what was visible before is visible again, in its old order; limits and colours stay.
    """
    grid, layers = viewer.canvas.grid, viewer.layers
    visible = {layer: layer.visible for layer in layers}
    before = {"enabled": grid.enabled, "stride": grid.stride, "shape": grid.shape}
    linked = _same_values(first, second)
    if linked:
        low, high = zip(first.contrast_limits, second.contrast_limits, strict=True)
        for layer in (first, second):
            layer.contrast_limits, layer.colormap = (min(low), max(high)), first.colormap
    unlink = _linked(first, second) if linked else None
    for layer in layers:
        layer.visible = layer is first or layer is second
    for layer in (first, second):  # the topmost layer is in the last cell
        layers.move(layers.index(layer), len(layers))
    # One layer per cell; hidden layers take none.
    grid.stride, grid.shape, grid.enabled = 1, (1, 2), True
    viewer.reset_view()

    def back() -> None:
        for name, value in before.items():
            setattr(grid, name, value)
        viewer.reset_view()
        if unlink is not None:
            unlink()
        for layer, was_visible in visible.items():
            if layer in layers:
                layer.visible = was_visible
        for layer in [*visible, *(one for one in list(layers) if one not in visible)]:
            if layer in layers:
                layers.move(layers.index(layer), len(layers))

    return back


def _linked(first: Layer, second: Layer) -> Callable[[], None]:
    """Let layers share limits and colours while both show the same values; return what ends it.

    napari's own link would also give the limits of another map to the layer that still shows this one.
    """

    def follow(event: Any) -> None:
        other = second if event.source is first else first
        value = getattr(event.source, event.type)
        if _same_values(first, second) and not _equal(getattr(other, event.type), value):
            setattr(other, event.type, value)

    emitters = [getattr(layer.events, name) for layer in (first, second) for name in _LINKED]
    for emitter in emitters:
        emitter.connect(follow)

    def unlink() -> None:
        for emitter in emitters:
            emitter.disconnect(follow)

    return unlink


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other)


def _same_values(first: Layer, second: Layer) -> bool:
    """Return whether both layers show the same map, role and unit, as images."""

    def what(layer: Layer) -> Any:
        xanes = layer.metadata["xanes"]
        return layer._type_string, xanes.get("map"), xanes.get("role"), xanes.get("unit")

    return kind_of(first) == kind_of(second) == "map" and what(first) == what(second) and what(first)[0] == "image"


def add_difference(runs: RunList, first: Run, second: Run) -> Run:
    """Add the map that the first run shows minus the same map of the second, as a run.

    Raises
    ------
    ValueError
        If there is no such difference; the message says why.
    """
    maps = subtract_maps(first.maps, second.maps, first.shown.map)
    run = runs.add(maps, first.source)
    runs.rename(run, f"{run.title}: {first.number} - {second.number}")
    return run
