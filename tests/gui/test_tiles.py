"""Spectra of a lazy stack, read tile by tile."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_xanes.gui.pixels import tiles
from napari_xanes.gui.pixels.spectra import box_spectrum
from napari_xanes.gui.pixels.tiles import Tiles

DATA = np.random.default_rng(0).random((4, 3, 150, 131), dtype=np.float32)


@settings(max_examples=200)
@given(st.integers(0, 2), st.integers(0, 149), st.integers(0, 130), st.integers(0, 50), st.booleans())
def test_spectra_from_tiles_equal_spectra_from_memory(z: int, y: int, x: int, half: int, flat: bool) -> None:
    data, index = (DATA[:, 0], (y, x)) if flat else (DATA, (z, y, x))
    cache, size = Tiles(data), 2 * half + 1
    assert cache.spectrum(index, size) is None
    expected = box_spectrum(data, index, size)
    np.testing.assert_array_equal(cache.read(index, size), expected)
    np.testing.assert_array_equal(cache.spectrum(index, size), expected)


def test_neighbouring_pixels_are_read_once() -> None:
    reads = []

    def noted(block: Any) -> Any:
        reads.append(1)
        return block

    data = da.from_array(DATA[:, 0], chunks=(4, 150, 131)).map_blocks(noted, meta=np.empty((0, 0, 0), np.float32))
    cache = Tiles(data)
    cache.read((10, 20), 5)
    assert cache.spectrum((63, 0), 5) is not None
    assert cache.spectrum((64, 0), 5) is None
    assert cache.spectrum((10, 20), 7) is None
    assert len(reads) == 1


def test_old_tiles_are_removed_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CACHE_BYTES", 2 * 4 * 64 * 64 * 4)
    cache = Tiles(DATA[:, 0])
    for column in (0, 64, 0, 64):
        cache.read((0, column), 1)
    cache.read((64, 0), 1)
    assert cache.spectrum((0, 0), 1) is None
    assert cache.spectrum((0, 64), 1) is not None
