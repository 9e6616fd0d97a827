"""How many threads computations take, and how much memory. By default all cores of the process.

The window sets what its user prefers. The limits belong to the process. Results do not depend on them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

_SHARE = 4
"""The memory limit is this many times what is read of a lazy stack at once: blocks, their copies and results."""


@dataclass
class _Limits:
    threads: int | None = None
    memory: int | None = None
    linear_algebra: Any = None
    torch_before: int | None = None


_LIMITS = _Limits()


@cache
def cores() -> int:
    """Return how many cores this process may use: those that a batch system or a container leaves to it."""
    from dask.system import cpu_count

    return int(cpu_count())


def threads() -> int:
    """Return how many threads computations may take: all cores of the process, unless there is a limit."""
    return cores() if _LIMITS.threads is None else min(cores(), _LIMITS.threads)


def bytes_at_once(usual: int) -> int:
    """Return how many bytes of a lazy stack may be read at once: `usual`, or a quarter of the memory if that is less.

    Examples
    --------
    >>> bytes_at_once(1000)
    1000
    """
    return usual if _LIMITS.memory is None else max(1, min(usual, _LIMITS.memory // _SHARE))


def release_memory() -> None:
    """Give memory that is no longer used back to the system.

    The C library of Linux (glibc) keeps freed pieces below 32 MB for later: after many images of this size, it keeps as
    much as a stack. Other systems need no help, and there nothing is done.
    """
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def _c_library() -> Any:
    import ctypes

    return ctypes.CDLL(None) if sys.platform == "linux" else None


def limit(*, threads: int | None = None, memory: int | None = None) -> None:
    """Limit all computations that begin from now on; None takes a limit away.

    Parameters
    ----------
    threads : int, optional
        Number of threads of our own, of dask, of linear algebra and of torch.
    memory : int, optional
        Bytes that a stack may take in memory; see `bytes_at_once`.

    Raises
    ------
    ValueError
        If a limit is below 1.
    """
    for name, value in (("threads", threads), ("memory", memory)):
        if value is not None and value < 1:
            raise ValueError(f"{name}={value} is no limit; give 1 or more, or None for no limit")
    changed = threads != _LIMITS.threads
    _LIMITS.threads, _LIMITS.memory = threads, memory
    if changed:
        _limit_libraries()


def _limit_libraries() -> None:
    from threadpoolctl import threadpool_limits

    if _LIMITS.linear_algebra is not None:
        _LIMITS.linear_algebra.restore_original_limits()
    _LIMITS.linear_algebra = None if _LIMITS.threads is None else threadpool_limits(limits=threads(), user_api="blas")
    if "dask" in sys.modules:
        import dask

        dask.config.set(num_workers=_LIMITS.threads and threads())
    if "torch" in sys.modules:
        limit_torch()


def limit_torch() -> None:
    """Give torch, which is loaded when it is first needed, as many threads as the limit allows."""
    import torch

    before = _LIMITS.torch_before or torch.get_num_threads()
    _LIMITS.torch_before = None if _LIMITS.threads is None else before
    torch.set_num_threads(before if _LIMITS.threads is None else threads())
