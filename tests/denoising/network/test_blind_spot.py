"""The blind-spot network and its threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from napari_xanes.denoising.network.blind_spot import clean_blind_spot  # noqa: E402
from napari_xanes.denoising.one_thread import one_torch_thread  # noqa: E402


def test_one_thread_and_two_give_the_same() -> None:
    images = np.random.default_rng(0).normal(0, 2, (3, 64, 64)).astype(np.float32)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(clean_blind_spot(images, steps=15, seed=0))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*results)


def test_overlapping_computations_give_the_threads_back() -> None:
    before, both_inside = torch.get_num_threads(), Barrier(2, timeout=20)
    torch.set_num_threads(2)

    def compute(number: int) -> int:
        with one_torch_thread():
            both_inside.wait()
            inside = torch.get_num_threads()
        both_inside.wait()
        return int(inside)

    try:
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(compute, range(2))) == [1, 1]
            assert list(pool.map(lambda _: torch.get_num_threads(), range(2))) == [2, 2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
