"""What is read of the frames of segments, joined along them, and said of frames that tell little."""

from __future__ import annotations

from typing import Literal

import dask.array as da
import numpy as np
import pytest
from tests.stitching.test_segments import SAMPLE, two

import napari_xanes as nx
from napari_xanes.stitching.images import KeptFrames, with_kept_frames


def test_what_belongs_to_frames_is_joined_as_the_energies_are() -> None:
    first, second = two()
    first = first.with_data(first.data, metadata={"measured_drift": np.zeros((6, 2)), "dose": np.arange(6.0)})
    second = second.with_data(second.data, metadata={"measured_drift": np.ones((7, 2)), "slit": 0.1 * np.arange(7)})
    joined = nx.stitch([first, second])
    assert joined.metadata["measured_drift"][:, 0].tolist() == [0.0] * 6 + [1.0] * 5
    assert not {"dose", "slit"} & set(joined.metadata)
    told = " ".join(joined.metadata["warnings"])
    assert "dose has one entry per frame, but none for B, and is left out" in told
    assert "slit has one entry per frame, but none for A" in told
    halves = [SAMPLE.stack("A", frames=slice(0, 5), seed=1), SAMPLE.stack("B", frames=slice(5, 10), seed=2)]
    halves = [stack.with_data(stack.data, metadata={"dose": np.ones(5)}) for stack in halves]
    assert nx.stitch(halves).metadata["dose"].tolist() == [1.0] * 10


@pytest.mark.parametrize("kind", ["segments", "tiles"])
def test_interpolated_frames_of_one_stack_stay_known(kind: Literal["segments", "tiles"]) -> None:
    first, second = two() if kind == "segments" else (SAMPLE.stack("A", seed=1), SAMPLE.stack("B", (0.0, 40.0), seed=2))
    first = nx.ops.repair(first, frames=[1])
    joined = nx.stitch([second, first], kind=kind)
    assert np.flatnonzero(joined.metadata["interpolated_frames"]).tolist() == [1]
    assert joined.measured().energy.size == joined.energy.size - 1
    assert not any("interpolated_frames" in text for text in joined.metadata["warnings"])


def test_an_energy_that_one_segment_measured_is_not_interpolated() -> None:
    first, second = two()
    joined = nx.stitch([nx.ops.repair(first, frames=[4]), second])
    assert not joined.metadata["interpolated_frames"].any()


def test_frames_that_are_kept_take_no_more_memory_for_more_stacks() -> None:
    stack = SAMPLE.stack("A")
    lazy = stack.with_data(da.from_array(stack.data, chunks=(1, -1, -1)))
    read: list[int] = []
    kept = KeptFrames(lazy.data, 2 * stack.data[0].nbytes)
    for frame in (0, 1, 0, 2, 0, 1):
        np.testing.assert_array_equal(kept[frame], stack.data[frame])
        read.append(kept._read.cache_info().misses)
    assert read == [1, 2, 2, 3, 3, 4]
    few, many = with_kept_frames([lazy, stack]), with_kept_frames([lazy] * 1000)
    assert few[1] is stack
    assert many[0].data._read.cache_info().maxsize == few[0].data._read.cache_info().maxsize // 1000


def test_frames_of_lazy_stacks_are_read_once_for_all_seams() -> None:
    read: dict[tuple[str, int], int] = {}

    def lazy(stack: nx.SpectralStack) -> nx.SpectralStack:
        def frame(block_id: tuple[int, ...]) -> np.ndarray:
            read[stack.name, block_id[0]] = read.get((stack.name, block_id[0]), 0) + 1
            return stack.data[block_id[0]][None]

        chunks = ((1,) * stack.shape[0], (64,), (64,))
        return stack.with_data(da.map_blocks(frame, chunks=chunks, dtype=np.float32, meta=np.zeros((0, 0, 0), "f4")))

    frames = (slice(0, 5), slice(3, 8), slice(4, 11))
    nx.stitch([lazy(SAMPLE.stack("ABC"[k], frames=frames[k], seed=k)) for k in range(3)])
    assert set(read.values()) == {1}


def test_frames_that_tell_nothing_are_not_said_to_confirm() -> None:
    """Two frames before the edge, and two more: the sample changes too little to be told from a fixed pattern."""
    stacks = [SAMPLE.stack("A", frames=slice(0, 2), seed=1), SAMPLE.stack("B", frames=slice(2, 4), seed=2)]
    joined = nx.stitch(stacks)
    assert np.abs(joined.metadata["stitch"].sigma[1]).max() < 0.1
    assert any("too little for a pattern that stays" in text for text in joined.metadata["warnings"])
    single = nx.stitch([SAMPLE.stack("A", frames=slice(4, 5)), SAMPLE.stack("B", frames=slice(5, 6), seed=1)])
    assert "extrapolated" not in single.metadata["stitch"].report
    assert (
        "1 energy in common" in nx.stitch([*two()[:1], SAMPLE.stack("B", frames=slice(5, 8))]).metadata["stitch"].report
    )
