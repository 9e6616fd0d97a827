"""The list of runs: choose, rename, delete and compare them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import push_button, row_of
from napari_xanes.gui.results.comparing import add_difference, side_by_side
from napari_xanes.gui.telling import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.gui.state.run import Run
    from napari_xanes.gui.state.runs import RunList

_ROWS_SEEN = 3
_BESIDE = "side by side"
_TWO = "Select two runs first: hold Ctrl and click"


class RunListView(QWidget):
    """Shows the runs of a viewer, the latest first.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    runs : RunList
        Its runs.
    """

    def __init__(self, viewer: Viewer, runs: RunList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._runs = viewer, runs
        self._back: Callable[[], None] | None = None
        self._filling = False
        self.list = QListWidget()
        self.list.setToolTip(
            "Click: show this run. Double click or F2: rename. Delete: remove the run and its layers. "
            "Ctrl and click: select another, to compare two"
        )
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.list.setTabKeyNavigation(False)
        self.list.setStyleSheet("QListWidget::item { padding: 2px; }")
        self.beside = push_button(_BESIDE, "", self._show_beside)
        self.beside.setCheckable(True)
        self.difference = push_button("difference", "", self._subtract)
        self.delete = push_button("delete", "Remove the selected runs and their layers (Delete)", self._delete)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.list)
        layout.addLayout(row_of((self.beside, 1), (self.difference, 1), (self.delete, 1)))
        self.list.itemChanged.connect(self._rename)
        self.list.itemSelectionChanged.connect(self._on_selection)
        self.list.itemClicked.connect(self._bring)
        self.list.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Delete the selected runs with the key."""
        if event.type() == event.Type.KeyPress and event.key() == Qt.Key.Key_Delete:
            self._delete()
            return True
        return bool(super().eventFilter(watched, event))

    def refresh(self) -> None:
        """List the runs as they are now, and select the chosen one."""
        self._filling = True
        kept = [run for run in self.selected() if run in self._runs]
        if self._runs.chosen is not None and self._runs.chosen not in kept:
            kept = [self._runs.chosen]
        self._fit_items(sorted(self._runs, key=lambda run: -run.number))
        for item in self._items():
            run = item.data(Qt.ItemDataRole.UserRole)
            item.setText(f"{run.number}  {run.title}")
            item.setToolTip(f"{run.title} of {run.maps.name}")
            item.setSelected(run in kept)
        height = self.list.sizeHintForRow(0) + 4 if self.list.count() else self.fontMetrics().height()
        rows = max(1, min(_ROWS_SEEN, self.list.count()))
        self.list.setFixedHeight(rows * height + 2 * self.list.frameWidth() + 2)
        self._filling = False
        self._on_selection()

    def selected(self) -> list[Run]:
        """Return the selected runs, from top to bottom."""
        return [item.data(Qt.ItemDataRole.UserRole) for item in self._items() if item.isSelected()]

    def _items(self) -> list[QListWidgetItem]:
        items = (self.list.item(row) for row in range(self.list.count()))
        return [item for item in items if item is not None]

    def _fit_items(self, runs: list[Run]) -> None:
        """Have an item for each run; items that are there stay, because one of them may be edited."""
        if [item.data(Qt.ItemDataRole.UserRole) for item in self._items()] == runs:
            return
        self.list.clear()
        for run in runs:
            item = QListWidgetItem()
            item.setData(Qt.ItemDataRole.UserRole, run)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.list.addItem(item)

    def _on_selection(self) -> None:
        if self._filling:
            return
        selected = self.selected()
        two = len(selected) == 2
        self.beside.setEnabled(two or self._back is not None)
        self.difference.setEnabled(two)
        self.delete.setEnabled(bool(selected))
        self.beside.setToolTip("Show both runs beside each other; again: as before" if two or self._back else _TWO)
        self.difference.setToolTip(
            f"What run {selected[0].number} shows, minus the same map of run {selected[1].number}" if two else _TWO
        )

    def _bring(self, item: QListWidgetItem) -> None:
        """Show a run that is clicked alone; two stay to be compared."""
        if len(self.selected()) == 1:
            self._end_comparison()
            self._runs.bring(item.data(Qt.ItemDataRole.UserRole))

    def _rename(self, item: QListWidgetItem) -> None:
        if self._filling:
            return
        run = item.data(Qt.ItemDataRole.UserRole)
        self._runs.rename(run, item.text().strip().removeprefix(f"{run.number} "))
        self.refresh()

    def _delete(self) -> None:
        self._end_comparison()
        for run in self.selected():
            self._runs.delete(run)

    def _show_beside(self) -> None:
        if self._back is not None:
            self._end_comparison()
            return
        runs = self.selected()
        layers = [self._runs.layer_of(run) or self._runs.show(run, run.shown) for run in runs]
        if len(layers) == 2:
            self._back = side_by_side(self._viewer, *layers)
            self.beside.setText(f"{runs[0].number} left, {runs[1].number} right")
        self.beside.setChecked(self._back is not None)
        self._on_selection()

    def _end_comparison(self) -> None:
        if self._back is not None:
            back, self._back = self._back, None
            back()
        self.beside.setText(_BESIDE)
        self.beside.setChecked(False)
        self._on_selection()

    def _subtract(self) -> None:
        first, second = self.selected()
        self._end_comparison()
        try:
            add_difference(self._runs, first, second)
        except ValueError as error:
            tell(error)
