"""The list of references as a widget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dialogs import ask_to_open_many
from napari_xanes.gui.dock_layout import push_button, row_of, say, wrapping_label
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.references.column_chooser import tables_to_choose_from
from napari_xanes.gui.references.lines_editor import LinesEditor
from napari_xanes.gui.references.need_test import NeedTest
from napari_xanes.gui.references.reading import add_files, ask_for_columns
from napari_xanes.gui.references.reference_table import ReferenceTable
from napari_xanes.gui.references.theory_chooser import TheoryChooser
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_error, tell
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.viewer import Viewer

_FILES = "Spectra (*.xdi *.prj *.nor *.csv *.txt *.dat *.xsp *.xmu *.xdl *.db *.sqlite);;All files (*)"


_BESIDE_TEXT = 14
"""Pixels of a button that its text does not need, at least."""


class ReferenceList(QWidget):
    """Load, tick, rename and remove references, and enter their valences and shifts.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        All lists of a viewer show the same references.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = plain_viewer(viewer)
        self.references = workspace_of(viewer).references
        self._empty = QLabel(
            "No references yet: drop or load files, take spectra from brushed regions, or add theory spectra"
        )
        self._empty.setWordWrap(True)
        self._table = ReferenceTable(self._viewer)
        self._need_test = NeedTest(self._viewer, self)
        self._said = wrapping_label()
        self._said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._load_button = self._button("Load…", "Load spectra from XDI, Athena, CSV or text files", self.ask)
        self._region_button = self._button("From regions", "Add the mean spectra of all regions", self.take_regions)
        self._theory_button = self._button(
            "Theory…", "Add spectra of the theory libraries, for the element of the stack", self.add_theory
        )
        self._remove = self._button("Remove", "Remove the selected references (Delete)", self.remove_selected)
        self._columns_button = self._button(
            "Columns…", "Choose other columns of the file for the selected reference", self.choose_columns
        )
        self._lines = LinesEditor(workspace_of(viewer).reference_lines)
        self._narrow(self._need_test.button)
        self._narrow(self._lines.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self._empty)
        layout.addWidget(self._table, 1)
        layout.addWidget(self._said)
        layout.addWidget(self._lines)
        for row in (
            (self._load_button, self._region_button, self._theory_button),
            (self._need_test.button, self._lines.button, self._columns_button, self._remove),
        ):
            layout.addLayout(row_of(*((button, 1) for button in row)))
        self._need_test.said.connect(self._say)
        self._lines.button.toggled.connect(lambda on: self._said.setVisible(bool(self._said.text()) and not on))
        say(self._said, "")
        self._table.remove_requested.connect(self.remove_selected)
        self._table.currentCellChanged.connect(lambda *_: self._choose_lines())
        self.references.changed.connect(self._rebuild)
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(lambda _key, spectra: self._add_regions(spectra))
        self._worker.failed.connect(lambda _key, error: tell(error, "The regions can't be read"))
        self._rebuild()

    def ask(self) -> None:
        """Let the user choose files and load them."""
        self.load(ask_to_open_many(self, "Load references", _FILES, self._viewer))

    def load(self, paths: list[str] | list[Path]) -> None:
        """Add spectra of files; files with several spectra, or columns that are not understood, open a dialog."""
        if reasons := add_files(paths, self._viewer, self).reasons:
            show_error("\n".join(reasons))

    def choose_columns(self) -> None:
        """Let the user choose other columns for the selected reference."""
        old = self._table.current()
        if old is None:
            show_error("Select a reference first")
            return
        path = old.metadata.get("path")
        if path is None or not tables_to_choose_from(path):
            show_error(f"{old.name!r} was not read from columns of text, so there are none to choose")
            return

        def put(spectra: list[Spectrum]) -> None:
            self.references.put(replace(spectra[0], name=old.name, valence=old.valence))

        ask_for_columns(path, "", self, put)

    def add_theory(self) -> None:
        """Let the user choose spectra of the theory libraries; what is added does not change any more."""
        dialog = TheoryChooser(self._viewer, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def take_regions(self) -> None:
        """Read the mean spectra of all regions in a thread and add them."""
        self._worker.submit(None, workspace_of(self._viewer).regions.reader())

    def _add_regions(self, spectra: list[Spectrum]) -> None:
        if not spectra:
            show_error("There are no regions: brush one first (Look > Regions > Brush)")
            return
        self.references.add(spectra)

    def remove_selected(self) -> None:
        """Remove the references whose rows are selected."""
        self.references.remove(self._table.selected())

    def _button(self, text: str, tip: str, action: Callable[[], Any]) -> QPushButton:
        button = push_button(text, tip, action)
        self._narrow(button)
        return button

    @staticmethod
    def _narrow(button: QPushButton) -> None:
        button.setStyleSheet("padding: 3px 2px;")  # so that several fit a narrow dock
        # Styles keep short buttons wide, which a narrow dock has no room for.
        button.setMinimumWidth(button.fontMetrics().horizontalAdvance(button.text()) + _BESIDE_TEXT)

    def _rebuild(self) -> None:
        spectra = self.references.spectra
        if not self.references.is_answered:
            say(self._said, "")
        self._empty.setVisible(not spectra)
        self._table.setVisible(bool(spectra))
        for button in (self._remove, self._columns_button, self._need_test.button, self._lines.button):
            button.setEnabled(bool(spectra))
        self._choose_lines()

    def _say(self, text: str, more: str) -> None:
        """Show what was found about all references, except while one is looked at: a small dock has room for one."""
        self._said.setText(text)
        self._said.setToolTip(more)
        self._said.setVisible(not self._lines.button.isChecked())

    def _choose_lines(self) -> None:
        spectrum = self._table.current() or next(iter(self.references.spectra), None)
        self._lines.choose(None if spectrum is None else spectrum.name)
