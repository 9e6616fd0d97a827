"""A folder that is replaced: the old one or the new one stands at any moment, or comes back."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from napari_xanes import SpectralStack, io
from napari_xanes.saving import folders

ENERGY = [7100.0, 7110.5, 7112.25, 7130.0]


def folder(path, text):
    path.mkdir()
    (path / "a.txt").write_text(text)


def replace(path, text):
    with folders.replacing_folder(path) as draft:
        folder(draft, text)


def replace_twice(path, text):
    """Fail after a part has been written."""
    with folders.replacing_folder(path) as draft:
        folder(draft, text)
        folder(draft, text)


def content(path):
    return {p.name: (p / "a.txt").read_text() for p in path.iterdir()}


@pytest.fixture(params=[True, False], ids=["exchanged", "moved aside"])
def exchanging(request, monkeypatch):
    """Both ways, as systems differ."""
    if not request.param:
        monkeypatch.setattr(folders, "exchange", lambda one, other: False)
    return request.param


def test_folders_are_exchanged_in_one_step(tmp_path):
    folder(tmp_path / "a", "one")
    folder(tmp_path / "b", "two")
    assert folders.exchange(tmp_path / "a", tmp_path / "b") == (sys.platform in ("linux", "darwin"))
    with pytest.raises(FileNotFoundError):
        folders.exchange(tmp_path / "a", tmp_path / "c")
    if sys.platform in ("linux", "darwin"):
        assert content(tmp_path) == {"a": "two", "b": "one"}


def test_a_folder_is_written_and_replaced(tmp_path, exchanging):
    replace(tmp_path / "a", "one")
    replace(tmp_path / "a", "two")
    assert content(tmp_path) == {"a": "two"}
    with pytest.raises(FileExistsError):
        replace_twice(tmp_path / "a", "three")
    assert content(tmp_path) == {"a": "two"}


@pytest.mark.parametrize("nth", range(1, 4))
def test_control_c_between_the_steps_leaves_the_old_or_the_new(nth, tmp_path, monkeypatch, exchanging):
    """Ctrl-C comes behind the first, second, third change of a name."""
    folder(tmp_path / "a", "old")
    calls = []

    def interrupted(function):
        def call(*arguments):
            result = function(*arguments)
            calls.append(function)
            if len(calls) == nth:
                raise KeyboardInterrupt
            return result

        return call

    monkeypatch.setattr(folders, "exchange", interrupted(folders.exchange))
    monkeypatch.setattr(os, "rename", interrupted(os.rename))
    if exchanging and nth > 1:
        replace(tmp_path / "a", "new")
    else:
        with pytest.raises(KeyboardInterrupt):
            replace(tmp_path / "a", "new")
    monkeypatch.undo()
    assert content(tmp_path) in ({"a": "old"}, {"a": "new"})


def test_a_failed_swap_brings_the_old_folder_back(tmp_path, monkeypatch):
    folder(tmp_path / "a", "old")
    rename = os.rename

    def fails(source, target):
        if str(source).endswith(".part"):
            raise OSError("no space")
        rename(source, target)

    monkeypatch.setattr(folders, "exchange", lambda one, other: False)
    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(OSError, match="no space"):
        replace(tmp_path / "a", "new")
    assert content(tmp_path) == {"a": "old"}


def test_what_is_no_folder_or_protected_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="no folder"):
        replace(tmp_path / "file", "new")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="links lead in a circle"):
        replace(tmp_path / "circle", "new")
    folder(tmp_path / "a", "old")
    (tmp_path / "a").chmod(0o555)
    with pytest.raises(PermissionError, match="read-only"):
        replace(tmp_path / "a", "new")
    (tmp_path / "a").chmod(0o750)
    (tmp_path / "link").symlink_to("a")
    replace(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["a", "circle", "file", "link"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux brings a whole disk to rest at once")
def test_an_error_of_the_disk_leaves_the_old_folder(tmp_path, monkeypatch):
    folder(tmp_path / "a", "old")
    monkeypatch.setattr(folders.ctypes, "CDLL", lambda name, **more: type("C", (), {"syncfs": lambda descriptor: -1}))
    with pytest.raises(OSError, match=str(tmp_path)):
        replace(tmp_path / "a", "new")
    assert content(tmp_path) == {"a": "old"}


def test_files_reach_the_disk_one_by_one_where_they_must(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(folders.ctypes, "CDLL", lambda name, **more: object())
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    replace(tmp_path / "a", "new")
    assert (tmp_path / "a/a.txt").stat().st_ino in synced


def test_kept_files_links_and_pipes_reach_the_disk_without_being_written(tmp_path, monkeypatch):
    opened = []

    def open_file(path, flags, *mode, function=os.open, **more):
        opened.append(flags)
        return function(path, flags, *mode, **more)

    monkeypatch.setattr(folders.ctypes, "CDLL", lambda name, **more: object())
    with folders.replacing_folder(tmp_path / "a") as draft:
        folder(draft, "new")
        (draft / "read-only").write_text("kept")
        (draft / "read-only").chmod(0o444)
        if os.name != "nt":
            (draft / "dangling").symlink_to("nowhere")
            os.mkfifo(draft / "pipe")
        monkeypatch.setattr(os, "open", open_file)
    assert (tmp_path / "a/read-only").read_text() == "kept"
    if os.name != "nt":
        assert not any(flags & (os.O_WRONLY | os.O_RDWR) for flags in opened), "who is not root can't write them"


_KILLED = """
import os
from pathlib import Path
from napari_xanes.saving import folders

rename = os.rename
def killed(source, target):
    rename(source, target)
    os._exit(9)

folders.exchange = lambda one, other: False
os.rename = killed
with folders.replacing_folder(Path("a.zarr")) as draft:
    draft.mkdir()
"""


def killed_while_replacing(path):
    """Kill a process that has moved a folder aside and not yet put the new one into its place."""
    done = subprocess.run([sys.executable, "-c", _KILLED], cwd=path.parent, check=False)
    assert done.returncode == 9
    assert not path.exists()


def test_what_was_moved_aside_comes_back_at_the_next_open_or_write(tmp_path):
    path = tmp_path / "a.zarr"
    old = SpectralStack(np.ones((4, 3, 5), np.float32), ENERGY)
    io.write(old, path)
    killed_while_replacing(path)
    with pytest.warns(UserWarning, match="its last version was brought back"):
        np.testing.assert_array_equal(io.read(path).data, old.data)
    np.testing.assert_array_equal(io.read(path).data, old.data)
    killed_while_replacing(path)
    io.write(old.with_data(old.data * 2), path)
    np.testing.assert_array_equal(io.read(path).data, old.data * 2)
    assert os.listdir(tmp_path) == ["a.zarr"]
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        io.read(tmp_path / "no/a.zarr")
