"""Which peaks, step and background are asked for, checked against the energies of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.edge import Range, require_absorption
from napari_xanes.maps.fitting.peak_model import PeakModel, Shape, Step
from napari_xanes.stack import SpectralStack

Background = Literal["line", "spline"]

_MOST_PEAKS = 6

_BESIDE = 3
"""So many knots of the spline lie on each side of the peaks, and so many energies at least."""

_REACH = 3.0
"""Peaks reach so many times the width to begin with beyond their centres."""


@dataclass(frozen=True)
class AskedPeaks:
    """The parameters of `fit_peaks` that say what is fitted."""

    centers: list[float]
    shape: Shape
    step: Step
    background: Background
    knots: list[float] | None
    energy: Range | None
    width: float

    def model(self, stack: SpectralStack) -> tuple[PeakModel, slice]:
        """Return the model and its frames."""
        require_absorption(stack, "fit_peaks", normalized=True, scaled=True)
        low, high = self.energy or (float(stack.energy[0]), float(stack.energy[-1]))
        frames = slice(*np.searchsorted(stack.energy, (low, np.nextafter(high, np.inf))).tolist())
        energy, n_peaks = stack.energy[frames], len(self.centers)
        if not 1 <= n_peaks <= _MOST_PEAKS:
            raise ValueError(f"centers has {n_peaks} energies; give those of 1 to {_MOST_PEAKS} peaks in eV")
        outside = [one for one in self.centers if not energy.size or not energy[0] <= one <= energy[-1]]
        if outside:
            raise ValueError(
                f"a peak at {outside[0]:g} eV lies outside of the energies that are fitted, {low:g} to {high:g} eV; "
                "give one inside"
            )
        knots = self._knots(energy) if self.background == "spline" else None
        model = PeakModel(energy, self.shape, n_peaks, self.step, knots)
        if energy.size < model.n_parameters + 1:
            raise ValueError(
                f"{stack.name!r} has {energy.size} energies in {low:g} to {high:g} eV, but the fit has "
                f"{model.n_parameters} parameters: give a wider energy range or fewer peaks"
            )
        return model, frames

    def _knots(self, energy: Float64Array) -> Float64Array:
        """Return the energies that the spline goes through: those that are given, or some beside the peaks."""
        if self.knots is not None:
            knots = np.unique(np.asarray(self.knots, dtype=np.float64))
            inside = (knots >= energy[0]) & (knots <= energy[-1])
            if knots.size < 4 or not inside.all():
                raise ValueError(
                    f"a spline needs at least 4 different knots within the energies that are fitted, {energy[0]:g} to "
                    f"{energy[-1]:g} eV, not {knots.tolist()}"
                )
            return knots
        first, last = min(self.centers) - _REACH * self.width, max(self.centers) + _REACH * self.width
        below, above = energy[energy <= first], energy[energy >= last]
        if min(below.size, above.size) < _BESIDE:
            raise ValueError(
                f"a spline needs {_BESIDE} energies on both sides of the peaks, below {first:g} and above {last:g} eV, "
                f"not {below.size} and {above.size}: widen energy, give a smaller width or the knots, or take a line"
            )
        ends = (below[0], below[-1]), (above[0], above[-1])
        return np.concatenate([np.linspace(*pair, _BESIDE) for pair in ends])


def inside(model: PeakModel, parameters: Float64Array) -> BoolArray:
    """Return which fits have all peaks within the energies, and no wider than these."""
    low, high = model.energy[[0, -1]]
    finest = np.diff(model.energy).min() / 4
    good = np.isfinite(parameters).all(axis=1)
    for i in model.peaks:
        sigma = np.exp(np.clip(parameters[:, i + 1], -50, 50))
        good &= (parameters[:, i] >= low) & (parameters[:, i] <= high) & (sigma > finest) & (sigma < high - low)
    return np.asarray(good, dtype=bool)
