"""Limits on threads and memory have effect, and results do not depend on them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_xanes import blocks, limits
from napari_xanes.computing import frames_of


@pytest.fixture(autouse=True)
def _no_limit_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("napari_xanes.limits.cores", lambda: 4)
    yield
    limits.limit()


def threads_at_work() -> int:
    """Return how many threads work on twelve items that wait for each other, as far as they can."""
    names, lock, full = set(), threading.Lock(), threading.Barrier(limits.threads())

    def work(item: int) -> float:
        with lock:
            names.add(threading.get_ident())
        full.wait(timeout=10)
        return item / 12

    blocks.on_threads(work, range(12))
    return len(names)


def test_all_cores_work_unless_there_is_a_limit() -> None:
    assert threads_at_work() == 4
    limits.limit(threads=2)
    assert threads_at_work() == 2
    limits.limit(threads=99)
    assert limits.threads() == 4
    limits.limit()
    assert threads_at_work() == 4


def test_linear_algebra_dask_and_torch_get_the_same_number() -> None:
    import dask
    import torch
    from threadpoolctl import threadpool_info

    def linear_algebra() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = linear_algebra(), torch.get_num_threads()
    limits.limit(threads=3)
    assert set(linear_algebra()) == {3}
    assert dask.config.get("num_workers") == torch.get_num_threads() == 3
    limits.limit(threads=2)
    assert set(linear_algebra()) == {2}
    limits.limit()
    assert (linear_algebra(), torch.get_num_threads()) == before
    assert dask.config.get("num_workers") is None


@pytest.mark.parametrize(("memory", "largest"), [(None, 16), (1 << 40, 16), (4 * 3 * 8 * 5 * 4, 3), (1, 1)])
def test_a_memory_limit_makes_what_is_read_at_once_smaller(memory: int | None, largest: int) -> None:
    read: list[int] = []

    limits.limit(memory=memory)
    data = da.ones((8, 16, 5), chunks=(8, 1, 5), dtype=np.float32)
    total = np.zeros(16 * 5)

    def kernel(values: Any, pixels: slice) -> None:
        read.append(values.shape[1] // 5)
        total[pixels] = values.sum(axis=0)

    blocks.over_pixels(kernel, data)
    assert max(read) == largest
    np.testing.assert_array_equal(total, 8)
    np.testing.assert_array_equal(np.array(list(frames_of(data))), 1)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"memory": -1}])
def test_a_limit_below_one_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is no limit"):
        limits.limit(**wrong)


def test_cores_are_those_that_are_left_to_the_process() -> None:
    """As in a job of a batch system, which is bound to some cores of its node."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("only Linux binds a process to cores")
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from napari_xanes import limits; "
    done = subprocess.run([sys.executable, "-c", f"{code}print(limits.threads())"], capture_output=True, text=True)
    assert done.stdout.strip() == "1"
