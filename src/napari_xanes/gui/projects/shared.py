"""What the docks of a viewer share, as plain values and back: pins, references, runs, the chosen stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_xanes.draft import Draft, DraftStep
from napari_xanes.gui.map_layers import Shown
from napari_xanes.gui.places import Place
from napari_xanes.gui.state.pins import Pin
from napari_xanes.history import Step
from napari_xanes.io.metadata_json import expect, expect_mappings

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_xanes.gui.state.stack_recipe import StackRecipe
    from napari_xanes.gui.state.workspace import Workspace
    from napari_xanes.spectrum import Spectrum

Layers = Mapping[int, "Layer"]
"""Layers by their number in the project."""


def shared_settings(workspace: Workspace, layers: Sequence[Layer]) -> dict[str, Any]:
    """Return what the docks share.

    Parameters
    ----------
    workspace : Workspace
        What the docks share.
    layers : sequence of Layer
        The layers of the project, whose numbers stand for them.
    """
    references, stack = workspace.references, workspace.stacks.layer
    return {
        "references": [
            {
                "name": name,
                "ticked": references.is_checked(name),
                "by_hand": references.is_ticked_by_hand(name),
                "colour": references.colour(name),
            }
            for name in (spectrum.name for spectrum in references.spectra)
        ],
        "pins": _pins(workspace),
        "runs": _runs(workspace, layers),
        "chosen_run": workspace.runs.chosen.group if workspace.runs.chosen is not None else None,
        "chosen_stack": layers.index(stack) if stack in layers else None,
        "box": workspace.cursor.box,
        "as_depth": workspace.shown.as_depth,
        "step": workspace.step.name,
        "recipes": [
            _recipe(layer, recipe, layers)
            for layer, recipe in workspace.recipe.all()
            if recipe.draft and layer in layers and recipe.base in layers
        ],
    }


def restore_shared(
    workspace: Workspace,
    settings: Mapping[str, Any],
    spectra: Sequence[Spectrum],
    layers: Layers,
    groups: Mapping[str, str],
) -> None:
    """Give the docks what they shared; `layers` are those that are in the window again.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the settings are damaged.
    """
    _restore_references(workspace, expect_mappings(settings.get("references", []), "references"), spectra)
    _restore_pins(workspace, expect_mappings(settings.get("pins", []), "pins"))
    _restore_runs(workspace, expect_mappings(settings.get("runs", []), "runs"), layers, groups)
    for entry in expect_mappings(settings.get("recipes", []), "recipes"):
        _restore_recipe(workspace, entry, layers)
    workspace.cursor.box = min(max(int(settings.get("box", 1)), 1), _LARGEST_BOX)
    workspace.shown.as_depth = bool(settings.get("as_depth", True))
    if settings.get("step"):
        workspace.step.name = str(settings["step"])
    chosen = next((run for run in workspace.runs if run.group == groups.get(settings.get("chosen_run") or "")), None)
    if chosen is not None:
        workspace.runs.choose(chosen)


_LARGEST_BOX = 99


def link(
    workspace: Workspace, settings: Mapping[str, Any], index: int, layers: Layers, groups: Mapping[str, str]
) -> None:
    """Give a layer that came later its runs and its recipe.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the settings are damaged.
    """
    of_runs = {
        groups.get(str(entry.get("group"))) for entry in settings.get("runs", []) if entry.get("source") == index
    }
    for run in workspace.runs:
        if run.group in of_runs:
            run.source = layers[index]
    for entry in expect_mappings(settings.get("recipes", []), "recipes"):
        if index in (entry.get("layer"), entry.get("base"), entry.get("result")):
            _restore_recipe(workspace, entry, layers)


def _restore_references(workspace: Workspace, entries: list[dict[str, Any]], spectra: Sequence[Spectrum]) -> None:
    facts = {str(entry.get("name")): entry for entry in entries}
    workspace.references.restore(
        spectra,
        by_hand={
            name: bool(entry.get("ticked", True))
            for name, entry in facts.items()
            if entry.get("by_hand", not entry.get("ticked", True))
        },
        colours={name: str(entry["colour"]) for name, entry in facts.items() if "colour" in entry},
    )


def _pins(workspace: Workspace) -> list[dict[str, Any]]:
    return [
        {
            "number": pin.number,
            "point": list(pin.place.point),
            "unit": pin.place.unit,
            "width": pin.place.width,
            "name": pin.name,
            "colour": pin.colour,
            "visible": pin.visible,
        }
        for pin in workspace.pins.pins
    ]


def _restore_pins(workspace: Workspace, entries: list[dict[str, Any]]) -> None:
    pins = []
    for entry in entries:
        point = tuple(float(value) for value in entry["point"])
        if len(point) not in (2, 3) or entry["unit"] not in ("um", "pixel"):
            raise ValueError(f"{point} {entry['unit']} is no place of a pin; leave it out")
        place = Place(point, entry["unit"], float(entry["width"]))
        pins.append(Pin(int(entry["number"]), place, str(entry["name"]), str(entry["colour"]), bool(entry["visible"])))
    if pins:
        workspace.pins.restore(pins)


def _recipe(layer: Layer, recipe: StackRecipe, layers: Sequence[Layer]) -> dict[str, Any]:
    result = recipe.result if recipe.owns_result else None
    return {
        "layer": layers.index(layer),
        "base": layers.index(recipe.base),
        "steps": [{"step": entry.step, "enabled": entry.enabled} for entry in recipe.draft],
        "applied": list(recipe.applied.steps),
        "result": layers.index(result) if result in layers else None,
    }


def _restore_recipe(workspace: Workspace, entry: Mapping[str, Any], layers: Layers) -> None:
    steps = expect_mappings(entry.get("steps", []), "the steps of a recipe")
    draft = Draft(tuple(DraftStep(expect(one.get("step"), Step, "a step"), bool(one.get("enabled"))) for one in steps))
    applied = [expect(step, Step, "a step") for step in expect(entry.get("applied", []), list, "the steps")]
    layer, base, result = (layers.get(entry[name]) for name in ("layer", "base", "result"))
    if layer is not None and base is not None:
        workspace.recipe.restore(layer, base, draft, applied, result)


def _runs(workspace: Workspace, layers: Sequence[Layer]) -> list[dict[str, Any]]:
    return [
        {
            "group": run.group,
            "number": run.number,
            "title": run.title,
            "shown": list(run.shown),
            "source": layers.index(run.source) if run.source in layers else None,
        }
        for run in workspace.runs
    ]


def _restore_runs(
    workspace: Workspace, entries: list[dict[str, Any]], layers: Layers, groups: Mapping[str, str]
) -> None:
    runs = {run.group: run for run in workspace.runs}
    order = []
    for entry in entries:
        run = runs.get(groups.get(str(entry.get("group")), ""))
        if run is None:
            continue
        workspace.runs.rename(run, expect(entry.get("title"), str, "the title of a run"))
        name, role = expect(entry.get("shown"), list, "what a run shows")
        if run.can_show(Shown(str(name), str(role))):
            run.shown = Shown(str(name), str(role))
        source = layers.get(entry["source"]) if isinstance(entry.get("source"), int) else None
        if source is not None:
            run.source = source
        order.append((run, int(entry["number"])))
    workspace.runs.number(order)
