"""Where the files of a run over many are computed: here, in processes of this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_xanes.many.jobqueue import client_of, read_jobqueue

if TYPE_CHECKING:
    from distributed import Client

HERE, PROCESSES = "threads", "processes"


@contextmanager
def client_for(scheduler: str, workers: int | None = None, jobqueue: Path | None = None) -> Iterator[Client | None]:
    """Give the client of a scheduler, and close it afterwards; None for the threads of this process.

    Parameters
    ----------
    scheduler : str
        ``threads``, ``processes``, or the address of a dask scheduler, such as ``tcp://host:8786``.
    workers : int, optional
        Number of processes, all cores without it; of a batch system, the number of jobs.
    jobqueue : Path, optional
        Description of a batch system, which starts the workers; see `read_jobqueue`.

    Raises
    ------
    ImportError
        If dask.distributed or dask-jobqueue is not installed.
    OSError
        If no scheduler answers at the address.
    ValueError
        If the scheduler is none of these, or the number of processes is below 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"{workers} workers can do nothing; give 1 or more")
    if jobqueue is not None:
        if scheduler != HERE:
            raise ValueError(f"give either the scheduler {scheduler} or --jobqueue, which starts one of its own")
        with client_of(read_jobqueue(jobqueue, workers)) as client:
            yield client
        return
    if scheduler == HERE:
        yield None
        return
    if scheduler != PROCESSES and "://" not in scheduler:
        raise ValueError(
            f"there is no scheduler {scheduler!r}; give {HERE}, {PROCESSES}, or an address (tcp://host:port)"
        )
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ImportError("a scheduler needs dask.distributed: pip install 'napari-xanes[distributed]'") from None
    if scheduler == PROCESSES:
        options = {"processes": True, "threads_per_worker": 1, "dashboard_address": ":0"}
        with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster) as client:
            yield client
    else:
        with Client(scheduler, timeout="10s") as client:
            yield client
