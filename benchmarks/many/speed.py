"""How much faster two workers are than one, and how much memory the client takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.many.data import full_recipe, write_stacks
from benchmarks.memory import forget_peak, peak_of

from napari_xanes.many.clients import client_for
from napari_xanes.many.running import run_many

ROOT = Path(__file__).resolve().parents[2]


def measure(count: int, size: int, frames: int, workers: int) -> dict[str, Any]:
    """Run stacks on workers from a process of its own, and return what it used."""
    command = [sys.executable, "-m", "benchmarks.many", "one", *map(str, (count, size, frames, workers))]
    return json.loads(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    )


def one(count: int, size: int, frames: int, workers: int) -> None:
    """Run stacks on workers, and print seconds, processor seconds of each worker, and the largest memory (MB) here."""
    with TemporaryDirectory() as folder:
        paths = write_stacks(Path(folder) / "scans", count, size, frames)
        with client_for("processes", workers) as client:
            assert client is not None
            client.run(_load)  # each worker loads the libraries once, however many files come
            forget_peak()  # that of making the stacks
            before, start = client.run(_spent), time.perf_counter()
            own = time.process_time()
            outcomes = run_many(full_recipe(), paths, Path(folder) / "maps", client=client)
            seconds, own = time.perf_counter() - start, time.process_time() - own
            spent = [after - before[name] for name, after in client.run(_spent).items()]
        assert all(outcome.state == "done" for outcome in outcomes), outcomes
    peak = peak_of() / 1e6
    print(json.dumps({"seconds": seconds, "spent": spent, "client_seconds": own, "client_mb": peak}))


def _spent() -> float:
    return time.process_time()


def _load() -> int:
    import torch

    import napari_xanes.denoising.filters
    import napari_xanes.pictures  # noqa: F401

    return os.getpid() + torch.get_num_threads()


def report(count: int, size: int, frames: int) -> None:
    """Print both measurements and their ratio; the bars are 1.8 and 400 MB."""
    single, double = (measure(count, size, frames, workers) for workers in (1, 2))
    print(f"{count} stacks of {frames} x {size} x {size}, optical depth, align, normalize, denoise, fit")
    for workers, found in ((1, single), (2, double)):
        spent = " + ".join(f"{seconds:.1f}" for seconds in found["spent"])
        print(
            f"{workers} worker{'s' * (workers > 1)}: {found['seconds']:.1f} s, of processors {spent} s, "
            f"client {found['client_seconds']:.1f} s and {found['client_mb']:.0f} MB (bar: 400)"
        )
    print(
        f"ratio of times, on a machine with load {os.getloadavg()[0]:.1f}: {single['seconds'] / double['seconds']:.2f}"
    )
    ratio = sum(single["spent"]) / max(double["spent"])
    print(f"ratio of processor times, one worker to the busier of two: {ratio:.2f}")
