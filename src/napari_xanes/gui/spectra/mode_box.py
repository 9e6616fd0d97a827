"""The choice of how the plot shows its curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox

from napari_xanes.gui.spectra.display import MODES
from napari_xanes.gui.spectra.view import SpectrumView
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

DEPTH = "optical depth"
_MEASURED = MODES[0]


class ModeBox(QComboBox):
    """As measured, normalized, or as derivative; also as optical depth, if the stack holds counts and their flats.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    view : SpectrumView
        The plot.
    """

    def __init__(self, viewer: Viewer, view: SpectrumView) -> None:
        super().__init__()
        self._view, workspace = view, workspace_of(viewer)
        self._stacks, self._shown = workspace.stacks, workspace.shown
        self.setMinimumContentsLength(5)
        self.setToolTip(
            "How to show all curves. Optical depth: of counts, by their flats or I0. As measured: references (dashed) "
            "are scaled and shifted onto the spectrum. Normalized: each by its own lines before and after its edge"
        )
        self.currentTextChanged.connect(self._choose)
        self._stacks.layer_changed.connect(self._offer)
        self._shown.changed.connect(self._offer)
        self._offer()

    def _offer(self, *_: Any) -> None:
        """Offer what the chosen stack can be shown as."""
        can = self._shown.can_be_depth(self._stacks.layer)
        with QSignalBlocker(self):
            self.clear()
            self.addItems([DEPTH, *MODES] if can else MODES)
            as_depth = can and self._shown.as_depth and self._view.mode == _MEASURED
            self.setCurrentText(DEPTH if as_depth else self._view.mode)

    def _choose(self, text: str) -> None:
        self._view.set_mode(_MEASURED if text == DEPTH else text)
        if self._shown.can_be_depth(self._stacks.layer):
            self._shown.as_depth = text != _MEASURED  # normalized counts would be upside down
