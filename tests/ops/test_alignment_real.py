"""Known shifts, put into measured stacks, come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import napari_xanes as nx


@pytest.mark.parametrize(
    ("name", "every", "drifts"),
    [("als_fe_l/71214078.hdr", 2, False), ("pollux_c_k/Sample_Stack_2021-03-16_128.hdf5", 1, True)],
)
def test_known_shifts_in_a_measured_stack(name: str, every: int, drifts: bool, real_data: Path) -> None:
    """The stack of the ALS is aligned already; the drift of the other one is what the same fit finds in it."""
    path = real_data / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    stack = nx.ops.optical_depth(nx.read(path)).isel(slice(None, None, every))
    added = np.random.default_rng(0).uniform(-1.5, 1.5, (stack.energy.size, 2))
    data = [
        ndimage.shift(np.asarray(frame, float), move, order=5, mode="mirror")
        for frame, move in zip(stack.data, added, strict=True)
    ]
    found = nx.ops.align(stack.with_data(np.array(data, np.float32))).metadata["align"]
    error = found.shifts - added
    if drifts:
        error -= nx.ops.align(stack).metadata["align"].shifts
    error -= error.mean(axis=0)
    assert np.isfinite(found.sigma).all()
    assert np.sqrt((error**2).mean()) < 0.05
    if not drifts:
        assert (np.abs(error) < 2 * found.sigma).mean() > 0.85
        assert np.median(found.sigma) < 0.06
