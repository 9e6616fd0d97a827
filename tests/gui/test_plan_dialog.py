"""The dialog that plans which energies to measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.gui.references.plan_dialog import PlanDialog
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.state.workspace import workspace_of

ENERGY = np.arange(8300.0, 8400.0, 4.0)


def edge(name: str, e0: float, valence: float) -> Spectrum:
    axis = np.arange(8280.0, 8420.0, 0.5)
    known = {"normalized": True}
    return Spectrum(name, axis, 0.5 + np.arctan((axis - e0) / 1.5) / np.pi, valence, metadata=known)


@pytest.fixture
def dialog(viewer: Any, add_stack: Any, qtbot: Any, wait: Any, rng: np.random.Generator) -> PlanDialog:
    references = [edge("Ni2+", 8343, 2), edge("Ni4+", 8347, 4)]
    share = rng.uniform(0, 1, (16, 16))
    mu = 0.4 * np.tensordot(np.stack([one.at(ENERGY) for one in references], 1), np.stack([1 - share, share]), 1)
    data = (mu + 0.01 * rng.standard_normal(mu.shape)).astype(np.float32)
    metadata = {"name": "grid", "element": "Ni", "edge": "K"}
    add_stack(SpectralStack(data, ENERGY, "optical_depth", metadata=metadata))
    workspace_of(viewer).references.add(references)
    view = ReferenceList(viewer)
    qtbot.addWidget(view)
    view.show()
    view._need_test.plan_energies()
    shown = view.findChild(PlanDialog)
    wait(lambda: shown.plan is not None)
    return shown


def test_the_plan_goes_on_after_the_stack(dialog: PlanDialog, qtbot: Any, wait: Any) -> None:
    assert dialog.continues.isChecked()
    assert dialog.plan is not None
    assert np.isfinite(dialog.plan.present)
    assert "It is" in dialog.said.text()
    assert dialog.curve.getAxis("left").labelText == "error of the valence"
    assert not dialog.photons.isEnabled()
    first = dialog.plan
    dialog.continues.click()
    wait(lambda: dialog.plan is not first)
    assert dialog.photons.isEnabled()
    assert dialog.plan.measured.size == 0


def test_a_number_makes_another_plan_which_is_saved(
    dialog: PlanDialog, qtbot: Any, wait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog.continues.click()
    wait(lambda: dialog.plan.measured.size == 0 and dialog.save_button.isEnabled())
    before = dialog.plan
    dialog.target.setFocus()
    dialog.target.selectAll()
    qtbot.keyClicks(dialog.target, "0.2")
    qtbot.keyClick(dialog.target, Qt.Key.Key_Tab)
    wait(lambda: dialog.plan is not before and dialog.save_button.isEnabled())
    assert dialog.plan.target == 0.2
    assert len(dialog.plan) <= len(before)
    path = tmp_path / "plan.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    assert "exposure (s)" in path.read_text("utf-8-sig")


def test_what_can_not_be_planned_says_why(dialog: PlanDialog, viewer: Any, qtbot: Any, wait: Any) -> None:
    references = workspace_of(viewer).references
    references.remove([references.spectra[1].name])
    dialog.continues.click()
    wait(lambda: dialog.plan is None)
    assert "tick two or more references" in dialog.said.text()
    assert not dialog.save_button.isEnabled()
