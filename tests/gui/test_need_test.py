"""The test of which references are needed, in the list of references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.state.workspace import workspace_of

ENERGY = np.linspace(8300.0, 8400.0, 60)


def edge(name: str, e0: float, width: float = 1.0) -> Spectrum:
    return Spectrum(name, ENERGY, 0.5 + np.arctan((ENERGY - e0) / width) / np.pi, metadata={"normalized": True})


NEEDED = edge("Ni2+", 8343), edge("Ni3+", 8347)
IDLE = edge("Ni4+", 8352, 2.0)


@pytest.fixture
def mixed(rng: np.random.Generator) -> SpectralStack:
    """Return a stack of two substances, the second one at the right."""
    share = np.linspace(0.1, 0.9, 16)
    spectra = NEEDED[0].mu[:, None] * (1 - share) + NEEDED[1].mu[:, None] * share
    data = spectra[:, None, :] + rng.normal(0, 0.02, (ENERGY.size, 12, 16))
    metadata = {"name": "mixed", "element": "Ni", "edge": "K"}
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth", metadata=metadata)


@pytest.fixture
def view(viewer: Any, add_stack: Any, mixed: SpectralStack, qtbot: Any) -> ReferenceList:
    add_stack(mixed)
    workspace_of(viewer).references.add([*NEEDED, IDLE])
    shown = ReferenceList(viewer)
    qtbot.addWidget(shown)
    shown.resize(300, 300)
    shown.show()
    return shown


def choose(view: ReferenceList, entry: str, qtbot: Any, wait: Any) -> None:
    """Open the menu, go to an entry by arrows and press Enter; wait for the answer."""
    test = view._need_test
    test.menu.popup(test.button.mapToGlobal(QPoint(0, 0)))
    for _ in test.menu.actions():
        qtbot.keyClick(test.menu, Qt.Key.Key_Down)
        if test.menu.activeAction().text().startswith(entry):
            break
    qtbot.keyClick(test.menu, Qt.Key.Key_Return)
    wait(lambda: not test.job.running)


@pytest.mark.parametrize("entry", ["On the mean", "On 30 pixels"])
def test_each_reference_gets_an_answer_with_numbers(view: ReferenceList, entry: str, qtbot: Any, wait: Any) -> None:
    choose(view, entry, qtbot, wait)
    notes = view._table.notes()
    assert list(notes) == ["Ni2+", "Ni3+", "Ni4+"]
    for name in ("Ni2+", "Ni3+"):
        assert notes[name].startswith("needed (F = ")
    assert notes["Ni4+"].startswith("not needed (")
    assert "2 of 3 ticked references needed; enough are Ni2+, Ni3+." in view._said.text()
    assert view._said.isVisible()


def test_an_answer_holds_for_what_was_asked_only(viewer: Any, view: ReferenceList, qtbot: Any, wait: Any) -> None:
    references = workspace_of(viewer).references
    choose(view, "On the mean", qtbot, wait)
    references.set_shift("Ni3+", 0.5)
    assert view._table.notes() == {}
    assert not view._said.isVisible()
    references.set_shift("Ni3+", 0)
    choose(view, "On the mean", qtbot, wait)
    references.set_checked("Ni4+", False)
    assert view._table.notes() == {}


def test_a_region_is_asked_alone(viewer: Any, view: ReferenceList, qtbot: Any, wait: Any) -> None:
    labels = np.zeros((12, 16), np.uint8)
    labels[:, :2] = 1
    viewer.add_labels(labels, name="left")
    viewer.layers.selection.active = viewer.layers[0]
    choose(view, "On all regions", qtbot, wait)
    assert view._said.text().startswith("On all regions: ")
    assert view._table.notes()["Ni2+"].startswith("needed (")


def test_what_can_not_be_asked_is_said(viewer: Any, view: ReferenceList, qtbot: Any, wait: Any) -> None:
    choose(view, "On all regions", qtbot, wait)
    assert view._said.text().endswith("there are no regions: brush one first (step Look > Regions > Brush)")
    references = workspace_of(viewer).references
    references.add([Spectrum("same", ENERGY, NEEDED[0].mu, metadata={"normalized": True})])
    choose(view, "On the mean", qtbot, wait)
    assert view._said.text().startswith("Can't tell which references are needed: ")
    references.remove(["same", "Ni3+", "Ni4+"])
    choose(view, "On the mean", qtbot, wait)
    assert view._said.text().endswith("tick two or more references")
    assert view.minimumSizeHint().width() <= 300
