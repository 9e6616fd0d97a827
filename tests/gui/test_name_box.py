"""A box of names shows their ends, where they differ."""

from __future__ import annotations

from typing import Any

import pytest
from napari.settings import get_settings

from napari_xanes.gui.forms.name_box import NameBox


def test_the_middle_of_a_long_name_is_left_out(qtbot: Any) -> None:
    box = NameBox()
    qtbot.addWidget(box)
    box.addItems(["NMC particle, Ni K-edge · counts", "NMC particle, Ni K-edge · optical depth"])
    box.resize(170, 24)
    box.show()
    shown = box.shown_text()
    assert shown.startswith("NMC")
    assert shown.endswith("counts")
    assert "…" in shown
    box.setCurrentIndex(1)
    assert box.shown_text().endswith(" · optical depth"), "the quantity is whole"
    assert box.shown_text().startswith("N")
    box.resize(110, 24)
    assert box.shown_text().startswith("N")
    assert box.shown_text().endswith("th"), "there is no room for all of it"
    assert box.currentText() == "NMC particle, Ni K-edge · optical depth"
    box.resize(600, 24)
    assert box.shown_text() == box.currentText()


def test_a_very_narrow_box_shows_how_the_name_begins(qtbot: Any) -> None:
    box = NameBox()
    qtbot.addWidget(box)
    box.addItem("NMC particle, Ni K-edge · optical depth")
    box.show()
    for width in (150, 110, 90, 80, 70):
        box.resize(width, 24)
        assert box.shown_text()[:2] == "NM", width


@pytest.mark.window
def test_a_name_is_seen_in_a_narrow_dock_with_large_letters(viewer: Any, add_stack: Any, wait: Any) -> None:
    appearance = get_settings().appearance
    before = appearance.font_size
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    add_stack()
    wait(dock.row.isVisible)
    try:
        appearance.font_size = 18
        wait(lambda: dock.row.stack_box.fontMetrics().height() > 24)
        dock.row.resize(290, dock.row.height())
        assert dock.row.stack_box.currentText().startswith(dock.row.stack_box.shown_text()[:3])
        assert not dock.row.label.isVisible()
        assert dock.row.box.toolTip()
    finally:
        appearance.font_size = before
    wait(lambda: dock.row.stack_box.fontMetrics().height() < 24)
    dock.row.resize(380, dock.row.height())
    assert dock.row.label.isVisible()


def test_the_drawn_box_differs_where_only_the_ends_do(qtbot: Any) -> None:
    box = NameBox()
    qtbot.addWidget(box)
    box.addItems([f"a stack with quite a long name · {end}" for end in ("counts", "align")])
    box.resize(150, 24)
    box.show()
    first = box.grab().toImage()
    box.setCurrentIndex(1)
    assert box.grab().toImage() != first
