"""Bring back what a project holds: one layer after the other, so that the window answers meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from napari.layers import Layer

from napari_xanes.gui.layers import LayerData, stack_to_layer
from napari_xanes.gui.map_layers import Shown, map_layer
from napari_xanes.gui.projects.look import finish, keywords_of
from napari_xanes.gui.projects.shared import link, restore_shared
from napari_xanes.gui.projects.view import restore_view
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.parameter_map import MapSet
from napari_xanes.project import Picture, Places, Project, ProjectLayer
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.viewer import Viewer

_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)
"""What napari and we raise for settings that no layer can have; a damaged project may hold any."""


class Restoring:
    """Brings a project into a viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    project : Project
        What `read_project` returned.

    Attributes
    ----------
    notes : list of str
        What a user should know.
    missing : list of MissingLayer
        Layers whose file was not found.
    layers : dict of int to Layer
        Layers that are in the window again, by their number in the file.
    """

    def __init__(self, viewer: Viewer, project: Project) -> None:
        self._viewer, self._project = viewer, project
        self._groups: dict[str, str] = {}
        self.notes: list[str] = list(project.notes)
        self.missing = list(project.missing)
        self.layers: dict[int, Layer] = {}

    def steps(self) -> Iterator[None]:
        """Yield after each part that is in the window."""
        for index, layer in zip(self._project.indices, self._project.layers, strict=True):
            self.add(index, layer)
            yield
        settings = self._project.settings
        self.notes += [
            f"{name!r} was too large for the copy of the window: open its file, or apply its steps again"
            for name in settings.get("left_out", ())
        ]
        try:
            restore_shared(workspace_of(self._viewer), settings, self._project.references, self.layers, self._groups)
            yield
            self._choose(settings)
            restore_view(self._viewer, settings["view"], self.layers)
        except _DAMAGE as error:
            self.notes.append(f"some of the settings are damaged and left out: {error}")

    def add(self, index: int, layer: ProjectLayer) -> Layer | None:
        """Add one layer at its place; if the file is damaged there, with napari's own look, or not at all."""
        look = layer.settings.get("look", {})
        try:
            data, keywords, kind = self._data(layer)
        except _DAMAGE as error:
            self.notes.append(f"{layer.name!r} is left out, its settings are damaged: {error}")
            return None
        try:
            made = Layer.create(data, keywords | keywords_of(look) | {"name": layer.name}, kind)
            finish(made, look)
        except _DAMAGE as error:
            self.notes.append(f"how {layer.name!r} looked is damaged: {error}")
            made = Layer.create(data, keywords | {"name": layer.name}, kind)
        above = sorted(
            number for number in self.layers if number > index and self.layers[number] in self._viewer.layers
        )
        place = self._viewer.layers.index(self.layers[above[0]]) if above else len(self._viewer.layers)
        self._viewer.layers.insert(place, made)
        self.layers[index] = made
        return made

    def add_missing(self, index: int, layer: ProjectLayer) -> None:
        """Add a layer whose file was found at last, with its runs and its recipe."""
        if self.add(index, layer) is not None:
            try:
                link(workspace_of(self._viewer), self._project.settings, index, self.layers, self._groups)
            except _DAMAGE as error:
                self.notes.append(f"some of the settings of {layer.name!r} are damaged and left out: {error}")

    def _choose(self, settings: Mapping[str, Any]) -> None:
        stack = self.layers.get(settings["chosen_stack"]) if settings.get("chosen_stack") is not None else None
        if stack is not None:
            workspace_of(self._viewer).stacks.choose(stack)

    def _data(self, layer: ProjectLayer) -> LayerData:
        value, settings = layer.value, layer.settings
        metadata = dict(settings.get("metadata", {}))
        if isinstance(value, SpectralStack):
            data, keywords, kind = stack_to_layer(self._as_it_was(layer.name, value, settings.get("stack")))
        elif isinstance(value, MapSet):
            shown = settings["shown"]
            what = Shown(str(shown["map"]), str(shown["role"]))
            data, keywords, kind = map_layer(value, what, self._group(shown["group"]), follows=bool(shown["follows"]))
        else:
            data, kind = _plain_data(value)
            keywords = {"metadata": self._own_metadata(settings)}
        return data, keywords | {"metadata": {**metadata, **keywords["metadata"]}}, kind

    def _own_metadata(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        if "mix_of" in settings:
            return {"xanes": {"kind": "mix", "group": self._group(settings["mix_of"])}}
        if "region_names" in settings:
            names = {int(number): str(name) for number, name in settings["region_names"]}
            hidden = [int(number) for number in settings.get("hidden_regions", ())]
            return {"xanes": {"kind": "regions", "names": names, "hidden": hidden}}
        return {}

    def _group(self, group: Any) -> str:
        """Return the group of a run in this window: a project that is opened twice is two."""
        return self._groups.setdefault(str(group), uuid4().hex)

    def _as_it_was(self, name: str, stack: SpectralStack, facts: Mapping[str, Any] | None) -> SpectralStack:
        """Return a stack that was read from its own file with what the user had corrected."""
        if facts is None:
            return stack
        if len(facts["energy"]) != len(stack.energy):
            self.notes.append(
                f"{name!r} has {len(stack.energy)} energies now, {len(facts['energy'])} when it was saved"
            )
            return stack
        size = facts["pixel_size"]
        return replace(
            stack,
            energy=np.asarray(facts["energy"], np.float64),
            quantity=facts["quantity"],
            pixel_size=None if size is None else tuple(size),
            metadata={**stack.metadata, **facts.get("metadata", {}), "name": str(facts["name"])},
        )


def _plain_data(value: Any) -> tuple[Any, str]:
    if isinstance(value, Picture):
        return value.data, "image"
    if isinstance(value, Places):
        return value.data, "points"
    return value, "shapes" if isinstance(value, list) else "labels"


def restore(viewer: Viewer, project: Project) -> Restoring:
    """Bring a project into a viewer at once; return what became of it."""
    restoring = Restoring(viewer, project)
    for _ in restoring.steps():
        pass
    return restoring
