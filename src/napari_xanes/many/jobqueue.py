"""Workers that a batch system starts (Slurm, PBS, …), by dask-jobqueue, as a small YAML file describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_xanes.io.files import one_line, read_text
from napari_xanes.recipe_text import plain_from_yaml

if TYPE_CHECKING:
    from distributed import Client

CLUSTERS = {
    "slurm": ("dask_jobqueue", "SLURMCluster"),
    "pbs": ("dask_jobqueue", "PBSCluster"),
    "sge": ("dask_jobqueue", "SGECluster"),
    "lsf": ("dask_jobqueue", "LSFCluster"),
    "oar": ("dask_jobqueue", "OARCluster"),
    "moab": ("dask_jobqueue", "MoabCluster"),
    "htcondor": ("dask_jobqueue", "HTCondorCluster"),
    "local": ("dask_jobqueue.local", "LocalCluster"),
}
"""Batch systems, each with the class that speaks to it; `local` starts the jobs here, to try a file."""

_MOST_TEXT = 100_000


class JobQueue(NamedTuple):
    """How to ask a batch system for workers.

    Attributes
    ----------
    cluster : str
        A name in `CLUSTERS`.
    jobs : int
        How many jobs to ask for.
    options : mapping
        Keywords of the class in dask-jobqueue: ``cores``, ``memory``, ``queue``, ``walltime`` and the like. Each core
        is a worker of its own unless ``processes`` says otherwise.
    """

    cluster: str
    jobs: int
    options: Mapping[str, Any]


def read_jobqueue(path: Path, jobs: int | None = None) -> JobQueue:
    """Read the description of a batch system.

    Parameters
    ----------
    path : Path
        A YAML file with ``cluster``, ``jobs``, ``cores``, ``memory``, and whatever else the batch system takes.
    jobs : int, optional
        Number of jobs in the place of that in the file.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it does not name a batch system, jobs, cores and memory.
    """
    plain = plain_from_yaml(read_text(path, limit=_MOST_TEXT))
    if not isinstance(plain, dict) or plain.get("cluster") not in CLUSTERS:
        raise ValueError(f"{path} must begin with one of: {', '.join(f'cluster: {name}' for name in CLUSTERS)}")
    options = {str(name): value for name, value in plain.items() if name not in ("cluster", "jobs")}
    wanted = plain.get("jobs") if jobs is None else jobs
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        raise ValueError(f"{path} must say how many jobs to ask for, such as jobs: 20")
    for name, example in (("cores", 1), ("memory", "8GB")):
        if name not in options:
            raise ValueError(f"{path} must say the {name} of a job, such as {name}: {example}")
    return JobQueue(plain["cluster"], wanted, {"processes": options["cores"]} | options)


@contextmanager
def client_of(queue: JobQueue) -> Iterator[Client]:
    """Ask the batch system for workers, give their client, and take the jobs back afterwards.

    Work begins when the first job does; the others join as they start.

    Raises
    ------
    ImportError
        If dask-jobqueue is not installed.
    ValueError
        If the class of the batch system does not take these options.
    """
    module, name = CLUSTERS[queue.cluster]
    try:
        from distributed import Client

        make = getattr(import_module(module), name)
    except ImportError:
        raise ImportError("--jobqueue needs dask-jobqueue: pip install 'napari-xanes[jobqueue]'") from None
    options: dict[str, Any] = {"scheduler_options": {"dashboard_address": ":0"}, **queue.options}
    try:
        cluster = make(**options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{queue.cluster} does not take these options: {one_line(str(error))}") from None
    with cluster, Client(cluster) as client:
        cluster.scale(jobs=queue.jobs)
        yield client
