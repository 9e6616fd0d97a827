"""The cache of working copies: its folder, its limit, and how it is emptied."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.cli import app
from napari_xanes.io import copy_cache

SHAPE = (3, 64, 64)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache."""
    monkeypatch.setenv(copy_cache.FOLDER, str(tmp_path / "cache"))
    return tmp_path / "cache"


def copy_of(path: Path) -> Path:
    """Write a stack, make its copy, and return the folder of the copy."""
    noise = np.random.default_rng(0).integers(0, 2**16, SHAPE).astype(np.uint16)
    with h5py.File(path, "w") as file:
        file.create_dataset("exchange/data", data=noise, chunks=(1, *SHAPE[1:]), compression="gzip", compression_opts=1)
        file["exchange/energy"] = [8330.0, 8340, 8350]
    before = {copy.folder for copy in io.working_copies()}
    nx.working_copy(nx.read(path, memory_limit=0))
    (folder,) = {copy.folder for copy in io.working_copies()} - before
    return folder


def test_the_copy_that_was_not_used_for_the_longest_time_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = {name: copy_of(tmp_path / f"{name}.h5") for name in "abc"}
    for age, name in enumerate("bca"):
        os.utime(copies[name], (1e9 - age, 1e9 - age))
    nx.read(tmp_path / "a.h5", memory_limit=0)
    assert [Path(copy.source).stem for copy in io.working_copies()] == ["a", "b", "c"], "to read it is to use it"
    one = io.working_copies()[0].size
    monkeypatch.setenv(copy_cache.LIMIT, str(3.5 * one / 1e9))
    copy_of(tmp_path / "d.h5")
    assert {Path(copy.source).stem for copy in io.working_copies()} == {"a", "b", "d"}
    assert sum(copy.size for copy in io.working_copies()) <= 3.5 * one


def test_what_never_fits_is_refused_before_anything_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_of(tmp_path / "a.h5")
    monkeypatch.setenv(copy_cache.LIMIT, "0.00001")
    with pytest.raises(OSError, match=copy_cache.LIMIT):
        copy_of(tmp_path / "b.h5")
    assert len(io.working_copies()) == 1
    monkeypatch.delenv(copy_cache.LIMIT)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match=r"cache --empty.*") as caught:
        copy_of(tmp_path / "b.h5")
    assert copy_cache.FOLDER in str(caught.value)
    assert len(io.working_copies()) == 1


@pytest.mark.parametrize("text", ["much", "-1", "0", "nan", "inf"])
def test_limits_that_are_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(copy_cache.LIMIT, text)
    with pytest.raises(ValueError, match=r"such as 100"):
        io.cache_limit()


def test_the_folder_is_that_of_the_user_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert io.cache_folder() == tmp_path / "cache"
    assert io.working_copies() == [], "none, and no folder is made"
    assert not (tmp_path / "cache").exists()
    monkeypatch.delenv(copy_cache.FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "napari-xanes" in io.cache_folder().parts


def test_only_copies_are_removed(tmp_path: Path, cache: Path) -> None:
    folder = copy_of(tmp_path / "a.h5")
    mine = cache / "mine.copy.zarr"
    mine.mkdir()
    (mine / "zarr.json").write_text('{"attributes": {}}')
    (cache / "notes.txt").write_text("mine")
    assert io.remove_copies() > 0
    assert sorted(path.name for path in cache.iterdir()) == ["mine.copy.zarr", "notes.txt"]
    assert not folder.exists()


def test_the_command_lists_and_empties(tmp_path: Path) -> None:
    for name in "ab":
        copy_of(tmp_path / f"{name}.h5")
    (tmp_path / "b.h5").unlink()
    run = CliRunner()
    listed = run.invoke(app, ["cache"]).stdout.splitlines()
    assert "2 working copies" in listed[0]
    assert any("its files have changed" in line and line.endswith("b.h5") for line in listed)
    assert any("its files have changed" not in line and line.endswith("a.h5") for line in listed)
    assert "1 removed" in run.invoke(app, ["cache", "--empty", str(tmp_path / "b.h5")]).stdout
    assert [Path(copy.source).name for copy in io.working_copies()] == ["a.h5"]
    unknown = run.invoke(app, ["cache", "--empty", str(tmp_path / "c.h5")])
    assert "has no working copy" in str(unknown.exception)
    assert "1 removed" in run.invoke(app, ["cache", "--empty"]).stdout
    assert "0 working copies" in run.invoke(app, ["cache"]).stdout
