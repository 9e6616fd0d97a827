"""The command `run`: what it says about names."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import napari_xanes as nx
from napari_xanes.cli import app


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    nx.Recipe([nx.Step("optical_depth")]).save(tmp_path / "recipe.yaml")
    stack = nx.SpectralStack(np.full((3, 4, 5), 0.5, np.float32), [8330, 8340, 8350], "transmission")
    nx.write(stack, tmp_path / "scan T=25C.h5")
    return tmp_path / "scan T=25C.h5"


def run(scan: Path, *words: str) -> Result:
    recipe, out = scan.with_name("recipe.yaml"), scan.with_name("maps")
    return CliRunner().invoke(app, ["run", str(recipe), str(scan), "-o", str(out), *words], catch_exceptions=False)


def test_a_pattern_that_finds_nothing_is_told(scan: Path) -> None:
    assert "finds nothing" not in run(scan, "--by", r"T=(\d+)C").stderr
    assert "--by Q=(\\d+) finds nothing in any name, such as scan T=25C.h5" in run(scan, "--by", r"Q=(\d+)").stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_of_bytes_that_are_no_text_is_said_with_escapes(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # pytest's own record of the log can't pass such names between its processes.
    monkeypatch.setattr(logging.getLogger("napari_xanes"), "propagate", False)
    result = run(scan.rename(scan.with_name(os.fsdecode(b"latin-\xe9.h5"))))
    assert result.exit_code == 0
    assert r"latin-\udce9" in result.stdout
    [log] = scan.with_name("maps").glob("*.log")
    assert r"read latin-\udce9" in log.read_text(encoding="utf-8")
