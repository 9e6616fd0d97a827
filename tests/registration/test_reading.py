"""Frames are read one after another: few at a time, each chunk of a file once, in their order."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import dask.array as da
import numpy as np
import pytest
from tests.drifting import drifting

import napari_xanes as nx
from napari_xanes.registration import reading
from napari_xanes.registration.reading import frames_of, prepared


class Chunked:
    """An array of which only parts are read, and which counts them."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim
        self.most, self.pixels, self.lock = 0, 0, threading.Lock()

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        part = self.data[index]
        with self.lock:
            self.pixels += part.size
            self.most = max(self.most, len(part))
        return part

    def lazy(self, chunks: tuple[int, ...]) -> da.Array:
        return da.from_array(self, chunks=chunks, meta=np.empty((0, 0, 0), self.dtype))


@pytest.mark.parametrize("chunks", [(1, 8, 9), (4, 3, 9), (20, 8, 4), (7, 8, 9)])
def test_frames_come_in_order_and_each_chunk_is_read_once(chunks: tuple[int, ...]) -> None:
    source = Chunked(np.random.default_rng(0).standard_normal((20, 8, 9)).astype(np.float32))
    np.testing.assert_array_equal(np.array(list(frames_of(source.lazy(chunks)))), source.data)
    assert source.pixels == source.data.size


def test_chunks_of_more_frames_than_memory_holds_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Chunked(np.random.default_rng(0).standard_normal((20, 8, 9)).astype(np.float32))
    monkeypatch.setattr(reading, "SLAB_BYTES", 6 * 8 * 9 * 4)
    monkeypatch.setattr(reading, "_BYTES", 2 * 8 * 9 * 4)
    for chunks in ((20, 8, 9), (3, 8, 9)):
        source.most = 0
        np.testing.assert_array_equal(np.array(list(frames_of(source.lazy(chunks)))), source.data)
        assert source.most <= 6


def test_frames_are_prepared_in_order_and_only_a_few_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    asked = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal asked
        for i in range(50):
            asked += 1
            yield np.full((2, 2), i)

    for i, frame in enumerate(prepared(frames(), lambda values: values.astype(np.float32) + 1)):
        assert frame[0, 0] == i + 1
        assert asked - i <= 6
    assert i == 49


def test_an_error_of_a_frame_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(prepared(iter([np.ones(2), np.zeros(2)]), lambda values: values / (1 // int(values[0]))))


def test_align_never_reads_a_lazy_stack_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = drifting("same", seed=5, size=48, frames=20)
    source = Chunked(sample.stack.data)
    monkeypatch.setattr(reading, "_BYTES", 4 * 48 * 48 * 4)
    lazy = sample.stack.with_data(source.lazy((2, 24, 48)))
    aligned = nx.ops.align(lazy)
    assert source.most <= 4
    # The start, the whole band, and again where the window has moved.
    assert source.pixels % source.data.size == 0
    assert source.pixels <= 7 * source.data.size
    found = aligned.metadata["align"].shifts
    np.testing.assert_array_equal(found, nx.ops.align(sample.stack).metadata["align"].shifts)
    np.asarray(aligned.data[3])
    assert source.pixels % source.data.size <= 2 * 48 * 48
