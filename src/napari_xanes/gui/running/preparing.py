"""Run a step after the steps that prepare its stack."""

from __future__ import annotations

from typing import Any

from napari_xanes.history import Step
from napari_xanes.progress import Progress, part
from napari_xanes.recipe import run
from napari_xanes.registry import Method
from napari_xanes.stack import SpectralStack

_SHARE_BEFORE = 0.2
"""Share of the progress bar for the preparing steps, which are quick."""


def prepared(steps: list[Step], stack: SpectralStack, progress: Progress | None) -> SpectralStack:
    """Return the stack after some operations; the same stack if there are none."""
    ready = run(steps, stack, progress=progress) if steps else stack
    assert isinstance(ready, SpectralStack)  # only an estimator gives maps
    return ready


def run_after(
    steps: list[Step], step: Step, stack: SpectralStack, progress: Progress, method: Method[Any] | None = None
) -> tuple[SpectralStack | None, Any]:
    """Return the stack after some steps (None if there are none), and the result of one more step on it.

    A `method` is carried out in the place of the one that the step names.
    """
    progress(0.0, "starting")
    share = _SHARE_BEFORE if steps else 0.0
    ready = prepared(steps, stack, part(progress, 0.0, share))
    rest = part(progress, share, 1.0)
    result = run([step], ready, progress=rest) if method is None else method.apply(ready, step, progress=rest)
    return ready if steps else None, result
