"""Values of dask arrays do not depend on what other threads compute; each chunk is read once for all its frames."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from dask.callbacks import Callback
from tests.chunked import Chunked

from napari_xanes import computing
from napari_xanes.computing import computed, frames_of, load_dask_array


def lazy() -> da.Array:
    return da.from_array(np.arange(12.0).reshape(3, 4), chunks=(1, 4))


@pytest.mark.parametrize("compute", [computed, load_dask_array])
def test_callbacks_of_the_process_see_nothing(compute: object) -> None:
    """napari's cache of slices is such a callback; it does not bear two computations at once."""
    seen: list[object] = []
    with Callback(start=lambda graph: seen.append(graph)):
        np.testing.assert_array_equal(compute(lazy()), np.arange(12.0).reshape(3, 4))  # type: ignore[operator]
        assert seen == []
        lazy().compute()
        assert len(seen) == 1


def test_other_values_become_arrays() -> None:
    values = np.ones(3)
    assert computed(values) is values
    np.testing.assert_array_equal(computed([1, 2]), [1, 2])


@pytest.mark.parametrize("chunks", [(1, 8, 9), (4, 3, 9), (20, 8, 4), (7, 8, 9)])
def test_frames_come_in_order_and_each_chunk_is_read_once(chunks: tuple[int, ...]) -> None:
    source = Chunked(np.random.default_rng(0).standard_normal((20, 8, 9)).astype(np.float32))
    np.testing.assert_array_equal(np.array(list(frames_of(source.lazy(chunks)))), source.data)
    assert source.pixels == source.data.size


def test_chunks_of_more_frames_than_memory_holds_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Chunked(np.random.default_rng(0).standard_normal((20, 8, 9)).astype(np.float32))
    monkeypatch.setattr(computing, "SLAB_BYTES", 6 * 8 * 9 * 4)
    monkeypatch.setattr(computing, "_USUAL_BYTES", 2 * 8 * 9 * 4)
    for chunks in ((20, 8, 9), (3, 8, 9)):
        source.most = 0
        np.testing.assert_array_equal(np.array(list(frames_of(source.lazy(chunks)))), source.data)
        assert source.most <= 6
