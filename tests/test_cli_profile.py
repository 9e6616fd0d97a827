"""Profiles along lines from the command line are those of Python."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, SpectralStack
from napari_xanes.cli import app

LINE = "2, 3; 9.5, 14"
CORNERS = [(2, 3), (9.5, 14)]


def invoke(*words: object) -> str:
    result = CliRunner().invoke(app, ["profile", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@pytest.fixture
def maps(tmp_path: Path, rng: np.random.Generator) -> Path:
    values = rng.normal(2.5, 0.1, (12, 16))
    labels = ParameterMap((values > 2.5).astype(np.uint8), labels={0: "a", 1: "b"})
    mask = np.ones((12, 16), bool)
    mask[5:7] = False
    made = {
        "valence": ParameterMap(values, "1", np.full((12, 16), 0.2), mask),
        "share": ParameterMap(values / 5),
        "edge_energy": ParameterMap(values + 8340, "eV"),
        "phase": labels,
    }
    nx.write(MapSet(made, pixel_size=(0.05, 0.05)), tmp_path / "maps.h5")
    return tmp_path / "maps.h5"


def test_the_profile_of_a_map_has_errors_and_gaps(maps: Path, tmp_path: Path) -> None:
    invoke(maps, LINE, "--map", "valence", "--width", 3, "-o", tmp_path / "rim.csv")
    expected = nx.map_profile(nx.read_maps(maps), "valence", CORNERS, 3)
    table = rows((tmp_path / "rim.csv").read_text("utf-8-sig"))
    np.testing.assert_allclose([float(row["distance (µm)"]) for row in table], expected.distance, rtol=1e-8)
    value = [float(row["value"] or "nan") for row in table]
    np.testing.assert_allclose(value, expected.value, rtol=1e-8)
    assert np.isnan(value).any(), "masked"
    error = [float(row["standard error"] or "nan") for row in table]
    np.testing.assert_allclose(error, expected.sigma, rtol=1e-8)


def test_all_maps_of_one_unit_are_taken(maps: Path) -> None:
    table = rows(invoke(maps, LINE, "--map", "valence", "--map", "share"))
    assert {row["profile"] for row in table} == {"valence", "share"}
    with pytest.raises(ValueError, match=r"values of one unit.*choose some with --map"):
        invoke(maps, LINE)


def test_frames_of_a_stack(tmp_path: Path, rng: np.random.Generator) -> None:
    stack = SpectralStack(rng.random((5, 12, 16), np.float32), np.arange(700.0, 705.0), "optical_depth")
    nx.write(stack, tmp_path / "scan.h5")
    table = rows(invoke(tmp_path / "scan.h5", LINE, "--energy", 701, "--energy", 704))
    for energy in (701.0, 704.0):
        value = [float(row["value (OD)"]) for row in table if row["profile"] == f"{energy:g} eV"]
        np.testing.assert_allclose(value, nx.frame_profile(stack, energy, CORNERS).value, rtol=1e-6)
    with pytest.raises(ValueError, match="give the energies of its frames"):
        invoke(tmp_path / "scan.h5", LINE)


@pytest.mark.parametrize("line", ["", "2, 3", "2, 3; 4", "2 3; a b"])
def test_what_is_no_line_is_refused(maps: Path, line: str) -> None:
    with pytest.raises(ValueError, match="give two or more corners y, x"):
        invoke(maps, line, "--map", "valence")


def test_nothing_is_replaced_unasked(maps: Path, tmp_path: Path) -> None:
    given: tuple[Any, ...] = (maps, LINE, "--map", "valence", "-o", tmp_path / "rim.csv")
    invoke(*given)
    with pytest.raises(FileExistsError, match="--overwrite"):
        invoke(*given)
    invoke(*given, "--overwrite")
