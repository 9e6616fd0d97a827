"""Up to three maps of a run as the colours of one image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QPushButton, QWidget

from napari_xanes.colour_mix import MOST, Palette, common_gain, mix_colours
from napari_xanes.gui.dock_layout import narrowed
from napari_xanes.gui.map_layers import map_title

if TYPE_CHECKING:
    from napari_xanes.gui.state.run import Run
    from napari_xanes.gui.state.runs import RunList
    from napari_xanes.parameter_map import MapSet

_CHANNELS: dict[Palette, tuple[str, ...]] = {"RGB": ("red", "green", "blue"), "CMY": ("cyan", "magenta", "yellow")}
_NO_PARTS = ("valence", "edge_jump", "novelty")
_LARGEST_GAIN = 1e6
_DIGITS = 3


def parts_of(maps: MapSet) -> tuple[list[str], list[str]]:
    """Return the maps that are parts of a whole, such as amounts of references, and the other maps of values."""
    names = [name for name, one in maps.items() if one.labels is None]
    parts = [name for name in names if not maps[name].companion and name not in _NO_PARTS]
    return parts, [name for name in names if name not in parts]


class MixView(QWidget):
    """Chooses maps, colours and gains, and shows their mix as an image layer.

    Parameters
    ----------
    runs : RunList
        The runs of the viewer.
    """

    def __init__(self, runs: RunList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._run: Run | None = None
        self.palette_box = QComboBox()
        self.palette_box.addItems(list(_CHANNELS))
        self.palette_box.setToolTip("RGB: light on black. CMY: ink on white")
        self.map_boxes = [QComboBox() for _ in range(MOST)]
        self.gain_boxes = [QDoubleSpinBox() for _ in range(MOST)]
        self._names = [QLabel() for _ in range(MOST)]
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setColumnStretch(1, 1)
        layout.addWidget(QLabel("colours"), 0, 0)
        layout.addWidget(self.palette_box, 0, 1)
        layout.addWidget(QLabel("gain"), 0, 2)
        for row in range(MOST):
            box, gain = self.map_boxes[row], self.gain_boxes[row]
            box.setToolTip("The map of this colour")
            narrowed(box)
            gain.setRange(0.0, _LARGEST_GAIN)
            gain.setDecimals(_DIGITS)
            gain.setToolTip("Value times gain is the strength of the colour; 1 is the full colour")
            gain.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
            gain.valueChanged.connect(lambda _: self._renew())
            box.currentIndexChanged.connect(lambda _: self._renew())
            for column, widget in enumerate((self._names[row], box, gain)):
                layout.addWidget(widget, row + 1, column)
        self.button = QPushButton("show colour mix")
        self.button.setToolTip(
            "Show the mix as an image layer, above the layer of the run; it follows the choices here"
        )
        self.button.clicked.connect(lambda _checked=False: self._show())
        layout.addWidget(self.button, MOST + 1, 0, 1, 3)
        self.palette_box.currentIndexChanged.connect(lambda _: self._name_channels())
        self._name_channels()

    def _name_channels(self) -> None:
        for label, name in zip(self._names, _CHANNELS[self._palette()], strict=True):
            label.setText(name)
        self._renew()

    def _palette(self) -> Palette:
        return "CMY" if self.palette_box.currentText() == "CMY" else "RGB"

    def show_run(self, run: Run | None) -> None:
        """Offer the maps of a run, once this is seen."""
        if run is self._run:
            return
        self._run = None  # so that the boxes change no mix while they are filled
        if self.isHidden():
            return
        parts, others = ([], []) if run is None else parts_of(run.maps)
        names = [*parts, *others]
        for row, box in enumerate(self.map_boxes):
            box.clear()
            box.addItem("none", None)
            for name in names:
                box.addItem(map_title(name), name)
            box.setCurrentIndex(row + 1 if row < len(parts or names) else 0)
        gain = 1.0
        if run is not None and names:
            chosen = (parts or names)[:MOST]
            gain = common_gain([run.maps[name].data for name in chosen], _mask(run, chosen))
        for number in self.gain_boxes:
            number.setRange(0.0, max(_LARGEST_GAIN, 10 * gain))
            number.setDecimals(_decimals(gain))
            number.setValue(gain)
        self._run = run
        self.button.setEnabled(bool(names))

    def _renew(self) -> None:
        """Make the mix again if it is shown."""
        if self._run is not None and self._runs.mix_of(self._run) is not None:
            self._show()

    def _show(self) -> None:
        run = self._run
        if run is None:
            return
        rows = [row for row in range(MOST) if self.map_boxes[row].currentData() is not None]
        names = [self.map_boxes[row].currentData() for row in rows]
        if not names:
            show_error("choose a map for at least one colour")
            return
        # A colour without a map stays empty, so the others keep theirs.
        parts: list[Any] = [np.zeros(run.maps[names[0]].data.shape, np.float32)] * MOST
        gains = [0.0] * MOST
        for row, name in zip(rows, names, strict=True):
            parts[row], gains[row] = run.maps[name].data, self.gain_boxes[row].value()
        image = mix_colours(parts, gains, palette=self._palette(), mask=_mask(run, names))
        channels = _CHANNELS[self._palette()]
        title = ", ".join(f"{map_title(name)} {channels[row]}" for row, name in zip(rows, names, strict=True))
        self._runs.show_mix(run, image, title)


def _decimals(gain: float) -> int:
    """Return how many decimals a gain needs: that of a map in thousands of eV would be 0 with three."""
    return max(_DIGITS, _DIGITS - math.floor(math.log10(gain)))


def _mask(run: Run, names: list[str]) -> Any:
    return np.logical_and.reduce([np.asarray(run.maps[name].mask) for name in names])
