"""Two stacks compared: which is shown, and the spectrum under the cursor in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QCheckBox, QShortcut, QVBoxLayout, QWidget

from napari_xanes.gui.layers import is_stack, stack_of
from napari_xanes.gui.theme import plot_colours, readable
from napari_xanes.noise import amount_noise

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_HEIGHT = 190
_AFTER = "#E69F00"


class BeforeAfter(QWidget):
    """A switch between a stack and what was made of it, and both spectra under the cursor.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._before: Layer | None = None
        self._after: Layer | None = None
        self.switch = QCheckBox("after (untick for before; key B)")
        self.switch.setToolTip("Show the cleaned stack or the measured one; the key B does the same")
        self.switch.setChecked(True)
        shortcut = QShortcut(QKeySequence("B"), self)
        shortcut.activated.connect(self.switch.toggle)
        colours = plot_colours(viewer.theme)
        self.plot = pg.PlotWidget(background=colours.background)
        self.plot.setFixedHeight(_HEIGHT)
        self.plot.setLabel("bottom", "photon energy (eV)")
        for side in ("bottom", "left"):
            # An SI prefix would turn eV into keV behind the user's back.
            self.plot.getAxis(side).enableAutoSIPrefix(False)
        self.plot.addLegend(offset=(5, 5))
        after = readable(_AFTER, colours.background)
        self._curves = {
            "before": self.plot.plot(pen=pg.mkPen(colours.foreground, width=1), name="before"),
            "after": self.plot.plot(pen=pg.mkPen(after, width=2), name="after, ± 1 σ"),
        }
        edges = [self.plot.plot(pen=pg.mkPen(after, width=0)) for _ in range(2)]
        self._edges = edges
        shade = pg.mkColor(after)
        shade.setAlpha(70)
        self.plot.addItem(pg.FillBetweenItem(*edges, brush=shade))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.switch)
        layout.addWidget(self.plot)
        self.setVisible(False)
        self.switch.toggled.connect(self._toggle)
        viewer.cursor.events.position.connect(self._follow)

    def set_layers(self, before: Layer | None, after: Layer) -> None:
        """Compare two layers."""
        self._before, self._after = before, after
        if before is not None and is_stack(before) and is_stack(after):
            unit = stack_of(after).unit
            self.plot.setLabel("left", f"absorption ({unit})" if unit != "1" else "absorption")
        self.setVisible(True)
        self.switch.setChecked(True)
        self._toggle(True)

    def _toggle(self, after: bool) -> None:
        for layer, shown in ((self._after, after), (self._before, True)):
            if layer is not None and layer in self._viewer.layers:
                layer.visible = shown

    def _follow(self) -> None:
        before, after = self._before, self._after
        if not self.isVisible() or before is None or after is None or after not in self._viewer.layers:
            return
        position = np.asarray(after.world_to_data(self._viewer.cursor.position))[-2:]
        index = tuple(int(i) for i in np.round(position))
        spectrum = _in_memory(after, index)
        if spectrum is None or not is_stack(after):
            return
        energy = after.metadata["xanes"]["energy_eV"]
        self._curves["after"].setData(energy, spectrum)
        error = band(after, index)
        for edge, sign in zip(self._edges, (-1, 1), strict=True):
            edge.setData(energy, spectrum + sign * error)
        measured = _in_memory(before, index)
        same = is_stack(before) and before.metadata["xanes"]["quantity"] == after.metadata["xanes"]["quantity"]
        self._curves["before"].setData(*((energy, measured) if same and measured is not None else ([], [])))


def _in_memory(layer: Layer, index: tuple[int, ...]) -> NDArray[Any] | None:
    """A pixel's spectrum, None outside the image and for lazy data, which are not read for it."""
    data = layer.data
    if not isinstance(data, np.ndarray) or data.ndim != 3:
        return None
    if not all(0 <= i < n for i, n in zip(index, data.shape[1:], strict=True)):
        return None
    found: NDArray[Any] = data[(slice(None), *index)]
    return found


def band(layer: Layer, index: tuple[int, ...]) -> NDArray[np.float64]:
    """Standard error of a cleaned pixel's spectrum, (E,), 0 where it is not known."""
    stack = stack_of(layer)
    noise = amount_noise(stack)
    if noise is None:
        return np.zeros(stack.energy.size)
    flat = int(np.ravel_multi_index(index, stack.shape[1:]))
    parts = noise.columns @ noise.factors(slice(flat, flat + 1))[:, :, 0]
    result: NDArray[np.float64] = np.sqrt((parts**2).sum(axis=1))
    return result
