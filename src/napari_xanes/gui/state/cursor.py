"""The spectrum under the mouse cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QTimer, Signal

from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.pixels.sigma import sigma_of_pixel
from napari_xanes.gui.pixels.spectra import Values, array_of, box_spectrum, in_memory, pixel_at
from napari_xanes.gui.pixels.tiles import Tiles
from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.state.shown import ShownQuantity
from napari_xanes.gui.state.stacks import StackFollower

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

INTERVAL = 16
"""Shortest time between two spectra in ms: one frame of the screen."""


class CursorFollower(WhileAsked):
    """Follows the mouse over the current stack, for all panels.

    Attributes
    ----------
    spectrum : tuple of int and array of shape (E,), or None
        The last spectrum and its pixel; None outside the image.

    Signals
    -------
    pixel_changed : Layer, tuple of int or None
        The layer of the current stack and the pixel under the cursor, (y, x) or (z, y, x); None outside the image.
    box_changed : int
        The averaging box has another size.
    spectrum_ready : tuple of int, array of shape (E,)
        The pixel and the mean spectrum of the box around it. Lazy data are read in a thread and arrive later.
    failed : Exception
        The exception if the data can't be read.
    """

    pixel_changed = Signal(object, object)
    box_changed = Signal(int)
    spectrum_ready = Signal(object, object)
    failed = Signal(object)

    def __init__(self, viewer: Viewer, stacks: StackFollower, shown: ShownQuantity) -> None:
        super().__init__()
        self._viewer, self._stacks, self._shown = ref(viewer), stacks, shown
        self._box = 1
        self._index: tuple[int, ...] | None = None
        self.spectrum: tuple[tuple[int, ...], Values] | None = None
        self._is_current = False
        self._update_pending = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(INTERVAL)
        self._timer.timeout.connect(self._catch_up)
        self._tiles: Tiles | None = None
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._receive)
        self._worker.failed.connect(lambda key, error: self.failed.emit(error))
        shown.changed.connect(self.recompute)
        stacks.layer_changed.connect(self.recompute)  # before all panels, which then find the spectrum of the new stack

    @property
    def box(self) -> int:
        """Width and height of the averaging box, in pixels."""
        return self._box

    @box.setter
    def box(self, size: int) -> None:
        self._box = size
        self.box_changed.emit(size)
        # Until that of the new box is read, the spectrum that is shown stays the one to pin.
        self._look_again()

    @property
    def index(self) -> tuple[int, ...] | None:
        """The pixel under the cursor; None outside the image."""
        return self._index

    def sigma(self) -> Values | None:
        """Return the errors that noise causes in the last spectrum, shape (E,); None where the noise is not known.

        It is known of single pixels in the quantity of their stack, not of boxes, whose pixels may share noise.
        """
        layer, shown = self._stacks.layer, self.spectrum
        if layer is None or shown is None or self._box > 1 or self._shown.data_of(layer) is not array_of(layer):
            return None
        index, values = shown
        try:
            noise = stack_of(layer).noise
            return None if noise is None else sigma_of_pixel(noise, values, index)
        except ValueError:  # noise that does not fit its stack; steps that use it say so
            return None

    def spectrum_of(self, index: tuple[int, ...], box: int = 1) -> Values | None:
        """Return the mean spectrum (E,) of a box of pixels, by default of one, or None if it is not in memory."""
        layer = self._stacks.layer
        data = None if layer is None else self._shown.data_of(layer)
        if data is None or in_memory(data):
            return None if data is None else box_spectrum(data, index, box)
        tiles = self._tiles
        if tiles is None or tiles.data is not data or box not in (1, self._box):
            return None
        return tiles.spectrum(index, box) if box == self._box else tiles.middle(index, self._box)

    @property
    def layer(self) -> Layer | None:
        """The current stack."""
        return self._stacks.layer

    def _followed(self) -> Sequence[tuple[Any, Callable[..., None]]]:
        viewer = self._viewer()
        return () if viewer is None else ((viewer.cursor.events.position, self._on_move),)

    def _detach(self) -> None:
        self._timer.stop()
        self._worker.forget()
        self._tiles = None

    def _emit_again(self) -> None:
        self.recompute()

    def recompute(self, *_: Any) -> None:
        """Compute the spectrum again although the cursor did not move."""
        self.spectrum, self._is_current = None, False
        self._look_again()

    def _look_again(self) -> None:
        self._index = None
        if self.asked:
            self._update()

    def _on_move(self, event: Any = None) -> None:
        if self._timer.isActive():
            self._update_pending = True
            return
        self._timer.start()
        self._update()

    def _catch_up(self) -> None:
        if self._update_pending:
            self._update_pending = False
            self._on_move()

    def _update(self) -> None:
        viewer, layer = self._viewer(), self._stacks.layer
        if viewer is None:
            return
        if layer is None:
            self._tiles = None  # free the memory of a closed stack
        index = None
        if layer is not None and viewer.dims.ndisplay == 2 and len(viewer.cursor.position) >= layer.ndim:
            index = pixel_at(viewer, layer, viewer.cursor.position)
        if index == self._index:
            return
        self._index = index
        self.pixel_changed.emit(layer, index)
        if index is None:
            self.spectrum = None
            self._worker.forget()
            return
        data, box = self._shown.data_of(layer), self._box
        tiles = self._tiles = Tiles(data) if self._tiles is None or self._tiles.data is not data else self._tiles
        values = box_spectrum(data, index, box) if in_memory(data) else tiles.spectrum(index, box)
        if values is not None:
            self._worker.forget()
            self._is_current = True
            self._emit(index, values)
        else:
            self._is_current = False
            self._worker.submit((index, box, layer), lambda: tiles.read(index, box))

    def _receive(self, key: Any, values: Any) -> None:
        index, box, layer = key
        # With a slow disk the spectra of earlier pixels are shown too: the curve lags behind the cursor, but it moves.
        late = self._is_current or self._index is None
        if self.asked and not late and box == self._box and layer is self._stacks.layer:
            self._emit(index, values)

    def _emit(self, index: tuple[int, ...], values: Values) -> None:
        self.spectrum = index, values
        self.spectrum_ready.emit(index, values)
