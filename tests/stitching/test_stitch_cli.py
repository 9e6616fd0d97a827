"""`napari-xanes stitch`."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from tests.mosaics import sample
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes.cli import app, stitching
from napari_xanes.stitching.joining import parameters

SAMPLE = sample(seed=3, frames=5)


def invoke(*words: object) -> str:
    result = CliRunner().invoke(app, ["stitch", *(str(word) for word in words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def tiles(tmp_path: Path) -> list[Path]:
    for k, place in enumerate([(0, 0), (1, 44)]):
        nx.write(SAMPLE.stack(f"T{k}", place, seed=k), tmp_path / f"T{k}.h5")
    return [tmp_path / "T0.h5", tmp_path / "T1.h5"]


def test_files_are_joined_and_reported(tiles: list[Path], tmp_path: Path) -> None:
    output = invoke(*tiles, "-o", tmp_path / "C.h5", "--grid", "1,2,0.3")
    assert "2 tiles joined" in output
    assert "T0 to T1: position (1.0" in output
    joined = nx.read(tmp_path / "C.h5")
    assert joined.shape == (5, 65, 108)
    assert joined.metadata["stitch"].parameters["grid"] == [1.0, 2.0, 0.3]
    with pytest.raises(FileExistsError, match="--overwrite"):
        invoke(*tiles, "-o", tmp_path / "C.h5")


def test_positions_are_text(tiles: list[Path], tmp_path: Path) -> None:
    invoke(*tiles, "-o", tmp_path / "C.h5", "--positions", "0, 0; 2, 40", "--place", "as given", "--overlap", "last")
    found = nx.read(tmp_path / "C.h5").metadata["stitch"]
    assert found.position.tolist() == [[0, 0], [2, 40]]
    assert found.parameters["overlap"] == "last"


def test_a_recipe_runs_first(tiles: list[Path], tmp_path: Path) -> None:
    nx.Recipe([nx.Step("crop", {"energy": [8300, 8360]})]).save(tmp_path / "steps.yaml")
    invoke(*tiles, "-o", tmp_path / "C.h5", "--steps", tmp_path / "steps.yaml")
    joined = nx.read(tmp_path / "C.h5")
    assert joined.shape[0] == 3
    assert joined.metadata["stitch"].sources[1]["steps"][0]["crop"]["energy"] == [[8300, 8360]]


def test_what_can_not_be_joined_is_said(tiles: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--grid is numbers"):
        invoke(*tiles, "-o", tmp_path / "C.h5", "--grid", "1x2")
    with pytest.raises(ValueError, match="needs 6 stacks"):
        invoke(*tiles, "-o", tmp_path / "C.h5", "--grid", "2,3,0")
    assert not (tmp_path / "C.h5").exists()


def test_a_file_that_can_not_be_written_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"stack can't be written with the suffix '.png'"):
        invoke(tmp_path / "missing.h5", tmp_path / "other.h5", "-o", tmp_path / "C.png")


def test_every_parameter_has_an_option() -> None:
    assert set(parameters()) <= set(inspect.signature(stitching.stitch).parameters)
