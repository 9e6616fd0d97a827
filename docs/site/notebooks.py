"""Pages with Python as notebooks: each block is a cell, and the text between is Markdown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(python|console|yaml)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.yaml)\n")
_IMAGE, _LINK = re.compile(r"!\[[^\]]*\]\([^)]*\)"), re.compile(r"\[([^\]]+)\]\((?!http)[^)]*\)")

SAMPLE = """import napari_xanes as nx

sample = nx.sample.nmc_ni_k(size=48)
nx.write(sample.stack, "particle.h5")
nx.write(sample.stack.metadata["references"], "references.csv")"""
"""The files that pages read without making them."""


def has_notebook(text: str) -> bool:
    """Return whether a page becomes a notebook: it computes, and is no part of the reference."""
    return "```python\n" in text and ('"particle.h5"' in text or "nx.sample." in text)


def notebook(text: str) -> dict[str, Any]:
    """Return a page as a notebook (nbformat 4.5): without pictures, and without links to other pages."""
    cells: list[dict[str, Any]] = []
    at = 0
    for block in _BLOCK.finditer(text):
        _add(cells, "markdown", _LINK.sub(r"\1", _IMAGE.sub("", text[at : block.start()])))
        _add(cells, *_cell(block[1], block[2]))
        at = block.end()
    _add(cells, "markdown", _LINK.sub(r"\1", _IMAGE.sub("", text[at:])))
    if '"particle.h5"' in text and 'nx.write(sample.stack, "particle.h5")' not in text:
        cells.insert(1, _as_cell("code", SAMPLE))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, block: str) -> tuple[str, str]:
    """Return the kind and the text of the cell of a block: commands are run by the shell, recipes are written."""
    name = _FILE.match(block)
    if kind == "console":
        return "code", re.sub(r"^\$ ", "!", block, flags=re.MULTILINE)
    if kind == "yaml" and name:
        return "code", f"%%writefile {name[1]}\n{block[name.end() :]}"
    return ("code", block) if kind == "python" else ("markdown", f"```{kind}\n{block}```")


def _add(cells: list[dict[str, Any]], kind: str, text: str) -> None:
    if text.strip():
        cells.append(_as_cell(kind, text.strip("\n")))


def _as_cell(kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def write_notebooks(pages: Path, folder: Path) -> None:
    """Write the notebooks of all pages that have one."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in sorted(pages.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if has_notebook(text):
            (folder / f"{page.stem}.ipynb").write_text(json.dumps(notebook(text), indent=1), encoding="utf-8")
