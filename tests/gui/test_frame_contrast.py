"""Frames of counts stay visible where the beam is weak, and limits that the user sets stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.gui.state.workspace import workspace_of

BEAM = np.array([1000.0, 400.0, 900.0, 1500.0])
SAMPLE = 0.8 + 0.2 * np.indices((16, 20)).sum(0) / 34


def counts(beam: np.ndarray) -> SpectralStack:
    return SpectralStack((beam[:, None, None] * SAMPLE).astype(np.float32), [280, 285, 290, 320], "counts")


def test_each_frame_fills_the_limits_where_the_beam_differs(viewer: Any, add_stack: Any) -> None:
    workspace_of(viewer)
    layer = add_stack(counts(BEAM))
    for frame in (0, 1, 3):
        viewer.dims.set_current_step(0, frame)
        low, high = layer.contrast_limits
        assert 0.8 * BEAM[frame] <= low < 0.85 * BEAM[frame]
        assert 0.95 * BEAM[frame] < high <= BEAM[frame]
    layer.contrast_limits = (100, 1600)
    for frame in (1, 2):
        viewer.dims.set_current_step(0, frame)
        assert layer.contrast_limits == [100, 1600], "the user has chosen"


@pytest.mark.parametrize(
    "stack", [counts(BEAM[[0, 2, 0, 2]]), counts(BEAM).with_data(counts(BEAM).data, quantity="fluorescence")]
)
def test_other_stacks_keep_their_limits(viewer: Any, add_stack: Any, stack: SpectralStack) -> None:
    workspace_of(viewer)
    layer = add_stack(stack)
    before = tuple(layer.contrast_limits)
    for frame in range(4):
        viewer.dims.set_current_step(0, frame)
        assert tuple(layer.contrast_limits) == before


def test_a_stack_without_values_is_left_alone(viewer: Any, add_stack: Any) -> None:
    workspace_of(viewer)
    add_stack(counts(np.full(4, np.nan)))
    viewer.dims.set_current_step(0, 1)
