"""Texts in plots and over the image follow the font size of napari's preferences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyqtgraph as pg
import pytest
from napari.settings import get_settings
from qtpy.QtWidgets import QLabel


@pytest.fixture
def appearance() -> Iterator[Any]:
    """Return napari's settings of its looks, which are as before afterwards."""
    settings = get_settings().appearance
    before = settings.font_size
    yield settings
    settings.font_size = before


@pytest.mark.window
def test_plots_and_the_text_over_the_image_follow_the_font_size(
    viewer: Any, appearance: Any, add_stack: Any, wait: Any
) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    add_stack()
    wait(dock.view.isVisible)
    plot, label = dock.view.plot, next(one for one in dock.findChildren(QLabel) if one.isVisible())
    axes = [axis for axis in plot.scene().items() if isinstance(axis, pg.AxisItem)]
    assert len(axes) >= 4
    seen = []
    for size in (9, 17):
        appearance.font_size = size
        wait(lambda: all(axis.style["tickFont"].pointSize() == label.font().pointSize() for axis in axes))
        assert {axis.label.font().pointSize() for axis in axes} == {label.font().pointSize()}
        overlay = viewer.canvas.overlays.text
        seen.append((label.font().pointSize(), overlay.font_size, plot.main.getAxis("bottom").maximumHeight()))
    small, large = seen
    assert large[0] - small[0] == large[1] - small[1] == 8
    assert large[2] > small[2], "the axis has room for its text"
