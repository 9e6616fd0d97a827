"""The lists of regions, references, pins and lines under the plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QTabWidget, QWidget

from napari_xanes.gui.present import present
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.spectra.line_list import LineList
from napari_xanes.gui.spectra.pages import Pages
from napari_xanes.gui.spectra.pins import PinList
from napari_xanes.gui.spectra.region_list import RegionList
from napari_xanes.gui.state.regions import RegionTracker
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_HEIGHT = 150  # px


class SpectraTabs(QTabWidget):
    """Tabs for regions, references, pins and lines; each title shows the number of entries."""

    def __init__(self, viewer: Viewer, tracker: RegionTracker, pages: Pages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.regions = RegionList(viewer, tracker)
        self.references = ReferenceList(viewer)
        self.pins = PinList(viewer)
        self.lines = LineList(viewer, pages)
        self._names = ("Regions", "References", "Pins", "Lines")
        lists = (self.regions, self.references, self.pins, self.lines)
        for name, page in zip(self._names, lists, strict=True):
            present(page.layout()).setContentsMargins(4, 4, 4, 4)
            self.addTab(page, name)
        # A bound method: the references live as long as the viewer, and a function here would keep the dock alive.
        workspace_of(viewer).references.dropped.connect(self._show_references)

    def sizeHint(self) -> QSize:
        """Leave the rest of a small screen to the plot."""
        return QSize(super().sizeHint().width(), _HEIGHT)

    def _show_references(self) -> None:
        self.setCurrentWidget(self.references)

    def count_items(self, regions: int, references: int, pins: int) -> None:
        """Show the numbers of entries in the titles."""
        for tab, number in enumerate((regions, references, pins)):
            self.setTabText(tab, f"{self._names[tab]} {number}" if number else self._names[tab])
