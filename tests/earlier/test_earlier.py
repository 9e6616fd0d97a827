"""What earlier versions wrote still opens, with the same values, and the names that they had still exist.

Each folder beside this file was written by the version that names it (`make.py`) and is never changed. A name that goes
away on purpose stands in `GONE`, with the version that told its users so and the way out.
"""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.earlier.make import names

import napari_xanes as nx
from napari_xanes.io.project_file import read_project
from napari_xanes.project import MissingLayer

VERSIONS = sorted(path for path in Path(__file__).parent.iterdir() if (path / "names.json").is_file())
GONE: dict[str, str] = {}
"""``"step.parameter"`` or ``"napari_xanes.name"``: the version that warned first, and what to use instead."""


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of what a version wrote, so that nothing can change it."""
    return Path(shutil.copytree(request.param, tmp_path / "earlier"))


def read(path: Path) -> nx.SpectralStack:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stack = nx.read(path)
    assert isinstance(stack, nx.SpectralStack)
    return stack


def test_the_first_version_is_kept() -> None:
    assert "0.1.0" in [path.name for path in VERSIONS]


def test_public_names_and_parameters_are_still_there(folder: Path) -> None:
    now = names()
    for home, before in json.loads((folder / "names.json").read_text(encoding="utf-8")).items():
        assert home in now or home in GONE
        missing = {name for name in before if name not in now.get(home, ()) and f"{home}.{name}" not in GONE}
        assert not missing, f"{home} has lost {missing}: recipes and scripts of others use it"


def test_stacks_still_open(folder: Path) -> None:
    stack = read(folder / "counts.h5")
    assert stack.quantity == "counts"
    assert stack.shape[1:] == (8, 9)
    assert stack.corrections.flat is not None
    for name in ("counts.tif", "counts.zarr"):
        same = read(folder / name)
        np.testing.assert_allclose(same.energy, stack.energy, rtol=1e-9)
        np.testing.assert_array_equal(np.asarray(same.data), np.asarray(stack.data))


def test_spectra_still_open(folder: Path) -> None:
    table, project = (nx.read_spectra(folder / f"references.{suffix}") for suffix in ("csv", "prj"))
    assert [spectrum.name for spectrum in table] == [spectrum.name for spectrum in project]
    assert [spectrum.valence for spectrum in table] == [2.0, 4.0]


def test_recipes_still_give_the_same_maps(folder: Path) -> None:
    """An exact recipe gives the numbers of then, but for what was a fault; one that names files is no different."""
    stack, kept = read(folder / "counts.h5"), nx.read_maps(folder / "maps.h5")
    for name in ("exact.yaml", "fit.yaml"):
        maps = nx.run(nx.Recipe.load(folder / name), stack)
        assert isinstance(maps, nx.MapSet)
        both = maps["valence"].mask & kept["valence"].mask
        assert both.sum() > 0.9 * kept["valence"].mask.sum() > 0
        np.testing.assert_allclose(maps["valence"].data[both], kept["valence"].data[both], atol=0.02)
    assert "edge_energy" in nx.run(nx.Recipe.load(folder / "edge.yaml"), stack)


def test_maps_still_open(folder: Path) -> None:
    maps = nx.read_maps(folder / "maps.h5")
    assert maps["valence"].sigma is not None
    assert [step.name for step in maps.history] == ["optical_depth", "fit_references"]
    same = nx.read_maps(folder / "maps.tif")
    np.testing.assert_allclose(same["valence"].data, maps["valence"].data, rtol=1e-6)


def test_projects_still_open(folder: Path) -> None:
    project = read_project(folder / "project.h5")
    assert not any(isinstance(layer, MissingLayer) for layer in project.layers)
    assert [layer.name for layer in project.layers] == ["particle", "valence", "regions", "lines", "photo", "pins"]
    assert "valence" in project.layers[1].value
    assert len(project.references) >= 2
    assert project.settings["chosen"] == 0
