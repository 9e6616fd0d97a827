"""Kills, a restarted scheduler, full disks and cut files: what every result is after the next run."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.many.data import digests, quick_recipe, write_stacks

from napari_xanes.many.clients import client_for
from napari_xanes.many.running import run_many

_TIMEOUT = 300
"""s; a run that takes longer hangs."""


class Bench(NamedTuple):
    """What is run, and what its results must be.

    Attributes
    ----------
    folder : Path
        Where everything lies.
    paths : list of Path
        The stacks.
    expected : dict of str to str
        Hashes of the results of an undisturbed run.
    seconds : float
        How long that took for a file.
    """

    folder: Path
    paths: list[Path]
    expected: dict[str, str]
    seconds: float

    def again(self, out: Path) -> str:
        """Run what is missing; return what is wrong afterwards."""
        outcomes = run_many(quick_recipe(), self.paths, out)
        wrong = [f"{Path(one.path).name}: {one.error}" for one in outcomes if one.state == "failed"]
        found = digests(out, self.paths)
        wrong += [f"{name} differs" for name in self.expected if found[name] != self.expected[name]]
        return "; ".join([*wrong, *(f"{path.name} is left" for path in out.iterdir() if path.name.startswith("."))])

    def torn(self, out: Path) -> str:
        """Return which results are there and not whole, before anything is run again."""
        found = digests(out, self.paths) if out.exists() else {}
        return "; ".join(f"{name} is torn" for name, value in found.items() if value not in ("", self.expected[name]))


def report(kills: int) -> None:
    """Print for each fault how many trials there were, and how many ended badly; the bar is 0."""
    rng = random.Random(0)
    with TemporaryDirectory() as folder:
        bench = _bench(Path(folder))
        print(f"{len(bench.paths)} files of {bench.seconds:.1f} s; a trial is bad if a result is torn or differs")
        for name, count, trial in (
            ("a worker killed", kills, _kill_workers),
            ("all of it killed", max(1, kills // 2), _kill_runs),
            ("scheduler restarted", max(1, kills // 10), _restart_schedulers),
            ("files cut short", max(1, kills // 4), _cut_files),
            ("disk full", max(1, kills // 4), _fill_disk),
        ):
            wrong, told = trial(bench, count, rng)
            print(f"{name:20} {count:3d} trials, {len(wrong)} bad{told}", flush=True)
            for text in wrong[:3]:
                print(f"    {text}")


def _bench(folder: Path) -> Bench:
    paths = write_stacks(folder / "scans", 4, 24, 8)
    start = time.perf_counter()
    run_many(quick_recipe(), paths, folder / "undisturbed")
    seconds = (time.perf_counter() - start) / len(paths)
    return Bench(folder, paths, digests(folder / "undisturbed", paths), seconds)


def _kill_workers(bench: Bench, count: int, rng: random.Random) -> tuple[list[str], str]:
    """Kill one of two workers at a random moment; the other one, or the next one, does its file."""
    wrong, killed = [], 0
    with client_for("processes", 2) as client:
        assert client is not None
        for k in range(count):
            out = bench.folder / f"worker {k}"
            victim = rng.choice(list(client.run(os.getpid).values()))
            timer = threading.Timer(rng.uniform(0.0, bench.seconds * 2), _end, (victim,))
            timer.start()
            outcomes = run_many(quick_recipe(), bench.paths, out, client=client)
            timer.cancel()
            killed += not _lives(victim)
            bad = [f"{one.path}: {one.error}" for one in outcomes if one.state == "failed"]
            wrong += [text for text in ("; ".join(bad), bench.torn(out), bench.again(out)) if text]
            client.wait_for_workers(2, timeout=_TIMEOUT)
            shutil.rmtree(out)
    return wrong, f", in {killed} the worker was at work"


def _end(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def _command(bench: Bench, out: Path, *options: str) -> subprocess.Popen[bytes]:
    recipe = bench.folder / "recipe.yaml"
    quick_recipe().save(recipe)
    words = ["run", str(recipe), *map(str, bench.paths), "-o", str(out), *options]
    return _python("from napari_xanes.cli import main; main()", *words)


def _python(code: str, *words: str) -> subprocess.Popen[bytes]:
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-c", code, *words], start_new_session=True, **quiet)


def _kill_runs(bench: Bench, count: int, rng: random.Random) -> tuple[list[str], str]:
    """Kill the command at a random moment after the first result, or its draft, is there."""
    wrong, finished = [], 0
    for k in range(count):
        out = bench.folder / f"run {k}"
        run = _command(bench, out)
        _until(lambda out=out: out.exists() and any(out.iterdir()), run)
        time.sleep(rng.uniform(0, bench.seconds * 2))
        finished += run.poll() is not None
        _end(run.pid)
        run.wait()
        wrong += [text for text in (bench.torn(out), bench.again(out)) if text]
    return wrong, f", {finished} had ended before"


def _until(condition: Callable[[], bool], run: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _TIMEOUT
    while not condition() and run.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


def _restart_schedulers(bench: Bench, count: int, rng: random.Random) -> tuple[list[str], str]:
    """Kill the scheduler at a random moment and start another one there; the command must end and tell so."""
    wrong, codes = [], []
    for k in range(count):
        out = bench.folder / f"scheduler {k}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        address = f"tcp://127.0.0.1:{port}"
        cluster = [_scheduler(port), _worker(address)]
        run = _command(bench, out, "--scheduler", address)
        _until(lambda out=out: out.exists() and any(out.iterdir()), run)
        time.sleep(rng.uniform(0, bench.seconds * 2))
        for process in cluster:
            os.killpg(process.pid, signal.SIGKILL)
        cluster = [_scheduler(port), _worker(address)]
        try:
            codes.append(run.wait(_TIMEOUT))
        except subprocess.TimeoutExpired:
            wrong.append("the command hangs")
            run.kill()
        for process in cluster:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        wrong += [text for text in (bench.torn(out), bench.again(out)) if text]
    return wrong, f", exit codes {codes}"


def _scheduler(port: str) -> subprocess.Popen[bytes]:
    code = "from distributed.cli.dask_scheduler import main; main()"
    return _python(code, "--host", "127.0.0.1", "--port", port, "--no-dashboard")


def _worker(address: str) -> subprocess.Popen[bytes]:
    code = "from distributed.cli.dask_worker import main; main()"
    return _python(code, address, "--nthreads", "1", "--no-nanny", "--no-dashboard")


def _cut_files(bench: Bench, count: int, rng: random.Random) -> tuple[list[str], str]:
    """Cut a stack somewhere: it must fail or, if nothing that is read was lost, give the same; then restore it."""
    wrong, refused = [], 0
    for k in range(count):
        out, victim = bench.folder / f"cut {k}", rng.choice(bench.paths)
        whole = victim.read_bytes()
        victim.write_bytes(whole[: rng.randrange(len(whole))])
        try:
            refused += any(one.state == "failed" for one in run_many(quick_recipe(), bench.paths, out))
        finally:
            victim.write_bytes(whole)
        wrong += [text for text in (bench.torn(out), bench.again(out)) if text]
    return wrong, f", {refused} files were refused"


def _fill_disk(bench: Bench, count: int, rng: random.Random) -> tuple[list[str], str]:
    """Let files grow to a random limit only, which stands for a full disk; then run again without it."""
    size = max(path.stat().st_size for path in (bench.folder / "undisturbed").rglob("*") if path.is_file())
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    wrong, failed = [], 0
    for k in range(count):
        out = bench.folder / f"full {k}"
        resource.setrlimit(resource.RLIMIT_FSIZE, (rng.randrange(1000, size), before[1]))
        try:
            with suppress(OSError):  # the table or the page found no place
                run_many(quick_recipe(), bench.paths, out, told=lambda one: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        failed += not all((out / path.stem).exists() for path in bench.paths)
        wrong += [text for text in (bench.torn(out), bench.again(out)) if text]
    signal.signal(signal.SIGXFSZ, handler)
    return wrong, f", in {failed} a result was missing before it was run again"
