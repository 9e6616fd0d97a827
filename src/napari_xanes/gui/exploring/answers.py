"""The ranked answers of a search of references; the one under the mouse is drawn over the data in the plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_xanes.gui.exploring.ranked import COLUMNS, RankedAnswer
from napari_xanes.gui.state.fit import FitCurve

if TYPE_CHECKING:
    from napari_xanes.gui.state.fit import ShownFit

_ANSWER, _ANSWER_WIDTH = COLUMNS.index("answer"), 150

_ROWS_SEEN = 5
"""So many rows are seen at once; the table scrolls."""


class AnswersTable(QTableWidget):
    """Shows answers; hovering over a row or choosing it shows its fit over the mean spectrum.

    Parameters
    ----------
    fit : ShownFit
        What plots of spectra draw.
    """

    def __init__(self, fit: ShownFit) -> None:
        super().__init__(0, len(COLUMNS))
        self._fit = fit
        self._answers: list[RankedAnswer] = []
        self.setHorizontalHeaderLabels(list(COLUMNS))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setAccessibleName("answers of the search")
        header, rows = self.horizontalHeader(), self.verticalHeader()
        if header is not None and rows is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setMinimumSectionSize(30)
            # Answers with alternatives are long; the tip of a row has them in full.
            header.setSectionResizeMode(_ANSWER, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(_ANSWER, _ANSWER_WIDTH)
            rows.hide()
            self.setFixedHeight(header.sizeHint().height() + _ROWS_SEEN * rows.defaultSectionSize())
        self.cellEntered.connect(lambda row, _column: self._draw(row))
        self.itemSelectionChanged.connect(self._draw_chosen)

    def show_answers(self, answers: Sequence[RankedAnswer]) -> None:
        """Show answers, best first."""
        self._answers = list(answers)
        self.clearSelection()
        self.setRowCount(len(answers))
        for row, answer in enumerate(answers):
            for column, text in enumerate(answer.texts):
                item = QTableWidgetItem(text)
                item.setToolTip(answer.tip)
                if column > 1:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, item)
        self._fit.clear(self)

    def leaveEvent(self, event: QEvent | None) -> None:
        """Show the fit of the chosen row again, or none."""
        super().leaveEvent(event)
        self._draw_chosen()

    def hideEvent(self, event: Any) -> None:
        """Take the fit out of the plot."""
        super().hideEvent(event)
        self._fit.clear(self)

    def showEvent(self, event: Any) -> None:
        """Show the fit of the chosen row."""
        super().showEvent(event)
        self._draw_chosen()

    def _draw_chosen(self) -> None:
        rows = {item.row() for item in self.selectedItems()}
        if rows:
            self._draw(rows.pop())
        else:
            self._fit.clear(self)

    def _draw(self, row: int) -> None:
        shown = self._answers[row]
        curves = [
            FitCurve(f"{shown.spectrum}, measured", shown.energy, shown.measured),
            FitCurve(f"fit: {' + '.join(shown.answer['names'])}", shown.energy, shown.fitted),
        ]
        self._fit.show(self, curves, (shown.energy, shown.measured - shown.fitted))
