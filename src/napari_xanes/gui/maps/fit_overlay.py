"""The values of the pixel under the cursor, in the Map dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QLabel, QWidget

from napari_xanes.gui.state.workspace import workspace_of

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
        self._run_fit, self._runs = workspace_of(viewer).run_fit, workspace_of(viewer).runs
        self._live = False

    def showEvent(self, event: Any) -> None:
        """Start to follow the cursor."""
        super().showEvent(event)
        if not self._live:
            self._live = True
            self._run_fit.changed.connect(self.setText)
            self._runs.chosen_changed.connect(self._forget_height)
            self._run_fit.start(self)

    def hideEvent(self, event: Any) -> None:
        """Stop to follow the cursor."""
        if self._live:
            self._live = False
            self._run_fit.changed.disconnect(self.setText)
            self._runs.chosen_changed.disconnect(self._forget_height)
            self._run_fit.stop(self)
        super().hideEvent(event)

    def setText(self, text: str | None) -> None:
        """Show a text, as high as the highest so far: what is below must not move with the cursor."""
        super().setText(text)
        self.setMinimumHeight(max(self.minimumHeight(), self.heightForWidth(self.width())))

    def _forget_height(self, _run: Any = None) -> None:
        self.setMinimumHeight(0)
