"""Spectra of the theory libraries as references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_xanes import SpectralStack
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.references.theory_chooser import TheoryChooser
from napari_xanes.gui.references.theory_records import theory_spectra
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.theory import load_library
from napari_xanes.theory.library.shipped import LIBRARIES


@pytest.mark.parametrize("name", LIBRARIES)
def test_each_library_gives_a_spectrum_for_each_charge_or_compound(name: str) -> None:
    library = load_library(name)
    spectra = theory_spectra(name, ten_dq=0.9)
    assert len(spectra) == len(set(library.species))
    for spectrum in spectra:
        assert spectrum.valence is not None
        assert np.isfinite(spectrum.mu).all()
        assert spectrum.mu.max() > 0
        assert spectrum.metadata["normalized"]
        assert spectrum.energy.size < 2500, "a recipe stores all numbers"


def test_the_plain_member_of_the_nearest_field_is_taken() -> None:
    for spectrum in theory_spectra("mn-l23", ten_dq=1.23):
        known = spectrum.metadata["parameters"]
        assert known["ten_dq"] == 1.2
        assert known["slater_scale"] == 0.8
        assert "delta" not in known


def test_theory_of_the_stacks_edge_becomes_references(viewer: Any, add_stack: Any, qtbot: Any, wait: Any) -> None:
    energy = np.linspace(8300, 8400, 40)
    nickel = {"name": "Ni", "element": "Ni", "edge": "K"}
    add_stack(SpectralStack(np.ones((40, 3, 4), np.float32), energy, "optical_depth", metadata=nickel))
    view = ReferenceList(viewer)
    qtbot.addWidget(view)
    view.show()
    qtbot.mouseClick(view._theory_button, Qt.MouseButton.LeftButton)
    dialog = view.findChild(TheoryChooser)
    wait(lambda: dialog.picker.list.count() == 7)
    assert dialog.library.currentData() == "ni-k"
    assert "may be off by some eV" in dialog._note.text()
    assert not dialog.ten_dq.isEnabled()
    for row in range(1, 7):
        dialog.picker.list.setCurrentRow(row)
        qtbot.keyClick(dialog.picker.list, Qt.Key.Key_Space)
    assert dialog.add_button.text() == "Add 1"
    qtbot.mouseClick(dialog.add_button, Qt.MouseButton.LeftButton)
    (spectrum,) = workspace_of(viewer).references.checked
    assert spectrum.name == "NiO theory"
    assert spectrum.valence == 2
    assert workspace_of(viewer).references.trial is None, "it is kept, and follows nothing"


def test_ticks_stay_while_the_field_changes(viewer: Any, qtbot: Any, wait: Any) -> None:
    dialog = TheoryChooser(viewer)
    qtbot.addWidget(dialog)
    dialog.library.setCurrentIndex(dialog.library.findData("fe-l23"))
    wait(lambda: dialog.picker.list.count() and dialog.picker.list.item(0).text().startswith("Fe2+"))
    qtbot.keyClick(dialog.picker.list, Qt.Key.Key_Space)
    dialog.ten_dq.setValue(1.6)
    wait(lambda: dialog.picker.list.item(0).text() == "Fe2+ 10Dq 1.6 eV theory")
    assert [spectrum.name[:4] for spectrum in dialog.picker.chosen] == ["Fe3+", "Fe4+"]
