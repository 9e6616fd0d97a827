"""The runs of a viewer: the maps that a method made at once, and which of them the layer of the run shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import ref

from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from napari_xanes.gui.layers import kind_of, spatial
from napari_xanes.gui.map_layers import Shown, is_map, map_layer, maps_of, maps_to_layers
from napari_xanes.gui.state.label_colours import with_colours
from napari_xanes.gui.state.references import ReferenceSet
from napari_xanes.gui.state.run import DISPLAY, Run, add_layer, fill, follows, protect, set_visible, shown_by
from napari_xanes.parameter_map import MapSet

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.gui.layers import LayerData


class RunList(QObject):
    """The runs of a viewer, in the order in which they came, and the chosen one.

    A layer of a run that is not known (of a file that was opened) brings its run; a run without layers goes.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; it is not kept alive.
    references : ReferenceSet
        The reference spectra, whose colours labels of the same names get.

    Signals
    -------
    added, removed : Run
        A run came or went.
    changed : Run
        Its title changed, or what it shows.
    chosen_changed : Run or None
        Another run is chosen.
    """

    added = Signal(object)
    removed = Signal(object)
    changed = Signal(object)
    chosen_changed = Signal(object)

    def __init__(self, viewer: Viewer, references: ReferenceSet) -> None:
        super().__init__()
        self._viewer, self._references = ref(viewer), references
        self._runs: list[Run] = []
        self._chosen: Run | None = None
        self._count = 0
        for layer in viewer.layers:
            self._adopt(layer)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.selection.events.active.connect(self._on_active)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def chosen(self) -> Run | None:
        """The run that panels show."""
        return self._chosen

    def add(
        self, maps: MapSet, source: Layer | None = None, *, visible: bool = True, below: Layer | None = None
    ) -> Run:
        """Add the maps of a run as one layer, hide the run before it of the same stack, and choose the run.

        Parameters
        ----------
        maps : MapSet
            The maps; at least one.
        source : Layer, optional
            The layer with the stack that they were made from.
        visible : bool
            Whether the layer is visible. A hidden one hides no other run.
        below : Layer, optional
            The layer to lie below; by default the new one is on top.
        """
        maps = with_colours(maps, self._references)
        run = self._new(maps, uuid4().hex, source)
        if visible:
            self._hide_others(run)
        self._add_layer(map_layer(maps, run.shown, run.group, visible=visible, follows=True), below)
        if visible or self._chosen is None:
            self.choose(run)
        return run

    def exchange(self, run: Run, maps: MapSet) -> None:
        """Give a run other maps of the same stack, such as those of a scan that has gone on; its layer shows them."""
        maps = with_colours(maps, self._references)
        run.exchange(maps)
        data = map_layer(maps, run.shown, run.group, follows=True)
        for layer in self._following(run):
            if layer._type_string == data[2]:
                fill(layer, *data[:2])
        self.changed.emit(run)

    def layers_of(self, run: Run) -> list[Layer]:
        """Return the layers of a run, from bottom to top."""
        viewer = self._viewer()
        return [] if viewer is None else [layer for layer in viewer.layers if run.owns(layer)]

    def layer_of(self, run: Run) -> Layer | None:
        """Return the layer that shows what the run shows; None if it was removed."""
        return next((layer for layer in self._following(run) if shown_by(layer) == run.shown), None)

    def of(self, layer: Layer) -> Run | None:
        """Return the run that a layer shows."""
        return next((run for run in self._runs if run.owns(layer)), None)

    def choose(self, run: Run | None) -> None:
        """Let panels show a run."""
        if run is not self._chosen:
            self._chosen = run
            self.chosen_changed.emit(run)

    def show(self, run: Run, shown: Shown) -> Layer:
        """Let the layer of a run show another map, sigma or mask, visibly and selected; its colour mix is hidden.

        Raises
        ------
        ValueError
            If the run has no such map, or the map no sigma.
        """
        if not run.can_show(shown):
            raise ValueError(f"{run.title!r} has no {shown.role} of {shown.map!r} to show; choose another map")
        data = map_layer(run.maps, shown, run.group, follows=True)
        following = self._following(run)
        for layer in following:
            run.display[shown_by(layer)] = {name: getattr(layer, name, None) for name in DISPLAY}
        layer = next((one for one in following if one._type_string == data[2]), None)
        if layer is None:
            layer = self._add_layer(data, None)
        else:
            fill(layer, *data[:2])
        for name, value in run.display.get(shown, {}).items() if data[2] == "image" else ():
            setattr(layer, name, value)
        for other in (*following, self.mix_of(run)):
            if other is not None:
                set_visible(other, other is layer)
        set_visible(layer, True)
        run.shown = shown
        self._select(layer)
        self.changed.emit(run)
        return layer

    def bring(self, run: Run) -> None:
        """Choose a run and show its layer in place of those of other runs of the same stack."""
        self._hide_others(run)
        self.show(run, run.shown)
        self.choose(run)

    def as_layer(self, run: Run) -> Layer:
        """Add what the run shows as a layer of its own, which stays as it is; hidden until it is wanted."""
        return self._add_layer(map_layer(run.maps, run.shown, run.group, visible=False), self.layer_of(run))

    def all_as_layers(self, run: Run) -> list[Layer]:
        """Add each map and sigma of a run as a hidden layer, below the layer of the run."""
        there = {shown_by(layer) for layer in self.layers_of(run) if is_map(layer) and not follows(layer)}
        added = []
        for data, keywords, kind in maps_to_layers(run.maps, run.group):
            xanes = keywords["metadata"]["xanes"]
            if Shown(xanes["map"], xanes["role"]) not in there:
                added.append(self._add_layer((data, keywords | {"visible": False}, kind), self.layer_of(run)))
        return added

    def mix_of(self, run: Run) -> Layer | None:
        """Return the layer with the colour mix of a run; None without one."""
        return next((layer for layer in self.layers_of(run) if kind_of(layer) == "mix"), None)

    def show_mix(self, run: Run, image: Any, title: str) -> Layer:
        """Show an image of colours, shape (Y, X, 4) or (Z, Y, X, 4), as the mix of a run, in a layer of its own."""
        name, layer = f"{title} · {run.maps.name}", self.mix_of(run)
        if layer is None:
            keywords = {"name": name, "rgb": True, "metadata": {"xanes": {"kind": "mix", "group": run.group}}}
            return self._add_layer((image, keywords | spatial(run.maps.pixel_size, image.ndim - 1), "image"), None)
        layer.data, layer.name, layer.visible = image, name, True
        return layer

    def rename(self, run: Run, title: str) -> None:
        """Give a run another title; an empty one changes nothing."""
        if title.strip() and title.strip() != run.title:
            run.title = title.strip()
            self.changed.emit(run)

    def number(self, runs: Iterable[tuple[Run, int]]) -> None:
        """Give runs the numbers that they had, behind those of all other runs, and put them into this order."""
        numbers = dict(runs)
        others = [run for run in self._runs if run not in numbers]
        before = max((run.number for run in others), default=0)
        for run, number in numbers.items():
            run.number = before + number
        self._runs = [*others, *sorted(numbers, key=lambda run: run.number)]
        self._count = max((run.number for run in self._runs), default=0)
        for run in numbers:
            self.changed.emit(run)

    def delete(self, run: Run) -> None:
        """Remove a run and all its layers."""
        viewer = self._viewer()
        for layer in self.layers_of(run):
            if viewer is not None and layer in viewer.layers:
                viewer.layers.remove(layer)
        self._drop(run)

    def _new(self, maps: MapSet, group: str, source: Layer | None = None, shown: Shown | None = None) -> Run:
        self._count += 1
        run = Run(self._count, maps, group, source, shown)
        self._runs.append(run)
        self.added.emit(run)
        return run

    def _drop(self, run: Run) -> None:
        if run in self._runs:
            self._runs.remove(run)
            if self._chosen is run:
                self.choose(self._runs[-1] if self._runs else None)
            self.removed.emit(run)

    def _following(self, run: Run) -> list[Layer]:
        """Return the layers that show what the run shows: at most one image and one of labels, the oldest of each."""
        kinds: dict[str, Layer] = {}
        for layer in self.layers_of(run):
            if is_map(layer) and follows(layer):
                kinds.setdefault(layer._type_string, layer)
        return list(kinds.values())

    def _hide_others(self, run: Run) -> None:
        """Hide the layers of the other runs of the same stack, and their colour mixes."""
        for other in self._runs:
            if other is not run and run.is_of_stack_of(other):
                for layer in (*self._following(other), self.mix_of(other)):
                    if layer is not None:
                        set_visible(layer, False)

    def _add_layer(self, data: LayerData, below: Layer | None) -> Layer:
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("the window of these runs is closed")
        return add_layer(viewer, data, below)

    def _select(self, layer: Layer) -> None:
        viewer = self._viewer()
        if viewer is not None:
            viewer.layers.selection.active = layer

    def _adopt(self, layer: Layer) -> None:
        """Make a run of a layer of an unknown run; a copy of the layer of a known one no longer follows it."""
        if not is_map(layer) or "maps" not in layer.metadata["xanes"]:
            return
        protect(layer)
        xanes = layer.metadata["xanes"]
        known = self.of(layer)
        if known is not None:
            if follows(layer) and any(
                one is not layer and follows(one) and one._type_string == layer._type_string
                for one in self.layers_of(known)
            ):
                layer.metadata = {**layer.metadata, "xanes": {**xanes, "follows": False}}
            return
        run = self._new(maps_of([xanes]), xanes["group"], shown=shown_by(layer))
        self.choose(run)

    def _on_inserted(self, event: Any) -> None:
        self._adopt(event.value)

    def _on_removed(self, event: Any) -> None:
        run = self.of(event.value)
        if run is None:
            return
        following = self._following(run)
        if not self.layers_of(run):
            self._drop(run)
        elif self.layer_of(run) is None and follows(event.value):
            if following:
                run.shown = shown_by(following[-1])
            self.changed.emit(run)

    def _on_active(self, event: Any) -> None:
        run = self.of(event.value) if event.value is not None else None
        if run is not None:
            self.choose(run)
