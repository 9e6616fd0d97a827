"""Folders of results: whole or as they were, without files of older results, with those of people."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, SpectralStack, Step
from napari_xanes.results import replace_result


def map_set(*names: str, value: float = 0.0) -> MapSet:
    maps = {name: ParameterMap(np.full((4, 5), value, np.float32), "eV") for name in names}
    return MapSet(maps, (Step("edge_energy"),))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_old_results_go_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "particle"
    written = replace_result(map_set("first map", "shared", value=1.0), folder)
    assert sorted(p.name for p in written) == sorted(p.name for p in folder.iterdir())
    (folder / "notes.txt").write_text("mine")
    (folder / "mine.png").write_bytes(b"mine")
    (folder / "more").mkdir()
    (folder / "more" / "maps.h5").write_bytes(b"mine too")
    (folder / "nowhere").symlink_to("not-there")
    written = replace_result(map_set("shared", "second", value=2.0), folder)
    mine = {"notes.txt", "mine.png", "more", "nowhere"}
    assert {p.name for p in folder.iterdir()} == {p.name for p in written} | mine
    assert not (folder / "first_map.png").exists()
    assert (folder / "more" / "maps.h5").read_bytes() == b"mine too"
    assert list(nx.read_maps(folder / "maps.h5")) == ["shared", "second"]
    replace_result(SpectralStack(np.ones((2, 3, 4), np.float32), [700, 710]), folder)
    assert {p.name for p in folder.iterdir()} == {"stack.h5", "stack.png", "recipe.yaml", "recipe-as-run.yaml"} | mine
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["particle"]


def test_pictures_beside_damaged_maps_stay(tmp_path: Path) -> None:
    """Nobody knows then which of them belonged to a result."""
    replace_result(map_set("first"), tmp_path / "out")
    (tmp_path / "out" / "maps.h5").write_bytes(b"damaged")
    replace_result(map_set("second"), tmp_path / "out")
    assert (tmp_path / "out" / "first.png").exists()
    assert list(nx.read_maps(tmp_path / "out" / "maps.h5")) == ["second"]


@pytest.mark.parametrize("fails", ["napari_xanes.results.write", "napari_xanes.pictures.save_maps"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_everything_as_it_was(
    fails: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_result(map_set("first"), tmp_path / "out")
    before = contents(tmp_path)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(fails, fail)
    for folder in (tmp_path / "out", tmp_path / "new"):
        with pytest.raises(type(error)):
            replace_result(map_set("second"), folder)
    assert contents(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_killed_run_leaves_no_half_result(tmp_path: Path) -> None:
    replace_result(map_set("first"), tmp_path / "out")
    before = contents(tmp_path / "out")
    code = f"""
import os, sys
from pathlib import Path
from napari_xanes import pictures, read_maps
from napari_xanes.results import replace_result
pictures.save_maps = lambda *_: os._exit(9)
replace_result(read_maps({str(tmp_path / "out" / "maps.h5")!r}), Path({str(tmp_path)!r}) / sys.argv[1])
"""
    for name in ("out", "new"):
        assert subprocess.run([sys.executable, "-c", code, name], check=False).returncode == 9
    assert contents(tmp_path / "out") == before
    assert not (tmp_path / "new").exists()
    replace_result(map_set("second"), tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new", "out"]
