"""Errors in the window say what happened and the way out, then the file."""

from __future__ import annotations

import ast
import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest
from napari._qt.dialogs.qt_notification import NapariQtNotification
from qtpy.QtWidgets import QLabel

import napari_xanes as nx
from napari_xanes.gui import telling
from napari_xanes.gui.telling import sentence, show_error, show_warning, tell

GUI = Path(telling.__file__).parent
SHOWS = ("show_error", "show_warning", "show_info", "tell")
WAY_OUT = re.compile(
    r"\b(give|choose|use|press|drop|open|brush|move|add|select|type|wait|show|free|check|take|save|draw|press|first|again)\b",
    re.IGNORECASE,
)
"""A word that tells the user what to do."""


def notices() -> list[tuple[str, str, ast.expr]]:
    """Return place, function and text of each notice that the window shows."""
    found = []
    for path in sorted(GUI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SHOWS and node.args:
                found.append((f"{path.relative_to(GUI)}:{node.lineno}", node.func.id, node.args[0]))
    return found


def literal(text: ast.expr) -> str:
    """Return what is written of a text; what is filled in becomes braces."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    if isinstance(text, ast.JoinedStr):
        return "".join(literal(part) if isinstance(part, ast.Constant) else "{}" for part in text.values)
    if isinstance(text, ast.BinOp):
        return literal(text.left) + literal(text.right)
    return "{}"


def test_no_error_is_shown_without_the_function_that_puts_it_in_words() -> None:
    bare = [place for place, shows, text in notices() if shows != "tell" and "str(error)" in ast.unparse(text)]
    assert [place for place in bare if not place.startswith("telling.py")] == []


def test_notices_begin_with_a_capital_or_a_name() -> None:
    small = [f"{place}: {literal(text)}" for place, _, text in notices() if literal(text)[:1].islower()]
    assert small == []


def test_errors_of_the_window_tell_a_way_out() -> None:
    written = [(place, literal(text)) for place, shows, text in notices() if shows == "show_error"]
    without = [f"{place}: {text}" for place, text in written if text.strip("{}") and not WAY_OUT.search(text)]
    assert without == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/data/scan 1.h5: no energies in it; pass energies=", "No energies in it; pass energies= (/data/scan 1.h5)"),
        (r"C:\data\scan.h5: cut short", r"Cut short (C:\data\scan.h5)"),
        ("scan.h5: its header is cut short", "Its header is cut short (scan.h5)"),
        ("line 5: 'x' is no number", "Line 5: 'x' is no number"),
        ("min_jump = -1 is out of bounds", "min_jump = -1 is out of bounds"),
        ("E0 = 9000 eV lies outside", "E0 = 9000 eV lies outside"),
        ("'short' covers 3 eV", "'short' covers 3 eV"),
        ("8.5: neither eV nor keV", "8.5: neither eV nor keV"),
        ("", "ValueError"),
    ],
)
def test_an_error_in_words(text: str, said: str) -> None:
    assert sentence(ValueError(text)) == said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.ENOENT, errno.EROFS])
def test_errors_of_the_system_tell_a_way_out(number: int) -> None:
    said = sentence(OSError(number, os.strerror(number), "/data/maps.h5"))
    assert said.startswith(os.strerror(number))
    assert said.endswith(" (/data/maps.h5)")
    assert WAY_OUT.search(said)


def test_a_missing_file_is_named_last(tmp_path: Path, errors: list[str]) -> None:
    with pytest.raises(OSError, match="no such file") as missing:
        nx.read(tmp_path / "lost.h5")
    tell(missing.value, "Nothing was opened")
    assert errors == [f"Nothing was opened: there is no such file or folder; check the path ({tmp_path / 'lost.h5'})"]


@pytest.mark.window
def test_a_notification_is_seen_in_full_and_an_error_stays(viewer: Any, wait: Any, qtbot: Any) -> None:
    text = "No pixel has an edge jump above 1: " + "the largest is 0.37 at E0 = 8347.4 eV, " * 4 + "lower min_jump"
    canvas = viewer.window._qt_viewer.canvas.native
    for show, stays in ((show_error, True), (show_warning, False)):
        show(text)
        *_, dialog = canvas.findChildren(NapariQtNotification)
        wait(lambda dialog=dialog: QLabel.text(dialog.message) == text)
        wait(lambda label=dialog.message: label.height() >= label.sizeHint().height())
        wait(lambda dialog=dialog: canvas.rect().contains(dialog.geometry()))
        assert not (stays and dialog.timer.isActive())
        dialog.close()
