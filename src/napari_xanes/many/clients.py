"""Where the files of a run over many are computed: here, in processes of this machine, or on a cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_xanes.limits import cores
from napari_xanes.many.jobqueue import client_of, read_jobqueue

if TYPE_CHECKING:
    from distributed import Client

HERE, PROCESSES = "threads", "processes"
_STARTING, _ENDING = 120, 10  # s


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
        If no scheduler answers at the address, or no worker starts.
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
        with (
            LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as cluster,
            Client(cluster) as client,
            _workers_of(cluster.scheduler_address, workers or cores()),
        ):
            client.wait_for_workers(1, timeout=_STARTING)
            yield client
    else:
        with Client(scheduler, timeout="10s") as client:
            yield client


@contextmanager
def _workers_of(address: str, count: int) -> Iterator[None]:
    """Start workers for a scheduler by dask's command, and end them afterwards.

    LocalCluster would start copies of this program: a script that opens a window would open one more for each worker.
    """
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nworkers", str(count)]
    command += ["--nthreads", "1", "--no-dashboard", "--death-timeout", str(_STARTING)]
    command += ["--preload-nanny", "napari_xanes.many.ending_worker"]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=silent, stderr=silent)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()
