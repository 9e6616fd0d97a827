"""The site is built without a warning, its links have targets, and every step, command and function is on it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
import typer

import napari_xanes as nx
from napari_xanes.cli import app
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path) -> ModuleType:
    """Import a file of the docs, which are no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


refusals = load(ROOT / "docs" / "site" / "refusals.py")


class Page(HTMLParser):
    """The links, identifiers and text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.identifiers: set[str] = set()
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.identifiers.add(value)
            elif name == "href" and value and tag == "a":
                self.links.append(value)
            elif name in ("href", "src") and value:
                self.loaded.append(value)

    def handle_data(self, data: str) -> None:
        self.text += data


@dataclass(frozen=True)
class Site:
    """The pages and all files of a built site, by their paths from its top."""

    pages: dict[str, Page]
    files: frozenset[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Build the site."""
    folder = tmp_path_factory.mktemp("site") / "html"
    process = subprocess.run([sys.executable, ROOT / "docs" / "site", folder], capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    assert not process.stderr
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    pages = {name: path for name, path in files.items() if path.suffix == ".html" and not name.startswith("_static")}
    return Site({name: Page(path) for name, path in pages.items()}, frozenset(files))


def target_of(page: str, link: str) -> str:
    """Return the file of a link, from the top of the site."""
    parts: list[str] = []
    for part in [*Path(page).parent.parts, *unquote(link).split("/")]:
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def test_every_link_inside_has_a_target(site: Site) -> None:
    for name, page in site.pages.items():
        for link in page.links:
            if link.startswith(("http://", "https://", "mailto:")) or link == "#":
                continue
            path, _, anchor = link.partition("#")
            target = target_of(name, path.partition("?")[0]) if path else name
            assert target in site.files, f"{name}: {link}"
            if anchor and target.endswith(".html"):
                assert unquote(anchor) in site.pages[target].identifiers, f"{name}: {link}"


def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    for name, page in site.pages.items():
        for loaded in page.loaded:
            assert "://" not in loaded, f"{name} loads {loaded}"
            file = loaded.partition("?")[0].partition("#")[0]
            assert not file or target_of(name, file) in site.files, f"{name} loads {loaded}"


def test_every_page_of_the_docs_is_on_the_site_and_reached_by_links(site: Site) -> None:
    seen, pending = set(), ["index.html"]
    while pending:
        name = pending.pop()
        if name in seen or name not in site.pages:
            continue
        seen.add(name)
        pending += [target_of(name, link.partition("#")[0]) for link in site.pages[name].links if "://" not in link]
    docs = ROOT / "docs"
    assert {path.relative_to(docs).with_suffix(".html").as_posix() for path in docs.rglob("*.md")} <= seen


def test_the_reference_has_every_step_command_and_function(site: Site) -> None:
    for method in (*OPERATIONS.values(), *ESTIMATORS.values()):
        assert method.summary in site.pages["steps.html"].text
        for parameter in method.parameters.values():
            assert parameter.name in site.pages["steps.html"].text
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(commands) <= site.pages["command-line.html"].identifiers
    names = {name for name in nx.__all__ if not name.startswith("_") and name not in ("io", "maps", "ops")}
    functions = {name for name in names if callable(getattr(nx, name))}
    assert {f"napari_xanes.{name}" for name in functions} <= site.pages["api.html"].identifiers


def test_every_refusal_of_the_source_is_on_the_page_of_messages(site: Site) -> None:
    page = " ".join(site.pages["messages.html"].text.split())
    found = refusals.refusals()
    assert len(found) > 900
    for refusal in found:
        assert refusal.text in page, f"{refusal.module}: {refusal.text}"


def test_the_page_of_messages_quotes_refusals_that_exist() -> None:
    text = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    known = "\n".join(refusal.text for refusal in refusals.refusals())
    quoted = [
        words
        for row in re.findall(r"^\| ([^|]*`[^|]*) \|", text, re.MULTILINE)
        for words in re.findall("`([^`]+)`", row)
    ]
    assert len(quoted) > 10
    for words in quoted:
        assert words in known, words
    assert set(re.findall(r"generated: refusals (\w+)", text)) == set(refusals.PARTS)


def test_pictures_of_forms_are_of_steps_that_exist() -> None:
    pictures = {path.stem for path in (ROOT / "docs" / "pictures" / "forms").glob("*.png")}
    assert pictures
    assert pictures <= {*OPERATIONS, *ESTIMATORS}
