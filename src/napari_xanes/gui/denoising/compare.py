"""Compare a stack before and after denoising: a slider over the image, and both spectra under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.denoising.overlay import Swipe
from napari_xanes.gui.energy import energy_of_step, go_to_step, step_of_energy
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.pixels.areas import depth_of
from napari_xanes.gui.pixels.spectra import box_spectrum, in_memory, pixel_at
from napari_xanes.gui.pixels.tiles import Tiles
from napari_xanes.gui.present import present
from napari_xanes.gui.spectra.curves import QUANTITY_LABELS
from napari_xanes.gui.spectra.plot import SpectrumPlot
from napari_xanes.gui.state.keys import hint
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.noise import AmountNoise

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.stack import SpectralStack

_BEFORE, _AFTER = "#999999", "#E69F00"
_HEIGHT = 200  # px, smallest height of the plot
_SLIDER_STEPS = 200  # number of steps of the slider


class BeforeAfter(QWidget):
    """Compares a stack with its denoised version.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, workspace = viewer, workspace_of(viewer)
        self._stacks, self._cursor, self._keys = workspace.stacks, workspace.cursor, workspace.keys
        self._after: SpectralStack | None = None
        self._tiles: tuple[Tiles, ...] = ()
        self._is_current = False
        self._layer: Layer | None = None
        self._noise: AmountNoise | None = None
        self._live = False
        self._swipe = Swipe(viewer)
        self._worker = LatestOnlyWorker(self)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _SLIDER_STEPS)
        self.plot = SpectrumPlot()
        self.plot.setMinimumHeight(_HEIGHT)
        # The preferred height of the plot is so large that the dock would scroll.
        self.plot.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self.plot.setToolTip("The spectrum under the cursor; the band is ± 1 σ. Click to move to an energy")
        row, names = QHBoxLayout(), [QLabel("before"), QLabel("after")]
        for widget in (names[0], self.slider, names[1]):
            widget.setToolTip(
                f"Left of the handle: before. Right of it: after. Slide to switch the whole image{hint('swipe')}"
            )
            row.addWidget(widget, int(widget is self.slider))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.plot.legend)
        layout.addWidget(self.plot, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.hide()
        self.slider.valueChanged.connect(self._cover)
        self.plot.legend.toggled.connect(self.plot.toggle)
        self._worker.done.connect(self._receive)
        self.plot.energy_requested.connect(self._go_to)
        ThemeFollower(self, viewer, self.plot.set_theme)

    def start(self) -> None:
        """Start to follow the viewer."""
        if self._live:
            return
        self._live = True
        viewer = self._viewer
        self._keys.take("swipe", self._on_key)
        viewer.layers.events.removed.connect(self._on_removed)
        self._stacks.step_changed.connect(self._on_step)
        self._cursor.pixel_changed.connect(self._follow)
        self._cursor.start(self)
        self._cover()

    def stop(self) -> None:
        """Stop to follow the viewer, and uncover the image."""
        if not self._live:
            return
        self._live = False
        viewer = self._viewer
        self._keys.leave("swipe", self._on_key)
        viewer.layers.events.removed.disconnect(self._on_removed)
        self._stacks.step_changed.disconnect(self._on_step)
        self._cursor.stop(self)
        self._cursor.pixel_changed.disconnect(self._follow)
        self._worker.forget()
        self._swipe.cover(0)

    def set_stacks(self, before: SpectralStack, after: SpectralStack, layer: Layer) -> None:
        """Compare two stacks of the same shape and quantity; `layer` shows the stack `after`."""
        self._after, self._layer = after, layer
        self._tiles = tuple(Tiles(stack.data) for stack in (before, after))
        self._noise = after.noise if isinstance(after.noise, AmountNoise) else None
        self._swipe.set_layer(layer, before.data)
        self.plot.set_labels(QUANTITY_LABELS[after.quantity])
        self.plot.set_curves([])
        self.show()
        self._cover()
        self._on_step()
        middle = tuple(n // 2 for n in after.shape[-2:])
        self._read((*depth_of(self._viewer, layer), *middle))  # at first the cursor is over the dock, not the image
        self.plot.show_all()

    def _cover(self, *_: Any) -> None:
        if self._live:
            self._swipe.cover(self.slider.value() / _SLIDER_STEPS)

    def _on_key(self) -> None:
        self.slider.setValue(0 if self.slider.value() else _SLIDER_STEPS)

    def _on_removed(self, event: Any) -> None:
        if event.value is self._layer:
            self._swipe.cover(0)
            self._after = self._layer = None
            self._tiles = ()
            self.hide()

    def _on_step(self, *_: Any) -> None:
        layer = self._stacks.layer
        self.plot.show_energy(energy_of_step(layer, self._stacks.step) if layer is not None else None)

    def _go_to(self, energy: float) -> None:
        layer = self._stacks.layer
        if layer is not None:
            go_to_step(self._viewer, layer, step_of_energy(layer, energy))

    def _follow(self, *_: Any) -> None:
        if self._layer is None or self._viewer.dims.ndisplay == 3 or not self.plot.isVisible():
            return
        index = pixel_at(self._viewer, self._layer, self._viewer.cursor.position)
        if index is not None:
            self._read(index)

    def _read(self, index: tuple[int, ...]) -> None:
        """Show the spectra of a pixel; lazy data are read in a thread."""
        tiles = self._tiles
        found = [
            box_spectrum(tile.data, index) if in_memory(tile.data) else tile.spectrum(index, size=1) for tile in tiles
        ]
        spectra = [spectrum for spectrum in found if spectrum is not None]
        self._is_current = len(spectra) == len(tiles)
        if self._is_current:
            self._worker.forget()
            self._show(index, spectra)
        else:
            self._worker.submit((index, self._after), lambda: [spectrum.read(index, size=1) for spectrum in tiles])

    def _receive(self, key: tuple[tuple[int, ...], SpectralStack], spectra: list[NDArray[np.float64]]) -> None:
        """Show the spectra that were read, unless a later pixel is shown or the stacks have changed."""
        index, after = key
        if after is self._after and not self._is_current:
            self._show(index, spectra)

    def _show(self, index: tuple[int, ...], spectra: list[NDArray[np.float64]]) -> None:
        after = present(self._after)
        error = None
        if self._noise is not None:
            pixel = int(np.ravel_multi_index(index, after.shape[1:]))
            error = self._noise.sigma(slice(pixel, pixel + 1))[:, 0]
        before, cleaned = spectra
        name = "after ± σ" if error is not None else "after"
        curves = [
            ("before", Curve("before", after.energy, before, "region", _BEFORE)),
            ("after", Curve(name, after.energy, cleaned, "cursor", _AFTER, error)),
        ]
        self.plot.set_curves(curves)
