"""Each call of the system fails once, or the process is killed there: the old or the new file stands, whole."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest
from benchmarks.fault_trials.injection import FaultySystem, faults
from benchmarks.fault_trials.writers import WRITERS, leftovers, version_in, write

by_name = pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)


def write_quickly(writer, folder, version) -> int:
    """Write without waiting for the disk; return how many calls of the system that took."""
    with faults(FaultySystem()) as system:
        write(writer, folder, version)
    return system.count


def some(n_calls: int) -> list[int]:
    """Return numbers of calls: all of few, else a sample with the last ones, which bring the file to its place."""
    return sorted({*range(1, n_calls + 1, 1 + n_calls // 7), *range(max(1, n_calls - 6), n_calls + 1)})


@by_name
def test_each_failing_call_is_told_and_leaves_the_old_file(tmp_path, writer):
    n_calls = write_quickly(writer, tmp_path, 1)
    names = sorted(os.listdir(tmp_path))
    n_calls = max(n_calls, write_quickly(writer, tmp_path, 2))
    version = 2
    for fail_at in [*some(n_calls), n_calls + 9]:
        version, other = version_in(writer, tmp_path), 3 - version
        with faults(FaultySystem(fail_at, (errno.ENOSPC, errno.EIO)[fail_at % 2])) as system:
            try:
                write(writer, tmp_path, other)
            except OSError as error:
                told = error.errno
            else:
                told = None
            if told:
                assert told == system.fault
                assert version_in(writer, tmp_path) == version, system.failed
            else:
                # What only makes the names durable, or gives a way back, may fail if everything else succeeds.
                assert system.failed in ("", "open", "fsync", "link"), system.failed
                assert version_in(writer, tmp_path) == other
        assert sorted(os.listdir(tmp_path)) == names, system.failed
    assert system.failed == ""


@by_name
def test_a_failing_first_write_leaves_nothing(tmp_path, writer):
    (tmp_path / "1").mkdir()
    n_calls = write_quickly(writer, tmp_path / "1", 1)
    for fail_at in some(n_calls):
        folder = tmp_path / f"failing {fail_at}"
        folder.mkdir()
        with faults(FaultySystem(fail_at)) as system:
            try:
                write(writer, folder, 1)
            except OSError:
                assert os.listdir(folder) == [], system.failed
            else:
                assert version_in(writer, folder) == 1, system.failed


KILLED = """
import os, signal, sys
from pathlib import Path
from benchmarks.fault_trials.injection import FaultySystem, faults
from benchmarks.fault_trials.writers import WRITERS, leftovers, version_in, write

writer = next(writer for writer in WRITERS if writer.name == sys.argv[1])
folder, fault = Path(sys.argv[2]), signal.Signals(int(sys.argv[3]))
write(writer, folder, 2)
with faults(FaultySystem()) as system:
    write(writer, folder, 1)
for fail_at in range(1, system.count + 1, 1 + system.count // 40):
    version = 3 - version_in(writer, folder)
    child = os.fork()
    if child == 0:
        with faults(FaultySystem(fail_at, fault)):
            write(writer, folder, version)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == fault, (fail_at, status)
    assert version_in(writer, folder) in (1, 2), fail_at
    assert fault == signal.SIGKILL or not leftovers(folder), (fail_at, leftovers(folder))
write(writer, folder, 3)
assert version_in(writer, folder) == 3
assert not leftovers(folder), leftovers(folder)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")
@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGTERM], ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", ["stack.h5", "stack.zarr", "stack.tif", "spectra.csv"])
def test_killed_at_each_call(tmp_path, name, fault):
    arguments = [sys.executable, "-c", KILLED, name, str(tmp_path), str(int(fault))]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert leftovers(tmp_path) == []
