from __future__ import annotations

import numpy as np

import napari_xanes as nx
from napari_xanes.sample import nmc_ni_k


def test_the_edge_jump_comes_with_its_error_and_follows_the_pixels() -> None:
    stack = nx.ops.normalize_edge(nx.ops.optical_depth(nmc_ni_k(size=16).stack))
    maps = nx.maps_of_steps(stack)
    assert list(maps) == ["edge_jump"]
    np.testing.assert_array_equal(maps["edge_jump"].sigma, stack.metadata["edge_jump"].sigma)
    assert maps.history == stack.history
    assert maps.pixel_size == stack.pixel_size
    part = nx.maps_of_steps(nx.ops.crop(stack, region=(2, 10, 3, 9)))
    assert part["edge_jump"].data.shape == (8, 6)
    np.testing.assert_array_equal(part["edge_jump"].data, maps["edge_jump"].data[2:10, 3:9])


def test_a_stack_as_it_was_read_has_none() -> None:
    assert not nx.maps_of_steps(nmc_ni_k(size=8).stack)
