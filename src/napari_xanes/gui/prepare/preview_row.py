"""The boxes that switch preview and handles, what the preview is of, and the step that comes next."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from napari_xanes.gui.dock_layout import wrapping_label
from napari_xanes.gui.prepare.next_step import NextStep
from napari_xanes.gui.state.preview import RecipePreview


class PreviewRow(QWidget):
    """Switches the preview of the recipe and the handles of the selected step.

    The row has room for two lines from the start: what is told later than the step is shown moves nothing.

    Parameters
    ----------
    preview : RecipePreview
        The preview.
    next_step : NextStep
        What comes next; it takes the place of what is said of the preview.
    """

    def __init__(self, preview: RecipePreview, next_step: NextStep) -> None:
        super().__init__()
        self._preview, self._next_step = preview, next_step
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
        row.addWidget(next_step, 1)
        row.addStrut(2 * self.fontMetrics().lineSpacing() + 2)
        next_step.changed.connect(self.refresh)
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
        self.label.setVisible(self._next_step.isHidden())

    def _switch(self, wanted: bool) -> None:
        self._preview.wanted = wanted

    def _switch_handles(self, wanted: bool) -> None:
        self._preview.handles_wanted = wanted
