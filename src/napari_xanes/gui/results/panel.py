"""The results of the chosen run: its maps with typical values, and what of them the layer shows."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QGroupBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.dock_layout import emptied, row_of, wrapping_label
from napari_xanes.gui.map_layers import Shown, map_title
from napari_xanes.gui.results import saving
from napari_xanes.gui.results.words import legend, map_text, warning_lines
from napari_xanes.gui.state.run import Run
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.parameter_map import MapSet

_NAME_WIDTH = 18
"""Largest number of letters per line of a map's name: value, error and unit need the rest of the row."""

_ROLES = (
    ("value", "value", "Show the values of the map"),
    ("sigma", "± σ", "Show the standard error of each pixel"),
    ("mask", "mask", "Show which pixels can be trusted: white is inside the mask"),
)


class ResultsPanel(QGroupBox):
    """Shows the chosen run of a viewer and changes what its layer shows.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that holds the layers.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__("results (median ± median σ)", parent)
        self._runs = workspace_of(viewer).runs
        self._run: Run | None = None
        self.maps_group, self.roles = QButtonGroup(self), QButtonGroup(self)
        self.role_buttons = {role: self._role_button(role, text, tip) for role, text, tip in _ROLES}
        self._rows = QGridLayout()
        self._rows.setColumnStretch(1, 1)
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.warnings = wrapping_label()
        self.warnings.setTextFormat(Qt.TextFormat.PlainText)
        self._lay_out()
        self._runs.chosen_changed.connect(self._on_chosen)
        self._runs.changed.connect(self._on_changed)
        self._on_chosen(self._runs.chosen)

    def _role_button(self, role: str, text: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setCheckable(True)
        button.clicked.connect(lambda _checked=False: self._show_role(role))
        self.roles.addButton(button)
        return button

    def _button(self, text: str, tip: str, action: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda _checked=False: action())
        return button

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 8, 4, 4)
        roles = row_of(*((button, 0) for button in self.role_buttons.values()))
        roles.addStretch()
        layout.addLayout(roles)
        layout.addLayout(self._rows)
        layout.addWidget(self.legend)
        layout.addWidget(self.warnings)
        self.as_layer = self._button(
            "as layer", "Add what is shown as a layer of its own, which stays when another map is shown", self._as_layer
        )
        self.all_as_layers = self._button(
            "all as layers", "Add every map and every ± σ of this run as a hidden layer", self._all_as_layers
        )
        layout.addLayout(row_of((self.as_layer, 1), (self.all_as_layers, 1)))
        save = self._button(
            "save maps…",
            "Save all maps as NeXus HDF5 or TIFF, with sigma, mask, units and history",
            lambda: self._with_maps(lambda maps: saving.ask_and_save_maps(maps, self)),
        )
        recipe = self._button(
            "recipe…",
            "Save the steps as YAML; to repeat them on another stack: napari-xanes run",
            lambda: self._with_maps(lambda maps: saving.ask_and_save_recipe(maps, self)),
        )
        script = self._button(
            "as Python",
            "Copy a Python script with the same steps to the clipboard",
            lambda: self._with_maps(saving.copy_script),
        )
        layout.addLayout(row_of((save, 1), (recipe, 1), (script, 1)))

    @property
    def maps(self) -> MapSet | None:
        """The maps of the run that is shown."""
        return None if self._run is None else self._run.maps

    def _with_maps(self, action: Callable[[MapSet], None]) -> None:
        if self._run is not None:
            action(self._run.maps)

    def _on_chosen(self, run: Run | None) -> None:
        """List the maps of another run."""
        self._run = run
        self.setVisible(run is not None)
        emptied(self._rows)
        if run is None:
            return
        main = [name for name, one in run.maps.items() if not one.companion]
        for row, name in enumerate([*main, *(name for name in run.maps if name not in main)]):
            radio = QRadioButton(fill(map_title(name), _NAME_WIDTH))
            radio.setToolTip(f"Let the layer of this run show {map_title(name)}")
            radio.clicked.connect(lambda _=False, name=name: self.show_map(name))
            radio.setProperty("map", name)
            self.maps_group.addButton(radio)
            value = wrapping_label(map_text(run.maps[name]))
            self._rows.addWidget(radio, row, 0)
            self._rows.addWidget(value, row, 1)
        self.legend.setText(legend(run.maps))
        self.legend.setVisible(bool(self.legend.text()))
        self.warnings.setText(warning_lines(run.maps))
        self.warnings.setVisible(bool(self.warnings.text()))
        self._tick(run)

    def _on_changed(self, run: Run) -> None:
        if run is self._run:
            self._tick(run)

    def _tick(self, run: Run) -> None:
        """Tick what the layer shows: these buttons say what is there, they do not decide it."""
        for radio in self.maps_group.buttons():
            radio.setChecked(radio.property("map") == run.shown.map)
        for role, button in self.role_buttons.items():
            button.setEnabled(run.can_show(Shown(run.shown.map, role)))
            button.setChecked(role == run.shown.role)

    def show_map(self, name: str) -> None:
        """Show another map; its error or mask if that of the map before is shown, and there is one."""
        if self._run is not None:
            shown = Shown(name, self._run.shown.role)
            self._runs.show(self._run, shown if self._run.can_show(shown) else Shown(name))

    def _show_role(self, role: str) -> None:
        if self._run is not None:
            self._runs.show(self._run, Shown(self._run.shown.map, role))

    def _as_layer(self) -> None:
        if self._run is not None:
            self._runs.as_layer(self._run)

    def _all_as_layers(self) -> None:
        if self._run is not None:
            self._runs.all_as_layers(self._run)
