"""The values of the pixel under the cursor, in the Map dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QLabel, QWidget

from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.while_seen import WhileSeen

if TYPE_CHECKING:
    from napari.viewer import Viewer


class FitOverlay(QLabel):
    """Shows the values of the chosen run at the pixel under the cursor, over the stack that was mapped.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        run_fit, runs = workspace_of(viewer).run_fit, workspace_of(viewer).runs
        WhileSeen(self, [(run_fit.changed, self.setText), (runs.chosen_changed, self._forget_height)], [run_fit])

    def setText(self, text: str | None) -> None:
        """Show a text, as high as the highest so far: what is below must not move with the cursor."""
        super().setText(text)
        self.setMinimumHeight(max(self.minimumHeight(), self.heightForWidth(self.width())))

    def _forget_height(self, _run: Any = None) -> None:
        self.setMinimumHeight(0)
