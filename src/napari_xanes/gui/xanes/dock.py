"""The XANES dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from napari_xanes.gui.as_dock import as_dock
from napari_xanes.gui.copies.offer import CopyOffer
from napari_xanes.gui.dock_layout import row_of
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.focus_ring import ShownFocus
from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.projects.offer import RestoreOffer
from napari_xanes.gui.spectra.cursor_row import CursorRow
from napari_xanes.gui.spectra.view import SpectrumView
from napari_xanes.gui.state.keys import SHOW
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.tab_order import step_on
from napari_xanes.gui.xanes.file_button import FileButton
from napari_xanes.gui.xanes.rail import Rail
from napari_xanes.gui.xanes.steps import STEPS
from napari_xanes.gui.xanes.window_size import WindowSize

if TYPE_CHECKING:
    from napari.viewer import Viewer


class XanesDock(QWidget):
    """All steps in one dock: the step on top, the plot of spectra always in view, and the panel of the step.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        self.workspace = workspace_of(viewer)
        self.rail = Rail({name: step.tip for name, step in STEPS.items()})
        self.row, self.view, self.file_button = CursorRow(viewer), SpectrumView(viewer), FileButton(viewer)
        self._panels: dict[str, QWidget] = {}
        self._pages = QStackedWidget()
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        for widget in (self.view, self._pages):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.indexOf(widget), 1)
        self.splitter.setSizes([1000, 1000])  # half of the height for each
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 4, 2, 4)
        layout.setSpacing(4)
        self.offer = RestoreOffer(viewer)
        layout.addWidget(self.offer)
        layout.addWidget(self.rail)
        layout.addLayout(row_of((self.row, 1), (self.file_button, 0)))
        self.copy_offer = CopyOffer(viewer)
        layout.addWidget(self.copy_offer)
        layout.addWidget(self.splitter, 1)
        self.rail.step_chosen.connect(self._show)
        self.rail.show_step(self.workspace.step.name or "Look")
        self.workspace.step.changed.connect(self.show_step)
        self.workspace.keys.pressed.connect(self._on_key)
        self._size = WindowSize(self)
        DropTarget(self, viewer)
        ShownFocus(self, viewer)
        as_dock(self, viewer)

    def sizeHint(self) -> QSize:
        """Narrow enough for a small laptop; in a large font somewhat wider."""
        return QSize(min(460, max(380, 50 * self.fontMetrics().averageCharWidth())), 640)

    def minimumSizeHint(self) -> QSize:
        """The same for all steps, so that the window does not grow when another step is shown."""
        return QSize(340, 540)

    def focusNextPrevChild(self, next: bool) -> bool:
        """Let Tab go through the dock as one reads it."""
        return step_on(self, forward=next) or super().focusNextPrevChild(next)

    def show_step(self, name: str) -> None:
        """Show the panel of a step, as a press on its button does."""
        if name in STEPS:
            self.rail.show_step(name)

    def _on_key(self, name: str) -> None:
        if name.startswith(SHOW) and self.isVisible():
            self.show_step(name.removeprefix(SHOW))
            self.rail.buttons[self.workspace.step.name].setFocus()

    def panel(self, name: str) -> QWidget:
        """Return the panel of a step; it is made when it is asked for, or shown, for the first time."""
        if name not in self._panels:
            self._panels[name] = STEPS[name].make(self._viewer, self.view)
            self._pages.addWidget(self._panels[name])
        return self._panels[name]

    def _show(self, name: str) -> None:
        in_thread(STEPS[name].load, must_end=True)
        # The window may have been closed meanwhile, or another step chosen.
        if isalive(self) and self.rail.buttons[name].isChecked():  # type: ignore[no-untyped-call]
            self._pages.setCurrentWidget(self.panel(name))
            self.workspace.step.name = name
