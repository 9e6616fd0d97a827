"""Each map of the gallery has a picture, a recipe or one from above, and a script of at most ten lines."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np

import napari_xanes as nx

DOCS = Path(__file__).resolve().parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("gallery", DOCS / "gallery.py")
assert SPEC is not None
assert SPEC.loader is not None
gallery = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(gallery)
TEXT = gallery.PAGE.read_text(encoding="utf-8")


def test_each_map_has_a_picture_and_a_short_script() -> None:
    sections = TEXT.split("\n## ")[1:]
    pictures = [picture for picture, _ in gallery.entries(TEXT) if picture]
    assert len(pictures) == len(set(pictures)) == len(sections) > 8
    for picture, script in gallery.entries(TEXT):
        assert len(script.strip().splitlines()) <= 10
        assert not picture or (DOCS / "pictures" / f"{picture}.png").stat().st_size > 5_000


def test_the_recipes_are_those_of_the_scripts(tmp_path: Path) -> None:
    gallery.write_recipes(TEXT, tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == set(re.findall(r'Recipe\.load\("([\w.-]+)"\)', TEXT))
    (tmp_path / "references.csv").write_text("energy,a\n1,2\n")
    for path in tmp_path.glob("*.yaml"):
        assert nx.Recipe.load(path)


def test_a_map_is_drawn(tmp_path: Path) -> None:
    shown: Any = nx.ParameterMap(np.eye(4), "eV", np.full((4, 4), 0.1))
    gallery.draw(nx.MapSet({"edge_energy": shown}), shown, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 5_000
