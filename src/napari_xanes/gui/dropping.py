"""Drop a file onto a dock: it opens with napari-xanes, without napari asking which plugin to take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer


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
        """Open files; one that can't be read becomes a notification with the reason."""
        viewer = self._viewer()
        for path in paths if viewer is not None else ():
            try:
                viewer.open(path, plugin="napari-xanes")
            except (OSError, ValueError) as error:
                show_error(_reason(path, error))


def _reason(path: str, error: Exception) -> str:
    """Why a file can't be opened; napari only knows that its reader was refused."""
    from napari_xanes import io

    if "refused the file" not in str(error):
        return str(error)
    try:
        io.read(path)
    except (OSError, ValueError) as told:
        return str(told)
    return str(error)
