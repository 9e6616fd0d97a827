"""What one does with the plot of spectra: how to show it, pins, regions, references, export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import row_of
from napari_xanes.gui.spectra.curve_menu import CurveMenu
from napari_xanes.gui.spectra.export_button import ExportButton
from napari_xanes.gui.spectra.mode_box import ModeBox
from napari_xanes.gui.spectra.offset_box import OffsetBox
from napari_xanes.gui.spectra.tabs import SpectraTabs
from napari_xanes.gui.spectra.view import SpectrumView
from napari_xanes.gui.state.keys import hint
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class LookPanel(QWidget):
    """Chooses how a plot shows its curves, exports them, and lists regions, references and pins.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    view : SpectrumView
        The plot.
    """

    def __init__(self, viewer: Viewer, view: SpectrumView) -> None:
        super().__init__()
        self._view, self._workspace = view, workspace_of(viewer)
        self.mode = ModeBox(viewer, view)
        self.pin_button = QPushButton("Pin")
        self.pin_button.setToolTip(f"Keep the spectrum under the cursor{hint('pin')}; a click in the image does it too")
        self.offset = OffsetBox(view)
        self.export_button = ExportButton(view)
        self._menu = CurveMenu(viewer, view)
        self.tabs = SpectraTabs(viewer, self._workspace.regions, view.pages)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row_of((self.mode, 1), (self.offset, 0), (self.pin_button, 0), (self.export_button, 0)))
        column.addWidget(self.tabs, 1)
        self.pin_button.clicked.connect(lambda _checked=False: self._workspace.pinning.pin())
        view.redrawn.connect(self._show_state)
        self._show_state()

    def _show_state(self) -> None:
        workspace = self._workspace
        self.pin_button.setEnabled(self._view.curves.cursor is not None)
        self.tabs.count_items(
            len(workspace.regions.regions), len(workspace.references.spectra), len(workspace.pins.pins)
        )
