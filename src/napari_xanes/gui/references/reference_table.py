"""The table of references: ticks, names, valences, shifts, and what is said about each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QKeySequence, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_xanes.gui.present import present
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import tell
from napari_xanes.gui.theme import plot_colours, readable
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.reference_checks import is_guessed
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NAME, _VALENCE, _SHIFT = range(3)
_WIDTHS = {_VALENCE: 54, _SHIFT: 66}  # px at least; a narrow dock leaves 190 to the name
_HEIGHT = 22  # px at least
_BESIDE = 8  # px beside a heading
_KEY = Qt.ItemDataRole.UserRole


def swatch(colour: str) -> QPixmap:
    """Return a small square of a colour, for lists."""
    pixmap = QPixmap(10, 10)
    pixmap.fill(QColor(colour))
    return pixmap


class ReferenceTable(QTableWidget):
    """Each reference in a row, and under it what is said about it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose references the table shows and edits.

    Signals
    -------
    remove_requested :
        The user pressed Delete.
    """

    remove_requested = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(0, 3, parent)
        self._viewer, self._references = viewer, workspace_of(viewer).references
        self.setHorizontalHeaderLabels(["reference", "valence", "shift (eV)"])
        present(self.verticalHeader()).hide()
        present(self.verticalHeader()).setMinimumSectionSize(20)
        header = present(self.horizontalHeader())
        header.setMinimumSectionSize(40)
        header.setHighlightSections(False)  # bold titles would be cut
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        header.installEventFilter(self)  # napari's style gives it its font
        header.sectionResized.connect(lambda *_: self._fit_notes())
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setMinimumHeight(70)
        self.setTabKeyNavigation(False)  # so that Tab leaves the table; arrows move within it
        self.setToolTip(
            "Tick the references to use. Double-click or F2: edit a name, a valence (empty: unknown; 3?: guessed from "
            "the name) or a shift of its energies. Delete: remove"
        )
        self.itemChanged.connect(self._on_edit)
        self._references.changed.connect(self._rebuild)
        self._rebuild()
        ThemeFollower(self, viewer, lambda _theme: self._rebuild())

    def keyPressEvent(self, event: Any) -> None:
        """Ask to remove the selected references on Delete."""
        if event.matches(QKeySequence.StandardKey.Delete):
            self.remove_requested.emit()
            event.accept()
        else:
            super().keyPressEvent(event)

    def current(self) -> Spectrum | None:
        """Return the reference whose row is current."""
        name = self._name_of(self.currentRow())
        return next((spectrum for spectrum in self._references.spectra if spectrum.name == name), None)

    def selected(self) -> list[str]:
        """Return the names of the references whose rows are selected."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [name for name in map(self._name_of, rows) if name is not None]

    def choose(self, name: str) -> None:
        """Make the row of a reference current."""
        for row in range(self.rowCount()):
            if self._name_of(row) == name:
                self.setCurrentCell(row, max(self.currentColumn(), 0))

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Make room for headings and names in another font."""
        if watched is self.horizontalHeader() and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            metrics = present(self.horizontalHeader()).fontMetrics()
            for column, width in _WIDTHS.items():
                heading = present(self.horizontalHeaderItem(column)).text()
                self.setColumnWidth(column, max(width, metrics.horizontalAdvance(heading) + _BESIDE))
            for row in range(self.rowCount()):
                if self._name_of(row) is not None:
                    self.setRowHeight(row, self._row_height())
        return super().eventFilter(watched, event)

    def _row_height(self) -> int:
        return max(_HEIGHT, present(self.horizontalHeader()).fontMetrics().height() + 4)

    def notes(self) -> dict[str, str]:
        """Return what is said about references, by name."""
        rows = [row for row in range(1, self.rowCount()) if self._name_of(row) is None]
        return {str(self._name_of(row - 1)): present(self.item(row, 0)).text() for row in rows}

    def _drawn_colour(self, name: str) -> str:
        """Return the colour that the curve of a reference has in the plot, which is darker on a light background."""
        return readable(self._references.colour(name), plot_colours(self._viewer.theme).background)

    def _name_of(self, row: int) -> str | None:
        item = self.item(row, _NAME)
        name = None if item is None else item.data(_KEY)
        return None if name is None else str(name)

    def _rebuild(self) -> None:
        current, column = self._name_of(self.currentRow()), self.currentColumn()
        with QSignalBlocker(self):
            self.clearSpans()
            row = 0
            for spectrum in self._references.spectra:
                row = self._put(row, spectrum)
                if note := self._references.note(spectrum.name):
                    row = self._put_note(row, note)
            self.setRowCount(row)  # last, so that a row that is being edited stays
            if current is not None:
                self.choose(current)
                self.setCurrentCell(self.currentRow(), max(column, 0))
        self._fit_notes()

    def _put(self, row: int, spectrum: Spectrum) -> int:
        """Show a reference in a row; return the next row."""
        self.setRowCount(max(self.rowCount(), row + 1))
        self.setRowHeight(row, self._row_height())
        name = QTableWidgetItem(spectrum.name)
        name.setData(_KEY, spectrum.name)
        name.setData(Qt.ItemDataRole.DecorationRole, swatch(self._drawn_colour(spectrum.name)))
        name.setFlags(name.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        on = self._references.is_checked(spectrum.name)
        name.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        first, last = spectrum.energy[0], spectrum.energy[-1]
        about = f"{spectrum.name}: {spectrum.energy.size} energies, {first:.1f} to {last:.1f} eV"
        name.setToolTip("\n".join(filter(None, (about, self._references.reason(spectrum.name)))))
        guessed = is_guessed(spectrum)
        text = "" if spectrum.valence is None else f"{spectrum.valence:g}{'?' if guessed else ''}"
        valence = self._number(text)
        if guessed:
            font = valence.font()
            font.setItalic(True)
            valence.setFont(font)
            valence.setToolTip(f"Guessed from the name {spectrum.name!r}: type the valence that you know")
        shift = self._number(f"{spectrum.shift:+g}" if spectrum.shift else "0")
        shift.setToolTip("What is added to the energies of this reference in fits and in the plot, in eV")
        for column, item in ((_NAME, name), (_VALENCE, valence), (_SHIFT, shift)):
            self.setItem(row, column, item)
        return row + 1

    @staticmethod
    def _number(text: str) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
        return item

    def _put_note(self, row: int, text: str) -> int:
        """Show a sentence about the reference in the row above; return the next row."""
        self.setRowCount(max(self.rowCount(), row + 1))
        for column in (_VALENCE, _SHIFT):
            self.takeItem(row, column)
        item = QTableWidgetItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)  # arrows and selections pass over it
        # Themes grey out what is disabled until it can't be read.
        item.setForeground(QColor(plot_colours(self._viewer.theme).foreground))
        item.setToolTip(text)
        self.setItem(row, _NAME, item)
        self.setSpan(row, _NAME, 1, self.columnCount())
        return row + 1

    def _fit_notes(self) -> None:
        """Give rows of sentences as many lines as they need."""
        for row in range(self.rowCount()):
            if self._name_of(row) is None:
                self.resizeRowToContents(row)

    def _on_edit(self, item: QTableWidgetItem) -> None:
        name, text = self._name_of(item.row()), item.text().strip()
        if name is None:
            return
        try:
            if item.column() == _VALENCE:
                self._references.set_valence(name, _number(text.rstrip("+?"), "valence", "2.5") if text else None)
            elif item.column() == _SHIFT:
                self._references.set_shift(name, _number(text.removesuffix("eV"), "shift", "-0.3") if text else 0.0)
            elif text != name:
                self._references.rename(name, text)
            else:
                self._references.set_checked(name, item.checkState() == Qt.CheckState.Checked)
        except ValueError as error:
            tell(error, name if item.column() == _VALENCE else "")
            self._rebuild()


def _number(text: str, what: str, example: str) -> float:
    """Return what a user typed, with a comma or a point.

    Raises
    ------
    ValueError
        If it is no number.
    """
    try:
        return float(text.strip().replace(",", ".").replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        raise ValueError(f"{what} {text!r} is not a number; type for example {example}, or leave it empty") from None
