"""The recipe for conda-forge has the requirements, the command and the licence of pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "dask[array]": "dask"}
"""Packages whose names differ between PyPI and conda-forge."""


@pytest.fixture
def recipe() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def conda(requirement: str) -> str:
    """Return a requirement of PyPI as conda writes it."""
    name, bound, version = requirement.partition(">=")
    return " ".join([CONDA_NAMES.get(name, name), f"{bound}{version}"]).strip()


def test_requirements(recipe: dict[str, Any], pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    expected = {f"python {project['requires-python']}", *map(conda, project["dependencies"])}
    assert set(recipe["requirements"]["run"]) == {*expected, "pyqt >=6"}
    host = {conda(requirement) for requirement in pyproject["build-system"]["requires"]}
    assert host <= set(recipe["requirements"]["host"])


def test_command_name_and_licence(recipe: dict[str, Any], pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    commands = [f"{name} = {target}" for name, target in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == commands
    assert recipe["package"]["name"] == project["name"]
    assert recipe["about"]["license"] == project["license"]
    assert (ROOT / recipe["about"]["license_file"]).is_file()
