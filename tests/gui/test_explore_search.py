"""The search of references in the Explore step: its library, and its answers over the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.gui.test_explore_dock import two_phases

from napari_xanes import Spectrum
from napari_xanes.gui.exploring import ExploreDock
from napari_xanes.gui.forms.source_box import SearchedLibrary
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.state.workspace import workspace_of


def three_standards() -> list[Spectrum]:
    axis = np.arange(8260.0, 8440.0)
    return [
        Spectrum(name, axis, 0.5 + np.arctan(axis - e0) / np.pi, metadata={"normalized": True})
        for name, e0 in (("Ni2+", 8343.0), ("Ni3+", 8349.0), ("Ni4+", 8353.0))
    ]


def searched(dock: Any, viewer: Any, wait: Any) -> Any:
    data, keywords, _ = stack_to_layer(two_phases())
    layer = viewer.add_image(data, **keywords)
    workspace_of(viewer).references.add(three_standards())
    dock.method_panel.choose("search_references")
    QTest.mouseClick(dock.method_panel.run_button, Qt.MouseButton.LeftButton)
    wait(lambda: workspace_of(viewer).runs.chosen is not None and not dock.method_panel.job.running)
    dock.method_panel.show_tab("found")
    return layer


def hover(table: Any, row: int) -> None:
    QTest.mouseMove(table.viewport(), table.visualItemRect(table.item(row, 0)).center())


def test_ticked_references_are_searched_and_answers_drawn_on_hover(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    searched(dock, viewer, wait)
    table, shown = dock.found.answers, workspace_of(viewer).fit
    assert table.isVisible()
    assert {table.item(row, 0).text() for row in range(table.rowCount())} >= {"mean"}
    assert "Ni2+" in dock.found.words.text()
    assert shown.curves == []
    hover(table, 1)
    hover(table, 0)
    wait(lambda: len(shown.curves) == 2)
    measured, fit = shown.curves
    maps = workspace_of(viewer).runs.chosen.maps
    best = maps.metadata["answers"][0]
    assert measured.name == "mean, measured"
    np.testing.assert_allclose(measured.mu, best["measured"])
    np.testing.assert_allclose(fit.mu, best["ranked"][0]["fitted"])
    np.testing.assert_allclose(shown.residual[1], measured.mu - fit.mu)


def test_the_chosen_answer_stays_in_the_plot_until_its_table_is_hidden(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    searched(dock, viewer, wait)
    table, shown = dock.found.answers, workspace_of(viewer).fit
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualItemRect(table.item(1, 1)).center())
    wait(lambda: len(shown.curves) == 2)
    chosen = shown.curves[1].name
    QTest.keyClick(table, Qt.Key.Key_Up)
    wait(lambda: shown.curves[1].name != chosen)
    dock.method_panel.show_tab("scatter")
    assert shown.curves == []


def test_a_search_offers_references_theory_files_and_folders(viewer: Any, wait: Any, tmp_path: Path) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    dock.method_panel.choose("search_references")
    box = dock.method_panel.findChild(SearchedLibrary)
    texts = [box.itemText(row) for row in range(box.count())]
    assert texts[0] == "ticked references"
    assert "ni-k" in texts
    assert texts[-1] == "folder…"
    box.choose_value(None)
    with pytest.raises(ValueError, match="no reference is ticked"):
        box.value()
    workspace_of(viewer).references.add(three_standards()[:2])
    assert [spectrum.name for spectrum in box.value()] == ["Ni2+", "Ni3+"]
    box.choose_value(str(tmp_path))
    assert box.value() == str(tmp_path)
