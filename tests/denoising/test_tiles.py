"""Tiles cover a map once, and filters in tiles give what they give for the whole map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_xanes.denoising import tiles
from napari_xanes.denoising.filters.non_local_means import non_local_means
from napari_xanes.denoising.fractions.fine_structure import restore_fine_structure


@given(st.integers(1, 1500), st.integers(1, 1500), st.integers(0, 40))
def test_tiles_cover_each_pixel_once_with_a_margin_inside_the_map(height: int, width: int, margin: int) -> None:
    count = np.zeros((height, width), int)
    numbers = np.arange(height * width).reshape(height, width)
    for tile in tiles.tiles(count.shape, margin):
        count[tile.box] += 1
        np.testing.assert_array_equal(numbers[tile.wide][tile.inner], numbers[tile.box])
        for box, wide, size in zip(tile.box, tile.wide, count.shape, strict=True):
            assert wide.start == max(0, box.start - margin)
            assert wide.stop == min(size, box.stop + margin)
            assert box.stop - box.start <= tiles.TILE
    assert (count == 1).all()


def noisy(shape: tuple[int, int] = (90, 120)) -> np.ndarray:
    y, x = np.indices(shape)
    image = 6.0 * ((y // 9 + x // 14) % 2) + np.random.default_rng(0).standard_normal(shape)
    return image.astype(np.float32)


def test_non_local_means_do_not_depend_on_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = non_local_means(noisy())
    monkeypatch.setattr(tiles, "TILE", 40)
    np.testing.assert_allclose(non_local_means(noisy()), whole, atol=2e-4)  # of the noise


def test_fine_structure_does_not_depend_on_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = 0.05 * noisy() + 0.3
    variance = np.full_like(measured, 0.05**2)
    variance[:20, 30:60] = np.inf
    args = np.full_like(measured, 0.45), np.full_like(measured, 0.03), measured, variance
    whole = restore_fine_structure(*args)
    monkeypatch.setattr(tiles, "TILE", 40)
    parts = restore_fine_structure(*args)
    assert whole.found.any()
    np.testing.assert_array_equal(parts.found, whole.found)
    for name in ("fractions", "sigma"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-5)
