"""Pixels that show an edge, spread over the image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.maps.pixel_sample import sampled_spectra

ENERGY = np.linspace(8300, 8400, 30)
EDGE = 0.5 + np.arctan(ENERGY - 8345) / np.pi


def stack_of(jumps: np.ndarray) -> SpectralStack:
    return SpectralStack((EDGE[:, None, None] * jumps).astype(np.float32), ENERGY, "optical_depth")


def test_empty_and_incomplete_pixels_are_left_out() -> None:
    jumps = np.zeros((10, 20))
    jumps[2:8, 5:15] = 1.0
    stack = stack_of(jumps)
    stack.data[3, 4, 7] = np.nan
    found = sampled_spectra(stack, count=60)
    assert len(found) == 59
    assert found[0].name == "pixel (2, 5)"
    assert found[-1].name == "pixel (7, 14)"
    np.testing.assert_allclose(found[0].mu, EDGE, atol=1e-6)
    assert len(sampled_spectra(stack, count=7)) == 7


def test_a_volume_has_pixels_of_three_numbers() -> None:
    data = np.broadcast_to(EDGE[:, None, None, None], (30, 2, 3, 4)).astype(np.float32)
    assert sampled_spectra(SpectralStack(data, ENERGY, "optical_depth"), 1)[0].name == "pixel (0, 0, 0)"


def test_no_edge_at_all_is_said() -> None:
    with pytest.raises(ValueError, match="no pixel of .* rises at an edge"):
        sampled_spectra(stack_of(np.zeros((3, 3))))
    empty = stack_of(np.ones((3, 3)))
    empty.data[0] = np.nan
    with pytest.raises(ValueError, match="drop empty frames first"):
        sampled_spectra(empty)
