"""What a file that is replaced keeps, and what is not replaced."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

from napari_xanes import SpectralStack, io
from napari_xanes.saving import replacing as module
from napari_xanes.saving.checked_file import CheckedFile
from napari_xanes.saving.replacing import replacing, replacing_together, write_whole
from napari_xanes.saving.termination import cleaning_up, deferred

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions, links and signals")


@posix
def test_permissions_are_kept(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    for mode in (0o600, 0o664, 0o755):
        path.chmod(mode)
        with replacing(path) as file:
            file.write(b"new")
            assert stat.S_IMODE(file.path.stat().st_mode) == mode, "while it is written, too"
        assert stat.S_IMODE(path.stat().st_mode) == mode
    umask = os.umask(0o027)
    try:
        write_whole(tmp_path / "b.txt", b"new")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "b.txt").stat().st_mode) == 0o640


def test_read_only_files_are_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match=r"a\.txt is read-only; make it writable"):
        write_whole(path, b"new")
    path.chmod(0o644)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@posix
def test_links_are_followed_and_stay(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("data/real.txt")
    write_whole(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "data" / "real.txt").read_text() == "new"
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="its links lead in a circle"):
        write_whole(tmp_path / "a", b"new")


@posix
def test_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a device or a pipe"):
        write_whole(tmp_path / "pipe", b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_an_error_that_the_library_swallows_is_raised(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(*_):
        raise OSError(5, "Input/output error")

    def write_and_swallow():
        with replacing(path) as file:
            monkeypatch.setattr("napari_xanes.saving.checked_file.os.write", fail)
            try:
                file.write(b"new")
            except OSError:
                monkeypatch.undo()
            file.write(b"more")

    with pytest.raises(OSError, match="Input/output error"):
        write_and_swallow()
    assert path.read_text() == "old"


def test_a_file_that_lost_its_end_is_refused(tmp_path):
    def write_and_cut():
        with replacing(tmp_path / "a.txt") as file:
            file.write(b"new")
            os.truncate(file.path, 1)

    with pytest.raises(OSError, match="1 of 3 bytes are on the disk"):
        write_and_cut()
    assert os.listdir(tmp_path) == []


def test_a_checked_file_reads_back_what_it_wrote(tmp_path):
    file = CheckedFile(tmp_path / "a")
    values = np.arange(1000.0)
    with h5py.File(file, "w") as content:
        content["values"] = values
        content.flush()
        np.testing.assert_array_equal(content["values"][...], values)
    file.finish()
    with h5py.File(tmp_path / "a") as content:
        np.testing.assert_array_equal(content["values"][...], values)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_files_take_their_places_together(tmp_path, monkeypatch, failing):
    """The first file and the others are old after a failure, whichever renaming fails."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(f"old {name}")
    count = 0

    def replace(source, target):
        nonlocal count
        count += str(source).endswith(".part")
        if count == failing and str(source).endswith(".part"):
            raise OSError(28, "No space left on device")
        os.rename(source, target)

    def write():
        with replacing_together() as files:
            for name in ("a", "b", "c"):
                files.open(tmp_path / name).write(b"new")

    monkeypatch.setattr(module.os, "replace", replace)
    with pytest.raises(OSError, match="No space"):
        write()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {name: f"old {name}" for name in "abc"}
    monkeypatch.undo()
    write()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys("abc", "new")


def test_without_links_there_is_no_way_back_but_no_mixture(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    count = 0

    def replace(source, target):
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(5, "Input/output error")
        os.rename(source, target)

    def link(*_):
        raise PermissionError("no links here")

    def write():
        with replacing_together() as files:
            for name in ("a", "b"):
                files.open(tmp_path / name).write(b"new")

    monkeypatch.setattr(module.os, "replace", replace)
    monkeypatch.setattr(module.os, "link", link)
    with pytest.raises(OSError, match="Input/output error"):
        write()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a": "new"}


def test_a_folder_that_may_be_written_but_not_read(tmp_path, monkeypatch):
    """It can't be locked, and needs no lock of one who writes alone."""
    real = os.open

    def refuse(path, flags, *rest):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *rest)

    monkeypatch.setattr(module.os, "open", refuse)
    with replacing_together() as files:
        for name in ("a", "b"):
            files.open(tmp_path / name).write(b"new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys("ab", "new")


ENDED = """
import os, signal, sys, time
from pathlib import Path
from napari_xanes.saving.replacing import replacing
if sys.argv[3] == "handled":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
with replacing(Path(sys.argv[1])) as file:
    file.write(b"new")
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))
    time.sleep(20)
"""


@posix
@pytest.mark.parametrize(
    ("name", "handled", "returncode"),
    [
        ("SIGTERM", "", -signal.SIGTERM),
        ("SIGHUP", "", -signal.SIGHUP),
        ("SIGTERM", "handled", 7),
        ("SIGINT", "", -signal.SIGINT),
    ],
)
def test_a_program_that_is_told_to_end_leaves_nothing(tmp_path, name, handled, returncode):
    path = tmp_path / "a.txt"
    path.write_text("old")
    process = subprocess.run([sys.executable, "-c", ENDED, path, name, handled], capture_output=True)
    assert process.returncode == returncode
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_is_lost_in_a_library_is_raised(tmp_path, number):
    """As in HDF5, which swallows what a handler raises while it closes a dataset."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    class Stopped(BaseException):
        pass

    def stop(*_):
        raise Stopped

    def write_and_swallow():
        with replacing(path) as file, contextlib.suppress(Stopped):
            os.kill(os.getpid(), number)
            file.write(b"new")

    before = signal.signal(number, stop)
    try:
        with pytest.raises(Stopped):
            write_and_swallow()
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@posix
def test_a_signal_waits_for_a_short_block():
    def stop(*_):
        seen.append("handled")
        raise KeyboardInterrupt

    def run():
        with cleaning_up(), deferred():
            with deferred():
                os.kill(os.getpid(), signal.SIGINT)
            seen.append("done")

    seen = []
    before = signal.signal(signal.SIGINT, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["done", "handled"]


@posix
def test_handlers_of_signals_are_as_before(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with replacing(tmp_path / "a") as file:
        file.write(b"new")
    assert signal.getsignal(signal.SIGTERM) == before
    thread = threading.Thread(target=write_whole, args=(tmp_path / "b", b"new"))
    thread.start()
    thread.join()
    assert (tmp_path / "b").read_bytes() == b"new"


def test_two_writers_of_an_image_and_its_energies(tmp_path):
    """Whoever is last, image and text are of one writer."""
    stacks = [SpectralStack(np.full((3, 8, 8), v, "f4"), 8300.0 + v + np.arange(3), "counts") for v in (1, 2)]
    threads = [
        threading.Thread(target=lambda stack=stack: [io.write(stack, tmp_path / "a.tif") for _ in range(15)])
        for stack in stacks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "a.txt"), io.read(tmp_path / "a.tif").energy)
    assert sorted(os.listdir(tmp_path)) == ["a.tif", "a.txt"]
