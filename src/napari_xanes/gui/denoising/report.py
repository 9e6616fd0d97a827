"""The report of a denoised stack as a list, with a button to show unexplained pixels."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.present import present

_UNEXPLAINED = "not explained"
"""Text in the sentences about pixels that the novelty layer shows."""

_EMPTY = "No result yet: press Preview here or Run"


class ReportView(QWidget):
    """Shows a list of sentences.

    Signals
    -------
    show_asked : bool
        The user wants to show, or hide, the pixels that are not explained.
    """

    novelty_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(4)
        self._rows.addWidget(_sentence(_EMPTY))

    def set_lines(self, lines: list[str], title: str = "", *, can_show: bool = False) -> None:
        """Show a report.

        Parameters
        ----------
        lines : list of str
            The sentences.
        title : str
            Title above the sentences, for a report about a part of the stack.
        can_show : bool
            Whether a layer with the unexplained pixels exists.
        """
        while self._rows.count():
            present(present(self._rows.takeAt(0)).widget()).deleteLater()
        if title:
            self._rows.addWidget(_sentence(f"<b>{title}</b>"))
        for line in lines:
            self._rows.addWidget(self._row(line, can_show and _UNEXPLAINED in line))

    def text(self) -> str:
        """Return the report, one sentence per line."""
        rows = [present(present(self._rows.itemAt(i)).widget()) for i in range(self._rows.count())]
        labels = [row if isinstance(row, QLabel) else row.findChild(QLabel) for row in rows]
        return "\n".join(present(label).text() for label in labels)

    def _row(self, line: str, can_show: bool) -> QWidget:
        label = _sentence(f"• {line}")
        if not can_show:
            return label
        button = QPushButton("show")
        button.setCheckable(True)
        button.setToolTip("Mark these pixels in the image (layer novelty)")
        button.toggled.connect(self.novelty_toggled)
        row = QWidget()
        columns = QHBoxLayout(row)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.addWidget(label, 1)
        columns.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return row


def _sentence(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
