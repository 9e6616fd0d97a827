"""Ask how a project is to be saved: stacks in their files, or copied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QRadioButton, QVBoxLayout, QWidget

from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.projects.session import session_of
from napari_xanes.gui.projects.sizes import in_words, sizes_of
from napari_xanes.gui.telling import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

KINDS = "Projects (*.h5)"


class SaveDialog(QDialog):
    """Lets the user choose between stacks in their files and copies, with the size of both, and then the file.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose window is to be saved.
    parent : QWidget, optional
        The window.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session_of(viewer)
        self.setWindowTitle("Save project")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sizes = sizes_of(viewer)
        about = "One file keeps the layers, regions, pins, references, recipes and runs of this window."
        self.small = QRadioButton(f"Leave stacks in their files: {in_words(sizes.small)}")
        self.small.setToolTip("Small and quick; the files of the stacks must stay where they are, beside the project")
        self.whole = QRadioButton(f"Copy all stacks: {in_words(sizes.whole)}")
        self.whole.setToolTip("One file for everything, to keep or to send to someone else")
        self.small.setEnabled(bool(sizes.in_files))
        (self.whole if self._session.copies or not sizes.in_files else self.small).setChecked(True)
        self.buttons = QDialogButtonBox()
        self.save_button = self.buttons.addButton("Save…", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self._save)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (_text(about), self.small, _text(sizes.about_files), self.whole, _text(sizes.about_rest)):
            layout.addWidget(widget)
            widget.setVisible(not isinstance(widget, QLabel) or bool(widget.text()))
        layout.addWidget(self.buttons)
        self.setMinimumWidth(360)

    def _save(self) -> None:
        name = self._session.path.name if self._session.path is not None else "project.h5"
        path = ask_to_save(self, "Save project", name, KINDS, self._viewer)
        if not path:
            return
        target = Path(path) if Path(path).suffix else Path(f"{path}.h5")
        try:
            self._session.save(target, copy_stacks=self.whole.isChecked())
        except ValueError as error:
            tell(error)
            return
        self.accept()


def _text(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)  # names of layers are no markup
    label.setWordWrap(True)
    return label
