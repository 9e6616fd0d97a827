"""Whole stacks that appear in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.live.writers import age, hdf5_writer

import napari_xanes as nx
from napari_xanes.live.stack_folder import watch_stacks
from napari_xanes.many.outcome import Outcome

DEPTH = nx.Recipe([nx.Step("optical_depth")])


def write(path: Path, value: float) -> Path:
    stack = nx.SpectralStack(np.full((3, 4, 5), value, np.float32), [8330, 8340, 8350], "transmission")
    nx.write(stack, path)
    age(path)
    return path


def looked(folder: Path, out: Path, told: list[str] | None = None) -> list[Outcome]:
    say = [].append if told is None else told.append
    return list(watch_stacks(folder, "*.h5", DEPTH, out, {}, 0.5, 0.01, once=True, told=say))


def test_stacks_are_run_when_they_are_complete(tmp_path: Path) -> None:
    out, told = tmp_path / "maps", list[str]()
    write(tmp_path / "a2.h5", 0.5)
    write(tmp_path / "a10.h5", 0.25)
    damaged = tmp_path / "a3.h5"
    damaged.write_bytes((tmp_path / "a2.h5").read_bytes()[:900])
    age(damaged)
    with hdf5_writer(tmp_path / "a4.h5") as instrument:
        instrument.write(0)
        age(tmp_path / "a4.h5")
        outcomes = looked(tmp_path, out, told)
    assert [Path(one.path).name for one in outcomes] == ["a2.h5", "a3.h5", "a10.h5"]
    assert [one.state for one in outcomes] == ["done", "failed", "done"]
    assert told == ["a4.h5 is still being written"]
    write(damaged, 1.0)
    (tmp_path / "a4.h5").unlink()
    assert [one.state for one in looked(tmp_path, out)] == ["kept", "done", "kept"]


def test_a_stack_that_comes_later_is_run_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", 0.5)
    outcomes = watch_stacks(tmp_path, "*.h5", DEPTH, tmp_path / "maps", {}, 0.5, 0.01)
    assert Path(next(outcomes).path).name == "a.h5"
    write(tmp_path / "b.h5", 0.5)
    assert Path(next(outcomes).path).name == "b.h5"


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        next(watch_stacks(tmp_path / "later", "*.h5", DEPTH, tmp_path, {}, 0.5, 0.1))
