from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QSettings
from qtpy.QtWidgets import QDialogButtonBox

from napari_xanes.gui.references import column_chooser
from napari_xanes.gui.references.column_chooser import ColumnChooser, read_with_remembered_choice
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.state.workspace import workspace_of

ENERGY = np.linspace(8300, 8400, 60)
EDGE = 0.5 + np.arctan((ENERGY - 8345) / 2) / np.pi


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep what is remembered out of the user's settings."""
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    monkeypatch.setattr(column_chooser, "_settings", lambda: settings)
    return


@pytest.fixture
def unnamed(tmp_path: Path) -> Path:
    """Return a file whose names say nothing: energy, before and behind the sample."""
    path = tmp_path / "scan.txt"
    before = 1000 + 5 * np.sin(ENERGY)
    columns = np.stack([ENERGY, before * np.exp(-EDGE), before], axis=1)
    np.savetxt(path, columns, header="alpha beta gamma")
    return path


def ok(dialog: ColumnChooser) -> Any:
    return dialog._buttons.button(QDialogButtonBox.StandardButton.Ok)


def test_roles_given_by_hand_give_mu(qtbot: Any, unnamed: Path) -> None:
    dialog = ColumnChooser(unnamed)
    qtbot.addWidget(dialog)
    for column, role in enumerate(("energy", "signal", "I0")):
        dialog.set_role(column, role)
    dialog._mode.setCurrentText("transmission: ln(I0 / signal)")
    np.testing.assert_allclose(dialog.spectra[0].mu, EDGE, atol=1e-6)
    assert ok(dialog).isEnabled()
    assert len(dialog._plot.listDataItems()) == 1


def test_energy_and_i0_have_one_column_each_and_nonsense_is_said(qtbot: Any, unnamed: Path) -> None:
    dialog = ColumnChooser(unnamed)
    qtbot.addWidget(dialog)
    dialog.set_role(0, "energy")
    dialog.set_role(1, "energy")
    assert [box.currentText() for box in dialog._roles].count("energy") == 1
    dialog.set_role(0, "I0")
    dialog._mode.setCurrentText("transmission: ln(I0 / signal)")
    assert dialog.spectra == []
    assert dialog._status.text()
    assert not ok(dialog).isEnabled()
    dialog.accept()
    assert dialog.result() == 0


def test_automatic_roles_are_shown(qtbot: Any, tmp_path: Path) -> None:
    path = tmp_path / "known.dat"
    np.savetxt(path, np.stack([ENERGY, np.full(60, 1e5), 1e5 * np.exp(-EDGE)], axis=1), header="energy i0 it")
    dialog = ColumnChooser(path)
    qtbot.addWidget(dialog)
    assert [box.currentText() for box in dialog._roles] == ["energy", "I0", "signal"]
    assert dialog._mode.currentText().startswith("transmission")


def test_a_choice_is_remembered_for_files_with_the_same_columns(qtbot: Any, unnamed: Path, tmp_path: Path) -> None:
    dialog = ColumnChooser(unnamed)
    qtbot.addWidget(dialog)
    for column, role in enumerate(("energy", "signal", "I0")):
        dialog.set_role(column, role)
    dialog._mode.setCurrentText("transmission: ln(I0 / signal)")
    dialog._remember.setChecked(True)
    dialog.accept()
    later = tmp_path / "later.txt"
    later.write_text(unnamed.read_text())
    (spectrum,) = read_with_remembered_choice(later)
    np.testing.assert_allclose(spectrum.mu, EDGE, atol=1e-6)


def test_columns_of_a_loaded_reference_are_exchanged(qtbot: Any, tmp_path: Path, make_napari_viewer: Any) -> None:
    path = tmp_path / "known.dat"
    table = np.stack([ENERGY, np.full(60, 1e5), 1e5 * np.exp(-EDGE), 1e3 * EDGE], axis=1)
    np.savetxt(path, table, header="energy i0 it if")
    viewer = make_napari_viewer(show=False)
    view = ReferenceList(viewer)
    qtbot.addWidget(view)
    assert view.minimumSizeHint().width() <= 300  # no dock becomes wider for its buttons
    view.load([path])
    workspace_of(viewer).references.set_valence("known", 2.0)
    view._table.setCurrentCell(0, 0)
    view.choose_columns()
    dialog = view.findChild(ColumnChooser)
    assert dialog is not None
    dialog.set_role(2, "")
    dialog.set_role(3, "signal")
    dialog._mode.setCurrentText("fluorescence: signal / I0")
    dialog.accept()
    (spectrum,) = workspace_of(viewer).references.spectra
    assert spectrum.valence == 2.0
    np.testing.assert_allclose(spectrum.mu, EDGE / 100, rtol=1e-5)


def test_a_file_that_is_not_understood_opens_the_chooser(qtbot: Any, tmp_path: Path, make_napari_viewer: Any) -> None:
    path = tmp_path / "odd.txt"
    np.savetxt(path, np.stack([np.arange(60.0), EDGE, ENERGY], axis=1), header="frame a b")
    viewer = make_napari_viewer(show=False)
    view = ReferenceList(viewer)
    qtbot.addWidget(view)
    view.load([path])
    dialog = view.findChild(ColumnChooser)
    assert dialog is not None
    assert "energ" in dialog._status.text()
    dialog.set_role(2, "energy")
    dialog.set_role(1, "signal")
    dialog.accept()
    np.testing.assert_allclose(workspace_of(viewer).references.spectra[0].energy, ENERGY)
