"""One run of a method: its maps, and the layers that show them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Layer

from napari_xanes.gui.map_layers import Shown, is_map, map_title
from napari_xanes.gui.state.stack_version import VersionCheck
from napari_xanes.parameter_map import MapSet, first_map

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.gui.layers import LayerData

DISPLAY = ("colormap", "contrast_limits_range", "contrast_limits")
"""How a layer shows values; a user who comes back to a map finds them as they were."""


class Run:
    """The maps that one run of a method made, and what of them is shown.

    Parameters
    ----------
    number : int
        Number of the run in its viewer, from 1.
    maps : MapSet
        The maps; at least one.
    group : str
        What the layers of the run have in common, in their metadata.
    source : Layer, optional
        The layer with the stack that the maps were made from; it is not kept alive.
    shown : Shown, optional
        What is shown; by default the most important map.
    """

    def __init__(
        self, number: int, maps: MapSet, group: str, source: Layer | None = None, shown: Shown | None = None
    ) -> None:
        self.number, self.maps, self.group = number, maps, group
        self.shown = shown or Shown(first_map(maps))
        self.display: dict[Shown, dict[str, Any]] = {}
        self.title = _title_of(maps)
        self._source: ref[Layer] | None = None
        self._version: VersionCheck | None = None
        if source is not None:
            self.source = source

    @property
    def source(self) -> Layer | None:
        """The layer with the stack that the maps were made from, while it lives."""
        return self._source() if self._source is not None else None

    @source.setter
    def source(self, layer: Layer) -> None:
        self._source = ref(layer)
        self._version = VersionCheck(layer, self._steps_before if self.maps.history else None)

    def exchange(self, maps: MapSet) -> None:
        """Take other maps of the same stack, as it is now; the title follows unless the user has given one."""
        has_own_title = self.title != _title_of(self.maps)
        self.maps = maps
        self.__dict__.pop("_steps_before", None)
        if not self.can_show(self.shown):
            self.shown = Shown(first_map(maps))
        if not has_own_title:
            self.title = _title_of(maps)
        if (source := self.source) is not None:
            self.source = source

    def is_of_stack_of(self, other: Run) -> bool:
        """Return whether both runs are of one stack: of one layer or, where neither has one, of one file."""
        if self.source is not None or other.source is not None:
            return self.source is other.source
        return self.maps.source is not None and self.maps.source == other.maps.source

    def made_from(self, stack: Layer) -> bool:
        """Return whether the maps were made from a stack layer.

        If the layer that they were made from is gone, or the maps come from a file, a stack is the one if its file, its
        name and its steps are those of the maps.
        """
        if self.source is not None:
            return stack is self.source
        xanes, name = stack.metadata["xanes"], stack.metadata["xanes"]["metadata"].get("name") or stack.name
        return bool(
            self.maps.source is not None
            and xanes["source"] == self.maps.source.to_plain()
            and name == self.maps.name
            and tuple(stack.data.shape[1:]) == self.maps[self.shown.map].data.shape
            and list(xanes["history"]) == self._steps_before
        )

    def is_outdated(self, stack: Layer) -> bool:
        """Return whether a stack layer that the maps were made from shows other values now, as after *Apply*."""
        return stack is self.source and self._version is not None and not self._version.holds(stack)

    def steps_beyond(self, stack: Layer) -> list[str]:
        """Return the names of steps that the maps were made after and that the layer of their stack does not show.

        The maps of a scan that is followed are such: what is shown is the scan as it was measured.
        """
        own, before = list(stack.metadata["xanes"]["history"]), self._steps_before
        if stack is not self.source or not self.maps.history or before[: len(own)] != own:
            return []
        return [str(name) for step in before[len(own) :] for name in step]

    @cached_property
    def _steps_before(self) -> list[Any]:
        return [step.to_plain(exact=True) for step in self.maps.history[:-1]]

    def can_show(self, shown: Shown) -> bool:
        """Return whether there is such a map, with a sigma if that is asked for."""
        return shown.map in self.maps and (shown.role != "sigma" or self.maps[shown.map].sigma is not None)

    def owns(self, layer: Layer) -> bool:
        """Return whether a layer shows maps of this run."""
        xanes = layer.metadata.get("xanes")
        mine = isinstance(xanes, dict) and xanes.get("group") == self.group
        return mine and (is_map(layer) or xanes["kind"] == "mix")


def _title_of(maps: MapSet) -> str:
    method = f" · {maps.history[-1].name.replace('_', ' ')}" if maps.history else ""
    return f"{map_title(first_map(maps))}{method}"


def shown_by(layer: Layer) -> Shown:
    """Return which map a layer shows, and what of it."""
    xanes = layer.metadata["xanes"]
    return Shown(xanes["map"], xanes["role"])


def follows(layer: Layer) -> bool:
    """Return whether a layer changes with what its run shows."""
    return bool(layer.metadata["xanes"].get("follows"))


def add_layer(viewer: Viewer, data: LayerData, below: Layer | None) -> Layer:
    """Add a layer of a run.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    data : layer data
        The layer.
    below : Layer or None
        The layer to lie below; then the selection stays. Without one the new layer is on top and selected.
    """
    layer = Layer.create(*data)
    protect(layer)
    layers, active = viewer.layers, viewer.layers.selection.active
    if below is None:
        viewer.add_layer(layer)
        layers.selection.active = layer
    else:
        layers.insert(layers.index(below), layer)
        layers.selection.active = active
    return layer


def set_visible(layer: Layer, visible: bool) -> None:
    """Show or hide a layer; napari draws all anew even if it is so already."""
    if layer.visible != visible:
        layer.visible = visible


def protect(layer: Layer) -> None:
    """Keep the labels of a map from being brushed: a file holds what the run found, and would not hold the brushing."""
    if layer._type_string == "labels":
        layer.editable = False


def fill(layer: Layer, data: Any, keywords: dict[str, Any]) -> None:
    """Let a layer show other data, with their name, colours and metadata."""
    layer.metadata = {**layer.metadata, **keywords["metadata"]}
    layer.data = data
    protect(layer)  # new data make a layer editable
    layer.name = keywords["name"]
    layer.colormap = keywords["colormap"]
    if "contrast_limits" in keywords:
        layer.contrast_limits_range = layer.contrast_limits = keywords["contrast_limits"]
