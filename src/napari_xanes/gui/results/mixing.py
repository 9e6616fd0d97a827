"""Up to three maps of a run as the colours of one image, with the triangle that explains them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from napari_xanes.colour_mix import CHANNELS, MOST, ColourMix, Palette, common_gain
from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.dock_layout import narrowed, push_button, row_of
from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.map_layers import map_title
from napari_xanes.gui.results.log_slider import LogSlider
from napari_xanes.gui.results.mix_legend import MixLegend
from napari_xanes.gui.telling import show_info, tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.gui.state.run import Run
    from napari_xanes.gui.state.runs import RunList
    from napari_xanes.parameter_map import MapSet

_NO_PARTS = ("valence", "edge_jump", "novelty")
_LARGEST_GAIN = 1e6
_DIGITS = 3
_GAMMAS = (0.1, 10.0)
_SAMPLE = 200_000
"""So many values tell the gain to begin with; all of a large map would take longer than a frame."""


def parts_of(maps: MapSet) -> tuple[list[str], list[str]]:
    """Return the maps that are parts of a whole, such as amounts of references, and the other maps of values."""
    names = [name for name, one in maps.items() if one.labels is None]
    parts = [name for name in names if not maps[name].companion and name not in _NO_PARTS]
    return parts, [name for name in names if name not in parts]


class MixView(QWidget):
    """Chooses maps, colours, gains and gamma, and shows their mix as an image layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    runs : RunList
        Its runs.
    """

    def __init__(self, viewer: Viewer, runs: RunList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._runs = viewer, runs
        self._run: Run | None = None
        self.palette_box = QComboBox()
        self.palette_box.addItems(list(CHANNELS))
        self.palette_box.setToolTip("RGB: light on black. CMY: ink on white")
        self.map_boxes = [QComboBox() for _ in range(MOST)]
        self.gain_boxes = [
            _box("Value times gain is the strength of the colour; 1 is the full colour") for _ in range(MOST)
        ]
        self.sliders = [LogSlider(box, 100.0) for box in self.gain_boxes]
        self.gamma_box = _box("Exponent of the strength: below 1, small amounts are brighter")
        self.gamma_box.setRange(*_GAMMAS)
        self.gamma_box.setValue(1.0)
        self.gamma_slider = LogSlider(self.gamma_box, 10.0)
        self.legend = MixLegend()
        self._names = [QLabel() for _ in range(MOST)]
        self.button = push_button(
            "show colour mix",
            "Show the mix as an image layer, above the layer of the run; it follows the choices here",
            self._show,
        )
        self.save_button = push_button(
            "save PNG…", "Save the mix as a picture, with its legend and a scale", self._ask_and_save
        )
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._receive)
        self._lay_out()
        self._name_channels()

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setColumnStretch(1, 1)
        layout.addWidget(QLabel("colours"), 0, 0)
        layout.addWidget(self.palette_box, 0, 1)
        layout.addWidget(QLabel("gain"), 0, 2)
        for row, (box, gain, slider) in enumerate(zip(self.map_boxes, self.gain_boxes, self.sliders, strict=True)):
            box.setToolTip("The map of this colour")
            narrowed(box)
            gain.setRange(0.0, _LARGEST_GAIN)
            gain.valueChanged.connect(lambda _: self._renew())
            box.currentIndexChanged.connect(lambda _: self._renew())
            for column, widget in enumerate((self._names[row], box, gain)):
                layout.addWidget(widget, 2 * row + 1, column)
            layout.addWidget(slider, 2 * row + 2, 1, 1, 2)
        last = 2 * MOST + 1
        for column, widget in enumerate((QLabel("gamma"), self.gamma_slider, self.gamma_box)):
            layout.addWidget(widget, last, column)
        self.gamma_box.valueChanged.connect(lambda _: self._renew())
        self.palette_box.currentIndexChanged.connect(lambda _: self._name_channels())
        layout.addWidget(self.legend, last + 1, 0, 1, 3)
        layout.addLayout(row_of((self.button, 2), (self.save_button, 1)), last + 2, 0, 1, 3)

    def _name_channels(self) -> None:
        for label, name in zip(self._names, CHANNELS[self._palette()], strict=True):
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
        gains = [1.0] * MOST if run is None else _first_gains(run.maps, (parts or names)[:MOST])
        for number, slider, gain in zip(self.gain_boxes, self.sliders, gains, strict=True):
            number.setRange(0.0, max(_LARGEST_GAIN, 10 * gain))
            number.setDecimals(_decimals(gain))
            number.setValue(gain)
            slider.set_middle(gain)
        self._run = run
        for button in (self.button, self.save_button):
            button.setEnabled(bool(names))
        self._renew()

    def mix(self) -> ColourMix:
        """Return what is chosen.

        Raises
        ------
        ValueError
            If no map is chosen.
        """
        names = tuple(box.currentData() for box in self.map_boxes)
        gains = tuple(box.value() for box in self.gain_boxes)
        return ColourMix(names, gains, self.gamma_box.value(), self._palette())

    def _renew(self) -> None:
        """Draw the legend, and make the mix again if it is shown."""
        if self._run is None:
            return
        chosen = any(box.currentData() is not None for box in self.map_boxes)
        self.legend.setVisible(chosen)
        if chosen:
            self.legend.show_mix(self.mix(), self._run.maps)
        if self._runs.mix_of(self._run) is not None:
            self._show()

    def _show(self) -> None:
        """Make the mix in a thread: large maps take longer than a frame."""
        run = self._run
        if run is None:
            return
        mix = self._mix_or_tell()
        if mix is not None:
            self._worker.submit((run, mix), lambda: mix.image(run.maps))

    def _mix_or_tell(self) -> ColourMix | None:
        """The mix that is chosen; an error is shown as a notification."""
        try:
            return self.mix()
        except ValueError as error:
            tell(error)
            return None

    def _receive(self, key: tuple[Run, ColourMix], image: Any) -> None:
        run, mix = key
        if run in self._runs:
            title = ", ".join(f"{map_title(name)} {channel}" for name, channel in mix.used.items())
            self._runs.show_mix(run, image, title)

    def _ask_and_save(self) -> None:
        mix = None if self._run is None else self._mix_or_tell()
        if self._run is None or mix is None:
            return
        path = ask_to_save(self, "Save the colour mix", "colour mix.png", "PNG (*.png)", self._viewer)
        if path:
            self.save(self._run.maps, mix, path)

    def save(self, maps: MapSet, mix: ColourMix, path: str) -> None:
        """Write a mix as PNG, of a volume the slice that is shown; show an error as a notification."""
        from napari_xanes.pictures import save_colour_mix

        target = Path(path) if Path(path).suffix else Path(f"{path}.png")
        layer = None if self._run is None else self._runs.layer_of(self._run)
        depth = None
        if layer is not None and layer.ndim == 3:
            depth = min(max(round(float(layer.world_to_data(self._viewer.dims.point)[0])), 0), layer.data.shape[0] - 1)
        try:
            in_thread(lambda: save_colour_mix(maps, mix, target, depth=depth), "save the colour mix", must_end=True)
        except (OSError, ValueError) as error:
            tell(error)
        else:
            show_info(f"Saved {target}")


def _box(tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(_DIGITS)
    box.setToolTip(tip)
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    return box


def _first_gains(maps: MapSet, names: list[str]) -> list[float]:
    """Return the gains to begin with: one for all, so that parts of a whole compare; scores have their own.

    Large maps are sampled; an odd step samples all columns.
    """
    if not names:
        return [1.0] * MOST
    step = maps[names[0]].data.size // _SAMPLE | 1
    mask = np.logical_and.reduce([np.asarray(maps[name].mask).ravel()[::step] for name in names])
    values = [maps[name].data.ravel()[::step] for name in names]
    scores = "explained" in maps.metadata
    gains = [common_gain([one], mask) for one in values] if scores else [common_gain(values, mask)] * len(names)
    return [*gains, *[1.0] * (MOST - len(gains))]


def _decimals(gain: float) -> int:
    """Return how many decimals a gain needs: that of a map in thousands of eV would be 0 with three."""
    return max(_DIGITS, _DIGITS - math.floor(math.log10(gain)))
