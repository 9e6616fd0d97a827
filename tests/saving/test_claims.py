"""Temporary names that are left over are cleared if their writer is gone, and only then."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from napari_xanes.saving import claims
from napari_xanes.saving.claims import claimed, clear_leftovers
from napari_xanes.saving.replacing import replacing, write_whole

KILLED = """
import os, signal, sys
from pathlib import Path
from napari_xanes.saving.claims import claimed
with claimed(Path(sys.argv[1])) as claim:
    claim.draft.mkdir()
    (claim.draft / "inside").write_text("half")
    claim.undo.write_text("before")
    if len(sys.argv) > 2:
        claim.move_away()
    os.kill(os.getpid(), signal.SIGKILL)
"""

posix = pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGKILL")


@posix
def test_what_a_killed_writer_left_is_cleared(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "a"])
    assert sorted(name.rpartition(".")[2] for name in os.listdir(tmp_path)) == ["lock", "part", "undo"]
    write_whole(tmp_path / "other", b"new")
    assert os.listdir(tmp_path) == ["other"]


@posix
@pytest.mark.parametrize("name", ["a", "a" * 255, "ü" * 127])
def test_a_target_that_was_moved_away_comes_back(tmp_path, name):
    (tmp_path / name).write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / name, "old"])
    assert not (tmp_path / name).exists()
    clear_leftovers(tmp_path)
    assert (tmp_path / name).read_text() == "old"
    assert os.listdir(tmp_path) == [name]


@posix
def test_a_target_that_was_moved_away_does_not_replace_a_new_one(tmp_path):
    (tmp_path / "a").write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "a", "old"])
    write_whole(tmp_path / "b", b"b")
    (tmp_path / "a").write_text("new")
    clear_leftovers(tmp_path)
    assert (tmp_path / "a").read_text() == "new"


CLEARS = """
import sys
from pathlib import Path
from napari_xanes.saving.claims import clear_leftovers
clear_leftovers(Path(sys.argv[1]))
"""


def test_living_writers_keep_their_drafts(tmp_path):
    """Of this process, also in a folder that another process clears."""
    with replacing(tmp_path / "a") as file:
        file.write(b"new")
        clear_leftovers(tmp_path)
        write_whole(tmp_path / "b", b"new")
        subprocess.run([sys.executable, "-c", CLEARS, tmp_path], check=True)
        assert file.path.exists()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_drafts_of_other_computers_and_other_programs_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "_computer", lambda: "aaaaaa")
    others = {
        ".a.0f0f0f-01234567.part",
        ".a.0f0f0f-01234567.lock",
        ".a.part",
        ".a.01234567.part",
        "x.aaaaaa-01234567.part",
    }
    for name in others:
        (tmp_path / name).write_text("half")
    (tmp_path / ".a.aaaaaa-01234567.part").write_text("half")
    write_whole(tmp_path / "b", b"new")
    assert set(os.listdir(tmp_path)) == others | {"b"}


@pytest.mark.parametrize("length", [116, 143, 251])
def test_long_names(tmp_path, length):
    """The temporary names are no longer than the target, or short enough for every file system."""
    name = "ü" * (length // 2) + ".txt"
    with claimed(tmp_path / name) as claim:
        for path in (claim.draft, claim.undo, claim.old, claim.lock):
            assert len(os.fsencode(path.name)) <= 143
        claim.draft.write_text("new")
        os.rename(claim.draft, claim.target)
    assert os.listdir(tmp_path) == [name]
