"""How much memory and which inputs align needs beside the stack."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from tests.drifting import drifting
from threadpoolctl import threadpool_info, threadpool_limits

import napari_xanes as nx


def shifts_of(stack: nx.SpectralStack) -> np.ndarray:
    return np.asarray(nx.ops.align(stack).metadata["align"].shifts)


def test_align_needs_at_most_twice_the_stack_beside_it() -> None:
    """What is allocated while shifts are found and frames are moved, the aligned stack included."""
    stack = drifting("inverts", seed=1, size=160, frames=30).stack
    nx.ops.align(stack.isel(slice(10, 20)))
    tracemalloc.start()
    nx.ops.align(stack)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 2 * stack.data.nbytes


def test_matrix_products_take_one_core_while_all_cores_have_their_blocks() -> None:
    """Threads of matrix products wait for each other where other work is done: four times the processor seconds."""
    stack = drifting("same", seed=5, size=48, frames=10).stack
    threads: dict[str, set[int]] = {}

    def look(_: float, text: str) -> None:
        threads.setdefault(text, set()).update(
            info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"
        )

    with threadpool_limits(2, user_api="blas"):
        nx.ops.align(stack, progress=look)
    assert threads["transforming frames"] == threads["moving frames"] == {1}


@pytest.mark.parametrize("kind", ["float64", "big-endian", "not contiguous", "read-only"])
def test_how_values_lie_in_memory_makes_no_difference(kind: str) -> None:
    sample = drifting("same", seed=5, size=48, frames=10)
    data = sample.stack.data
    if kind == "float64":
        data = data.astype(np.float64)
    if kind == "big-endian":
        data = data.astype(">f4")
    if kind == "not contiguous":
        data = np.ascontiguousarray(data.transpose(2, 1, 0)).transpose(2, 1, 0)
    if kind == "read-only":
        data = data.copy()
        data.flags.writeable = False
    aligned = nx.ops.align(sample.stack.with_data(data))
    expected = nx.ops.align(sample.stack)
    np.testing.assert_allclose(aligned.metadata["align"].shifts, expected.metadata["align"].shifts, rtol=0, atol=1e-5)
    np.testing.assert_allclose(aligned.data, expected.data, rtol=0, atol=1e-4)
    assert aligned.data.dtype == np.dtype(np.float32)


@pytest.mark.parametrize("shape", [(97, 41), (31, 96), (96, 29)])
def test_images_far_from_square_and_of_prime_sizes_are_aligned(shape: tuple[int, int]) -> None:
    sample = drifting("same", seed=3, size=97, frames=16, step=0.2)
    part = sample.stack.isel(box=(slice(0, shape[0]), slice(0, shape[1])))
    errors = sample.errors(shifts_of(part))
    # Errors grow as the area falls, and as the borders, where the window fades out, take more of it.
    assert np.sqrt((errors**2).mean()) < 3 * np.sqrt((sample.bound**2).mean() * 97 * 97 / np.prod(shape))


def test_borders_without_values_do_not_hold_frames() -> None:
    """As they are after an earlier move."""
    sample = drifting("same", seed=4, size=96, frames=16, step=0.3)
    whole = nx.ops.align(sample.stack).metadata["align"]
    data = sample.stack.data.copy()
    data[:, :3], data[:, :, -2:] = np.nan, np.nan
    aligned = nx.ops.align(sample.stack.with_data(data))
    assert not aligned.metadata["align"].outliers.any()
    difference = aligned.metadata["align"].shifts - whole.shifts
    assert np.sqrt((difference**2).mean()) < 2 * np.sqrt((whole.sigma**2).mean())
    assert np.isnan(aligned.data[:, 0]).all()
