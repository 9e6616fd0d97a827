"""The label of a left axis is in the middle, and shorter where it would be cut."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
import pytest

from napari_xanes.gui.upright_axis import UprightAxis, unit_of


@pytest.fixture
def plot(qtbot: Any) -> pg.PlotWidget:
    plot = pg.PlotWidget(axisItems={"left": UprightAxis()})
    qtbot.addWidget(plot)
    plot.resize(300, 300)
    with qtbot.waitExposed(plot):
        plot.show()
    return plot


def ends(plot: pg.PlotWidget) -> tuple[float, float]:
    """Return how far the label is from the upper and from the lower end of its axis in pixels."""
    axis = plot.getAxis("left")
    label, whole = axis.label.mapRectToScene(axis.label.boundingRect()), axis.sceneBoundingRect()
    return label.top() - whole.top(), whole.bottom() - label.bottom()


def test_a_label_that_comes_late_is_in_the_middle(plot: pg.PlotWidget) -> None:
    for text in ("OD", "optical depth (OD)"):
        plot.setLabel("left", text)
        above, below = ends(plot)
        assert abs(above - below) < 3
        assert above > 0


def test_a_label_is_shortened_where_it_would_be_cut(plot: pg.PlotWidget, qtbot: Any) -> None:
    plot.setLabel("left", "optical depth (OD)")
    axis = plot.getAxis("left")
    assert axis.label.toPlainText().strip() == "optical depth (OD)"
    plot.resize(300, 120)
    qtbot.waitUntil(lambda: axis.label.toPlainText().strip() == "OD")
    assert min(ends(plot)) > 0
    axis.setTextPen("r")  # a change of theme writes the label again
    assert axis.label.toPlainText().strip() == "OD"
    plot.resize(300, 300)
    qtbot.waitUntil(lambda: axis.label.toPlainText().strip() == "optical depth (OD)")


@pytest.mark.parametrize(
    ("label", "unit"),
    [("normalized absorption", "normalized absorption"), ("per amount (1)", "per amount (1)"), ("shift (eV)", "eV")],
)
def test_the_unit_of_a_label(label: str, unit: str) -> None:
    assert unit_of(label) == unit
