"""What a window holds, as a project. Runs on the main thread and copies little, so it takes a few milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_xanes.gui.layers import is_stack, kind_of, shape_of, stack_of
from napari_xanes.gui.map_layers import is_map
from napari_xanes.gui.projects.look import look_of, plain_metadata
from napari_xanes.gui.projects.shared import shared_settings
from napari_xanes.gui.projects.view import view_settings
from napari_xanes.gui.state.pin_layers import KIND as PIN_LAYER
from napari_xanes.gui.state.preview_layer import KIND as PREVIEW
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.io.project_layers import why_not_storable
from napari_xanes.project import LayerValue, Picture, Places, Project, ProjectLayer

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.stack import SpectralStack

_CORRECTED = ("exposure", "element", "edge", "absorber")
"""Metadata that a user may have corrected after a stack was read."""


class Gathered(NamedTuple):
    """A project, the layers of the window that it holds (in the same order), and a sentence for each that it can't."""

    project: Project
    layers: list[Layer]
    left_out: list[str]


def gather(viewer: Viewer, *, copy_stacks: bool) -> Gathered:
    """Return what a window holds.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    copy_stacks : bool
        Whether stacks that are as they were read are copied, too; else the project names their files.
    """
    found: list[tuple[Layer, ProjectLayer]] = []
    left_out = []
    for layer in viewer.layers:
        if kind_of(layer) in (PIN_LAYER, PREVIEW):  # the marks of pins come back with the pins, previews with the steps
            continue
        value, settings = _content(layer, copy_stacks=copy_stacks)
        if value is None:
            left_out.append(f"{layer.name!r} ({layer._type_string}) can't be kept in a project")
            continue
        settings |= {"look": look_of(layer), "metadata": plain_metadata(layer.metadata)}
        found.append((layer, ProjectLayer(layer.name, value, settings)))
    layers = [layer for layer, _ in found]
    workspace = workspace_of(viewer)
    settings = {**shared_settings(workspace, layers), "view": view_settings(viewer, layers)}
    project = Project([one for _, one in found], workspace.references.spectra, settings)
    return Gathered(project, layers, left_out)


def stays_in_its_file(stack: SpectralStack) -> bool:
    """Return whether a stack is as it was read, and its file is still there."""
    source = stack.source
    return source is not None and not stack.history and bool(source.fingerprint) and Path(source.path).exists()


def _content(layer: Layer, *, copy_stacks: bool) -> tuple[LayerValue | None, dict[str, Any]]:
    """Return what a layer shows, None if no project can hold it, and what only we know of it."""
    if is_stack(layer):
        stack = stack_of(layer)
        if copy_stacks or not stays_in_its_file(stack):
            return stack, {"content": "stack"}
        corrected = {name: stack.metadata[name] for name in _CORRECTED if name in stack.metadata}
        facts = {"energy": stack.energy, "quantity": stack.quantity, "pixel_size": stack.pixel_size, "name": stack.name}
        return stack.source, {"content": "stack", "stack": {**facts, "metadata": corrected}}
    xanes = layer.metadata.get("xanes")
    if is_map(layer) and "maps" in xanes:
        shown = {name: xanes[name] for name in ("group", "map", "role", "follows")}
        return xanes["maps"], {"content": "map", "shown": shown}
    value, settings = _plain_content(layer), {"content": layer._type_string}
    if kind_of(layer) == "mix":
        settings["mix_of"] = xanes["group"]
    if kind_of(layer) == "regions":
        settings["region_names"] = [[int(number), name] for number, name in xanes.get("names", {}).items()]
        settings["hidden_regions"] = [int(number) for number in xanes.get("hidden") or ()]
    return (value, settings) if value is not None and not why_not_storable(value) else (None, {})


def _plain_content(layer: Layer) -> LayerValue | None:
    kind = layer._type_string
    if kind == "image" and shape_of(layer):
        return Picture(layer.data[0] if layer.multiscale else layer.data)
    if kind == "labels" and not layer.multiscale:
        # Brushing goes on while a worker writes.
        return np.array(layer.data)
    if kind == "shapes":
        return [np.array(corners) for corners in layer.data]
    return Places(np.array(layer.data)) if kind == "points" else None
