"""All code on the pages runs, and the README's commands exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from napari_xanes.cli import app

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)


def blocks_of(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def run_blocks(page: str) -> dict[str, Any]:
    """Run the code blocks of a page in order, as a reader would; return the names that they define."""
    scope: dict[str, Any] = {}
    for kind, text in blocks_of(page):
        if kind == "python":
            exec(compile(text, f"docs/{page}", "exec"), scope)
            continue
        for line in text.strip().splitlines():
            words = shlex.split(line.removeprefix("$ napari-xanes "))
            result = CliRunner().invoke(app, words, catch_exceptions=False)
            assert result.exit_code == 0, result.output
    return scope


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(blocks_of("tutorial.md")) > 5
    run_blocks("tutorial.md")
    assert (tmp_path / "results" / "particle" / "maps.png").stat().st_size > 10_000


PAGES = ["align.md", "plan.md", "stitch.md", "theory.md", "methods.md", "how-to-add.md", "explore.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_other_pages_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert blocks_of(page), f"{page} has no block to run"
    run_blocks(page)


def test_the_figure_of_the_theory_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("figures", ROOT / "docs" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    assert figures.draw(tmp_path / "without.png", tmp_path / "nowhere.csv") == {}
    assert (tmp_path / "without.png").stat().st_size > 20_000
    printed = capsys.readouterr().out
    assert printed.count("stress") == printed.count("trustworthiness") == 3
    if not figures.MEASURED.is_file():
        pytest.skip("the measured spectrum of MnO is not here; set NAPARI_XANES_DATA to the folder of real files")
    nearest = figures.draw(tmp_path / "with.png")
    assert set(nearest) == {"MDS", "Isomap", "t-SNE"}
    assert set(nearest.values()) <= {"Mn2+ 10Dq 0.9 eV", "Mn2+ 10Dq 1 eV"}


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_have_existing_targets(page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert bool(targets) == bool(re.search(r"\]\((?!http|#)", text))
    for target in targets:
        assert (path.parent / target).exists(), f"{page}: {target}"
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", text):
        assert anchor in anchors_of(path.parent / target if target else path), f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_pages_name_tests_that_exist(page: Path) -> None:
    tests = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    for name in re.findall(r"`([\w/]*test_\w+\.py)`", page.read_text(encoding="utf-8")):
        assert any(f"/{path}".endswith(f"/{name}") for path in tests), f"{page.name} names {name}"


def test_the_readme_names_commands_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert f"\n{target}:" in makefile


def test_the_readme_gives_options_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^napari-xanes (.+)$", text, re.MULTILINE)
    assert len(lines) > 3
    for line in lines:
        name, *words = shlex.split(line, comments=True)
        known = CliRunner().invoke(app, [name, "--help"], terminal_width=200).output
        for option in (word for word in words if word.startswith("--")):
            assert option in known, f"napari-xanes {name} has no {option}"
