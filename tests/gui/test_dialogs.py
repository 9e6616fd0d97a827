"""Dialogs for files open at the folder of the stack, or else where the last file was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import napari_xanes
from napari_xanes.gui import dialogs
from napari_xanes.gui.spectra import SpectraDock

Asked = list[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return what dialogs were asked to open at; each of them is closed without a file."""
    opened_at: Asked = []
    monkeypatch.setattr(dialogs, "_last_folders", [])
    for name, none in (("getOpenFileName", ""), ("getOpenFileNames", []), ("getSaveFileName", "")):
        monkeypatch.setattr(
            dialogs.QFileDialog, name, lambda *arguments, none=none: opened_at.append(arguments[2]) or (none, "")
        )
    return opened_at


def test_dialogs_of_docks_open_beside_the_stack(viewer: Any, add_stack: Any, asked: Asked, tmp_path: Path) -> None:
    layer = add_stack()
    layer.metadata["xanes"]["source"] = {"path": str(tmp_path / "scan.h5")}
    dock = SpectraDock(viewer)
    dock.look.tabs.references._load_button.click()
    dialogs.ask_to_open(dock, "Energies", near=viewer)
    dialogs.ask_to_save(dock, "Export", "spectra.csv", near=viewer)
    assert asked == [str(tmp_path), str(tmp_path), str(tmp_path / "spectra.csv")]
    dock.close()


def test_without_a_stack_the_last_folder_opens(
    viewer: Any, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialogs.ask_to_save(None, "Export", "spectra.csv", near=viewer)
    chosen = str(tmp_path / "other.csv")
    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", lambda *_: (chosen, ""))
    assert dialogs.ask_to_save(None, "Export", "spectra.csv", near=viewer) == chosen
    dialogs.ask_to_open(None, "Energies", near=viewer)
    assert asked == ["spectra.csv", str(tmp_path)]


def test_a_folder_that_is_gone_is_not_offered(viewer: Any, add_stack: Any, asked: Asked, tmp_path: Path) -> None:
    add_stack().metadata["xanes"]["source"] = {"path": str(tmp_path / "gone" / "scan.h5")}
    assert dialogs.start_folder(viewer) == ""


def test_no_other_module_asks_for_files() -> None:
    folder = Path(napari_xanes.__file__).parent
    asking = [path for path in folder.rglob("*.py") if re.search(r"QFileDialog|FileDialog", path.read_text("utf-8"))]
    assert asking == [folder / "gui" / "dialogs.py"]
