"""One recipe on many files: failures, what is kept, tables, and processes."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.io.frames import MEMORY_LIMIT
from napari_xanes.many import single
from napari_xanes.many.clients import client_for
from napari_xanes.many.outcome import Outcome, Summary
from napari_xanes.many.running import result_folders, run_many
from napari_xanes.many.summary import page_text
from napari_xanes.many.table import group_of, table_text
from napari_xanes.progress import Cancelled
from napari_xanes.sample import nmc_ni_k


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    """Return two stacks and, between them, a file that is cut short."""
    paths = [tmp_path / f"cell T={t}C.h5" for t in (25, 100, 250)]
    for k in (0, 2):
        nx.write(nmc_ni_k(size=16, seed=k).stack, paths[k])
    paths[1].write_bytes(paths[0].read_bytes()[:3000])
    return paths


@pytest.fixture
def recipe() -> nx.Recipe:
    references = nmc_ni_k(size=16).stack.metadata["references"]
    return nx.Recipe([nx.Step("optical_depth"), nx.Step("fit_references", {"references": references})])


@pytest.fixture
def depth() -> nx.Recipe:
    """Return a recipe that takes no time."""
    return nx.Recipe([nx.Step("optical_depth")])


def states(outcomes: list[Outcome]) -> list[str]:
    return [one.state for one in outcomes]


def test_large_stacks_are_read_from_working_copies_if_asked(
    scans: list[Path], depth: nx.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_XANES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("napari_xanes.io.copied_frames.MOST_PIXELS", 16 * 16)
    stack = nx.read(scans[0])
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file.create_dataset("exchange/data", data=stack.data, chunks=(1, 16, 16), compression="gzip")
        file["exchange/data_white"] = stack.metadata["flat"]
        file["exchange/energy"] = stack.energy
    token = MEMORY_LIMIT.set(1)
    try:
        (plain,) = run_many(depth, [tmp_path / "frames.h5"], tmp_path / "plain")
        assert nx.io.working_copies() == []
        (copied,) = run_many(depth, [tmp_path / "frames.h5"], tmp_path / "copied", copies=True)
    finally:
        MEMORY_LIMIT.reset(token)
    assert states([plain, copied]) == ["done", "done"]
    assert [Path(copy.source).name for copy in nx.io.working_copies()] == ["frames.h5"]
    one, other = (nx.read(next((tmp_path / name / "frames").glob("*.h5"))) for name in ("plain", "copied"))
    np.testing.assert_array_equal(one.data, other.data)
    assert one.source == other.source


def test_a_file_that_fails_stops_no_other(scans: list[Path], recipe: nx.Recipe, tmp_path: Path) -> None:
    told: list[Outcome] = []
    outcomes = run_many(recipe, scans, tmp_path / "out", by=r"T=(\d+)C", told=told.append)
    assert states(outcomes) == ["done", "failed", "done"]
    assert told == outcomes
    assert outcomes[1].error
    assert not (tmp_path / "out" / scans[1].stem).exists()
    direct = nx.run(recipe, nx.read(scans[2]))
    saved = nx.read_maps(tmp_path / "out" / scans[2].stem / "maps.h5")
    np.testing.assert_array_equal(saved["valence"].data, direct["valence"].data)
    mask = direct["valence"].mask
    summary = outcomes[2].maps["valence"]
    assert summary.value == pytest.approx(np.median(direct["valence"].data[mask]))
    assert summary.sigma == pytest.approx(np.median(direct["valence"].sigma[mask]))
    assert summary.share == pytest.approx(mask.mean())
    with (tmp_path / "out" / "runs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row[r"T=(\d+)C"] for row in rows} == {"25", "100", "250"}
    of_valence = [row for row in rows if row["map"] == "valence"]
    assert [float(row["median"]) for row in of_valence] == pytest.approx(
        [outcomes[k].maps["valence"].value for k in (0, 2)], rel=1e-5
    )
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "2 done, 1 failed" in page
    assert "cell%20T%3D250C/maps.png" in page


def test_a_second_run_does_only_what_is_missing_or_has_changed(
    scans: list[Path], depth: nx.Recipe, tmp_path: Path
) -> None:
    paths, out = [scans[0], scans[2]], tmp_path / "out"
    run_many(depth, paths, out)
    before = (out / scans[0].stem / "stack.h5").stat().st_mtime_ns
    assert states(run_many(depth, paths, out)) == ["kept", "kept"]
    assert (out / scans[0].stem / "stack.h5").stat().st_mtime_ns == before
    (out / scans[2].stem / "stack.png").unlink()
    assert states(run_many(depth, paths, out)) == ["kept", "done"], "a file of the result was missing"
    nx.write(nmc_ni_k(size=16, seed=9).stack, scans[0])
    assert states(run_many(depth, paths, out)) == ["done", "kept"], "the stack changed"
    other = nx.Recipe([nx.Step("crop", {"energy": [8300, 8400]}), *depth])
    assert states(run_many(other, paths[:1], out)) == ["done"], "the recipe changed"
    assert states(run_many(other, paths[:1], out, reading={"pixel_size": 0.1})) == ["done"]
    assert states(run_many(other, paths[:1], out, reading={"pixel_size": 0.1}, again=True)) == ["done"]


def test_what_was_kept_tells_the_same(scans: list[Path], recipe: nx.Recipe, tmp_path: Path) -> None:
    first, second = (run_many(recipe, scans[:1], tmp_path / "out")[0] for _ in range(2))
    assert (first.state, second.state) == ("done", "kept")
    assert repr(replace(second, state="done")) == repr(first)  # NaN is not equal to itself


def test_results_of_others_are_not_replaced(scans: list[Path], depth: nx.Recipe, tmp_path: Path) -> None:
    foreign = tmp_path / "out" / scans[0].stem
    foreign.mkdir(parents=True)
    (foreign / "stack.h5").write_bytes(b"mine")
    (outcome,) = run_many(depth, scans[:1], tmp_path / "out")
    assert "--overwrite" in outcome.error
    assert (foreign / "stack.h5").read_bytes() == b"mine"
    assert states(run_many(depth, scans[:1], tmp_path / "out", again=True)) == ["done"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"key": 1, "maps": 3}', "\x00"])
def test_a_damaged_record_is_computed_again(scans: list[Path], depth: nx.Recipe, tmp_path: Path, text: str) -> None:
    run_many(depth, scans[:1], tmp_path / "out")
    record = tmp_path / "out" / scans[0].stem / "run.json"
    key = json.loads(record.read_text(encoding="utf-8"))["key"]
    record.write_text(text.replace("1", json.dumps(key)), encoding="utf-8")
    assert states(run_many(depth, scans[:1], tmp_path / "out")) == ["done"]


def test_cancelling_keeps_what_is_done(scans: list[Path], depth: nx.Recipe, tmp_path: Path) -> None:
    def stop(done: float, message: str) -> None:
        if done > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_many(depth, [scans[0], scans[2]], tmp_path / "out", progress=stop)
    assert (tmp_path / "out" / scans[0].stem / "run.json").is_file()
    assert not (tmp_path / "out" / scans[2].stem).exists()
    assert states(run_many(depth, [scans[0], scans[2]], tmp_path / "out")) == ["kept", "done"]


def test_what_can_be_known_is_refused_before_anything_runs(
    scans: list[Path], recipe: nx.Recipe, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no group"):
        run_many(recipe, scans, tmp_path / "out", by="T=")
    with pytest.raises(ValueError, match="no regular expression"):
        run_many(recipe, scans, tmp_path / "out", by="(")
    with pytest.raises(ValueError, match="two inputs would both be written"):
        result_folders(["a/Scan.h5", "b/scan.tif"], tmp_path)
    assert not (tmp_path / "out").exists()


def test_the_page_shows_texts_as_texts() -> None:
    summary = Summary(3.25, 0.02, "eV", 0.5)
    outcome = Outcome("/data/<b>x.h5", "/out/x", "done", 1.0, "", ("a < b & c",), {"map <i>": summary})
    page = page_text([outcome], Path("/out"))
    assert "<b>" not in page
    assert "a &lt; b &amp; c" in page
    assert "map &lt;i&gt;: 3.25 ± 0.02 eV (50 %)" in page
    assert table_text([outcome]).splitlines()[1].split(",")[3:8] == ["map <i>", "3.25", "0.02", "eV", "0.5"]
    assert group_of(r"(\d+)K", "sample.h5") == ""


@pytest.mark.parametrize(
    ("scheduler", "workers", "why"),
    [("slurm", None, "there is no scheduler 'slurm'"), ("processes", 0, "0 workers can do nothing")],
)
def test_schedulers_that_are_none_are_refused(scheduler: str, workers: int | None, why: str) -> None:
    with pytest.raises(ValueError, match=why), client_for(scheduler, workers):
        pass


@pytest.fixture
def cluster() -> Any:
    """Return the client of two processes."""
    pytest.importorskip("distributed")
    with client_for("processes", 2) as client:
        yield client


def test_processes_give_the_same_numbers(scans: list[Path], recipe: nx.Recipe, tmp_path: Path, cluster: Any) -> None:
    here = run_many(recipe, scans, tmp_path / "here")
    there = run_many(recipe, scans, tmp_path / "there", client=cluster)
    assert states(there) == states(here) == ["done", "failed", "done"]
    for one, other in zip(here, there, strict=True):
        assert {name: list(map(repr, s)) for name, s in one.maps.items()} == {
            name: list(map(repr, s)) for name, s in other.maps.items()
        }
    assert states(run_many(recipe, scans[:1], tmp_path / "there", client=cluster)) == ["kept"]


def test_a_killed_worker_loses_nothing(scans: list[Path], recipe: nx.Recipe, tmp_path: Path, cluster: Any) -> None:
    victim = next(iter(cluster.run(os.getpid).values()))
    paths = [scans[0], scans[2]]
    killed: list[int] = []

    def kill(_outcome: Outcome) -> None:
        if not killed:
            killed.append(victim)
            os.kill(victim, signal.SIGKILL)

    outcomes = run_many(recipe, paths, tmp_path / "out", client=cluster, told=kill)
    assert states(outcomes) == ["done", "done"]
    direct = [nx.run(recipe, nx.read(path)) for path in paths]
    for path, maps in zip(paths, direct, strict=True):
        saved = nx.read_maps(tmp_path / "out" / path.stem / "maps.h5")
        np.testing.assert_array_equal(saved["valence"].data, maps["valence"].data)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(("number", "way_out"), [(errno.ENOSPC, "make room"), (errno.EROFS, "choose another folder")])
def test_what_to_do_about_a_disk_is_said(
    scans: list[Path], depth: nx.Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, way_out: str
) -> None:
    def fail(*words: Any, **more: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(single, "replace_result", fail)
    (outcome,) = run_many(depth, scans[:1], tmp_path / "out")
    assert os.strerror(number) in outcome.error
    assert way_out in outcome.error
