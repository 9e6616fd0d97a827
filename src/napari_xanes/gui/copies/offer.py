"""Offer a working copy of a stack whose file decodes whole frames for each spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_xanes.gui.copies.repeated import from_copy
from napari_xanes.gui.dock_layout import push_button, say, wrapping_label
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.job import Job
from napari_xanes.gui.job_bar import JobBar
from napari_xanes.gui.layers import is_stack, stack_of
from napari_xanes.gui.pixels.spectra import array_of, in_memory
from napari_xanes.gui.state.stack_version import has_values_of
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import sentence
from napari_xanes.io.copied_frames import has_slow_source, lazy_arrays, source_key
from napari_xanes.io.copy_cache import decline
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


_LOOK = "Look"
"""The step that computes nothing from the whole stack."""


class CopyOffer(QWidget):
    """Asks once, at the top of a dock, whether to copy a stack that is slow by pixels; hidden for all others.

    It asks when the cursor first moves over such a stack, or when a step of the dock is shown that works on it; not
    while another dock is seen to ask. The answer is kept: with a copy, the file is read from it from now on, in all
    layers that show it or what steps made of it; without, nobody is asked again until the cache is emptied or the file
    changes.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    computes : bool
        Whether the dock does nothing but compute from whole stacks: then it asks as soon as a stack is chosen.
    """

    def __init__(self, viewer: Viewer, *, computes: bool = False) -> None:
        super().__init__()
        self._viewer, self._computes = plain_viewer(viewer), computes
        self._workspace = workspace_of(viewer)
        self._asked_for: Any = lambda: None
        self._answered = False
        self._started: list[tuple[Any, Any]] = []
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
        self._workspace.step.changed.connect(self._on_step)
        self.hide()
        self._on_step()

    def _on_layer(self, layer: Layer | None) -> None:
        if not self.job.running and layer is not self._asked_for():
            self._asked_for = lambda: None
            self.hide()
            self._on_step()

    def _on_step(self, _name: str = "") -> None:
        """Ask about the chosen stack before anything is computed from it: each pass over it decodes all frames."""
        if self._computes or self._workspace.step.name not in ("", _LOOK):
            self._consider(self._workspace.stacks.layer)

    def _on_pixel(self, layer: Layer | None, index: tuple[int, ...] | None) -> None:
        """Ask about the stack under the cursor, where that was not done yet."""
        if index is not None:
            self._consider(layer)

    def _consider(self, layer: Layer | None) -> None:
        if layer is None or self.job.running or layer is self._asked_for():
            return
        self._asked_for = ref(layer)
        if in_memory(array_of(layer)) or not is_stack(layer):
            self.hide()
            return
        self._timer.start(0)  # after this turn of the event loop, so that the spectrum is not late

    def _ask(self) -> None:
        layer = self._asked_for()
        stack = None if layer is None or not is_stack(layer) else stack_of(layer)
        if stack is None or not has_slow_source(stack):
            self.hide()
            return
        if any(other.isVisible() and other._asked_for() is layer for other in self._others()):
            self._asked_for = lambda: None
            return
        size = stack.data.nbytes
        self._show(
            f"Spectra and maps are slow: each decodes all {stack.shape[0]} frames of {_name(stack)}. Read them from a "
            f"working copy? It takes up to {_in_words(size)} in the cache.",
            answered=False,
        )

    def copy(self) -> None:
        """Copy the file of the stack that was asked about, in a thread, and show all that is read from it so."""
        layer = self._asked_for()
        if layer is None or self.job.running:
            return
        self._hide_others()
        key = source_key(stack := stack_of(layer))
        layers = [layer, *(other for other in self._viewer.layers if other is not layer and _reads(other, key))]
        stacks = [stack_of(one) for one in layers]
        self._started = [(ref(one), array_of(one)) for one in layers]

        def work(progress: Progress) -> list[SpectralStack]:
            return [from_copy(one, progress) for one in stacks]

        self.job.start(work, f"copying {_name(stack)}")

    def _decline(self) -> None:
        layer = self._asked_for()
        if layer is not None and (key := source_key(stack_of(layer))) is not None:
            try:
                decline(key)
            except OSError as error:
                self._show(sentence(error), answered=True)
                return
        self.hide()
        self._hide_others()

    def _others(self) -> list[CopyOffer]:
        """Return the offers in other docks of the window."""
        window = self.window()
        return [] if window is None else [one for one in window.findChildren(CopyOffer) if one is not self]

    def _hide_others(self) -> None:
        """Take the question away where it waits in docks behind this one."""
        for other in self._others():
            if other._asked_for() is self._asked_for() and not other.job.running:
                other.hide()

    def _take(self, copied: list[SpectralStack]) -> None:
        for (layer_of, data), stack in zip(self._started, copied, strict=True):
            layer = layer_of()
            if layer is None or layer not in self._viewer.layers:
                continue
            if array_of(layer) is not data:
                self._show(f"The copy is made; open {_name(stack)} again to read from it.", answered=True)
                return
            self._replace(layer, stack)
        self._viewer.status = f"{_name(copied[0])} is read from its working copy"
        self.hide()

    def _replace(self, layer: Layer, stack: SpectralStack) -> None:
        """Show the same values, read from the copy."""
        has_values_of(stack.data, array_of(layer))
        lazy = {name: value for name, value in lazy_arrays(stack).items() if name}
        metadata = {**layer.metadata["xanes"]["metadata"], **lazy}
        with self._workspace.stacks.held():  # data and metadata change one after the other
            layer.metadata = {**layer.metadata, "xanes": {**layer.metadata["xanes"], "metadata": metadata}}
            layer.data = stack.data

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


def _reads(layer: Layer, key: str | None) -> bool:
    """Whether a layer shows a stack of the same files, which is not in memory."""
    is_lazy = is_stack(layer) and not in_memory(array_of(layer))
    return is_lazy and key is not None and source_key(stack_of(layer)) == key


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
