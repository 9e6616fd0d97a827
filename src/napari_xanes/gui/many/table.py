"""The table of files: a picture of the main map, the state, and what came out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_xanes.colours import colour_of
from napari_xanes.gui.map_layers import map_title
from napari_xanes.gui.present import present
from napari_xanes.gui.wording import with_error
from napari_xanes.many.miniature import Miniature, limits_of
from napari_xanes.many.outcome import Outcome, Summary
from napari_xanes.many.table import group_of

_FILE, _BY, _STATE, _RESULT = range(4)
_SIDE = 44  # px of a picture
_STATES = {"done": "done", "kept": "skipped: unchanged", "failed": "failed"}
_RED = "#D55E00"
WAITING, RUNNING, STOPPED = "waiting", "running", "stopped"


class FileTable(QTableWidget):
    """A row for each file."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setHorizontalHeaderLabels(["file", "", "state", "median ± median σ"])
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setWordWrap(True)
        self.setIconSize(QSize(_SIDE, _SIDE))
        header, rows = present(self.horizontalHeader()), present(self.verticalHeader())
        rows.hide()
        rows.setDefaultSectionSize(_SIDE + 6)
        for column, width in ((_FILE, 300), (_BY, 80), (_STATE, 130)):
            header.resizeSection(column, width)
        header.setSectionResizeMode(_RESULT, QHeaderView.ResizeMode.Stretch)
        self._rows: dict[Path, int] = {}
        self._outcomes: dict[int, Outcome] = {}
        self.setToolTip("Double click: open the result in the viewer. Each picture has its own range of colours")

    def list_files(self, paths: Sequence[Path], by: str) -> None:
        """Have a row for each file, all of which wait.

        Parameters
        ----------
        paths : sequence of Path
            The files.
        by : str
            A regular expression with a group; what it finds is the second column, which is hidden without it.
        """
        self._rows, self._outcomes = {path: row for row, path in enumerate(paths)}, {}
        self.setRowCount(len(paths))
        self.setColumnHidden(_BY, not by)
        self.setHorizontalHeaderItem(_BY, QTableWidgetItem(by))
        for path, row in self._rows.items():
            for column, text in enumerate((path.name, group_of(by, path.name), WAITING, "")):
                self.setItem(row, column, QTableWidgetItem(text))
            self._item(row, _FILE).setToolTip(str(path))

    def show_state(self, path: Path, state: str) -> None:
        """Say that a file waits, runs, or was stopped."""
        row = self._rows[path]
        self._item(row, _STATE).setText(state)
        self.scrollToItem(self._item(row, _STATE))

    def stop_waiting(self) -> None:
        """Say of all files that are not done that they were stopped."""
        for row in self._rows.values():
            if row not in self._outcomes:
                self._item(row, _STATE).setText(STOPPED)

    def show_outcome(self, path: Path, outcome: Outcome, picture: Miniature | None) -> None:
        """Say what became of a file."""
        row = self._rows[path]
        self._outcomes[row] = outcome
        state, result = self._item(row, _STATE), self._item(row, _RESULT)
        state.setText(_STATES[outcome.state])
        if outcome.state == "failed":
            state.setForeground(QColor(_RED))
        result.setText(result_words(outcome))
        maps = [map_words(name, one) for name, one in outcome.maps.items()]
        result.setToolTip("\n".join([*([outcome.error] if outcome.error else []), *maps, *outcome.warnings]))
        if picture is not None:
            self._item(row, _FILE).setIcon(QIcon(QPixmap.fromImage(image_of(picture))))

    def outcome_at(self, row: int) -> Outcome | None:
        """Return what became of the file of a row."""
        return self._outcomes.get(row)

    def _item(self, row: int, column: int) -> QTableWidgetItem:
        return present(self.item(row, column))


def result_words(outcome: Outcome) -> str:
    """Return the main map of a result in numbers and how many warnings there are, or why there is none."""
    if outcome.state == "failed":
        return outcome.error.removeprefix(f"{outcome.path}: ")
    words = map_words(outcome.main, outcome.maps[outcome.main]) if outcome.main in outcome.maps else "a stack"
    count = len(outcome.warnings)
    return words if not count else f"{words} · {count} warning{'s' if count > 1 else ''}"


def map_words(name: str, one: Summary) -> str:
    """Return a map in numbers.

    Examples
    --------
    >>> map_words("edge_jump", Summary(1.2345, 0.0123, "OD", 0.5))
    'edge jump 1.234 ± 0.012 OD (50 % of pixels)'
    """
    value = with_error(one.value, one.sigma, one.unit) if one.value == one.value else "no median"
    return f"{map_title(name)} {value} ({100 * one.share:.0f} % of pixels)"


def image_of(picture: Miniature) -> QImage:
    """Return a small picture, transparent where there is no value."""
    pixels = _colours(picture)
    rows, columns = pixels.shape[:2]
    values = pixels.tobytes()  # QImage does not copy them
    image = QImage(values, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
    return image.scaled(_SIDE, _SIDE, Qt.AspectRatioMode.KeepAspectRatio)


def _colours(picture: Miniature) -> NDArray[np.uint8]:
    """Return colours, shape (y, x, 4)."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    values: Any = picture.values
    if picture.labels:
        pixels = np.zeros((*values.shape, 4), np.uint8)
        for label in np.unique(values[values != 0]):
            pixels[values == label] = [*(round(255 * part) for part in to_rgb(colour_of(int(label)))), 255]
        return pixels
    low, high = limits_of(values)
    scaled = np.clip((values - low) / (high - low), 0, 1)
    pixels = colormaps["viridis"](np.nan_to_num(scaled), bytes=True)
    pixels[~np.isfinite(values), 3] = 0
    return np.ascontiguousarray(pixels)
