"""Steps on some pixels of a stack: what the preview shows while values are changed. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import Any

import numpy as np

from napari_xanes.arguments import as_mask, load_i0, load_region
from napari_xanes.draft import DraftRunner
from napari_xanes.history import Step
from napari_xanes.ops import OPERATIONS
from napari_xanes.region_labels import LabelImage, as_labels, load_regions
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

Box = tuple[slice, ...]

MOST_VALUES = 6_500_000
"""Of a larger stack, every second, third ... pixel along each side is computed: 100 frames of 256 x 256 pixels."""


@dataclass(frozen=True, eq=False)
class Preview:
    """A stack after some steps, at some of its pixels.

    Parameters
    ----------
    start : SpectralStack
        The whole stack that the steps start from.
    steps : tuple of Step
        The steps with what they estimated from these pixels.
    rows : tuple of int
        Their rows in the draft.
    stack : SpectralStack
        The result at these pixels.
    by : int
        Every so manieth pixel along y and x is one of them.
    lacks : tuple of str
        Names of slow steps that were left out, because they were not applied yet.
    """

    start: SpectralStack
    steps: tuple[Step, ...]
    rows: tuple[int, ...]
    stack: SpectralStack
    by: int
    lacks: tuple[str, ...] = ()

    def done(self, row: int) -> Step | None:
        """Return a step of the draft with what it estimated, or None if it is not part of the preview."""
        return self.steps[self.rows.index(row)] if row in self.rows else None


class Previewer:
    """Carries steps out on some pixels, and computes again only what has changed. For one thread."""

    def __init__(self) -> None:
        self._start: SpectralStack | None = None
        self._runner: DraftRunner | None = None

    def run(
        self, start: SpectralStack, steps: Sequence[Step], rows: Sequence[int], lacks: Sequence[str] = ()
    ) -> Preview:
        """Return the preview of steps on a stack.

        Raises
        ------
        StepError
            If a step can't be carried out.
        """
        by = thinning(start)
        box, old = box_of_every(start, by), self._start
        if old is not start or self._runner is None:
            self._start, self._runner = start, DraftRunner(start if by == 1 else _taken(start, box))
        stack = self._runner.run([in_box(step, start.shape[1:], box) for step in steps])
        done = stack.history[len(stack.history) - len(steps) :] if steps else ()
        told = tuple(replace(step, state=made.state) for step, made in zip(steps, done, strict=True))
        return Preview(start, told, tuple(rows), stack, by, tuple(lacks))


def _taken(stack: SpectralStack, box: Box) -> SpectralStack:
    """Return some pixels of a stack, one beside the other in memory: steps would gather them again each time."""
    part = stack.isel(slice(None), box)
    return part.with_data(np.ascontiguousarray(part.data))


def thinning(stack: SpectralStack) -> int:
    """Return which pixels along y and x a preview takes: all (1), every second (2), and so on.

    Examples
    --------
    >>> thinning(SpectralStack(np.zeros((100, 512, 512), np.float32), np.arange(100.0) + 8300))
    2
    """
    return max(1, ceil(sqrt(stack.data.size / MOST_VALUES) - 0.02))


def box_of_every(stack: SpectralStack, by: int) -> Box:
    """Return slices that take every so manieth pixel along y and x."""
    first = (by - 1) // 2
    return (*(slice(None),) * (len(stack.shape) - 3), slice(first, None, by), slice(first, None, by))


def in_box(step: Step, shape: tuple[int, ...], box: Box) -> Step:
    """Return a step for some pixels of an image: its masks, boxes and flats are cut. `crop` keeps all pixels.

    Examples
    --------
    >>> step = Step("correct_beam", {"region": (0, 2, 0, 4)})
    >>> in_box(step, (4, 4), (slice(1, None, 2), slice(1, None, 2))).parameters["region"].tolist()
    [[True, True], [False, False]]
    """
    known, parameters = OPERATIONS[step.name].parameters, dict(step.parameters)
    if step.name == "crop":
        parameters.pop("region", None)
    for name, value in parameters.items():
        if name in known and known[name].kind in _CUTS:
            parameters[name] = _CUTS[known[name].kind](value, shape, box)
    return replace(step, parameters=parameters)


def _cut_region(value: Any, shape: tuple[int, ...], box: Box) -> Any:
    from scipy.ndimage import maximum_filter

    region = load_region(value)
    if region is None:
        return None
    mask, by = as_mask(region, shape), box[-1].step or 1
    # A small region must not fall between the pixels that are taken.
    return (maximum_filter(mask, (*(1,) * (mask.ndim - 2), by, by)) if by > 1 else mask)[box]


def _cut_i0(value: Any, shape: tuple[int, ...], box: Box) -> Any:
    i0 = load_i0(value)
    if isinstance(i0, SpectralStack):
        return i0.isel(slice(None), box)
    return i0 if i0 is None or isinstance(i0, str | Spectrum) else _cut_region(i0, shape, box)


def _cut_regions(value: Any, shape: tuple[int, ...], box: Box) -> Any:
    regions = load_regions(value)
    return None if regions is None else LabelImage(as_labels(regions, shape)[box])


_CUTS = {"region": _cut_region, "i0": _cut_i0, "regions": _cut_regions}
