"""Offer a working copy of a stack whose file decodes whole frames for each spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import push_button, say, wrapping_label
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.job import Job
from napari_xanes.gui.job_bar import JobBar
from napari_xanes.gui.layers import is_stack, stack_of
from napari_xanes.gui.pixels.spectra import array_of, in_memory
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import sentence
from napari_xanes.io.copied_frames import copy_key, is_slow_by_pixels, lazy_arrays
from napari_xanes.io.copy_cache import decline
from napari_xanes.io.copying import working_copy
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class CopyOffer(QWidget):
    """Asks once, above the plot, whether to copy a stack that is slow by pixels; hidden for all others.

    It asks when the cursor first moves over such a stack. The answer is kept: with a copy, the file is read from it
    from now on; without, nobody is asked again until the cache is emptied or the file changes.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = plain_viewer(viewer)
        self._workspace = workspace_of(viewer)
        self._asked_for: Any = lambda: None
        self._answered = False
        self._started: tuple[Any, Any] = (lambda: None, None)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._ask)
        self.job = Job(self)
        self.label, self.bar = wrapping_label(), JobBar(self.job)
        self.copy_button = push_button(
            "Make a working copy",
            "Copy the frames once into the cache, in tiles; the file stays as it is",
            self.copy,
        )
        self.decline_button = push_button("No", "Read from the file as it is, and do not ask again", self._decline)
        self.cancel_button = push_button("Cancel", "Stop; nothing is left of the copy", self.job.cancel)
        column, row = QVBoxLayout(self), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        row.addWidget(self.copy_button, 1)
        row.addWidget(self.decline_button)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel_button)
        column.addWidget(self.label)
        column.addLayout(row)
        self.job.done.connect(self._take)
        self.job.failed.connect(lambda error: self._show(sentence(error), answered=False))
        self.job.started.connect(lambda _title: self._show_buttons())
        self.job.ended.connect(self._show_buttons)
        self._workspace.stacks.layer_changed.connect(self._on_layer)
        self._workspace.cursor.pixel_changed.connect(self._on_pixel)
        self.hide()

    def _on_layer(self, layer: Layer | None) -> None:
        if not self.job.running and layer is not self._asked_for():
            self._asked_for = lambda: None
            self.hide()

    def _on_pixel(self, layer: Layer | None, index: tuple[int, ...] | None) -> None:
        """Ask about the stack under the cursor, where that was not done yet."""
        if layer is None or index is None or self.job.running or layer is self._asked_for():
            return
        self._asked_for = ref(layer)
        if in_memory(array_of(layer)) or not is_stack(layer):
            self.hide()
            return
        self._timer.start(0)  # after this turn of the event loop, so that the spectrum is not late

    def _ask(self) -> None:
        layer = self._asked_for()
        stack = None if layer is None or not is_stack(layer) else stack_of(layer)
        if stack is None or not is_slow_by_pixels(stack):
            self.hide()
            return
        size = sum(array.nbytes for array in lazy_arrays(stack).values())
        self._show(
            f"Spectra are slow: each decodes all {stack.shape[0]} frames of {_name(stack)}. Read them from a working "
            f"copy? It takes up to {_in_words(size)} in the cache.",
            answered=False,
        )

    def copy(self) -> None:
        """Copy the stack that was asked about, in a thread, and show it from its copy."""
        layer = self._asked_for()
        if layer is None or self.job.running:
            return
        stack, data = stack_of(layer), array_of(layer)
        self._started = ref(layer), data
        self.job.start(lambda progress: working_copy(stack, progress=progress), f"copying {_name(stack)}")

    def _decline(self) -> None:
        layer = self._asked_for()
        if layer is not None and (key := copy_key(stack_of(layer))) is not None:
            try:
                decline(key)
            except OSError as error:
                self._show(sentence(error), answered=True)
                return
        self.hide()

    def _take(self, copied: SpectralStack) -> None:
        layer, data = self._started[0](), self._started[1]
        if layer is None or layer not in self._viewer.layers:
            return
        if array_of(layer) is not data or layer.metadata["xanes"]["history"]:
            self._show(f"The copy is made; open {_name(copied)} again to read from it.", answered=True)
            return
        lazy = {name: value for name, value in lazy_arrays(copied).items() if name}
        metadata = {**layer.metadata["xanes"]["metadata"], **lazy}
        with self._workspace.stacks.held():  # data and metadata change one after the other
            layer.metadata = {**layer.metadata, "xanes": {**layer.metadata["xanes"], "metadata": metadata}}
            layer.data = copied.data
        self._viewer.status = f"{_name(copied)} is read from its working copy"
        self.hide()

    def _show(self, text: str, *, answered: bool) -> None:
        self._answered = answered
        say(self.label, text)
        self._show_buttons()
        self.show()

    def _show_buttons(self) -> None:
        running = self.job.running
        for button in (self.copy_button, self.decline_button):
            button.setVisible(not running and not self._answered)
        self.cancel_button.setVisible(running)


def _name(stack: SpectralStack) -> str:
    return Path(stack.source.path).name if stack.source is not None else stack.name


def _in_words(n_bytes: int) -> str:
    """Return a size for people.

    Examples
    --------
    >>> _in_words(3_355_443_200), _in_words(12_000_000)
    ('3.4 GB', '12 MB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{max(1, round(n_bytes / 1e6))} MB"
