"""The results of the chosen run: its maps with typical values, what of them the layer shows, and tools for them."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QGroupBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.dock_layout import emptied, push_button, row_of, say, wrapping_label
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.map_layers import Shown, map_title
from napari_xanes.gui.results import saving
from napari_xanes.gui.results.colour_bar import ColourBar
from napari_xanes.gui.results.mixing import MixView
from napari_xanes.gui.results.run_list import RunListView
from napari_xanes.gui.results.statistics import StatisticsView
from napari_xanes.gui.results.warning_list import WarningList
from napari_xanes.gui.results.words import RunWords, words_of
from napari_xanes.gui.state.run import Run
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.gui.while_seen import WhileSeen

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
_MARKS = {"value": "", "sigma": " ± σ", "mask": " mask"}


class ResultsPanel(QGroupBox):
    """Shows the runs of a viewer and changes what the layer of the chosen one shows.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that holds the layers.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__("results (median ± median σ)", parent)
        self._viewer, self._runs = viewer, workspace_of(viewer).runs
        self._listed: Run | None = None
        self._words: WeakKeyDictionary[Run, RunWords] = WeakKeyDictionary()
        self._values: dict[str, QLabel] = {}
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._receive_words)
        self.body = QWidget()
        self.run_list = RunListView(viewer, self._runs)
        self.maps_group, self.roles = QButtonGroup(self), QButtonGroup(self)
        self.role_buttons = {role: self._role_button(role, text, tip) for role, text, tip in _ROLES}
        self._rows = QGridLayout()
        self._rows.setColumnStretch(1, 1)
        self.colour_bar, self.legend = ColourBar(), wrapping_label()
        self.bias, self.share, self.warnings = wrapping_label(), wrapping_label(), WarningList()
        signals = self._runs.chosen_changed, self._runs.added, self._runs.removed, self._runs.changed
        connections = [(signal, self._on_runs) for signal in signals]
        self._seen = WhileSeen(self, connections, begin=self._refresh, end=self.colour_bar.stop)
        ThemeFollower(self, viewer, self.colour_bar.set_theme)
        self.statistics, self.mix = StatisticsView(viewer, self._runs), MixView(viewer, self._runs)
        self._lay_out()
        self._refresh()

    def _role_button(self, role: str, text: str, tip: str) -> QPushButton:
        button = push_button(text, tip, lambda: self._show_role(role))
        button.setCheckable(True)
        self.roles.addButton(button)
        return button

    def _opener(self, text: str, tip: str, view: QWidget) -> QPushButton:
        """Return a button that opens and closes a tool."""
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setCheckable(True)
        view.hide()
        button.toggled.connect(view.setVisible)
        button.toggled.connect(lambda _: self._refresh())
        return button

    def _lay_out(self) -> None:
        outer, layout = QVBoxLayout(self), QVBoxLayout(self.body)
        outer.setContentsMargins(4, 8, 4, 4)
        layout.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.body)
        roles = row_of(*((button, 1) for button in self.role_buttons.values()))
        self.statistics_button = self._opener(
            "statistics",
            "Median, mean ± error and area of what is shown, of the whole and of each region",
            self.statistics,
        )
        self.mix_button = self._opener("colour mix", "Show up to three maps as the colours of one image", self.mix)
        self.as_layer = push_button(
            "as layer", "Add what is shown as a layer of its own, which stays when another map is shown", self._as_layer
        )
        self.all_as_layers = push_button(
            "all as layers", "Add every map and every ± σ of this run as a hidden layer", self._all_as_layers
        )
        layout.addWidget(self.run_list)
        layout.addLayout(roles)
        for widget in (self.share, self.warnings):
            layout.addWidget(widget)
        layout.addLayout(self._rows)
        for widget in (self.bias, self.colour_bar, self.legend):
            layout.addWidget(widget)
        layout.addLayout(row_of((self.statistics_button, 1), (self.mix_button, 1)))
        layout.addWidget(self.statistics)
        layout.addWidget(self.mix)
        self.save_button = push_button(
            "save maps…",
            "Save all maps as NeXus HDF5 or TIFF, with sigma, mask, units and history",
            lambda: self._with_maps(lambda maps: saving.ask_and_save_maps(maps, self)),
        )
        layout.addLayout(row_of((self.as_layer, 1), (self.all_as_layers, 1), (self.save_button, 1)))
        layout.addLayout(self._recipe_row())

    def _recipe_row(self) -> Any:
        recipe = push_button(
            "recipe…",
            "Save the steps as YAML; to repeat them on another stack: napari-xanes run",
            lambda: self._with_maps(lambda maps: saving.ask_and_save_recipe(maps, self)),
        )
        script = push_button(
            "as Python",
            "Copy a Python script with the same steps to the clipboard",
            lambda: self._with_maps(saving.copy_script),
        )
        self.folder_button = push_button(
            "on a folder…",
            "Run the steps of this run on many files",
            lambda: self._with_maps(lambda maps: saving.run_on_folder(maps, self._viewer)),
        )
        return row_of((recipe, 1), (script, 1), (self.folder_button, 1))

    @property
    def maps(self) -> MapSet | None:
        """The maps of the chosen run."""
        run = self._runs.chosen
        return None if run is None else run.maps

    def _with_maps(self, action: Callable[[MapSet], None]) -> None:
        if self.maps is not None:
            action(self.maps)

    def _on_runs(self, _run: Run | None = None) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Show what there is now; nothing is decided here."""
        run = self._runs.chosen
        self.body.setVisible(run is not None)
        self.run_list.refresh()
        if run is not self._listed:
            self._listed = run
            self._list_maps(run)
        if run is not None:
            self._show_shown(run)
        self.statistics.show_run(run)
        self.mix.show_run(run)

    def _list_maps(self, run: Run | None) -> None:
        """List the maps of a run; their values are worked out in a thread when the run is first listed."""
        emptied(self._rows)
        self._values = {}
        if run is None:
            return
        main = [name for name, one in run.maps.items() if not one.companion]
        for row, name in enumerate([*main, *(name for name in run.maps if name not in main)]):
            radio = QRadioButton(fill(map_title(name), _NAME_WIDTH))
            radio.setToolTip(f"Let the layer of this run show {map_title(name)}")
            radio.clicked.connect(lambda _=False, name=name: self.show_map(name))
            radio.setProperty("map", name)
            self.maps_group.addButton(radio)
            self._rows.addWidget(radio, row, 0)
            self._values[name] = wrapping_label("…")
            self._rows.addWidget(self._values[name], row, 1)
        say(self.legend, "")
        self.warnings.show_warnings(run.maps.metadata.get("warnings", ()))
        if run in self._words:
            self._say_words(run)
        else:
            self._worker.submit(run, lambda: words_of(run.maps))

    def _receive_words(self, run: Run, words: RunWords) -> None:
        self._words[run] = words
        if run is self._listed:
            self._say_words(run)

    def _say_words(self, run: Run) -> None:
        words = self._words[run]
        for name, label in self._values.items():
            label.setText(words.values[name])
        say(self.legend, words.legend)
        self._say_of_shown(run)

    def _say_of_shown(self, run: Run) -> None:
        """Say what is known of the map that is shown; nothing while that is worked out."""
        words, name = self._words.get(run), run.shown.map
        say(self.share, "" if words is None else words.shares[name])
        say(self.bias, "" if words is None else words.biases[name])

    def _show_shown(self, run: Run) -> None:
        """Tick what the layer shows, and draw its colour bar."""
        name, role = run.shown
        for radio in self.maps_group.buttons():
            radio.setChecked(radio.property("map") == name)
        for other, button in self.role_buttons.items():
            button.setEnabled(run.can_show(Shown(name, other)))
            button.setChecked(other == role)
        self._say_of_shown(run)
        layer = self._runs.layer_of(run)
        has_bar = layer is not None and layer._type_string == "image" and role != "mask"
        self.colour_bar.setVisible(has_bar)
        unit = run.maps[name].unit
        drawn = layer if has_bar and self._seen.live else None
        self.colour_bar.show_layer(drawn, f"{map_title(name)}{_MARKS[role]}", unit)

    def show_map(self, name: str) -> None:
        """Show another map; its error or mask if that of the map before is shown, and there is one."""
        run = self._runs.chosen
        if run is not None:
            shown = Shown(name, run.shown.role)
            self._runs.show(run, shown if run.can_show(shown) else Shown(name))

    def _show_role(self, role: str) -> None:
        run = self._runs.chosen
        if run is not None:
            self._runs.show(run, Shown(run.shown.map, role))

    def _as_layer(self) -> None:
        if self._runs.chosen is not None:
            self._runs.as_layer(self._runs.chosen)

    def _all_as_layers(self) -> None:
        if self._runs.chosen is not None:
            self._runs.all_as_layers(self._runs.chosen)
