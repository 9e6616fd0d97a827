"""A box of names shows their ends, where they differ."""

from __future__ import annotations

from typing import Any

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


def test_the_drawn_box_differs_where_only_the_ends_do(qtbot: Any) -> None:
    box = NameBox()
    qtbot.addWidget(box)
    box.addItems([f"a stack with quite a long name · {end}" for end in ("counts", "align")])
    box.resize(150, 24)
    box.show()
    first = box.grab().toImage()
    box.setCurrentIndex(1)
    assert box.grab().toImage() != first
