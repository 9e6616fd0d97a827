"""What to follow: the scan, the recipe, and how many energies it will have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QLineEdit, QSpinBox, QWidget

from napari_xanes.gui import recipe_files
from napari_xanes.gui.dialogs import ask_for_folder, ask_to_open
from napari_xanes.gui.dock_layout import push_button, row_of, wrapping_label
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.present import present
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import READ_KEYWORDS, Source, Step, literal

if TYPE_CHECKING:
    from napari.viewer import Viewer

_OF_ONE_STACK = ("energies", "select", "repeat")
"""Keywords of reading that belong to the frames of one stack."""


class Plan(NamedTuple):
    """What to follow.

    Attributes
    ----------
    source : str
        Path or address of the scan.
    steps : sequence of Step
        The recipe.
    energies : int or None
        Number of energies after which the scan has ended.
    reading : mapping
        Keywords of `napari_xanes.read`.
    """

    source: str
    steps: Sequence[Step]
    energies: int | None
    reading: Mapping[str, Any]


class LiveDialog(QDialog):
    """Asks what to follow.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; the recipe of its chosen run, or else of Prepare, is offered.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Follow a scan")
        self._viewer = viewer
        self._steps, self._reading = recipe_at_hand(viewer), _reading_at_hand(viewer)
        self.source, self.recipe, self.note = QLineEdit(), wrapping_label(), wrapping_label()
        self.source.setPlaceholderText("folder that the frames appear in, or the file that grows")
        self.energies = QSpinBox()
        self.energies.setRange(0, 100_000)
        self.energies.setSpecialValueText("not known: it ends when I press Stop")
        self.energies.setToolTip("With so many energies the scan has ended, and the final maps are made")
        buttons = QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        self.buttons = QDialogButtonBox(buttons)
        self.start_button = present(self.buttons.button(QDialogButtonBox.StandardButton.Ok))
        self.start_button.setText("Follow")
        self._lay_out()
        self.source.textChanged.connect(lambda _text: self._refresh())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._refresh()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setColumnStretch(1, 1)
        folder = push_button("Folder…", "Choose the folder that the frames appear in", self._choose_folder)
        file = push_button("File…", "Choose the file that grows", self._choose_file)
        load = push_button("Load…", "Take the steps of a saved recipe", self._load)
        rows = (("scan", self.source, (folder, file)), ("recipe", self.recipe, (load,)))
        for row, (text, field, extra) in enumerate((*rows, ("energies in all", self.energies, ()))):
            label = QLabel(text)
            label.setBuddy(field)
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
            grid.addLayout(row_of(*((button, 0) for button in extra)), row, 2)
        grid.addWidget(self.note, 3, 0, 1, 3)
        grid.addWidget(self.buttons, 4, 0, 1, 3)
        self.resize(560, 200)

    def _choose_folder(self) -> None:
        if path := ask_for_folder(self, "Folder of the scan", self._viewer):
            self.source.setText(path)

    def _choose_file(self) -> None:
        if path := ask_to_open(self, "File of the scan", "All files (*)", self._viewer):
            self.source.setText(path)

    def _load(self) -> None:
        loaded = recipe_files.ask_and_load(None, self)
        if loaded is not None:
            self._steps = loaded.steps
            self._refresh()

    def words(self) -> str:
        """Return what is missing; no text if nothing is."""
        path = self.source.text().strip()
        if not self._steps:
            return "load a recipe, or make maps of a stack first: their steps are offered here"
        if not path:
            return "choose the scan"
        if "://" not in path and not Path(path).expanduser().exists():
            return f"there is no {path} yet; make the folder, or begin the scan"
        return ""

    def _refresh(self) -> None:
        self.recipe.setText(" · ".join(step.name.replace("_", " ") for step in self._steps))
        told = ", ".join(f"{name} {literal(value)}" for name, value in self._reading.items())
        self.note.setText(self.words() or (f"read as the chosen stack: {told}" if told else ""))
        self.start_button.setEnabled(not self.words())

    def plan(self) -> Plan:
        """Return what to follow."""
        source = self.source.text().strip()
        path = source if "://" in source else str(Path(source).expanduser())
        return Plan(path, self._steps, self.energies.value() or None, self._reading)


def recipe_at_hand(viewer: Viewer) -> Sequence[Step]:
    """Return the steps of the chosen run, or else those of Prepare; none of a stack without steps.

    What the steps found on an earlier stack is left out: they find it again on the scan.
    """
    workspace = workspace_of(viewer)
    run, recipe = workspace.runs.chosen, workspace.recipe.current
    if run is not None and run.maps.history:
        steps: Sequence[Step] = run.maps.history
    else:
        steps = () if recipe is None else (*recipe.before(), *recipe.draft.enabled)
    return [Step(step.name, step.parameters, files=step.files) for step in steps]


def _reading_at_hand(viewer: Viewer) -> dict[str, Any]:
    """Return how the chosen stack was read, where the user said more than its file."""
    layer = workspace_of(viewer).stacks.layer
    source: Source | None = None if layer is None else stack_of(layer).source
    known = {} if source is None else source.reading
    return {name: value for name, value in known.items() if name in READ_KEYWORDS and name not in _OF_ONE_STACK}
