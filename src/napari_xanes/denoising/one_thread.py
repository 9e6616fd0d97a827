"""Compute with one thread of torch, so that sums do not depend on the number of cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from napari_xanes.blocks import single_threaded_blas

_LOCK = Lock()
_before: list[int] = []
"""Number of threads before each computation that is under way; the first is that of the user."""


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Give torch one thread, and its threads back when the last of overlapping computations ends.

    Training amplifies the rounding of a sum, and the order of a sum follows the number of threads.
    """
    import torch

    with _LOCK:
        _before.append(_before[0] if _before else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            torch.set_num_threads(_before.pop())


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Give torch and linear algebra one thread each; our own threads share bands and tiles.

    Threads of these libraries wait for one another: beside a core that another program keeps busy, the work takes
    several times as long as with one thread, and all cores are kept busy meanwhile.
    """
    with single_threaded_blas(), one_torch_thread():
        yield
