"""The table of a map in numbers: of the whole, and of each region of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.clipboard import copy_text
from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.dock_layout import push_button, row_of, wrapping_label
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.map_layers import is_map, map_title
from napari_xanes.gui.results.region_masks import masks_over
from napari_xanes.gui.telling import show_info, tell
from napari_xanes.gui.wording import with_error
from napari_xanes.region_table import RegionStatistics, region_statistics, statistics_text, write_statistics

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.gui.state.run import Run
    from napari_xanes.gui.state.runs import RunList

_COLUMNS = ("region", "mean ± error", "median", "area", "n")
_ROWS_SEEN = 5
"""So many rows are seen at once; the table scrolls."""


class StatisticsView(QWidget):
    """Shows the statistics of the map that a run shows; they are computed in a thread when they are asked for.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer with the regions.
    runs : RunList
        The runs of the viewer.
    """

    def __init__(self, viewer: Viewer, runs: RunList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._runs = viewer, runs
        self.rows: list[RegionStatistics] = []
        self._unit, self._title = "1", ""
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._receive)
        self._worker.failed.connect(lambda _key, error: tell(error))
        self.note = wrapping_label()
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.setToolTip("Only pixels inside the mask count; the error of a mean knows of noise that pixels share")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self._fit_table()
        self.again = push_button("update", "Compute again, after regions were brushed or drawn", self._ask)
        self.copy_button = push_button("copy", "Copy the table, to paste into a spreadsheet", self._copy)
        self.save_button = push_button("save…", "Save the table as CSV", self._ask_and_save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.note)
        layout.addWidget(self.table)
        layout.addLayout(row_of((self.again, 1), (self.copy_button, 1), (self.save_button, 1)))

    def _fit_table(self) -> None:
        header, rows = self.table.horizontalHeader(), self.table.verticalHeader()
        if header is None or rows is None:
            return
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(30)
        rows.hide()
        self.table.setFixedHeight(header.sizeHint().height() + _ROWS_SEEN * rows.defaultSectionSize())

    def _ask(self) -> None:
        self.show_run(self._runs.chosen)

    def show_run(self, run: Run | None) -> None:
        """Compute the statistics of what a run shows; the values of a map, whatever of it is shown."""
        layer = None if run is None else self._layer_of(run)
        self._put([])
        if run is None or layer is None or self.isHidden():
            return
        name = run.shown.map
        if run.maps[name].labels is not None:
            self.note.setText(f"{map_title(name)}: labels have no mean; their counts are in the legend")
            return
        self.note.setText(f"{map_title(name)} of {run.maps.name}")
        maps, masks = run.maps, masks_over(self._viewer, layer)
        self._worker.submit((run, name), lambda: region_statistics(maps, name, masks))

    def _layer_of(self, run: Run) -> Layer | None:
        """Return a layer of a run that lies where its pixels are: not the mix, which has an axis of colours."""
        return self._runs.layer_of(run) or next((one for one in self._runs.layers_of(run) if is_map(one)), None)

    def _receive(self, key: tuple[Run, str], rows: list[RegionStatistics]) -> None:
        run, name = key
        if run is self._runs.chosen and name == run.shown.map:
            self._unit, self._title = run.maps[name].unit, title_of(run, name)
            self._put(rows)

    def _put(self, rows: list[RegionStatistics]) -> None:
        self.rows = rows
        for button in (self.copy_button, self.save_button):
            button.setEnabled(bool(rows))
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(_texts(row, self._unit)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(number, column, item)

    def _copy(self) -> None:
        copy_text(statistics_text(self.rows, self._unit, "\t"))
        show_info("Table copied to the clipboard")

    def _ask_and_save(self) -> None:
        path = ask_to_save(self, "Save statistics", "statistics.csv", "CSV (*.csv)")
        if path:
            self.save(path)

    def save(self, path: str) -> None:
        """Write the table to a file; show an error as a notification."""
        try:
            write_statistics(self.rows, self._unit, path, self._title)
        except OSError as error:
            tell(error)
        else:
            show_info(f"Saved {path}")


def title_of(run: Run, name: str) -> str:
    """Return what a table of a map is of, a line each: the map, the run with its steps, the stack, its file."""
    steps = ", ".join(step.name.replace("_", " ") for step in run.maps.history)
    lines = [
        f"map: {map_title(name)}",
        f"run {run.number}: {run.title}{f' ({steps})' if steps else ''}",
        f"stack: {run.maps.name}",
    ]
    return "\n".join([*lines, f"file: {run.maps.source.path}"] if run.maps.source else lines)


def _texts(row: RegionStatistics, unit: str) -> tuple[str, ...]:
    """Return a row of the table."""
    values = (with_error(row.mean, row.sigma, unit), f"{row.median:.4g}") if row.n_pixels else ("-", "-")
    return (row.region, *values, f"{row.area:.4g} {row.area_unit}", str(row.n_pixels))
