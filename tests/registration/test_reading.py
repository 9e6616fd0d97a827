"""Frames are prepared one after another, in their order; align reads few of them at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.chunked import Chunked
from tests.drifting import drifting

import napari_xanes as nx
from napari_xanes import computing
from napari_xanes.registration.reading import prepared


def test_frames_are_prepared_in_order_and_only_a_few_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_xanes.limits.cores", lambda: 2)
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
    monkeypatch.setattr(computing, "_USUAL_BYTES", 4 * 48 * 48 * 4)
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
