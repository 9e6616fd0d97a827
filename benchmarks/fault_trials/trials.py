"""One trial each: a process that writes and is ended or fails, and what is found afterwards."""

from __future__ import annotations

import errno
import logging
import os
import random
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.fault_trials.injection import FaultySystem, faults
from benchmarks.fault_trials.writers import Writer, leftovers, version_in, write

from napari_xanes.saving.replacing import write_whole

_FAILED = 17
"""Exit status of a process whose write told an error."""

CHANGED = "changed since it was opened"
"""Told by readers of folders, whose files are not all opened at one time, if another writer replaces them."""


@dataclass
class Counts:
    """What the trials of one writer and one fault found.

    Parameters
    ----------
    trials : int
        How many there were.
    lost, torn, silent, left : int
        Trials after which no file was there; a file held parts of two versions, or was damaged; a write returned but
        the file was the old one, or a damaged file was read as whole; something was left over after the next start.
    notes : list of str
        What was found, for people.
    """

    trials: int = 0
    lost: int = 0
    torn: int = 0
    silent: int = 0
    left: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def bad(self) -> int:
        """The number that must be 0."""
        return self.lost + self.torn + self.silent + self.left


def in_process(function: Callable[[], Any], *, then: Callable[[int], Any] | None = None) -> int:
    """Run a function in a process of its own; return its status as `os.waitpid` does.

    Parameters
    ----------
    function : callable
        Its OSError ends the process with a status of its own.
    then : callable, optional
        Called at once with the number of the process.
    """
    child = os.fork()
    if child == 0:
        status = 0
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            function()
        except (OSError, KeyboardInterrupt):
            status = _FAILED
        except BaseException:
            traceback.print_exc()
            status = 1
        finally:
            os._exit(status)
    if then is not None:
        then(child)
    return os.waitpid(child, 0)[1]


def found(writer: Writer, folder: Path, shape: tuple[int, ...]) -> int | str:
    """Return the version in a file, read in a process of its own, or what is wrong with it."""
    if not (folder / writer.name).exists():
        return "lost"
    report = folder.with_name(f"{folder.name} report")

    def read() -> None:
        logging.disable()
        try:
            report.write_text(str(version_in(writer, folder, shape)))
        except Exception as error:
            kind = "wrong" if isinstance(error, AssertionError) else "refused"
            report.write_text(f"{kind}: {error}"[:300])

    status = in_process(read)
    text = report.read_text() if status == 0 else f"crash: reading ended with {status}"
    return int(text) if text.isdecimal() else text


def note(counts: Counts, what: int | str, *, returned: bool, new: int, old: int) -> None:
    """Count what was found after a write that returned, or did not."""
    if isinstance(what, str) and CHANGED in what:
        return
    if what == "lost":
        counts.lost += 1
    elif isinstance(what, str):
        counts.torn += 1
    elif returned and what != new:
        counts.silent += 1
    elif what in (old, new):
        return
    else:
        counts.torn += 1
    counts.notes.append(f"{what} (old {old}, new {new}, {'returned' if returned else 'told or ended'})")


def next_start(folder: Path, counts: Counts) -> None:
    """Write another file into the folder, and count what is still left over."""
    in_process(lambda: write_whole(folder / "another", b""))
    if names := leftovers(folder):
        counts.left += 1
        counts.notes.append(f"left over: {', '.join(names)[:200]}")


def end_at_random(
    writer: Writer, number: signal.Signals, n_trials: int, shape: tuple[int, ...], rng: random.Random
) -> Counts:
    """Send a signal to the process at a random moment of the write."""
    counts = Counts()
    with TemporaryDirectory() as name:
        folder = Path(name, "trial")
        folder.mkdir()
        in_process(lambda: write(writer, folder, 1, shape))
        start = time.perf_counter()
        in_process(lambda: write(writer, folder, 2, shape))
        duration = time.perf_counter() - start
        old = 2
        for _ in range(n_trials):
            new = 3 - old

            def send(child: int) -> None:
                time.sleep(rng.uniform(0, 1.05 * duration))
                with suppress(ProcessLookupError):
                    os.kill(child, number)

            status = in_process(lambda new=new: write(writer, folder, new, shape), then=send)
            what = found(writer, folder, shape)
            note(counts, what, returned=status == 0, new=new, old=old)
            counts.trials += 1
            if number != signal.SIGKILL and (names := leftovers(folder)) and os.WIFSIGNALED(status):
                counts.left += 1
                counts.notes.append(f"{number.name} left {', '.join(names)[:200]}")
            if not isinstance(what, int):
                in_process(lambda: write(writer, folder, 1, shape))
                what = 1
            old = what
        next_start(folder, counts)
    return counts


def errors_of_calls(writer: Writer, n_trials: int, shape: tuple[int, ...]) -> Counts:
    """Let one call of the system fail, each in turn or a sample of them, with a full disk or a broken one."""
    counts = Counts()
    with TemporaryDirectory() as name:
        folder = Path(name, "trial")
        folder.mkdir()
        report = Path(name, "calls")

        def count() -> None:
            write(writer, folder, 2, shape)
            with faults(FaultySystem()) as system:
                write(writer, folder, 1, shape)
            report.write_text(str(system.count))

        in_process(count)
        old, n_calls = 1, int(report.read_text())
        for fail_at in range(1, n_calls + 1, max(1, n_calls // n_trials)):
            new = 3 - old

            def fail(fail_at: int = fail_at, new: int = new) -> None:
                with faults(FaultySystem(fail_at, (errno.EIO, errno.ENOSPC)[fail_at % 2])):
                    write(writer, folder, new, shape)

            status = in_process(fail)
            what = found(writer, folder, shape)
            note(counts, what, returned=status == 0, new=new, old=old)
            _note_crash(counts, status, f"call {fail_at}")
            counts.trials += 1
            if leftovers(folder):
                counts.left += 1
                counts.notes.append(f"call {fail_at} left {leftovers(folder)}")
            old = what if isinstance(what, int) else old
    return counts


def _note_crash(counts: Counts, status: int, where: str) -> None:
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status) not in (0, _FAILED):
        counts.silent += 1
        counts.notes.append(f"{where}: the process ended with status {status}")


def full_disk(writer: Writer, n_trials: int, shape: tuple[int, ...]) -> Counts:
    """Let files grow to a limit only, from nothing to the size of the whole file."""
    counts = Counts()
    with TemporaryDirectory() as name:
        folder = Path(name, "trial")
        folder.mkdir()
        in_process(lambda: write(writer, folder, 1, shape))
        size = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for trial in range(n_trials):
            limit = trial * size // n_trials

            def fill(limit: int = limit) -> None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                write(writer, folder, 2, shape)

            status = in_process(fill)
            what = found(writer, folder, shape)
            note(counts, what, returned=status == 0, new=2, old=1)
            _note_crash(counts, status, f"limit {limit}")
            counts.trials += 1
            if leftovers(folder):
                counts.left += 1
                counts.notes.append(f"limit {limit} left {leftovers(folder)}")
            if what != 1:
                in_process(lambda: write(writer, folder, 1, shape))
    return counts


def race(writer: Writer, seconds: float, shape: tuple[int, ...]) -> Counts:
    """Let two processes write one file again and again while a third one reads it."""
    counts = Counts()
    with TemporaryDirectory() as name:
        folder = Path(name, "trial")
        folder.mkdir()
        in_process(lambda: write(writer, folder, 1, shape))
        with _endless(lambda: write(writer, folder, 1, shape)), _endless(lambda: write(writer, folder, 2, shape)):
            end = time.monotonic() + seconds
            while time.monotonic() < end or counts.trials == 0:
                note(counts, found(writer, folder, shape), returned=False, new=2, old=1)
                counts.trials += 1
        note(counts, found(writer, folder, shape), returned=False, new=2, old=1)
        next_start(folder, counts)
    return counts


@contextmanager
def _endless(function: Callable[[], Any]) -> Iterator[None]:
    def again() -> None:
        while True:
            function()

    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            again()
        os._exit(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)  # of a process that has ended by itself, too: it was not waited for
        os.waitpid(child, 0)


def cut(writer: Writer, n_trials: int, shape: tuple[int, ...], rng: random.Random) -> Counts:
    """Cut a file at many places: it is refused, or the user is told (warnings are errors here)."""
    counts = Counts()
    with TemporaryDirectory() as name:
        folder = Path(name, "trial")
        folder.mkdir()
        in_process(lambda: write(writer, folder, 1, shape))
        path = folder / writer.name
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for trial in range(n_trials):
            victim = files[trial % len(files)]
            content = victim.read_bytes()
            size = trial * len(content) // n_trials if len(files) == 1 else rng.randrange(len(content))
            victim.write_bytes(content[:size])
            what = found(writer, folder, shape)
            victim.write_bytes(content)
            counts.trials += 1
            if isinstance(what, int) or not what.startswith(("refused", "lost")):
                counts.silent += 1
                counts.notes.append(f"{victim.name} cut at {size} of {len(content)}: {what}")
    return counts
