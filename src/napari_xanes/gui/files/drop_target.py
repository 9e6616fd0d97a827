"""Drop a file onto a dock: it opens with napari-xanes, without napari asking which plugin to take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_xanes.gui.files.readers import group_by_stack, layers_of, show_energies

if TYPE_CHECKING:
    from napari.viewer import Viewer

_MOST = 8
"""Reasons in a notification."""


class DropTarget(QObject):
    """Lets files and folders be dropped onto a widget.

    Parameters
    ----------
    widget : QWidget
        The dock.
    viewer : napari.viewer.Viewer
        The viewer that the files go to.
    """

    def __init__(self, widget: QWidget, viewer: Viewer) -> None:
        super().__init__(widget)
        self._viewer = ref(viewer)
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Take drops of local files; everything else goes its way."""
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
        """Open files, the parts of one stack together; of what can't be read one notification gives the reasons."""
        from napari.layers import Layer

        viewer = self._viewer()
        if viewer is None:
            return
        try:
            stacks = group_by_stack(paths)
        except OSError as error:
            show_error(str(error))
            return
        reasons = []
        for files in stacks:
            try:
                layers = layers_of(files)
            except (OSError, ValueError) as error:
                # Of a long line napari shows the beginning: the name of the file, not its folder.
                reasons.append(str(error).replace(f"{files[0].parent}{os.sep}", "", 1))
                continue
            for layer in layers:
                viewer.add_layer(Layer.create(*layer))
        show_energies()
        if reasons:
            remainder = [f"and {len(reasons) - _MOST} more"] if len(reasons) > _MOST else []
            show_error("\n".join([*reasons[:_MOST], *remainder]))
