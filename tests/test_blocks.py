"""A computation in blocks gives the same result as one computation of the whole."""

from __future__ import annotations

import threading
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_xanes import blocks
from napari_xanes.progress import Cancelled


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "CACHE_BYTES", 4096)
    monkeypatch.setattr(blocks, "SLAB_BYTES", 40_000)


def double(block: np.ndarray, pixels: slice) -> np.ndarray:
    assert block.shape[1] == pixels.stop - pixels.start
    return 2 * block + np.arange(pixels.start, pixels.stop)


@pytest.mark.parametrize("shape", [(3, 40, 50), (5, 4, 30, 20), (2, 1, 1)])
@pytest.mark.parametrize("lazy", [False, True])
def test_every_pixel_is_seen_once(shape: tuple[int, ...], lazy: bool, rng: np.random.Generator) -> None:
    data = rng.random(shape, dtype=np.float32)
    n_pixels = int(np.prod(shape[1:]))
    source = da.from_array(data, chunks=(2, 7, *shape[2:])) if lazy else data
    seen = np.zeros(n_pixels, int)

    def count(block: Any, pixels: slice) -> None:
        seen[pixels] += 1
        np.testing.assert_array_equal(block, data.reshape(shape[0], -1)[:, pixels])

    blocks.over_pixels(count, source)
    np.testing.assert_array_equal(seen, 1)
    expected = (2 * data.reshape(shape[0], -1) + np.arange(n_pixels)).reshape(shape)
    result = blocks.transform(double, source)
    assert isinstance(result, np.ndarray) is not lazy
    assert result.dtype == np.float32
    np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-6)


def test_a_frame_is_read_once_for_every_slab(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    data = rng.random((4, 40, 50), dtype=np.float32)
    monkeypatch.setattr(blocks, "SLAB_BYTES", data.nbytes // 2)
    reads = []

    class Frames:
        shape, dtype, ndim = data.shape, data.dtype, data.ndim

        def __getitem__(self, index: Any) -> np.ndarray:
            part = data[index]
            if part.size:  # dask also requests an empty array, to learn the type
                reads.extend(range(4)[index[0]])
            return part

    blocks.over_pixels(lambda block, pixels: None, da.from_array(Frames(), chunks=(1, 40, 50), name=False))
    assert sorted(reads) == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("threads", [1, 3])
def test_progress_rises_to_one(threads: int, rng: np.random.Generator) -> None:
    seen: list[float] = []
    data = rng.random((3, 40, 50))
    blocks.over_pixels(
        lambda block, pixels: None,
        data,
        progress=lambda done, text: seen.append(done),
        message="looking",
        threads=threads,
    )
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_cancelling_skips_the_remaining_blocks(rng: np.random.Generator) -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def kernel(block: Any, pixels: slice) -> None:
        with lock:
            seen.append(pixels.start)
        threading.Event().wait(0.005)

    def cancel(done: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        blocks.over_pixels(kernel, rng.random((3, 100, 100)), progress=cancel, threads=2)
    assert len(seen) < 20


def test_an_error_in_a_block_is_raised(rng: np.random.Generator) -> None:
    def kernel(block: Any, pixels: slice) -> None:
        if pixels.start:
            raise ValueError("spoilt")

    with pytest.raises(ValueError, match="spoilt"):
        blocks.over_pixels(kernel, rng.random((3, 100, 100)))
