"""Settings of the documentation site: ``make docs`` writes it to docs/_build/html.

The pages are plain Markdown that a Git host shows as it is. Three things are added on the way: a page that is in
`SECTIONS` gets its list of links as its menu, a comment ``<!-- generated: name -->`` is replaced by text from the
package, and a page that computes gets a link to itself as a notebook.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import generated
import notebooks

from napari_xanes.version import __version__

project = "napari-xanes"
author = "The napari-xanes developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "pictures", "site"]
smartquotes = False  # messages are quoted as they are printed
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # docstrings name types in words
myst_heading_anchors = 4
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_title = "napari-xanes"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_sidebars = {"index": [], "start": [], "gallery": [], "messages": []}  # pages without others below them
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 8,
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copyright = "the napari-xanes developers, BSD 3-Clause"

SECTIONS = ("index", "start", "learn", "howto", "understand", "reference", "develop")
"""Pages whose lists of links are menus."""

_ENTRY = re.compile(r"^- \[[^\]]+\]\(((?!http)[^)#]+)\.md\)", re.MULTILINE)
_GENERATED = re.compile(r"^<!-- generated: (\w+)(?: (\w+))? -->$", re.MULTILINE)


def menu(name: str, text: str) -> str:
    """Return the menu of a page: the links that begin the entries of its lists; Develop takes also what no list has."""
    pages = list(dict.fromkeys(_ENTRY.findall(text)))
    if name == "develop":
        texts = (Path(__file__).parents[1] / f"{section}.md" for section in SECTIONS)
        listed = {"index", *(page for path in texts for page in _ENTRY.findall(path.read_text(encoding="utf-8")))}
        pages += sorted({path.stem for path in Path(__file__).parents[1].glob("*.md")} - listed)
    return "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def complete(app: Any, name: str, source: list[str]) -> None:
    """Add what a page gets on its way to the site."""
    text = source[0]
    if notebooks.has_notebook(text):
        text = text.replace("\n\n", f'\n\n<a href="notebooks/{name}.ipynb" download>This page as a notebook</a>\n\n', 1)
    if name in SECTIONS:
        text += menu(name, text)
    source[0] = _GENERATED.sub(lambda match: generated.TEXTS[match[1]](*filter(None, [match[2]])), text)


def write_notebooks(app: Any, error: Exception | None) -> None:
    """Write the notebooks beside the pages."""
    if error is None:
        notebooks.write_notebooks(Path(app.srcdir), Path(app.outdir) / "notebooks")


def setup(app: Any) -> None:
    """Connect the functions above with Sphinx."""
    app.connect("source-read", complete)
    app.connect("build-finished", write_notebooks)
