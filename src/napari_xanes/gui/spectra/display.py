"""Transform curves for the plot: as measured, normalized, or as derivative."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from napari_xanes.edge import normalize_mu
from napari_xanes.gui.curve import Curve
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.spectra.curves import QUANTITY_LABELS, scale_onto

if TYPE_CHECKING:
    from collections.abc import Sequence

MODES = ("as measured", "normalized", "derivative")


def axis_label(mode: str, quantity: str) -> str:
    """Return the axis label of a mode, with the unit."""
    if mode == "normalized":
        return "normalized absorption"
    label = QUANTITY_LABELS[quantity]
    if mode == "derivative":
        unit = {"optical_depth": "OD/eV", "counts": "counts/eV", "fluorescence": "a.u./eV"}.get(quantity, "1/eV")
        return f"derivative ({unit})"
    return label


def transform_curve(curve: Curve, mode: str) -> Curve:
    """Transform a measured curve to a mode.

    Raises
    ------
    ValueError
        If it can't be normalized.
    """
    if mode == "as measured":
        return curve
    if mode == "derivative":
        return replace(curve, values=derivative(curve.energy, curve.values), spread=None, sigma=None)
    values, jump, e0 = normalized(curve.energy, curve.values)
    spread, sigma = (None if width is None else width / jump for width in (curve.spread, curve.sigma))
    return replace(curve, values=values, spread=spread, sigma=sigma, e0=e0, jump=jump)


def transform_reference(curve: Curve, mode: str, target: Curve | None) -> Curve | None:
    """Transform a reference to a mode, scaled onto the measured curve `target`; None if they share no energies.

    Raises
    ------
    ValueError
        If it can't be normalized.
    """
    if mode == "normalized":
        return transform_curve(curve, mode)
    if target is not None:
        values = scale_onto(curve.energy, curve.values, target.energy, target.values)
        if values is None:
            return None
        curve = replace(curve, values=values)
    return transform_curve(curve, mode)


class Composer:
    """Transforms all curves of the plot, and keeps the results of curves that did not change."""

    def __init__(self) -> None:
        self._mode = MODES[0]
        self._transformed: WeakKeyDictionary[Curve, Curve] = WeakKeyDictionary()
        self._moved: WeakKeyDictionary[Curve, tuple[float, Curve]] = WeakKeyDictionary()

    def compose(
        self, mode: str, measured: Sequence[tuple[str, Curve]], references: Sequence[Curve]
    ) -> tuple[list[tuple[str, Curve]], str]:
        """Return the transformed curves by key, and the text of a problem (empty if there is none).

        Parameters
        ----------
        mode : str
            One of `MODES`.
        measured : sequence of key and Curve
            Measured curves and fits. References are scaled onto the first of them.
        references : sequence of Curve
            The references.
        """
        if mode != self._mode:
            self._mode = mode
            self._transformed.clear()
        problem = ""
        curves: list[tuple[str, Curve]] = []
        for key, curve in measured:
            try:
                curves.append((key, self._transform(curve, mode)))
            except ValueError as error:
                problem = f"{curve.name} is shown as measured: {error}"
                curves.append((key, curve))
        target = measured[0][1] if measured else None
        for curve in references:
            try:
                displayed = self._reference(curve, mode, target)
            except ValueError as error:
                problem = f"{curve.name} is not shown: {error}"
                continue
            if displayed is None:
                problem = f"{curve.name} is not shown: {_why_not_scaled(curve, target)}"
            else:
                curves.append((f"reference {curve.name}", displayed))
        return curves, problem

    def stacked(self, mode: str, curves: Sequence[tuple[str, Curve]], offset: float) -> list[tuple[str, Curve]]:
        """Return the curves one above the other, for the eye.

        Parameters
        ----------
        mode : str
            One of `MODES`.
        curves : sequence of key and Curve
            The transformed curves.
        offset : float
            Distance between two of them, in the unit of the values. What is drawn over the spectrum under the cursor
            (fits, and references that are scaled onto it) stays with it.
        """
        if not offset:
            return list(curves)
        with_cursor = ("cursor", "fit", "residual", *(() if mode == "normalized" else ("reference",)))
        found, number = [], 0
        for key, curve in curves:
            number += curve.kind not in with_cursor
            found.append((key, curve if curve.kind in with_cursor else self._lifted(curve, offset * number)))
        return found

    def _lifted(self, curve: Curve, height: float) -> Curve:
        known = self._moved.get(curve)
        if known is None or known[0] != height:
            known = self._moved[curve] = height, replace(curve, values=curve.values + height)
        return known[1]

    def _reference(self, curve: Curve, mode: str, target: Curve | None) -> Curve | None:
        if mode != "normalized":
            return transform_reference(curve, mode, target)
        return self._transform(curve, mode)

    def _transform(self, curve: Curve, mode: str) -> Curve:
        if mode == MODES[0] or curve.kind == "residual":
            return curve  # kept here, it would be its own value and stay for ever
        if curve not in self._transformed:
            self._transformed[curve] = transform_curve(curve, mode)
        return self._transformed[curve]


def _why_not_scaled(curve: Curve, target: Curve | None) -> str:
    """Return why a reference can't be scaled onto a measured curve."""
    if target is not None and np.isfinite(target.values).sum() < 3:
        return f"{target.name} has no values here"
    return "it shares no energies with the stack"


def derivative(energy: Values, values: Values) -> Values:
    """Return the first derivative with respect to energy, on the same energies."""
    return np.gradient(values, energy) if energy.size > 1 else np.full_like(values, np.nan)


def normalized(energy: Values, values: Values) -> tuple[Values, float, float]:
    """Normalize a spectrum to pre-edge 0 and edge jump 1; return it with its original edge jump and its E0 in eV.

    Raises
    ------
    ValueError
        If the energies do not cover an edge and its surroundings, or if there is no edge jump.
    """
    good = np.isfinite(values)
    result = normalize_mu(energy[good], values[good])
    full_mu = np.full(values.shape, np.nan)
    full_mu[good] = result.mu
    return full_mu, float(result.jump), float(result.e0)
