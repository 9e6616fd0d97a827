"""How far a run over many files scales: recorded times, put on more workers than this machine has.

A file is read, computed and written by one worker. What does not shrink with workers: the scheduler hands out one task
after the other, all share one storage, and at the end one process sums up. No run is shorter than its longest file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.many.data import full_recipe, write_stacks

from napari_xanes import limits
from napari_xanes.many.clients import client_for
from napari_xanes.many.outcome import Outcome
from napari_xanes.many.single import run_single
from napari_xanes.many.summary import write_summary

WORKERS = (1, 2, 4, 16, 64, 128, 256)
BANDWIDTH = 500e6
"""Bytes per second of a storage that all workers share: an assumption, that of one fast network connection."""


class Costs(NamedTuple):
    """What was recorded here, in seconds of a processor.

    Attributes
    ----------
    files : list of float
        For each file: reading, computing, writing.
    task : float
        Client and scheduler for each task.
    summary : float
        Table, sheet and page, for each file.
    start : float
        A worker until it can begin.
    bytes : float
        What a file moves to and from the storage.
    """

    files: list[float]
    task: float
    summary: float
    start: float
    bytes: float


def simulate(costs: Costs, files: int, workers: int, bandwidth: float = BANDWIDTH) -> float:
    """Return how long a run takes, in seconds: files go to the worker that is free first, in the order of the list.

    Parameters
    ----------
    costs : Costs
        What was recorded; its files are repeated until there are enough.
    files : int
        Number of files.
    workers : int
        Number of workers, each a processor of its own.
    bandwidth : float
        Bytes per second of the storage, which serves one after the other.
    """
    free = [costs.start] * workers
    heapify(free)
    storage = last = 0.0
    for k in range(files):
        begin = max(heappop(free), (k + 1) * costs.task, storage)
        storage = begin + costs.bytes / bandwidth
        end = begin + costs.bytes / bandwidth + costs.files[k % len(costs.files)]
        last = max(last, end)
        heappush(free, end)
    return last + files * costs.summary


def record(count: int, size: int, frames: int) -> Costs:
    """Measure the costs with a few files."""
    limits.limit(threads=1)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "maps"
        paths = write_stacks(Path(folder) / "scans", count + 1, size, frames)
        seconds, outcomes = [], []
        for path in paths:
            before = time.process_time()
            outcomes.append(run_single(full_recipe(), path, out / path.stem, reading={}))
            seconds.append(time.process_time() - before)
        moved = [*paths, *(path for path in out.rglob("*") if path.is_file())]
        size_of_all = sum(path.stat().st_size for path in moved) / len(paths)
        write_summary(outcomes[:1], out)
        before = time.process_time()
        write_summary(outcomes, out)
        summary = (time.process_time() - before) / len(outcomes)
    start = seconds[0] - min(seconds[1:])  # the first file loads the libraries
    return Costs(seconds[1:], _seconds_of_task(), summary, max(0.0, start), size_of_all)


def _seconds_of_task(tasks: int = 200) -> float:
    with client_for("processes", 1) as client:
        assert client is not None
        recipe = full_recipe()
        client.submit(_nothing, recipe, 0, pure=False).result()
        before = time.process_time()
        client.gather([client.submit(_nothing, recipe, k, pure=False) for k in range(tasks)])
        return (time.process_time() - before) / tasks


def _nothing(_recipe: object, k: int) -> Outcome:
    return Outcome(f"{k}", f"{k}", "done")


def stops(costs: Costs, files: int, workers: Sequence[int] = tuple(range(1, 1025))) -> int:
    """Return the largest number of workers of which more than half of each is used."""
    single = simulate(costs, files, 1)
    return max(number for number in workers if single / simulate(costs, files, number) > number / 2)


def report(files: int, count: int = 3, size: int = 256, frames: int = 60) -> None:
    """Print what was recorded and what follows."""
    costs = record(count, size, frames)
    print(f"recorded with {count} stacks of {frames} x {size} x {size}, in seconds of a processor:")
    print(f"  a file {', '.join(f'{one:.1f}' for one in costs.files)}; a worker's start {costs.start:.1f}")
    print(f"  a task {1000 * costs.task:.1f} ms, its part of the summary {1000 * costs.summary:.0f} ms")
    print(f"  {costs.bytes / 1e6:.0f} MB to and from the storage, for which {BANDWIDTH / 1e6:.0f} MB/s are assumed")
    for number in (files, 10 * files):
        single = simulate(costs, number, 1)
        print(f"{number} files   workers  seconds  times as fast")
        for workers in WORKERS:
            seconds = simulate(costs, number, workers)
            print(f"{'':12} {workers:7d} {seconds:8.0f} {single / seconds:8.1f}")
        print(f"  more than half of each worker is used up to {stops(costs, number)} workers")
