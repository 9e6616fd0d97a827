"""A folder of hundreds of stacks: memory of the client, a second run, and kills in between."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import psutil
from benchmarks.many.data import digests, full_recipe, write_stacks
from benchmarks.memory import peak_until_end


class Ran(NamedTuple):
    """What a run of the command was.

    Attributes
    ----------
    code : int
        Its exit code; negative if it was killed.
    seconds : float
        By the clock.
    peak : int
        The most memory that the client held, in bytes.
    """

    code: int
    seconds: float
    peak: int


def report(count: int, size: int, frames: int, workers: int, kills: int) -> None:
    """Print what a run took, what a second one did, and how many results differ after kills; bars are in brackets.

    The client is the process of the command: the scheduler, the table, the sheet and the page are made in it.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_stacks(folder / "scans", count, size, frames, np.uint16)
        full_recipe().save(folder / "recipe.yaml")
        print(f"{count} stacks of {frames} x {size} x {size}, {workers} workers, load {os.getloadavg()[0]:.1f}")
        first = _run(folder, "maps", workers)
        expected = digests(folder / "maps", paths)
        missing = sum(not value for value in expected.values())
        print(f"first run: exit code {first.code}, {first.seconds:.0f} s, client {first.peak / 1e6:.0f} MB (bar 400)")
        print(f"  {missing} results missing, {_left(folder / 'maps')} drafts left (0, 0)")
        before = _times(folder / "maps", paths)
        second, after = _run(folder, "maps", workers), _times(folder / "maps", paths)
        changed = sum(after.get(path) != moment for path, moment in before.items())
        print(
            f"second run: exit code {second.code}, {second.seconds:.0f} s, {changed} files written anew (0)", flush=True
        )
        if kills:
            _report_kills(folder, paths, expected, workers, kills, first.seconds / (kills + 1))


def _report_kills(
    folder: Path, paths: list[Path], expected: dict[str, str], workers: int, kills: int, seconds: float
) -> None:
    rng, out, torn = random.Random(0), folder / "killed", []
    ended = []
    for k in range(kills):
        ended.append(_run(folder, out.name, workers, _killer(rng, seconds, k)))
        torn.append(_differing(out, paths, expected, missing_too=False))
        done = len(list(out.glob("*/run.json")))
        print(
            f"  exit code {ended[-1].code} after {ended[-1].seconds:.0f} s, {done} results, {torn[-1]} torn", flush=True
        )
    ended.append(_run(folder, out.name, workers))
    wrong = _differing(out, paths, expected, missing_too=True)
    peak = max(one.peak for one in ended)
    print(
        f"the same command again: exit code {ended[-1].code}; {wrong} differ, {_left(out)} drafts left (0, 0);", end=" "
    )
    print(f"client {peak / 1e6:.0f} MB")


def _run(folder: Path, out: str, workers: int, disturb: Callable[[int], None] = lambda number: None) -> Ran:
    """Run the command to its end, or until `disturb`, which is called again and again with its number, kills it."""
    command = [sys.executable, "-m", "napari_xanes.cli", "run", "recipe.yaml", *_stacks(folder), "-o", out]
    command += ["--scheduler", "processes", "--workers", str(workers)]
    start = time.perf_counter()
    with (folder / f"{out}.txt").open("ab") as told:
        process = subprocess.Popen(command, cwd=folder, stdout=told, stderr=told)
        peak = peak_until_end(process, lambda: disturb(process.pid))
    return Ran(process.returncode, time.perf_counter() - start, peak)


def _stacks(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / "scans").iterdir())


def _killer(rng: random.Random, longest: float, number: int) -> Callable[[int], None]:
    """Return what kills a worker at a random moment, or, each second time, a worker and later the whole command."""
    start = time.monotonic()
    moments = [(start + rng.uniform(0.2, 1.0) * longest, _kill_worker)]
    moments.append((start + longest * rng.uniform(1.0, 1.2), _kill))
    moments = moments[number % 2 :]

    def disturb(command: int) -> None:
        while moments and time.monotonic() > moments[0][0]:
            moments.pop(0)[1](command, rng)

    return disturb


def _kill(command: int, _rng: random.Random) -> None:
    os.kill(command, signal.SIGKILL)


def _kill_worker(command: int, rng: random.Random) -> None:
    started = psutil.Process(command).children(recursive=True)
    workers = [one for one in started if "spawn_main" in " ".join(one.cmdline())]
    rng.choice(workers).kill()


def _times(out: Path, paths: list[Path]) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for path in paths for file in (out / path.stem).glob("*")}


def _left(out: Path) -> int:
    return sum(path.name.startswith(".") for path in out.rglob("*"))


def _differing(out: Path, paths: list[Path], expected: dict[str, str], *, missing_too: bool) -> int:
    found = digests(out, paths)
    return sum(value != expected[name] for name, value in found.items() if value or missing_too)
