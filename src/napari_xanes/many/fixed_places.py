"""What a recipe takes from one stack for all: regions, I0 and shifts that were given for it."""

from __future__ import annotations

from collections.abc import Iterable

from napari_xanes.arguments import I0_WORDS
from napari_xanes.history import Step
from napari_xanes.recipe import method_of

_OF_ONE_STACK = ("region", "regions", "i0", "shifts")
"""Kinds of parameters whose values belong to the stack that they were found on."""


def taken_from_one_stack(steps: Iterable[Step]) -> list[str]:
    """Return a sentence for each value of a recipe that belongs to the stack for which it was given.

    A region lies elsewhere on the next sample, and the beam has changed: the maps would look right and be wrong.

    Raises
    ------
    ValueError
        If a step is unknown.

    Examples
    --------
    >>> taken_from_one_stack([Step("optical_depth", {"i0": "flat"}), Step("align", {"shifts": [[0, 1], [0, 2]]})])
    ['taken for every file, though given for one stack: shifts of align']
    """
    told = []
    for step in steps:
        declared = method_of(step.name).parameters
        for name, value in step.parameters.items():
            given = value is not None and not (isinstance(value, str) and value in I0_WORDS)
            if name in declared and declared[name].kind in _OF_ONE_STACK and given:
                what = f"{declared[name].label} of {step.name.replace('_', ' ')}"
                told.append(f"taken for every file, though given for one stack: {what}")
    return told
