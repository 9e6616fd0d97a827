"""Run a recipe on a folder: what to run, the files with their states, and what came out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QDialog, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import push_button, row_of, wrapping_label
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.readers import layers_of, show_energies
from napari_xanes.gui.in_thread import is_closed
from napari_xanes.gui.job import Job
from napari_xanes.gui.job_bar import JobBar
from napari_xanes.gui.mailbox import mailbox, send
from napari_xanes.gui.many.fields import InputFields, Plan
from napari_xanes.gui.many.table import RUNNING, FileTable
from napari_xanes.gui.telling import tell
from napari_xanes.history import Source, Step
from napari_xanes.many.clients import HERE, PROCESSES, client_for
from napari_xanes.many.miniature import miniature
from napari_xanes.many.outcome import Outcome
from napari_xanes.many.running import run_many
from napari_xanes.many.summary import PAGE
from napari_xanes.named_files import with_named_files
from napari_xanes.progress import Progress
from napari_xanes.recipe import Recipe
from napari_xanes.wording import counted

if TYPE_CHECKING:
    from napari.viewer import Viewer


class ManyWindow(QDialog):
    """Runs a recipe on the files of a folder, here or in processes, while the viewer can be used.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer, in which results are opened.
    parent : QWidget, optional
        Its window.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.setWindowTitle("Run on a folder")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fields, self.table, self.job = InputFields(), FileTable(), Job(self)
        self.note, self.bar = wrapping_label(), JobBar(self.job)
        self._out: Path | None = None
        self._turn, self._told = 0, ""
        self.run_button = push_button("Run", "Run it on all files; you can use the viewer meanwhile", self.start)
        self.cancel_button = push_button("Cancel", "Stop; the results that are done stay", self.job.cancel)
        self.open_button = push_button(
            "Open result", "Show the maps of the selected file in the viewer", self._open_chosen
        )
        self.page_button = push_button("Show page", "All results on one page, in the web browser", self._show_page)
        for button in (self.run_button, self.cancel_button, self.open_button, self.page_button):
            button.setAutoDefault(False)  # Enter in a field runs nothing
        self._lay_out()
        self.fields.changed.connect(self._list)
        self.table.itemSelectionChanged.connect(self._refresh)
        self.table.cellDoubleClicked.connect(lambda row, _column: self._open(self.table.outcome_at(row)))
        self.job.done.connect(self._show_end)
        self.job.failed.connect(tell)
        self.job.ended.connect(self._end)
        self._refresh()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(self.fields)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.note)
        layout.addWidget(self.bar)
        layout.addLayout(
            row_of((self.run_button, 1), (self.cancel_button, 1), (self.open_button, 1), (self.page_button, 1))
        )
        self.setMinimumSize(480, 360)
        self.resize(860, 620)

    def start(self) -> None:
        """Run the recipe on the files in a thread."""
        plan = self.fields.plan()
        if plan is None or self.job.running:
            return
        self._turn += 1
        self._out, self._told = plan.out, ""
        self.table.list_files(plan.paths, plan.by)
        report = _Report(self, self._turn)
        self.job.start(
            lambda progress: _run(plan, report, progress), f"Run on {counted(len(plan.paths), 'file', 'files')}"
        )
        self._refresh()

    def take_began(self, turn: int, path: Path) -> None:
        """Say that a file runs, unless it belongs to a run that was stopped."""
        if turn == self._turn and self.job.running:
            self.table.show_state(path, RUNNING)

    def take_outcome(self, turn: int, outcome: Outcome, picture: Any) -> None:
        """Say what became of a file, unless it belongs to an earlier run."""
        if turn == self._turn:
            self.table.show_outcome(Path(outcome.path), outcome, picture)

    def _list(self) -> None:
        self._told = ""
        if not self.job.running and self.fields.plan() is not None:
            self.table.list_files(self.fields.paths, self.fields.by.text())
        elif not self.job.running and not self.fields.paths:
            self.table.list_files([], "")
        self._refresh()

    def _refresh(self) -> None:
        running, plan = self.job.running, self.fields.plan()
        self.fields.setEnabled(not running)
        self.run_button.setEnabled(plan is not None and not running)
        self.cancel_button.setEnabled(running)
        chosen = self._chosen()
        self.open_button.setEnabled(chosen is not None and chosen.state != "failed")
        self.page_button.setEnabled(self._out is not None and (self._out / PAGE).is_file())
        if not running:
            self.note.setText(self._told or self.fields.words() or counted(len(self.fields.paths), "file", "files"))

    def _chosen(self) -> Outcome | None:
        rows = {index.row() for index in self.table.selectedIndexes()}
        return self.table.outcome_at(rows.pop()) if len(rows) == 1 else None

    def _open_chosen(self) -> None:
        self._open(self._chosen())

    def _open(self, outcome: Outcome | None) -> None:
        """Open a result in the viewer, if there is one."""
        from napari.layers import Layer

        if outcome is None or outcome.state == "failed":
            return
        path = Path(outcome.folder) / ("maps.h5" if outcome.maps else "stack.h5")
        viewer = self._viewer
        try:
            layers = layers_of([path], viewer)
        except (OSError, ValueError) as error:
            tell(error)
            return
        if is_closed(viewer):
            return
        for layer in layers:
            viewer.add_layer(Layer.create(*layer))
        show_energies(viewer)

    def _show_page(self) -> None:
        if self._out is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str((self._out / PAGE).resolve())))

    def _show_end(self, outcomes: list[Outcome]) -> None:
        counts = {state: sum(one.state == state for one in outcomes) for state in ("done", "kept", "failed")}
        names = {"done": "done", "kept": "skipped", "failed": "failed"}
        self._told = ", ".join(f"{count} {names[state]}" for state, count in counts.items() if count)

    def _end(self) -> None:
        self._told = self._told or "stopped; Run again does what is missing"
        self.table.stop_waiting()
        self._refresh()


class _Report:
    """Hands what a run says in its thread to the window.

    Parameters
    ----------
    window : ManyWindow
        The window; it is not kept alive.
    turn : int
        Number of the run.
    """

    def __init__(self, window: ManyWindow, turn: int) -> None:
        self._box, self._window, self._turn = mailbox(), ref(window), turn

    def began(self, path: Path) -> None:
        """Say that a file runs."""
        send(self._box, self._window, lambda window: window.take_began(self._turn, path))

    def told(self, outcome: Outcome) -> None:
        """Say what became of a file, with a picture of it."""
        picture = miniature(outcome)
        send(self._box, self._window, lambda window: window.take_outcome(self._turn, outcome, picture))


def _run(plan: Plan, report: _Report, progress: Progress) -> list[Outcome]:
    """Run the recipe as if it had been saved: what its steps found on the stack before is found anew in each file."""
    recipe = Recipe.from_yaml(Recipe(with_named_files(plan.steps)).to_yaml())
    with client_for(PROCESSES if plan.workers > 1 else HERE, plan.workers) as client:
        return run_many(
            recipe, plan.paths, plan.out, client=client, reading=plan.reading, by=plan.by, began=report.began,
            told=report.told, progress=progress,
        )  # fmt: skip


def open_window(viewer: Viewer, steps: Sequence[Step], source: Source | None) -> ManyWindow:
    """Open the window for a recipe; one that is open takes it, unless it is at work.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    steps : sequence of Step
        The recipe.
    source : Source, optional
        The file of the stack that it was made on.
    """
    viewer = plain_viewer(viewer)
    frame = getattr(viewer.window, "_qt_window", viewer.window)
    parent = frame if isinstance(frame, QWidget) else None
    window = (parent.findChild(ManyWindow) if parent is not None else None) or ManyWindow(viewer, parent)
    if not window.job.running:
        window.fields.show_recipe(steps, source)
    window.show()
    window.raise_()
    return window
