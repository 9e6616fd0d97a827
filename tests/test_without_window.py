"""Without Qt the command line and Python do their work: an installation for a cluster or a script has none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import napari_xanes as nx
from napari_xanes.sample import SAMPLES

BLOCKED = """
import sys
class Blocked:
    names = {"PyQt5", "PyQt6", "PySide2", "PySide6", "qtpy", "magicgui", "pyqtgraph", "napari", "vispy"}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Blocked())
"""


def run(code: str, *words: object) -> str:
    """Run code in an interpreter that has no Qt and no napari; return what it prints."""
    process = subprocess.run(
        [sys.executable, "-c", BLOCKED + code, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_the_command_line_reads_maps_and_draws_without_qt(tmp_path: Path) -> None:
    sample = SAMPLES["nmc_ni_k"]()
    references = sample.stack.metadata["references"]
    nx.write(sample.stack, tmp_path / "counts.h5")
    nx.write(list(references), tmp_path / "references.csv")
    fit = nx.Step("fit_references", {"references": [str(tmp_path / "references.csv")]})
    nx.Recipe([nx.Step("optical_depth"), fit]).save(tmp_path / "recipe.yaml")
    command = "from napari_xanes.cli import main; main()"
    told = json.loads(run(command, "info", tmp_path / "counts.h5", "--json"))
    assert told
    run(command, "run", tmp_path / "recipe.yaml", tmp_path / "counts.h5", "-o", tmp_path / "maps")
    assert "valence" in nx.read_maps(next((tmp_path / "maps").rglob("maps.h5")))
    assert next((tmp_path / "maps").rglob("maps.png")).stat().st_size > 1000


def test_every_public_name_is_there_without_qt() -> None:
    assert run("import napari_xanes as nx; print(all(getattr(nx, name) for name in nx.__all__))") == "True\n"
