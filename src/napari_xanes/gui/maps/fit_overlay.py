"""The fit of the pixel under the cursor: values in the Map dock, curve and residual in the plot of spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from qtpy.QtWidgets import QLabel, QWidget

from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.map_layers import map_title
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.present import present
from napari_xanes.gui.state.fit import FitCurve
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.wording import with_error
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.parameter_map import MapSet


_NO_MAPS = "No maps yet: press Run to make them"
_HOW = "Move the cursor over the mapped stack to see the fit of a pixel"


def pixel_text(maps: MapSet, index: tuple[int, ...]) -> str:
    """Return the values of the maps at a pixel as text, with errors and units.

    Parameters
    ----------
    maps : MapSet
        The maps.
    index : tuple of int
        Pixel, (y, x) or (z, y, x).
    """
    shown_maps = {name: parameter_map for name, parameter_map in maps.items() if not parameter_map.companion}
    first = next(iter(shown_maps.values()), None)
    if first is None or any(not 0 <= i < n for i, n in zip(index, first.data.shape, strict=True)):
        return ""
    parts = []
    for name, parameter_map in shown_maps.items():
        if not present(parameter_map.mask)[index]:
            continue
        if parameter_map.labels is not None:
            parts.append(f"{map_title(name)} {parameter_map.labels.get(int(parameter_map.data[index]), '')}")
            continue
        error = float("nan") if parameter_map.sigma is None else float(parameter_map.sigma[index])
        parts.append(f"{map_title(name)} {with_error(float(parameter_map.data[index]), error, parameter_map.unit)}")
    return " · ".join(parts) or "masked: the signal of this pixel is too low"


def fits_at(maps: MapSet, index: tuple[int, ...], energy: Any, values: Any) -> list[Spectrum]:
    """Return the fit of a pixel's spectrum, or the library spectra that match it best.

    Parameters
    ----------
    maps : MapSet
        The maps.
    index : tuple of int
        Pixel, (y, x) or (z, y, x).
    energy, values : ndarray, shape (E,)
        The pixel's measured spectrum.

    Returns
    -------
    list of Spectrum
        The best match first; empty if the pixel has no fit.
    """
    from napari_xanes.maps.fitting.result import reference_fit
    from napari_xanes.maps.matching.result import library_match

    if reference_fit(maps.metadata) is not None:
        from napari_xanes.maps.references import fitted_spectrum, shared_residual

        fit = fitted_spectrum(maps, index)
        if not np.isfinite(fit.mu).all():
            return []
        shared = shared_residual(maps, index)
        return [fit] if shared is None else [fit, shared]
    if library_match(maps.metadata) is None or not np.isfinite(values).all():
        return []
    from napari_xanes.maps.matching.best_matches import best_matches

    shift = float(maps["shift"].data[index]) if "shift" in maps else 0.0
    return best_matches(maps, Spectrum("pixel", energy, values), shift=shift if np.isfinite(shift) else 0.0)


class FitOverlay(QLabel):
    """Shows the fit of the pixel under the cursor, over the stack that was mapped.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        workspace = workspace_of(viewer)
        self._cursor, self._stacks, self._fit = workspace.cursor, workspace.stacks, workspace.fit
        self._maps: MapSet | None = None
        self._stack: Any = lambda: None
        self._live = False
        self.setText(_NO_MAPS)

    def set_maps(self, maps: MapSet | None, stack: Layer | None) -> None:
        """Show these maps, which were made from the layer `stack`; nothing without maps."""
        self._maps = maps
        self._stack = ref(stack) if stack is not None else lambda: None
        self._clear()

    def showEvent(self, event: Any) -> None:
        """Start to follow the cursor."""
        super().showEvent(event)
        if not self._live:
            self._live = True
            self._cursor.spectrum_ready.connect(self._show)
            self._cursor.pixel_changed.connect(self._on_pixel_changed)
            self._stacks.layer_changed.connect(self._on_stack)
            self._cursor.start(self)

    def hideEvent(self, event: Any) -> None:
        """Stop to follow the cursor."""
        if self._live:
            self._live = False
            self._cursor.stop(self)
            self._cursor.spectrum_ready.disconnect(self._show)
            self._cursor.pixel_changed.disconnect(self._on_pixel_changed)
            self._stacks.layer_changed.disconnect(self._on_stack)
            self._clear()
        super().hideEvent(event)

    def _show(self, index: tuple[int, ...], values: Any) -> None:
        layer = self._stack()
        if self._maps is None or layer is None or self._cursor.layer is not layer:
            self._clear()
            return
        self.setText(pixel_text(self._maps, index))
        # With a box around the cursor, `values` are the mean of several pixels; the fit is that of one.
        measured = self._cursor.spectrum_of(index)
        if self._fit.asked and measured is not None:
            self._show_fit(self._maps, index, energies_of(layer), measured)

    def _show_fit(self, maps: MapSet, index: tuple[int, ...], energies: Values, measured: Values) -> None:
        fits = fits_at(maps, index, energies, measured)
        if not fits:
            self._fit.clear(self)
            return
        best = fits[0]
        residual = (best.energy, measured[np.isin(energies, best.energy)] - best.mu)
        self._fit.show(self, [FitCurve(fit.name, fit.energy, fit.mu) for fit in fits], residual)

    def _on_stack(self, layer: Any) -> None:
        if layer is not self._stack():
            self._clear()

    def _on_pixel_changed(self, layer: Any, index: Any) -> None:
        if index is None:
            self._clear()

    def _clear(self) -> None:
        self.setText(_NO_MAPS if self._maps is None else _HOW)
        self._fit.clear(self)
