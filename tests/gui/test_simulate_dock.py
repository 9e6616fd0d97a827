from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_xanes import theory
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.forms.viewer_fields import viewer_fields
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.simulate.dock import SimulateDock, simulate
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.maps import ESTIMATORS
from napari_xanes.sample import mn_oxides_l, nmc_ni_k


@pytest.fixture
def dock(viewer: Any) -> SimulateDock:
    data, keywords, _ = stack_to_layer(mn_oxides_l(size=24).stack)
    viewer.add_image(data, **keywords)
    return viewer.window.add_plugin_dock_widget("napari-xanes", "Simulate")[1]


def test_the_curve_follows_the_sliders_and_is_no_reference(viewer: Any, dock: SimulateDock, wait: Any) -> None:
    references = workspace_of(viewer).references
    wait(lambda: references.trial)
    first = references.trial
    assert first is not None
    assert first.name == "theory Mn2+"
    expected = theory.l_edge_spectrum(first.energy, element="Mn", charge=2, ten_dq=1.0)
    np.testing.assert_allclose(first.mu, expected / expected.max(), atol=1e-9)
    dock.knobs["ten_dq"].box.setValue(0.5)
    wait(lambda: references.trial is not None and not np.array_equal(references.trial.mu, first.mu))
    dock.ion.setCurrentText("Mn4+")
    wait(lambda: references.trial is not None and references.trial.name == "theory Mn4+")
    assert references.trial is not None
    assert references.trial.valence == 4
    assert references.spectra == []


def test_a_fit_uses_the_curve_only_after_it_was_kept(viewer: Any, dock: SimulateDock, wait: Any, qtbot: Any) -> None:
    spectra = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    references = workspace_of(viewer).references
    wait(lambda: any(curve.name == "theory Mn2+" for curve in spectra.view.curves.comparable_references("")))
    field = viewer_fields(viewer, StackBox(viewer))["references"](ESTIMATORS["fit_references"].parameters["references"])
    of_the_file = [s.name for s in references.spectra]
    assert [s.name for s in field.get()] == of_the_file
    qtbot.mouseClick(dock.keep, Qt.MouseButton.LeftButton)
    assert [s.name for s in field.get()] == [*of_the_file, "Mn2+, 10Dq 1 eV"]


def test_an_ion_of_the_stacks_element_is_proposed_until_the_user_has_chosen(viewer: Any, wait: Any, qtbot: Any) -> None:
    data, keywords, _ = stack_to_layer(nmc_ni_k(size=24).stack)
    viewer.add_image(data, **keywords)
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Simulate")[1]
    wait(lambda: dock.ion.currentText() == "Ni2+")
    dock.ion.setFocus()
    qtbot.keyClick(dock.ion, Qt.Key.Key_Down)
    assert dock.ion.currentText() == "Ni3+"
    dock.hide()
    dock.show()
    wait(dock.isVisible)
    assert dock.ion.currentText() == "Ni3+"


def test_charge_transfer_can_be_switched_on(dock: SimulateDock) -> None:
    assert "delta" not in dock.values()
    dock.transfer.setChecked(True)
    assert dock.values()["delta"] == 4.0
    assert dock.knobs["delta"].isEnabled()


def test_kept_curves_stay_and_the_live_curve_is_removed_with_the_dock(
    viewer: Any, dock: SimulateDock, wait: Any
) -> None:
    references = workspace_of(viewer).references
    wait(lambda: references.trial)
    dock.keep.click()
    assert references.trial is not None
    dock.hide()
    assert references.trial is None
    assert [s.name for s in references.spectra] == ["Mn2+, 10Dq 1 eV"]


def test_error_names_the_reason_for_an_impossible_ion(dock: SimulateDock, wait: Any) -> None:
    dock.ion.setCurrentText("Ni1+")
    wait(lambda: "The plot shows" in dock.message.text())


def test_energy_range_follows_the_stack() -> None:
    values = {"ten_dq": 1.0, "shift": 0.0, "gauss": 0.3}
    assert simulate("Mn2+", values, np.array([630.0, 670.0])).energy[0] == 630
    nickel = simulate("Ni2+", values, np.array([630.0, 670.0]))
    assert nickel.energy[0] > 800
