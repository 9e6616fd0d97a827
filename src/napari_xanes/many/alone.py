"""One file, or a band of one, on a worker: it takes one thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from napari_xanes import limits

T = TypeVar("T")


def alone(work: Callable[..., T], *arguments: Any) -> T:
    """Run something on a worker, in one thread: its neighbours have the other cores.

    Blocks of a lazy stack are computed here too. Dask would send them to the cluster, which waits for this task.
    """
    import dask
    import scipy.linalg  # noqa: F401  its own linear algebra can be limited only after it is loaded
    from threadpoolctl import threadpool_limits

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for libraries that are loaded later; a nanny of dask has set it
    limits.limit(threads=1)
    with dask.config.set(scheduler="synchronous"), threadpool_limits(limits=1):
        return work(*arguments)
