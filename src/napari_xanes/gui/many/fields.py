"""What to run: the recipe, the files and the folder for the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QLineEdit, QSizePolicy, QSpinBox, QWidget

from napari_xanes.gui import recipe_files
from napari_xanes.gui.dialogs import ask_for_folder
from napari_xanes.gui.dock_layout import push_button, say, wrapping_label
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.many.files import files_in
from napari_xanes.history import READ_KEYWORDS, Source, Step, literal
from napari_xanes.limits import cores
from napari_xanes.many.fixed_places import taken_from_one_stack
from napari_xanes.many.table import group_of

_LONGEST = 60
"""Letters of a value in a line."""


class Plan(NamedTuple):
    """What to run.

    Attributes
    ----------
    steps : sequence of Step
        The recipe; what the steps found on an earlier stack may be in them.
    paths : list of Path
        The files.
    out : Path
        The folder of the results.
    by : str
        As in `napari_xanes.run_many`.
    reading : mapping
        Keywords of `napari_xanes.read`.
    workers : int
        Number of processes that take files; with one, files run in this process, one after the other.
    """

    steps: Sequence[Step]
    paths: list[Path]
    out: Path
    by: str
    reading: Mapping[str, Any]
    workers: int = 1


class InputFields(QWidget):
    """Asks for recipe, files and folder. Files are looked for in a thread.

    Signals
    -------
    changed :
        The plan is another one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: Sequence[Step] = ()
        self._source: Source | None = None
        self.paths: list[Path] = []
        self.problem, self._asked = "", 0
        self._finder = LatestOnlyWorker(self)
        self.recipe, self.places = wrapping_label(), wrapping_label()
        self.folder, self.pattern, self.out, self.by = (QLineEdit() for _ in range(4))
        self.pattern.setToolTip("Names of the stacks, such as *.h5; **/*.h5 also looks into the folders in the folder")
        self.out.setToolTip("Each stack gets a folder in it; what was done before and has not changed is kept")
        self.by.setPlaceholderText(r"none; for example T=(\d+)C")
        self.by.setToolTip("Gets a column: what the brackets of this regular expression find in the name of a file")
        self.as_stack, self.workers = QCheckBox(), _workers_box()
        self.as_stack.hide()  # until there is a stack that was read in its own way
        self._lay_out()
        self.recipe_button.setToolTip("Take the steps of a saved recipe")
        for field in (self.folder, self.pattern, self.out):
            field.textChanged.connect(lambda _text: self.look())
        self.by.textChanged.connect(lambda _text: self.changed.emit())
        self._finder.done.connect(lambda key, paths: self._receive(key, paths, ""))
        self._finder.failed.connect(lambda key, error: self._receive(key, [], str(error)))

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        choose = "Choose the folder"
        self.recipe_button = push_button("Load…", "", self._load)
        rows: list[tuple[str, QWidget, QWidget | None]] = [
            ("recipe", self.recipe, self.recipe_button),
            ("folder", self.folder, push_button("Choose…", choose, lambda: self._choose(self.folder))),
            ("files", self.pattern, None),
            ("results", self.out, push_button("Choose…", choose, lambda: self._choose(self.out))),
            ("column", self.by, None),
            ("processes", self.workers, None),
        ]
        for row, (text, field, button) in enumerate(rows):
            label = QLabel(text)
            label.setBuddy(field)
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
            if button is not None:
                grid.addWidget(button, row, 2)
        grid.addWidget(self.as_stack, len(rows), 1, 1, 2)
        grid.addWidget(self.places, len(rows) + 1, 1, 1, 2)

    def show_recipe(self, steps: Sequence[Step], source: Source | None) -> None:
        """Take a recipe, and the folder of the stack that it was made on.

        Parameters
        ----------
        steps : sequence of Step
            The steps.
        source : Source, optional
            The file of the stack. How it was read is offered for all files.
        """
        self._source = source
        self._take(steps)
        keywords = self._reading_of_stack()
        self.as_stack.setVisible(bool(keywords))
        self.as_stack.setChecked(bool(keywords))
        told = ", ".join(f"{name} {_short(literal(value))}" for name, value in keywords.items())
        self.as_stack.setText(f"read all as the chosen stack: {told}")
        if source is not None and not self.folder.text():
            path = Path(source.path)
            self.folder.setText(str(path.parent))
            self.pattern.setText(f"*{path.suffix}")
            self.out.setText(str(path.parent / "maps"))
        self.look()

    def _take(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self.recipe.setText(" · ".join(step.name.replace("_", " ") for step in steps))
        say(self.places, "\n".join(taken_from_one_stack(steps)))

    def _load(self) -> None:
        loaded = recipe_files.ask_and_load(self._source, self)
        if loaded is not None:
            self._take(loaded.steps)
            self.changed.emit()

    def _choose(self, field: QLineEdit) -> None:
        if path := ask_for_folder(self, "Choose a folder", self._source):
            field.setText(path)

    def _reading_of_stack(self) -> dict[str, Any]:
        reading = {} if self._source is None else self._source.reading
        return {name: value for name, value in reading.items() if name in READ_KEYWORDS}

    def look(self) -> None:
        """Look for the files."""
        folder, pattern, out = (field.text().strip() for field in (self.folder, self.pattern, self.out))
        self.paths, self.problem = [], "looking for files…"
        self._asked += 1
        self.changed.emit()
        self._finder.submit(self._asked, lambda: files_in(folder, pattern, out))

    def _receive(self, asked: int, paths: list[Path], problem: str) -> None:
        if asked != self._asked:
            return  # the fields have changed since
        self.paths, self.problem = paths, problem
        self.changed.emit()

    def words(self) -> str:
        """Return how many files there are, or why nothing can run."""
        try:
            group_of(self.by.text(), "")
        except ValueError as error:
            return str(error)
        if not self._steps:
            return "load a recipe, or add a step in Prepare"
        return self.problem or ("" if self.out.text().strip() else "choose a folder for the results")

    def plan(self) -> Plan | None:
        """Return what to run; None while something is missing, which `words` tells."""
        if self.words():
            return None
        reading = self._reading_of_stack() if self.as_stack.isChecked() else {}
        out = Path(self.out.text().strip()).expanduser()
        return Plan(self._steps, self.paths, out, self.by.text(), reading, self.workers.value())


def _workers_box() -> QSpinBox:
    """Return a field for the number of processes; only one without the package for more."""
    box, there = QSpinBox(), find_spec("distributed") is not None
    box.setRange(1, cores() if there else 1)
    box.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    several = "each takes a file at a time and one core; they need some seconds to start"
    box.setToolTip(f"1: here. More: {several}" if there else "More need: pip install 'napari-xanes[distributed]'")
    return box


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
