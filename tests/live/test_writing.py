"""Maps of a growing scan in a folder, also when the process is killed."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.live.writers import age, fit_recipe, frame_path, transmission, write_frame
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes.cli import app, watching
from napari_xanes.live import writing
from napari_xanes.live.ending import Ending
from napari_xanes.live.frame_folder import FrameFolder
from napari_xanes.live.source import View
from napari_xanes.live.state_file import LiveState
from napari_xanes.live.writing import watch_into

READING = {"quantity": "transmission"}


@pytest.fixture(scope="module")
def stack() -> nx.SpectralStack:
    return transmission(size=8, every=3)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    (tmp_path / "scan").mkdir()
    return tmp_path / "scan"


def watched(scan: Path, out: Path, n: int | None = None, **options: Any) -> Any:
    source = FrameFolder(scan, READING, Ending(energies=n))
    return watch_into(source, fit_recipe(), out, reading=READING, **options)


def test_a_look_leaves_maps_so_far_and_the_last_one_the_final_maps(
    scan: Path, stack: nx.SpectralStack, tmp_path: Path
) -> None:
    out, n = tmp_path / "out", stack.energy.size
    told: list[str] = []
    for i in range(n - 1):
        write_frame(scan, stack, i)
    assert watched(scan, out, n, once=True, told=told.append) is None
    maps = nx.read_maps(out / "scan-so-far" / "maps.h5")
    assert maps.metadata["so_far"]["energies"] == n - 1
    assert not (out / "scan").exists()
    state = LiveState.load(out / "scan-live.json")
    assert state is not None
    assert (state.state, len(state.energies), state.expected) == ("growing", n - 1, n)
    write_frame(scan, stack, n - 1)
    outcome = watched(scan, out, n, told=told.append)
    assert outcome.state == "done"
    assert f"taken up again: {n - 1} energies were known" in told
    assert sorted(path.name for path in out.iterdir()) == ["scan", "scan-live.json", "scan.log"]
    direct = nx.run(fit_recipe(), nx.read(scan, **READING))
    saved = nx.read_maps(out / "scan" / "maps.h5")
    for name in direct:
        np.testing.assert_array_equal(saved[name].data, direct[name].data)
    state = LiveState.load(out / "scan-live.json")
    assert state is not None
    assert state.state == "complete"
    assert watched(scan, out, n).state == "kept"
    assert nx.run_many(fit_recipe(), [scan], out, reading=READING)[0].state == "kept", "a run over many takes it over"


def test_damaged_files_are_left_out_of_the_final_maps(scan: Path, stack: nx.SpectralStack, tmp_path: Path) -> None:
    for i in range(stack.energy.size):
        write_frame(scan, stack, i)
    path = frame_path(scan, stack.energy[2])
    path.write_bytes(path.read_bytes()[:-9])
    age(path)
    n = stack.energy.size - 1
    assert watched(scan, tmp_path / "out", n).state == "done"
    saved = nx.read_maps(tmp_path / "out" / "scan" / "maps.h5")
    assert saved.metadata["fit"]["energy"].size == n
    state = LiveState.load(tmp_path / "out" / "scan-live.json")
    assert state is not None
    assert "left out" in state.waiting[0]


def test_results_of_others_stay(scan: Path, stack: nx.SpectralStack, tmp_path: Path) -> None:
    write_frame(scan, stack, 0)
    foreign = tmp_path / "out" / "scan-so-far"
    foreign.mkdir(parents=True)
    (foreign / "maps.h5").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="overwrite"):
        watched(scan, tmp_path / "out", once=True)
    assert (foreign / "maps.h5").read_bytes() == b"mine"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": "growing"}', '{"state": 3}', "\x00"])
def test_a_damaged_state_is_written_anew(scan: Path, stack: nx.SpectralStack, tmp_path: Path, text: str) -> None:
    write_frame(scan, stack, 0)
    path = tmp_path / "out" / "scan-live.json"
    path.parent.mkdir()
    path.write_text(text)
    watched(scan, tmp_path / "out", once=True)
    assert json.loads(path.read_text())["energies"] == [stack.energy[0]]


def test_the_command(scan: Path, stack: nx.SpectralStack, tmp_path: Path) -> None:
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "maps"
    fit_recipe().save(recipe)
    for i in range(stack.energy.size):
        write_frame(scan, stack, i)
    command = ["watch", str(scan), str(recipe), "-o", str(out), "--quantity", "transmission"]
    result = CliRunner().invoke(app, [*command, "--once"])
    assert result.exit_code == 0, result.output
    assert f"{stack.energy.size} energies, 8270 to" in result.output
    assert (out / "scan-so-far" / "maps.h5").is_file()
    result = CliRunner().invoke(app, [*command, "--frames", str(stack.energy.size)])
    assert result.exit_code == 0, result.output
    assert str(out / "scan" / "maps.h5") in result.output


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_at_any_moment_nothing_is_lost_or_doubled(scan: Path, stack: nx.SpectralStack, tmp_path: Path) -> None:
    recipe, out, n = tmp_path / "recipe.yaml", tmp_path / "maps", stack.energy.size
    fit_recipe().save(recipe)
    code = "import sys; from napari_xanes.cli import main; main()"
    options = ["-o", str(out), "--quantity", "transmission", "--frames", str(n), "--poll", "0.05", "--settle", "0"]
    command = [sys.executable, "-c", code, "watch", str(scan), str(recipe), *options]
    random = np.random.default_rng(18)
    frames = iter(random.permutation(n))
    for kill in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        before = (out / "scan-live.json").stat().st_mtime_ns if kill else 0
        for i in [next(frames) for _ in range(4)]:
            write_frame(scan, stack, int(i))
        # It is killed somewhere between its first look and its last map.
        while not (out / "scan-live.json").is_file() or (out / "scan-live.json").stat().st_mtime_ns == before:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for folder in out.glob("scan-so-far"):
            nx.read_maps(folder / "maps.h5")
    for i in frames:
        write_frame(scan, stack, int(i))
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert [path.name for path in sorted(out.iterdir())] == ["scan", "scan-live.json", "scan.log"]
    direct, saved = nx.run(fit_recipe(), nx.read(scan, **READING)), nx.read_maps(out / "scan" / "maps.h5")
    for name in direct:
        np.testing.assert_array_equal(saved[name].data, direct[name].data)
    state = LiveState.load(out / "scan-live.json")
    assert state is not None
    assert state.energies == tuple(stack.energy)


def test_a_disk_that_is_full_for_a_while_ends_nothing(
    scan: Path, stack: nx.SpectralStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_failed = 0

    def fail_first(*words: Any, **more: Any) -> Any:
        nonlocal n_failed
        n_failed += 1
        if n_failed == 1:
            for i in range(1, stack.energy.size):
                write_frame(scan, stack, i)
            raise OSError("no space left on the disk")
        return keep(*words, **more)

    keep, told = writing.replace_result, list[str]()
    monkeypatch.setattr(writing, "replace_result", fail_first)
    write_frame(scan, stack, 0)
    outcome = watched(scan, tmp_path / "out", stack.energy.size, poll=0.01, told=told.append)
    assert outcome.state == "done"
    assert "the maps so far are not written: no space left on the disk; the next ones will be" in told
    state = LiveState.load(tmp_path / "out" / "scan-live.json")
    assert state is not None
    assert any("no space left" in text for text in state.events)


def test_what_to_do_about_a_full_disk_is_said_of_the_final_maps_too(
    stack: nx.SpectralStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OfServer:
        name, path = "scan", None

        def whole(self) -> nx.SpectralStack:
            return stack

        def look(self) -> View:
            return View(stack, is_complete=True)

    def full(*words: Any, **more: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, "replace_result", full)
    outcome = watch_into(OfServer(), fit_recipe(), tmp_path / "out", reading=READING)
    assert outcome is not None
    assert outcome.state == "failed"
    assert outcome.error.endswith("; make room, and run it again: what is done is kept")


def test_a_folder_that_can_not_be_written_is_known_before_the_first_frame(scan: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "scan-live.json").mkdir(parents=True)
    with pytest.raises(OSError, match=r"scan-live\.json"):
        watched(scan, tmp_path / "out")


def test_a_recipe_that_changes_is_told_once(scan: Path, stack: nx.SpectralStack, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    fit_recipe().save(recipe)
    told = watching._telling_of(recipe)
    told("one frame")
    recipe.write_text(recipe.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    with contextlib.redirect_stderr(io.StringIO()) as said:
        told("two frames")
        told("three frames")
        recipe.unlink()
        told("four frames")
    assert said.getvalue().count("recipe.yaml has changed") == 1
