"""Is a file whole whatever happens while it is written, and is a damaged one never read in silence?

    python -m benchmarks.faults [--quick] [--writers stack.h5 ...] [--large] [--speed]
    python -m benchmarks.faults --speed --against 3cc0baf      # another commit's writers beside these

Each trial is a process that writes over an old file. Kills, SIGTERM and Ctrl-C come at random moments; then one call of
the system fails, files may grow only to a limit, two processes write while one reads, and files are cut. Counted are
trials after which a file is lost, torn (of two versions, or damaged), silent (a write returned without the new file,
crashed, or a cut file was read), or something is left over after the next start. The bar is 0 everywhere. POSIX only.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fault_trials.trials import Counts, cut, end_at_random, errors_of_calls, full_disk, race
from benchmarks.fault_trials.writers import LARGE, SMALL, WRITERS, Writer, version_in, write

ROOT = Path(__file__).resolve().parents[1]


def trials_of(writer: Writer, scale: float, shape: tuple[int, ...], rng: random.Random) -> dict[str, Counts]:
    """Try a writer with every fault; `scale` is 1 for the whole run."""

    def some(number: int) -> int:
        return max(2, round(number * scale))

    cuts = {"cut": cut(writer, some(150), shape, rng)} if writer.is_read else {}
    return {
        "kill": end_at_random(writer, signal.SIGKILL, some(100), shape, rng),
        "SIGTERM": end_at_random(writer, signal.SIGTERM, some(10), shape, rng),
        "Ctrl-C": end_at_random(writer, signal.SIGINT, some(10), shape, rng),
        "one error": errors_of_calls(writer, some(40), shape),
        "full disk": full_disk(writer, some(40), shape),
        "two writers": race(writer, 10 * scale, shape),
        **cuts,
    }


def print_counts(name: str, results: dict[str, Counts], *, verbose: bool) -> int:
    """Print a line per fault; return how many trials are bad."""
    for fault, counts in results.items():
        verdict = "" if counts.bad == 0 else "  <- must be 0"
        print(
            f"{name:14} {fault:12} {counts.trials:6d} {counts.lost:6d} {counts.torn:6d} {counts.silent:6d} "
            f"{counts.left:6d}{verdict}",
            flush=True,
        )
        for line in counts.notes if verbose else counts.notes[:2]:
            print(f"{'':27} {line}")
    return sum(counts.bad for counts in results.values())


SPEED = """
import sys, time
from pathlib import Path
import numpy as np
import napari_xanes as nx
shape = tuple(map(int, sys.argv[2].split(",")))
data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
stack = nx.SpectralStack(data, 8300.0 + np.arange(shape[0]), "counts")
for name in ("speed.h5", "speed.tif"):
    path = Path(sys.argv[1], name)
    times = []
    for _ in range(int(sys.argv[3])):
        start = time.perf_counter()
        nx.write(stack, path)
        times.append(time.perf_counter() - start)
        if sys.argv[4] == "durable":
            import os
            for file in (path, path.parent):
                descriptor = os.open(file, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)
            times[-1] = time.perf_counter() - start
    print(name, min(times))
"""


def seconds(source: Path, shape: tuple[int, ...], repeats: int, *, durable: bool = False) -> dict[str, float]:
    """Return the shortest time to write a stack, by the package in a folder, in a process of its own.

    Parameters
    ----------
    source : Path
        The folder that holds the package.
    shape : tuple of int
        Of the stack.
    repeats : int
        How often it is written.
    durable : bool
        Bring the file to the disk afterwards, for writers that do not do so themselves.
    """
    with TemporaryDirectory() as folder:
        arguments = [folder, ",".join(map(str, shape)), str(repeats), "durable" if durable else ""]
        result = subprocess.run(
            [sys.executable, "-c", SPEED, *arguments],
            env=os.environ | {"PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=True,
        )
    return {name: float(value) for name, value in map(str.split, result.stdout.splitlines())}


def print_speed(commit: str | None, shape: tuple[int, ...], repeats: int) -> None:
    """Print how fast stacks are written, beside another commit or beside a plain write of as many bytes."""
    here = seconds(ROOT / "src", shape, repeats)
    if commit is None:
        plain = min(_plain_write(shape) for _ in range(repeats))
        for name, value in here.items():
            print(f"{name:14} {value:.3f} s; a plain write to the disk {plain:.3f} s, ratio {plain / value:.2f}")
        return
    with TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        there = seconds(Path(folder, "src"), shape, repeats)
        durable = seconds(Path(folder, "src"), shape, repeats, durable=True)
    for name, value in here.items():
        print(
            f"{name:14} {value:.3f} s; {commit} {there[name]:.3f} s, ratio {there[name] / value:.2f}; "
            f"{commit} and to the disk {durable[name]:.3f} s, ratio {durable[name] / value:.2f}"
        )


def _plain_write(shape: tuple[int, ...]) -> float:
    content = bytes(4 * shape[0] * shape[1] * shape[2])
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        with Path(folder, "plain").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return time.perf_counter() - start


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few trials of each kind, under two minutes")
    parser.add_argument("--writers", nargs="+", choices=[writer.name for writer in WRITERS], help="only these")
    parser.add_argument("--large", action="store_true", help="also stacks and maps of 200 MB")
    parser.add_argument("--speed", action="store_true", help="only the speed of writing")
    parser.add_argument("--against", metavar="COMMIT", help="compare the speed with the writers of a commit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print every finding")
    arguments = parser.parse_args()
    rng, bad = random.Random(arguments.seed), 0
    if not arguments.speed:
        writers = [writer for writer in WRITERS if not arguments.writers or writer.name in arguments.writers]
        _warm_up(writers)
        print(f"{'writer':14} {'fault':12} {'trials':>6} {'lost':>6} {'torn':>6} {'silent':>6} {'left':>6}")
        for writer in writers:
            bad += print_counts(
                writer.name, trials_of(writer, 0.04 if arguments.quick else 1.0, SMALL, rng), verbose=arguments.verbose
            )
        for writer in [writer for writer in writers if writer.grows and arguments.large]:
            results = {
                "200 MB, kill": end_at_random(writer, signal.SIGKILL, 4 if arguments.quick else 20, LARGE, rng),
                "200 MB, TERM": end_at_random(writer, signal.SIGTERM, 1 if arguments.quick else 3, LARGE, rng),
            }
            bad += print_counts(writer.name, results, verbose=arguments.verbose)
    shape = (4, 512, 512) if arguments.quick else LARGE
    print_speed(arguments.against, shape, 3)
    sys.exit(bad > 0)


def _warm_up(writers: list[Writer]) -> None:
    """Load what writers and readers load, so that the processes of the trials need not."""
    with TemporaryDirectory() as folder:
        for writer in writers:
            # zarr starts a thread, which a forked process would miss.
            if not writer.name.endswith(".zarr"):
                write(writer, Path(folder), 1)
                version_in(writer, Path(folder))
    import zarr  # noqa: F401


if __name__ == "__main__":
    main()
