"""The results of a run: each map with its typical value, legends, and buttons to save maps and recipe."""

from __future__ import annotations

from html import escape
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QButtonGroup,
    QFileDialog,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.colours import colour_of
from napari_xanes.gui.contrast import subsample
from napari_xanes.gui.layers import map_title
from napari_xanes.gui.wording import with_error
from napari_xanes.history import Source
from napari_xanes.recipe import Recipe, as_python

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.parameter_map import MapSet, ParameterMap


_NAME_WIDTH = 16
"""Largest number of letters per line of a map's name: value, error and unit need the rest of the row."""


def map_text(parameter_map: ParameterMap) -> str:
    """Return the median of a map inside its mask, with the median standard error and the unit, as text."""
    assert parameter_map.mask is not None
    values = subsample(parameter_map.data[parameter_map.mask])
    if parameter_map.labels is not None or values.size == 0:
        return f"{100 * float(np.mean(parameter_map.mask)):.0f} % of pixels"
    sigma = np.empty(0) if parameter_map.sigma is None else subsample(parameter_map.sigma[parameter_map.mask])
    error = float(np.nanmedian(sigma)) if np.isfinite(sigma).any() else float("nan")
    return with_error(float(np.nanmedian(values)), error, parameter_map.unit)


class MapResults(QGroupBox):
    """The maps of the latest run.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that holds the layers.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__("results (median ± median σ)", parent)
        self._viewer = viewer
        self._maps: MapSet | None = None
        self._layers: list[Layer] = []
        self._radios = QButtonGroup(self)
        self._rows = QGridLayout()
        self._rows.setColumnStretch(1, 1)
        self._legend = QLabel()
        self._legend.setWordWrap(True)
        self._warnings = QLabel()
        self._warnings.setWordWrap(True)
        self._warnings.setTextFormat(Qt.TextFormat.PlainText)
        buttons = QHBoxLayout()
        for text, tip, action in (
            ("save maps…", "Save all maps as NeXus HDF5 or TIFF, with sigma, mask, units and history", self._save),
            ("recipe…", "Save the steps as YAML; to repeat them on another stack: napari-xanes run", self._save_recipe),
            ("as Python", "Copy a Python script with the same steps to the clipboard", self._copy_python),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(action)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 8, 4, 4)
        layout.addLayout(self._rows)
        layout.addWidget(self._legend)
        layout.addWidget(self._warnings)
        layout.addLayout(buttons)
        self.hide()

    def show_maps(self, maps: MapSet, layers: list[Layer], warnings: str) -> None:
        """List the maps of a run; the buttons show and hide their layers."""
        self._maps, self._layers = maps, layers
        while self._rows.count():
            self._rows.takeAt(0).widget().deleteLater()
        for row, (name, parameter_map) in enumerate(maps.items()):
            radio = QRadioButton(fill(map_title(name), _NAME_WIDTH))
            radio.setToolTip("Show this map and hide the other maps of this run")
            radio.setChecked(any(self._belongs_to(layer, name) and layer.visible for layer in layers))
            radio.clicked.connect(lambda _=False, name=name: self.show_only(name))
            radio.setProperty("map", name)
            self._radios.addButton(radio)
            self._rows.addWidget(radio, row, 0)
            value = QLabel(map_text(parameter_map))
            value.setWordWrap(True)
            self._rows.addWidget(value, row, 1)
            if parameter_map.sigma is not None:
                sigma = QToolButton()
                sigma.setText("± σ")
                sigma.setToolTip("Show the standard error of this map")
                sigma.clicked.connect(lambda _=False, name=name: self.show_only(name, role="sigma"))
                self._rows.addWidget(sigma, row, 2)
        self._legend.setText(_legend(maps))
        self._legend.setVisible(bool(self._legend.text()))
        self._warnings.setText(warnings)
        self._warnings.setVisible(bool(warnings))
        self.show()

    @staticmethod
    def _belongs_to(layer: Layer, name: str, role: str = "value") -> bool:
        xanes = layer.metadata["xanes"]
        return bool(xanes["map"] == name and xanes["role"] == role)

    def show_only(self, name: str, *, role: str = "value") -> None:
        """Show one map of the run, hide the others, and tick the map that is shown or whose error is."""
        for radio in self._radios.buttons():
            radio.setChecked(radio.property("map") == name)
        for layer in self._layers:
            if layer in self._viewer.layers:
                layer.visible = self._belongs_to(layer, name, role)
                if layer.visible:
                    self._viewer.layers.selection.active = layer

    def _save(self) -> None:
        path, _filter = QFileDialog.getSaveFileName(
            self, "Save maps", "maps.h5", "NeXus HDF5 (*.h5 *.nxs);;TIFF (*.tif)"
        )
        if path:
            self.save(path)

    def save(self, path: str) -> None:
        """Write the maps to a file; show an error as a notification."""
        from napari_xanes.io import write

        try:
            write(self._maps, path)
        except (OSError, ValueError) as error:
            show_error(str(error))
        else:
            show_info(f"saved {path}")

    def _save_recipe(self) -> None:
        path, _filter = QFileDialog.getSaveFileName(self, "Save recipe", "recipe.yaml", "YAML (*.yaml *.yml)")
        if not path or self._maps is None:
            return
        try:
            Recipe(self._maps.history).save(Path(path))
        except (OSError, ValueError) as error:
            show_error(f"can't write {path}: {error}")

    def _copy_python(self) -> None:
        if self._maps is None:
            return
        source = self._maps.source or Source("path/to/stack")
        try:
            script = as_python(self._maps.history, source)
        except ValueError as error:
            show_error(f"can't write a script: {error}")
        else:
            QApplication.clipboard().setText(script)
            show_info("script copied to the clipboard")


def _legend(maps: MapSet) -> str:
    """Return the legend of the label maps as rich text, with the number and fraction of pixels per label."""
    lines = []
    for name, parameter_map in maps.items():
        if parameter_map.labels is None:
            continue
        total = max(1, int((parameter_map.data != 0).sum()))
        lines.append(f"<b>{escape(name.replace('_', ' '))}</b>")
        for label, text in parameter_map.labels.items():
            count = int((parameter_map.data == label).sum())
            square = f"<span style='color:{colour_of(label)}'>&#9632;</span>"
            lines.append(f"{square} {escape(text)}: {count} px, {100 * count / total:.0f} %")
    return "<br>".join(lines)
