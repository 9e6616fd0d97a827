"""The drift of an aligned stack: plot, report, and a table of shifts to edit, write and read."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from napari_xanes.alignment import Alignment
from napari_xanes.gui.dialogs import ask_to_open, ask_to_save
from napari_xanes.gui.dock_layout import push_button, row_of, wrapping_label
from napari_xanes.gui.job import Job
from napari_xanes.gui.prepare.drift import PIXELS, Drift
from napari_xanes.gui.prepare.drift_plot import DriftPlot
from napari_xanes.gui.prepare.drift_table import DriftTable
from napari_xanes.gui.telling import show_error, show_info, tell
from napari_xanes.io.shift_table import read_shifts, write_shifts

_TABLES = "Shifts (*.csv);;All files (*)"


class DriftView(QWidget):
    """Shows a `Drift` and lets the user change its shifts; what was changed is kept here until the stack is aligned.

    Signals
    -------
    frame_requested : int
        The user wants to see this frame.
    align_requested : Alignment
        The user wants the stack aligned with these shifts.
    """

    frame_requested = Signal(int)
    align_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.drift: Drift | None = None
        self._why_not = ""
        self.plot, self.table, self.report = DriftPlot(), DriftTable(), wrapping_label()
        self.report.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.units, self.panel = QComboBox(), QComboBox()
        self.units.setToolTip("Unit of the shifts in the plot and the table; files always hold pixels")
        self.panel.setToolTip("What is drawn below the shifts")
        self.align_button = push_button("Align again", "", self.align)
        self.reset_button = push_button("Reset", "Take the shifts that the stack was aligned with", self.reset)
        self.export_button = push_button(
            "Export…", "Write the shifts of the table to a CSV file, in pixels", self.ask_where_to_write
        )
        self.import_button = push_button(
            "Import…", "Read shifts from a CSV file with columns dy and dx, one row per frame", self.ask_what_to_read
        )
        self.files = Job(self)
        self.files.failed.connect(tell)
        self.files.done.connect(self._on_file)
        self.units.currentTextChanged.connect(lambda _: self._redraw())
        self.panel.currentTextChanged.connect(lambda _: self._redraw())
        self.plot.frame_requested.connect(self.frame_requested)
        self.table.frame_requested.connect(self.frame_requested)
        self.table.rows.edited.connect(self.edit)
        self.table.rows.refused.connect(show_error)
        self._lay_out()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.plot, 3)
        layout.addLayout(row_of((QLabel("unit"), 0), (self.units, 1), (QLabel("below"), 0), (self.panel, 1)))
        layout.addWidget(self.report)
        layout.addWidget(self.table, 2)
        layout.addLayout(row_of((self.align_button, 3), (self.reset_button, 2)))
        layout.addLayout(row_of((self.export_button, 1), (self.import_button, 1)))

    def show_drift(self, drift: Drift | None, why_not: str = "") -> None:
        """Show the drift of another stack.

        Parameters
        ----------
        drift : Drift, optional
            The drift; None clears the view.
        why_not : str
            Why the stack can't be aligned again, if it can't.
        """
        self._why_not = why_not
        if drift is not None and self.drift is not None and drift.found is self.drift.found:
            self._show_state()
            return
        self.drift = drift
        for box, names in ((self.units, [] if drift is None else drift.units()), (self.panel, self._panels())):
            before = box.currentText()
            with QSignalBlocker(box):
                box.clear()
                box.addItems(list(names))
                box.setCurrentIndex(max(0, box.findText(before)))
        self._redraw()

    def _panels(self) -> list[str]:
        return [] if self.drift is None else list(self.drift.panels())

    def show_frame(self, frame: int) -> None:
        """Mark the frame that the window shows."""
        self.plot.show_frame(frame)
        self.table.show_frame(frame)

    def edit(self, frame: int, axis: int, shift: float) -> None:
        """Set one shift, in pixels; an impossible one is refused with a message."""
        if self.drift is None:
            return
        try:
            self.drift = self.drift.edited(frame, axis, shift)
        except ValueError as error:
            tell(error)
        self._redraw()

    def reset(self) -> None:
        """Take the shifts that the stack was aligned with."""
        if self.drift is not None:
            self.drift = Drift(self.drift.found, self.drift.energy, self.drift.size, self.drift.pixel_size)
            self._redraw()

    def align(self) -> None:
        """Ask for the stack to be aligned with the shifts of the table."""
        if self.drift is not None:
            self.align_requested.emit(self.drift.to_align_with())

    def ask_where_to_write(self) -> None:
        """Let the user choose a file and write the shifts."""
        path = ask_to_save(self, "Shifts", "shifts.csv", _TABLES)
        if path:
            self.write(Path(path))

    def write(self, path: Path) -> None:
        """Write the shifts of the table to a CSV file."""
        if self.drift is not None and not self.files.running:
            shifts = self.drift.to_align_with()
            self.files.start(lambda progress: write_shifts(path, shifts), "writing shifts")

    def ask_what_to_read(self) -> None:
        """Let the user choose a file and read the shifts."""
        path = ask_to_open(self, "Shifts", _TABLES)
        if path:
            self.read(Path(path))

    def read(self, path: Path) -> None:
        """Read shifts from a CSV file into the table."""
        if self.drift is not None and not self.files.running:
            found = self.drift.found
            self.files.start(lambda progress: (found, read_shifts(path)), "reading shifts")

    def _on_file(self, result: Path | tuple[Alignment, Alignment]) -> None:
        if isinstance(result, Path):
            show_info(f"The shifts are in {result}")
            return
        found, shifts = result
        if self.drift is None or self.drift.found is not found:
            return  # another stack was chosen meanwhile
        try:
            self.drift = self.drift.imported(shifts)
        except ValueError as error:
            tell(error)
        self._redraw()

    def _redraw(self) -> None:
        unit, panel = self.units.currentText() or PIXELS, self.panel.currentText()
        self.plot.show_drift(self.drift, unit, panel)
        self.table.rows.show_drift(self.drift, unit)
        self.report.setText("" if self.drift is None else "\n".join(f"• {line}" for line in self.drift.lines()))
        self._show_state()

    def _show_state(self) -> None:
        changed = self.drift is not None and bool(self.drift.changed.any())
        self.reset_button.setEnabled(changed)
        self.align_button.setEnabled(changed and not self._why_not)
        self.align_button.setToolTip(
            self._why_not or "Move the frames by the shifts of the table: align gets them, and the steps are applied"
        )
