"""Open files that are dropped onto a dock with napari-xanes. napari does not ask which plugin to use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_xanes.gui.files.readers import get_reader, group_by_stack, layers_of, show_energies
from napari_xanes.gui.files.recipes import is_recipe, take_recipe
from napari_xanes.gui.files.save_entries import offer_our_files
from napari_xanes.gui.files.spectra import add_references, split_spectra
from napari_xanes.gui.in_thread import in_thread, is_closed
from napari_xanes.gui.projects.opening import open_project
from napari_xanes.gui.telling import sentence, show_error, tell
from napari_xanes.io.project_file import holds_project

if TYPE_CHECKING:
    from napari.viewer import Viewer

_MAX_REASONS = 8
"""Largest number of errors in one notification."""

_IMAGES = (".tif", ".tiff")


class DropTarget(QObject):
    """Accepts files and folders that are dropped onto a widget.

    Parameters
    ----------
    widget : QWidget
        The dock.
    viewer : napari.viewer.Viewer
        The viewer that opens the files.
    """

    def __init__(self, widget: QWidget, viewer: Viewer) -> None:
        super().__init__(widget)
        self._viewer = ref(viewer)
        offer_our_files()
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Accept drops of local files; pass all other events on."""
        if event.type() == QEvent.Type.DragEnter and self._paths(event):
            event.acceptProposedAction()
            return True
        if event.type() == QEvent.Type.Drop and self._paths(event):
            event.acceptProposedAction()
            self.open(self._paths(event))
            return True
        return bool(super().eventFilter(watched, event))

    @staticmethod
    def _paths(event: Any) -> list[str]:
        return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]

    def open(self, paths: list[str]) -> None:
        """Open files, those of one stack together; spectra become references.

        A project opens as in its own window, a recipe is taken for the chosen stack. One notification lists the files
        that can't be read, and why.
        """
        from napari.layers import Layer

        viewer = self._viewer()
        if viewer is None:
            return
        try:
            projects = [path for path in paths if holds_project(path)]
            recipes = [path for path in paths if is_recipe(Path(path))]
            others = [Path(path) for path in paths if path not in (*projects, *recipes)]
            images, spectra = in_thread(lambda: split_spectra(others))
            stacks = in_thread(lambda: group_by_stack([str(path) for path in images])) if images else []
        except OSError as error:
            tell(error)
            return
        for project in projects[:1]:
            open_project(viewer, Path(project))
        reasons = add_references(spectra, viewer)
        for files in stacks:
            if _is_image(files):
                # napari opens it; the plot then asks for its energies, as after a drop on the image.
                viewer.open([str(file) for file in files], plugin="napari")
                continue
            try:
                layers = layers_of(files, viewer)
            except (OSError, ValueError) as error:
                # napari cuts long lines at the end: the reason and, without the folder, the name stay readable.
                reasons.append(sentence(str(error).replace(f"{files[0].parent}{os.sep}", "", 1)))
                continue
            if is_closed(viewer):
                return
            for layer in layers:
                viewer.add_layer(Layer.create(*layer))
        for recipe in recipes[:1]:
            take_recipe(Path(recipe), viewer)
        show_energies(viewer)
        if reasons:
            remainder = [f"and {len(reasons) - _MAX_REASONS} more"] if len(reasons) > _MAX_REASONS else []
            show_error("\n".join([*reasons[:_MAX_REASONS], *remainder]))


def _is_image(files: list[Path]) -> bool:
    """Return whether a file is an image without energies."""
    return len(files) == 1 and files[0].suffix.lower() in _IMAGES and get_reader(str(files[0])) is None
