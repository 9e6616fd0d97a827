"""The boxes that switch preview and handles, and what the preview is of."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from napari_xanes.gui.dock_layout import wrapping_label
from napari_xanes.gui.state.preview import RecipePreview


class PreviewRow(QWidget):
    """Switches the preview of the recipe and the handles of the selected step.

    Parameters
    ----------
    preview : RecipePreview
        The preview.
    """

    def __init__(self, preview: RecipePreview) -> None:
        super().__init__()
        self._preview = preview
        self.box, self.handles, self.label = QCheckBox("preview"), QCheckBox("handles"), wrapping_label()
        self.box.setToolTip("Show the frame and the spectrum under the cursor after the steps, before they are applied")
        self.handles.setToolTip(
            "Show the spectrum before the selected step, with E0 and ranges to drag; else that after all steps"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box)
        row.addWidget(self.handles)
        row.addWidget(self.label, 1)
        self.box.toggled.connect(self._switch)
        self.handles.toggled.connect(self._switch_handles)
        preview.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the preview is now."""
        for box, checked in ((self.box, self._preview.wanted), (self.handles, self._preview.handles_wanted)):
            with QSignalBlocker(box):
                box.setChecked(checked)
        self.handles.setVisible(self._preview.handled() is not None)
        self.label.setText(self._preview.text)

    def _switch(self, wanted: bool) -> None:
        self._preview.wanted = wanted

    def _switch_handles(self, wanted: bool) -> None:
        self._preview.handles_wanted = wanted
