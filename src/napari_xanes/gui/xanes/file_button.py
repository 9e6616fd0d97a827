"""The button that saves and opens what the window holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMenu, QPushButton

from napari_xanes.gui.files.project_commands import ask_and_open
from napari_xanes.gui.files.save_command import save_layers
from napari_xanes.gui.present import present
from napari_xanes.gui.projects.opening import ask_and_save, notices_of
from napari_xanes.gui.telling import show_error

if TYPE_CHECKING:
    from napari.viewer import Viewer


class FileButton(QPushButton):
    """A button with a menu: save and open a project, save the selected layers.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__("File")
        self._viewer = viewer
        self.setToolTip("Save or open a project: layers, regions, references, recipes and runs in one file")
        menu = QMenu(self)
        menu.addAction("Save project…", lambda: ask_and_save(viewer))
        menu.addAction("Open project…", lambda: ask_and_open(viewer))
        self._find = present(menu.addAction("Find missing files…", lambda: notices_of(viewer).ask_for_missing()))
        self._find.setToolTip("Stacks of the project whose files were not found when it was opened")
        menu.aboutToShow.connect(self._offer)
        self._offer()
        menu.addSeparator()
        menu.addAction("Save selected layers…", self._save_layers)
        self.setMenu(menu)

    def _offer(self) -> None:
        self._find.setVisible(notices_of(self._viewer).misses)

    def _save_layers(self) -> None:
        layers = self._viewer.layers
        if not len(layers):
            show_error("There is nothing to save yet: drop a stack into the window")
            return
        save_layers(self._viewer, only_selected=bool(layers.selection))
