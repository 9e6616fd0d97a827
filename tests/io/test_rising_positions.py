"""Images that were scanned from right to left or from top to bottom."""

from __future__ import annotations

import numpy as np
import pytest
from tests.io.hdf5.test_exchange import write_mantis

from napari_xanes import io
from napari_xanes.io.rising_positions import turn_to_rise

ENERGY = (700.0, 705.0, 710.0, 720.0)
DIRECTIONS = [(-0.25, 0.5), (0.25, -0.5), (-0.25, -0.5)]


def backwards(images, steps):
    return images[:, :: 1 if steps[0] > 0 else -1, :: 1 if steps[1] > 0 else -1]


@pytest.mark.parametrize("steps", DIRECTIONS)
def test_sdf(tmp_path, write_sdf, frames, steps):
    stack = io.read(write_sdf(tmp_path, backwards(frames, steps), ENERGY, steps=steps))
    np.testing.assert_allclose(stack.data, frames, rtol=1e-5)
    assert stack.pixel_size == (0.25, 0.5)
    assert sum("turned to increase" in note for note in stack.metadata["notes"]) == sum(step < 0 for step in steps)


@pytest.mark.parametrize("steps", DIRECTIONS)
@pytest.mark.parametrize("memory_limit", [None, 100])
def test_nxstxm(tmp_path, write_nxstxm, frames, steps, memory_limit):
    path = write_nxstxm(tmp_path / "a.hdf5", backwards(frames, steps), ENERGY, steps=steps)
    stack = io.read(path, memory_limit=memory_limit)
    np.testing.assert_array_equal(np.asarray(stack.data), frames)
    assert stack.pixel_size == (0.25, 0.5)


def test_mantis_with_its_flats(tmp_path, frames):
    more = {"exchange/y": [3.0, 2.0, 1.0], "exchange/white_data": frames[::-1, ::-1].T + 100}
    stack = io.read(write_mantis(tmp_path / "a.hdf5", frames[::-1, ::-1], ENERGY[::-1], **more))
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.metadata["flat"], frames + 100)


@pytest.mark.parametrize("positions", [None, [], [1.0], [3.0, 1.0, 2.0], [2.0, 2.0], [np.nan, 1.0, 0.0]])
def test_nothing_is_turned_without_positions_that_fall(positions):
    turn, notes = turn_to_rise(positions, positions)
    image = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(turn(image), image)
    assert notes == []
