"""Errors of operations, estimators and the window say what happened, and how it should be or what to do.

Readers raise such texts too. What their ``why_not_readable`` return are reasons why a file is of another format: no
faults, so these need no way out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import napari_xanes
from napari_xanes.io import ways_out

SOURCE = Path(napari_xanes.__file__).parent
PLACES = ("ops", "maps", "denoising", "exploring", "edge", "gui", "arguments.py", "line_profiles.py", "colour_mix.py")

TELLS = re.compile(
    r"\b(give|choose|use|run|crop|needs?|needed|must|at (least|most)|leave|read|save|open|drop|check|type|write|set"
    r"|widen|lower|take|compare|draw|brush|mark|align|measure|close|press|fit|rename|make|add|join|bin|call|allowed|say"
    r"|bring|tick|remove|reduce|raise|start|keep|try|split|wait|show|select|fill|hide|takes|correct|denoise|normalize|interpolate_energy|reinstall"
    r"|computed from|in order of|can't have|test them)\b|, not |\bnot \{\}|\bneither\b",
    re.IGNORECASE,
)
"""A word that tells what to do or what is needed, or that the value is not what it should be."""


def written(text: ast.expr) -> str:
    """Return what is written of a text; what is filled in becomes braces, of other texts only those."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    if isinstance(text, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else filled(part) for part in text.values)
    if isinstance(text, ast.BinOp):
        return written(text.left) + written(text.right)
    return "{}"


def filled(part: ast.expr) -> str:
    """Return one of the ways out that readers share; of all other things that are filled in only braces."""
    name = ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else ""
    return str(getattr(ways_out, name.removeprefix("ways_out."), "{}")) if name.startswith("ways_out.") else "{}"


def passes_on(text: str) -> bool:
    """Return whether a text ends with that of another error, which tells more."""
    return re.search(r"(^|[;:] )\{\}\W*$", text) is not None


def texts() -> Iterator[tuple[str, str]]:
    """Return place and text of each ValueError that is raised with one."""
    files = [path for place in PLACES for path in (SOURCE / place, *(SOURCE / place).rglob("*.py"))]
    for path in sorted(path for path in files if path.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            error = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(error, ast.Call) and ast.unparse(error.func) == "ValueError" and error.args:
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", written(error.args[0])


READERS_TELL = re.compile(
    rf"{TELLS.pattern}|\b(copy|pass|put|move|unpack|download|export|load|fetch|convert|turn|install|give)\b"
    r"|\bname (them|it|another|the)\b|not followed|pip install|number them|one for each",
    re.IGNORECASE,
)
"""Words of readers: of files, which have to be copied or saved again."""


def raised_by_readers() -> Iterator[tuple[str, str]]:
    """Return place and text of each error that the readers and writers raise with one."""
    for path in sorted((SOURCE / "io").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            error = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(error, ast.Call) and error.args and ast.unparse(error.func) in ("ValueError", "OSError"):
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", written(error.args[0])


def test_readers_tell_what_to_do() -> None:
    silent = [
        f"{place}: {text}"
        for place, text in raised_by_readers()
        if not passes_on(text) and not READERS_TELL.search(text) and not re.search("damaged|cut short", text)
    ]
    assert silent == []


def test_there_are_texts() -> None:
    assert len(list(texts())) > 200


def test_texts_are_clauses_that_can_be_continued() -> None:
    """No capital but of a name, and no full stop: the window makes sentences of them (`gui.telling`)."""
    capitals = [f"{place}: {text}" for place, text in texts() if re.match(r"[A-Z][a-z]+ [a-z]", text)]
    stops = [
        f"{place}: {text}"
        for place, text in texts()
        if text.rstrip().endswith((". ", "!")) or re.search(r"[^.]\.$", text)
    ]
    assert (capitals, stops) == ([], [])


def test_texts_tell_how_it_should_be_or_what_to_do() -> None:
    silent = [f"{place}: {text}" for place, text in texts() if not passes_on(text) and not TELLS.search(text)]
    assert silent == []


def test_readers_of_damaged_files_say_what_to_do() -> None:
    told = [
        f"{path.relative_to(SOURCE)}:{node.lineno}: {text}"
        for path in sorted((SOURCE / "io").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args
        if re.search(r"\b(damaged|cut short)\b", text := written(node.exc.args[0]))
    ]
    assert len(told) > 50
    assert [line for line in told if "copy" not in line and not TELLS.search(line)] == []
