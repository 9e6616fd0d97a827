"""Recipes whose steps change each frame by itself: their maps can grow frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes.history import Step
from napari_xanes.recipe import Recipe, method_of, run
from napari_xanes.stack import SpectralStack

FIT = "fit_references"


@dataclass(frozen=True)
class Framewise:
    """Steps that change each frame by itself, and the fit after them.

    Parameters
    ----------
    steps : tuple of Step
        `crop` and `optical_depth`.
    parameters : mapping
        Checked parameters of `fit_references`.
    """

    steps: tuple[Step, ...]
    parameters: Mapping[str, Any]


def framewise(recipe: Recipe, stack: SpectralStack) -> Framewise | str:
    """Return the recipe as steps of single frames, or in words why a step needs all frames.

    Parameters
    ----------
    recipe : Recipe
        Any recipe.
    stack : SpectralStack
        Frames that were measured so far: what they bring with them (flats) decides, too.
    """
    if not recipe:
        return "there is no fit in a recipe without steps"
    *steps, last = recipe
    if last.name != FIT:
        return f"{last.name} needs all frames"
    parameters = method_of(FIT).validated({**last.parameters, **(last.state or {})})
    if parameters["normalize_references"] == "as the stack":
        return "fit_references takes the scale of the references from all frames"
    kept = []
    for step in steps:
        checked = method_of(step.name).validated({**step.parameters, **(step.state or {})})
        if step.name == "crop" and not checked["drop_empty"]:
            kept.append(step)
        elif step.name == "optical_depth":
            if reason := _why_i0_needs_all(checked["i0"], stack):
                return reason
            kept.append(_without_noise(step))
        else:
            return f"{step.name} needs all frames"
    return Framewise(tuple(kept), parameters)


def _without_noise(step: Step) -> Step:
    """Return `optical_depth` without a gain: it changes no value, and a single frame does not show it."""
    silent = {"gain": 0.0, "read_noise": 0.0}
    return replace(step, parameters={**step.parameters, **silent}, state=step.state and {**step.state, **silent})


def _why_i0_needs_all(i0: Any, stack: SpectralStack) -> str:
    """Return why I0 can't be known frame by frame; no text if it can."""
    known = stack.corrections
    is_known = stack.quantity == "transmission" or known.flat is not None or known.i0 is not None
    if isinstance(i0, str) and (i0 == "empty" or (i0 == "auto" and not is_known)):
        return "optical_depth looks for the empty area in all frames"
    return ""


def is_kept(steps: Sequence[Step], energy: float) -> bool:
    """Whether the steps keep a frame of this energy in eV."""
    ranges = [method_of(step.name).validated(step.parameters)["energy"] for step in steps if step.name == "crop"]
    return all(one is None or any(low <= energy <= high for low, high in one) for one in ranges)


def prepared(steps: Sequence[Step], stack: SpectralStack, frame: int) -> SpectralStack | None:
    """Return one frame of a stack after the steps, (1, Y, X), in memory; None if they leave it out.

    Raises
    ------
    OSError
        If the frame can't be read.
    ValueError
        If a step does not fit the stack.
    """
    if not is_kept(steps, float(stack.energy[frame])):
        return None
    one = stack.isel(np.array([frame]))
    one = replace(one, data=np.asarray(one.data))
    # A range of energies that this frame is not in would be an error.
    now = [replace(s, parameters={**s.parameters, "energy": None}) if s.name == "crop" else s for s in steps]
    result = run(now, one)
    assert isinstance(result, SpectralStack)
    return replace(result, data=np.asarray(result.data))
