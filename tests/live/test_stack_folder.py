"""Whole stacks that appear in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.live.writers import age, hdf5_writer

import napari_xanes as nx
from napari_xanes.live import stack_folder
from napari_xanes.live.stack_folder import watch_stacks
from napari_xanes.many.outcome import Outcome
from napari_xanes.many.single import run_single

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


def test_a_folder_that_goes_away_is_looked_for_again(tmp_path: Path) -> None:
    """A network disk that is away for a while ended the watch."""
    folder, away, told = tmp_path / "scans", tmp_path / "away", list[str]()
    folder.mkdir()
    write(folder / "a.h5", 0.5)

    def say(text: str) -> None:
        told.append(text)
        if "is gone" in text:
            write(away / "b.h5", 0.5)
            away.rename(folder)

    outcomes = watch_stacks(folder, "*.h5", DEPTH, tmp_path / "maps", {}, 0.5, 0.01, told=say)
    assert next(outcomes).state == "done"
    folder.rename(away)
    assert Path(next(outcomes).path).name == "b.h5", "and the first one is not run again"
    assert told == [f"{folder} is gone; it is looked for again"]


def test_two_stacks_of_one_name_are_told_and_stop_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", 0.5)
    write(tmp_path / "A.nxs.h5", 0.5).rename(tmp_path / "A.nxs")
    write(tmp_path / "b.h5", 0.25)
    outcomes = list(watch_stacks(tmp_path, "*.[hn]*", DEPTH, tmp_path / "maps", {}, 0.5, 0.01, once=True))
    assert sorted(one.state for one in outcomes) == ["done", "done", "failed"]
    assert [one.error for one in outcomes if one.error] == [
        f"{tmp_path / 'maps' / 'a'} holds the result of A.nxs; rename one of them"
    ]
    assert (tmp_path / "maps" / "index.html").is_file()


def test_stacks_that_were_run_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new stack had all earlier ones read for their hashes."""
    read: list[str] = []

    def noting(recipe: nx.Recipe, path: Path, *words: object, **more: object) -> Outcome:
        read.append(path.name)
        return run_single(recipe, path, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(stack_folder, "run_single", noting)
    write(tmp_path / "a.h5", 0.5)
    outcomes = watch_stacks(tmp_path, "*.h5", DEPTH, tmp_path / "maps", {}, 0.5, 0.01)
    next(outcomes)
    for name in ("b.h5", "c.h5"):
        write(tmp_path / name, 0.5)
        next(outcomes)
    assert read == ["a.h5", "b.h5", "c.h5"]


def test_a_summary_that_can_not_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "maps" / "index.html").mkdir(parents=True)  # as a full disk: it can't be replaced
    write(tmp_path / "a.h5", 0.5)
    write(tmp_path / "b.h5", 0.5)
    told: list[str] = []
    assert [one.state for one in looked(tmp_path, tmp_path / "maps", told)] == ["done", "done"]
    assert "they will be with the next stack" in told[0]
