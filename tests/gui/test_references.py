"""References: checked against the chosen stack, with valences and shifts that the user edits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLineEdit

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.references.reference_table import ReferenceTable
from napari_xanes.gui.state.references import ReferenceSet
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.reference_checks import is_guessed

ENERGY = np.arange(8300.0, 8400.0)


def edge(name: str, e0: float = 8345.0, **metadata: Any) -> Spectrum:
    energy = ENERGY + e0 - 8345
    return Spectrum(name, energy, 0.5 + np.arctan(energy - e0) / np.pi, metadata=metadata)


def stack_of(element: str | None, e0: float = 8345.0) -> SpectralStack:
    energy = ENERGY[::4] + e0 - 8345
    data = np.ones((energy.size, 4, 5), np.float32) * (0.5 + np.arctan(energy - e0) / np.pi)[:, None, None]
    metadata = {"name": f"{element}", "element": element, "edge": "K"} if element else {"name": "unknown"}
    return SpectralStack(data, energy, "optical_depth", metadata=metadata)


@pytest.fixture
def references(viewer: Any) -> ReferenceSet:
    found: ReferenceSet = workspace_of(viewer).references
    return found


@pytest.fixture
def view(viewer: Any, references: ReferenceSet, qtbot: Any) -> ReferenceList:
    shown = ReferenceList(viewer)
    qtbot.addWidget(shown)
    shown.resize(300, 220)
    shown.show()
    return shown


def type_into(view: ReferenceList, row: int, column: int, text: str, qtbot: Any) -> None:
    """Double-click a cell, type and press Enter."""
    table = view._table
    place = table.visualItemRect(table.item(row, column)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    editor = table.viewport().findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: table.viewport().findChild(QLineEdit) is None, timeout=100_000)


def test_another_element_arrives_unticked_with_the_reason(
    viewer: Any, view: ReferenceList, references: ReferenceSet, add_stack: Any
) -> None:
    add_stack(stack_of("Ni"))
    references.add([edge("NiO"), edge("FeO", 7120), edge("Co3O4", element="Co", edge="K")])
    assert [spectrum.name for spectrum in references.checked] == ["NiO"]
    assert view._table.notes() == {
        "FeO": "rises as if of Fe K; the stack is of Ni K",
        "Co3O4": "of Co K; the stack is of Ni K",
    }
    assert view._table.item(1, 0).checkState() == Qt.CheckState.Unchecked
    assert view._table.item(1, 0).toolTip().endswith("rises as if of Fe K; the stack is of Ni K")


def test_ticks_follow_the_chosen_stack_until_the_user_sets_them(
    viewer: Any, view: ReferenceList, references: ReferenceSet, add_stack: Any, qtbot: Any
) -> None:
    references.add([edge("NiO"), edge("FeO", 7120)])
    assert len(references.checked) == 2, "without a stack there is nothing to say"
    nickel = add_stack(stack_of("Ni"))
    assert [spectrum.name for spectrum in references.checked] == ["NiO"]
    iron = add_stack(stack_of("Fe", 7120))
    viewer.layers.selection.active = iron
    assert [spectrum.name for spectrum in references.checked] == ["FeO"]
    assert list(view._table.notes()) == ["NiO"]
    table = view._table
    box = table.visualItemRect(table.item(0, 0)).topLeft()
    box.setX(box.x() + 10)
    box.setY(box.y() + 11)
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=box)
    assert [spectrum.name for spectrum in references.checked] == ["NiO", "FeO"]
    viewer.layers.selection.active = nickel
    viewer.layers.selection.active = iron
    assert references.is_checked("NiO"), "what the user ticked stays ticked"


def test_a_valence_is_guessed_from_the_name_and_edited(
    viewer: Any, view: ReferenceList, references: ReferenceSet, add_stack: Any, qtbot: Any, errors: list[str]
) -> None:
    add_stack(stack_of("Ni"))
    references.add([edge("LiNiO2"), edge("sample 3")])
    assert [spectrum.valence for spectrum in references.spectra] == [3.0, None]
    assert view._table.item(0, 1).text() == "3?"
    assert "Guessed from the name" in view._table.item(0, 1).toolTip()
    type_into(view, 0, 1, "2,9", qtbot)
    assert references.spectra[0].valence == 2.9
    assert not is_guessed(references.spectra[0])
    assert view._table.item(0, 1).text() == "2.9"
    type_into(view, 0, 1, "three", qtbot)
    assert errors == ["LiNiO2: valence 'three' is not a number; type for example 2.5, or leave it empty"]
    assert view._table.item(0, 1).text() == "2.9"
    type_into(view, 0, 1, " ", qtbot)
    assert references.spectra[0].valence is None
    viewer.layers.clear()
    add_stack(stack_of("Ni"))
    assert references.spectra[0].valence is None, "what the user removed is not guessed again"


def test_a_valence_is_guessed_when_a_stack_tells_the_element(references: ReferenceSet, add_stack: Any) -> None:
    flat = Spectrum("LiNiO2", ENERGY, np.ones(ENERGY.size))
    references.add([flat])
    assert references.spectra[0].valence is None
    add_stack(stack_of("Ni"))
    assert references.spectra[0].valence == 3
    assert references.add([flat]) == [], "it is the same spectrum still"


def test_a_shift_moves_what_is_fitted(
    view: ReferenceList, references: ReferenceSet, qtbot: Any, errors: list[str]
) -> None:
    references.add([edge("NiO")])
    type_into(view, 0, 2, "-0,35", qtbot)
    (spectrum,) = references.checked
    assert spectrum.shift == -0.35
    np.testing.assert_allclose(spectrum.energy, ENERGY - 0.35)
    assert view._table.item(0, 2).text() == "-0.35"
    assert references.add([edge("NiO")]) == [], "it is the same spectrum, shifted"
    type_into(view, 0, 2, "400", qtbot)
    assert errors[0].startswith("NiO: a shift lies between -20 and 20 eV, not at 400 eV")
    assert references.checked[0].shift == -0.35
    type_into(view, 0, 2, "0", qtbot)
    np.testing.assert_allclose(references.checked[0].energy, ENERGY)


def test_names_delete_and_arrows_pass_over_sentences(
    view: ReferenceList, references: ReferenceSet, add_stack: Any, qtbot: Any
) -> None:
    add_stack(stack_of("Ni"))
    references.add([edge("FeO", 7120), edge("NiO"), edge("LiNiO2")])
    references.set_checked("FeO", False)
    table = view._table
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualItemRect(table.item(0, 0)).center())
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.current().name == "NiO"
    references.rename("FeO", "wuestite")
    assert not references.is_checked("wuestite")
    assert references.reason("wuestite")
    assert table.current().name == "NiO", "the row stays chosen"
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert [spectrum.name for spectrum in references.spectra] == ["wuestite", "LiNiO2"]


def test_nothing_is_cut_in_a_narrow_dock(view: ReferenceList, references: ReferenceSet, add_stack: Any) -> None:
    add_stack(stack_of("Ni"))
    references.add([edge("FeO", 7120)])
    table = view._table
    assert view.minimumSizeHint().width() <= 300
    assert table.columnWidth(0) + table.columnWidth(1) + table.columnWidth(2) <= table.viewport().width()
    note = table.item(1, 0)
    needed = table.fontMetrics().boundingRect(
        0, 0, table.viewport().width() - 8, 999, Qt.TextFlag.TextWordWrap, note.text()
    )
    assert table.rowHeight(1) >= needed.height()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_reference_has_the_colour_of_its_curve_in_both_themes(
    viewer: Any, references: ReferenceSet, wait: Any, theme: str
) -> None:
    references.add([edge("NiO"), edge("Ni2O3"), edge("LiNiO2")])
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    dock.look.tabs.setCurrentIndex(1)
    table = dock.look.tabs.references._table
    wait(table.isVisible)
    viewer.theme = theme
    drawn = {entry.name: entry.colour for entry in dock.view.plot.legend.entries}
    items = [table.item(row, 0) for row in range(3)]
    assert len(drawn) == 3
    for item in items:
        swatch = item.data(Qt.ItemDataRole.DecorationRole).toImage().pixelColor(5, 5)
        curve = QColor(drawn[item.text()])
        # A pixmap may have as few bits as the screen.
        assert swatch.getRgb() == pytest.approx(curve.getRgb(), abs=8)


@pytest.mark.window
def test_headings_and_names_have_room_in_large_letters(viewer: Any, references: ReferenceSet, wait: Any) -> None:
    references.add([edge("NiO")])
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    dock.show_step("Map")

    def seen() -> list[ReferenceTable]:
        return [table for table in dock.findChildren(ReferenceTable) if table.isVisible()]

    wait(seen)
    (table,) = seen()
    appearance = get_settings().appearance
    before, header = appearance.font_size, table.horizontalHeader()
    try:
        appearance.font_size = 18
        wait(lambda: header.fontMetrics().height() > 24)
        for column, heading in ((1, "valence"), (2, "shift (eV)")):
            wait(lambda c=column, h=heading: table.columnWidth(c) > header.fontMetrics().horizontalAdvance(h))
        assert table.rowHeight(0) >= table.fontMetrics().height()
    finally:
        appearance.font_size = before
    wait(lambda: table.columnWidth(1) < 65)
