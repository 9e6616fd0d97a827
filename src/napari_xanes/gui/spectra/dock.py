"""The Spectra dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.as_dock import as_dock
from napari_xanes.gui.copies.offer import CopyOffer
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.focus_ring import ShownFocus
from napari_xanes.gui.spectra.cursor_row import CursorRow
from napari_xanes.gui.spectra.look import LookPanel
from napari_xanes.gui.spectra.view import SpectrumView
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class SpectraDock(QWidget):
    """The plot of spectra with its stack above, and its lists below.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.

    Attributes
    ----------
    tracker : RegionTracker
        The regions of the viewer with their mean spectra, as the plot shows them.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        viewer = plain_viewer(napari_viewer)
        self.workspace = workspace_of(viewer)
        self.tracker = self.workspace.regions
        self.row, self.view = CursorRow(viewer), SpectrumView(viewer)
        self.look = LookPanel(viewer, self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(self.row)
        self.copy_offer = CopyOffer(viewer)
        layout.addWidget(self.copy_offer)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.look)
        DropTarget(self, viewer)
        ShownFocus(self, viewer)
        as_dock(self, viewer)

    def sizeHint(self) -> QSize:
        """Narrow enough for a small laptop."""
        return QSize(380, 640)

    def minimumSizeHint(self) -> QSize:
        """Wide enough for the axis and the curves."""
        return QSize(300, 420)
