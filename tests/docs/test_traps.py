"""The page of traps quotes the numbers that its script prints, and shows its figures."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "traps.md").read_text(encoding="utf-8")
SPEC = importlib.util.spec_from_file_location("traps", DOCS / "traps.py")
assert SPEC is not None
assert SPEC.loader is not None
traps = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(traps)

SECTIONS = {
    match[1]: text for text in PAGE.split("\n## ")[1:] if (match := re.search(r"pictures/trap-([\w-]+)\.png", text))
}


def test_each_trap_has_a_section_with_its_figure() -> None:
    assert list(SECTIONS) == list(traps.TRAPS)
    for name in SECTIONS:
        assert (DOCS / "pictures" / f"trap-{name}.png").stat().st_size > 5_000


@pytest.mark.parametrize("name", traps.TRAPS)
def test_the_numbers_are_those_of_the_script(name: str, tmp_path: Path) -> None:
    numbers = traps.draw(name, tmp_path / "figure.png")
    assert len(numbers) > 1
    for number in numbers:
        assert number in SECTIONS[name], f"{name}: {number} is not in its section"
    assert (tmp_path / "figure.png").stat().st_size > 5_000
