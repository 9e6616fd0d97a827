"""Recipes and scripts name the files of references that are unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.history import Source, Step
from napari_xanes.named_files import with_named_files
from napari_xanes.recipe import Recipe, as_python


@pytest.fixture
def maps(tmp_path: Path) -> nx.MapSet:
    """Return a run on references from a file, one of them renamed and moved, and one that is in no file."""
    energy = np.linspace(8300, 8400, 40)
    edge = 0.5 + np.arctan(energy - 8345) / np.pi
    given = [nx.Spectrum("low", energy, edge, 2.0), nx.Spectrum("high", energy, np.roll(edge, 3), 3.0)]
    nx.write(given, tmp_path / "references.csv")
    low, high = nx.read_spectra(tmp_path / "references.csv")
    own = nx.Spectrum("own", energy, np.roll(edge, 7))
    data = np.random.default_rng(0).normal(0, 0.01, (40, 6, 7)) + edge[:, None, None]
    stack = nx.SpectralStack(data.astype(np.float32), energy, "optical_depth")
    maps = nx.run([Step("fit_references", {"references": [low, high.shifted(0.5), own]})], stack)
    assert isinstance(maps, nx.MapSet)
    return maps


def references_of(steps: list[Step]) -> list[object]:
    return list(steps[-1].parameters["references"])


def test_unchanged_files_are_named(maps: nx.MapSet, tmp_path: Path) -> None:
    low, high, own = references_of(with_named_files(maps.history))
    assert "mu" not in low
    assert (low["path"], low["record"]) == (str(tmp_path / "references.csv"), "low")
    assert high["shift"] == 0.5
    assert len(own["mu"]) == 40, "it comes from no file"


def test_the_recipe_is_short_and_gives_the_same(maps: nx.MapSet, tmp_path: Path) -> None:
    steps = with_named_files(maps.history)
    Recipe(maps.history).save(tmp_path / "long.yaml")
    Recipe(steps).save(tmp_path / "short.yaml")
    assert (tmp_path / "short.yaml").stat().st_size < (tmp_path / "long.yaml").stat().st_size / 2
    before, after = (Recipe.load(tmp_path / name)[-1] for name in ("long.yaml", "short.yaml"))
    energy = np.linspace(8300, 8400, 40)
    data = np.random.default_rng(1).random((40, 3, 4), np.float32)
    stack = nx.SpectralStack(data, energy, "optical_depth")
    first, second = (nx.run([step], stack) for step in (before, after))
    assert list(first) == list(second)
    for name in first:
        np.testing.assert_array_equal(first[name].data, second[name].data)
    assert "references.csv" in as_python(steps, Source("scan.h5"))


def test_changed_and_lost_files_leave_the_numbers(maps: nx.MapSet, tmp_path: Path) -> None:
    path = tmp_path / "references.csv"
    path.write_text(path.read_text() + "\n")
    assert all("mu" in one for one in references_of(with_named_files(maps.history)))
    path.unlink()
    assert all("mu" in one for one in references_of(with_named_files(maps.history)))
