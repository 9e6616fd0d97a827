"""All code on the pages runs, and the README's commands exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes.cli import app

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"```(python|console)\n(.*?)```", re.DOTALL)
PAGES = {path.relative_to(ROOT / "docs").as_posix(): path for path in sorted((ROOT / "docs").rglob("*.md"))}
LANGUAGES = {"python", "console", "yaml", "text", ""}
"""Python and console blocks are run; the others are shown only."""


def run_blocks(text: str, page: str) -> dict[str, Any]:
    """Run the code blocks of a page in order, as a reader would; return the names that they define.

    A block of YAML that begins with the name of a file becomes that file.
    """
    for name, recipe in re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", text, re.DOTALL):
        Path(name).write_text(recipe, encoding="utf-8")
    scope: dict[str, Any] = {}
    for kind, block in BLOCK.findall(text):
        if kind == "python":
            exec(compile(block, page, "exec"), scope)
            continue
        for line in block.strip().splitlines():
            if line.startswith("$ napari-xanes "):
                words = shlex.split(line.removeprefix("$ napari-xanes "), comments=True)
                result = CliRunner().invoke(app, words, catch_exceptions=False)
                assert result.exit_code == 0, result.output
            else:
                check_installation(line, page)
    return scope


def check_installation(line: str, page: str) -> None:
    """Check a command that installs: its extras, groups and files exist."""
    assert re.match(r"\$ (pip|py|python3|conda|rattler-build|xvfb-run) ", line), f"{page}: no test runs {line}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for extras in re.findall(r"napari-xanes\[([\w,]+)\]", line):
        assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"]), f"{page}: {line}"
    for file in re.findall(r"(?:-c|--recipe) (\S+\.\w+)", line):
        assert (ROOT / file).is_file(), f"{page}: {file}"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the files that pages name without making them."""
    folder = tmp_path_factory.mktemp("files")
    sample = nx.sample.nmc_ni_k(size=48)
    nx.write(sample.stack, folder / "particle.h5")
    references = sample.stack.metadata["references"]
    nx.write(references, folder / "references.csv")
    nx.write(references, folder / "references.prj")
    nx.write(sample.stack, folder / "scan.h5")
    nx.Recipe([nx.Step("fit_references", {"references": ["references.csv"]})]).save(folder / "recipe.yaml")
    depth = nx.ops.optical_depth(sample.stack)
    nx.write(nx.maps.fit_references(depth, references=references), folder / "maps.h5")
    tifffile.imwrite(folder / "scan.tif", np.asarray(depth.data))
    np.savetxt(folder / "energies.txt", depth.energy)
    (folder / "scan12").mkdir()
    for energy, frame in zip(depth.energy, np.asarray(depth.data), strict=True):
        tifffile.imwrite(folder / "scan12" / f"frame_{energy:.1f}eV.tif", frame)
    lines = "".join(f"{energy} 1000 {energy - 8000} {energy - 8010}\n" for energy in depth.energy)
    scans = (f"#S {n} ascan\n#L Mono Energy  I0  V_Ka_mca1  V_Ka_mca2\n{lines}\n" for n in (1, 2, 3))
    (folder / "foil.dat").write_text("#F foil.dat\n\n" + "".join(scans))
    return folder


WITH_BLOCKS = [name for name, path in PAGES.items() if BLOCK.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", [name for name in WITH_BLOCKS if name != "tutorial.md"])
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    run_blocks(PAGES[page].read_text(encoding="utf-8"), page)


def test_the_blocks_of_the_readme_run(tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert "maps" in run_blocks((ROOT / "README.md").read_text(encoding="utf-8"), "README.md")


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_of_a_kind_that_the_tests_know(page: str) -> None:
    fences = re.findall(r"^```+(.*)$", PAGES[page].read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences) <= LANGUAGES, f"{page}: {set(fences) - LANGUAGES}"


def test_the_tutorial_makes_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks(PAGES["tutorial.md"].read_text(encoding="utf-8"), "tutorial.md")
    assert (tmp_path / "results" / "particle" / "maps.png").stat().st_size > 10_000


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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{name}" for name in PAGES)])
def test_links_have_existing_targets(page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert bool(targets) == bool(re.search(r"\]\((?!http|#)", text))
    for target in targets:
        assert (path.parent / target).exists(), f"{page}: {target}"
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", text):
        assert anchor in anchors_of(path.parent / target if target else path), f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_tests_that_exist(page: str) -> None:
    tests = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    for name in re.findall(r"`([\w/]*test_\w+\.py)`", PAGES[page].read_text(encoding="utf-8")):
        assert any(f"/{path}".endswith(f"/{name}") for path in tests), f"{page} names {name}"


def test_the_readme_names_commands_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert f"\n{target}:" in makefile


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}" for name in PAGES)])
def test_commands_have_options_that_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for line in re.findall(r"^(?:\$ )?napari-xanes ([a-z].+)$", text, re.MULTILINE):
        name, *words = shlex.split(line, comments=True)
        known = CliRunner().invoke(app, [name, "--help"], terminal_width=200).output
        for option in (word for word in words if word.startswith("--")):
            assert option in known, f"napari-xanes {name} has no {option}"
