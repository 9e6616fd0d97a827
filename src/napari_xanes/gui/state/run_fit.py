"""The chosen run at the pixel under the cursor: its values as text, and its fit over the measured spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal

from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.map_layers import map_title
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.present import present
from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.state.cursor import CursorFollower
from napari_xanes.gui.state.fit import FitCurve, ShownFit
from napari_xanes.gui.state.runs import RunList
from napari_xanes.gui.state.stacks import StackFollower
from napari_xanes.gui.wording import with_error
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari_xanes.parameter_map import MapSet


OUTDATED = "The stack has changed since this map was made: press Run to map it as it is now"


_MOST_VALUES = 6
"""Of more maps than these, the text names the number only: it must not fill the panel."""


def pixel_text(maps: MapSet, index: tuple[int, ...], first: str = "") -> str:
    """Return the values of the maps at a pixel as text, with errors and units.

    Parameters
    ----------
    maps : MapSet
        The maps.
    index : tuple of int
        Pixel, (y, x) or (z, y, x).
    first : str
        The map to begin with, as the one that is shown.
    """
    names = sorted((name for name, one in maps.items() if not one.companion), key=lambda name: name != first)
    shown_maps = {name: maps[name] for name in names}
    any_map = next(iter(shown_maps.values()), None)
    if any_map is None or any(not 0 <= i < n for i, n in zip(index, any_map.data.shape, strict=True)):
        return ""
    parts = []
    for name, parameter_map in shown_maps.items():
        if not present(parameter_map.mask)[index]:
            continue
        if parameter_map.labels is not None:
            title, label = map_title(name), parameter_map.labels.get(int(parameter_map.data[index]), "")
            parts.append(label if label.startswith(title) else f"{title} {label}")  # not "cluster cluster 1"
            continue
        error = float("nan") if parameter_map.sigma is None else float(parameter_map.sigma[index])
        parts.append(f"{map_title(name)} {with_error(float(parameter_map.data[index]), error, parameter_map.unit)}")
    if len(parts) > _MOST_VALUES:
        parts[_MOST_VALUES:] = [f"and {len(parts) - _MOST_VALUES} more"]
    return " · ".join(parts) or "masked: too weak here, or not fitted well enough, to give a value"


def fits_at(maps: MapSet, index: tuple[int, ...], energy: Any, values: Any) -> list[FitCurve]:
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
    list of FitCurve
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
        return [_drawn(fit), *(() if shared is None else (_drawn(shared, "residual"),))]
    if library_match(maps.metadata) is None or not np.isfinite(values).all():
        return []
    from napari_xanes.maps.matching.best_matches import best_matches

    shift = float(maps["shift"].data[index]) if "shift" in maps else 0.0
    return list(map(_drawn, best_matches(maps, Spectrum("pixel", energy, values), shift=np.nan_to_num(shift))))


def _drawn(spectrum: Spectrum, kind: str = "fit") -> FitCurve:
    return FitCurve(spectrum.name, np.asarray(spectrum.energy), np.asarray(spectrum.mu), kind)


class RunFit(WhileAsked):
    """Follows the cursor over the stack of the chosen run, whichever panel is shown.

    Attributes
    ----------
    text : str
        The values of the run at the pixel under the cursor, or what to do to see them.

    Signals
    -------
    changed : str
        The text is another one.
    """

    changed = Signal(str)

    def __init__(self, cursor: CursorFollower, stacks: StackFollower, runs: RunList, fit: ShownFit) -> None:
        super().__init__()
        self._cursor, self._stacks, self._runs, self._fit = cursor, stacks, runs, fit
        self.text = ""

    def _attach(self) -> None:
        self._cursor.start(self)

    def _detach(self) -> None:
        self._cursor.stop(self)
        self._clear()

    def _followed(self) -> tuple[tuple[Any, Any], ...]:
        return (
            (self._cursor.spectrum_ready, self._show),
            (self._cursor.pixel_changed, self._on_pixel),
            (self._stacks.layer_changed, self._on_stack),
            (self._runs.chosen_changed, self._emit_again),
            (self._runs.changed, self._emit_again),  # another map is shown
        )

    def _emit_again(self, *_: Any) -> None:
        spectrum = self._cursor.spectrum
        if spectrum is None:
            self._clear()
        else:
            self._show(*spectrum)

    def _show(self, index: tuple[int, ...], values: Values) -> None:
        run, layer = self._runs.chosen, self._stacks.layer
        if run is None or layer is None or not run.made_from(layer) or run.is_outdated(layer):
            self._clear()
            return
        self._say(pixel_text(run.maps, index, run.shown.map))
        # With a box around the cursor, `values` are the mean of several pixels; the fit is that of one.
        measured = self._cursor.spectrum_of(index)
        if self._fit.asked and measured is not None:
            self._show_fit(run.maps, index, energies_of(layer), measured)

    def _show_fit(self, maps: MapSet, index: tuple[int, ...], energies: Values, measured: Values) -> None:
        fits = fits_at(maps, index, energies, measured)
        if not fits:
            self._fit.clear(self)
            return
        best = fits[0]
        shared = np.isin(energies, best.energy)
        # The energies of the stack may have been corrected since the run.
        residual = (best.energy, measured[shared] - best.mu) if shared.sum() == best.energy.size else None
        self._fit.show(self, fits, residual)

    def _on_stack(self, layer: Any) -> None:
        run = self._runs.chosen
        if run is None or layer is None or not run.made_from(layer) or run.is_outdated(layer):
            self._clear()

    def _on_pixel(self, layer: Any, index: Any) -> None:
        if index is None:
            self._clear()

    def _clear(self) -> None:
        run, layer = self._runs.chosen, self._stacks.layer
        if run is None:
            self._say("No maps yet: press Run to make them")
        elif layer is not None and (beyond := run.steps_beyond(layer)):
            names = ", ".join(name.replace("_", " ") for name in beyond)
            self._say(f"This map was made after {names}, which the shown stack has not been through: no fit is drawn")
        elif layer is not None and run.is_outdated(layer):
            self._say(OUTDATED)
        else:
            self._say("Move the cursor over the mapped stack to see the fit of a pixel")
        self._fit.clear(self)

    def _say(self, text: str) -> None:
        self.text = text
        self.changed.emit(text)
