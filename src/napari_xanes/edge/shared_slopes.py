"""Slopes of the lines of an edge that all pixels share: each pixel has only a level and a jump of its own.

The slope of a pre-edge line is the least certain part of a pixel's lines, and extrapolated to E0 it makes most of the
jump's error. What makes the slope is seldom the pixel's own affair: absorption of other elements grows with thickness,
as the jump does, and a beam that drifts between flats and images is the same for all pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.edge.dead_pixels import are_dead
from napari_xanes.edge.lines import EdgeLines, Lines

_SPREAD, _UNCERTAIN = 0.3, 0.3
"""Jumps tell a slope that grows with them from one that does not if their standard deviation is so large a share of
their mean, and noise makes at most such a share of their variance."""

_TOLD = 0.05
"""An error of the jump by shared slopes is told from this share on."""


class SharedSlopes(NamedTuple):
    """The slope of the pre-edge line per eV is ``constant + per_jump * jump``.

    The post-edge line is steeper by ``change_per_jump * jump``. ``scatter`` is the standard deviation of the pixels'
    slopes around this, beyond noise.
    """

    constant: float
    per_jump: float
    change_per_jump: float
    scatter: float


@dataclass
class SlopeStatistics:
    """Sums over pixels from which the shared slopes follow.

    Parameters
    ----------
    edge : EdgeLines
        The lines.
    measure : callable
        Fits lines with slopes of their own to spectra (E, P).

    Examples
    --------
    >>> axis = np.arange(8200.0, 8500)
    >>> thick = np.linspace(0.1, 1, 50)
    >>> x = axis[:, None] - 8343
    >>> edge = EdgeLines(axis, 8343.0, (-140, -20), (30, 150))
    >>> found = SlopeStatistics(edge, edge.measure)
    >>> found.add(((x > 0) - 1e-3 * x) * thick + 2e-4 * x)
    >>> [abs(round(value, 6)) for value in found.slopes()]
    [0.0002, 0.001, 0.0, 0.0]
    """

    edge: EdgeLines
    measure: Callable[[NDArray[Any]], Lines]
    _sums: list[Float64Array] = field(default_factory=list)

    def add(self, block: NDArray[Any]) -> None:
        """Add spectra (E, P); those with a missing value do not count, nor do dead pixels."""
        lines = self.measure(block)
        change, noise = lines.high_slope - lines.low_slope, np.nan_to_num(lines.noise)
        rows = np.stack([lines.low_slope, lines.jump, change, noise])
        rows = rows[:, np.isfinite(rows).all(axis=0) & ~are_dead(self.edge, lines)]
        slope, jump, _, noise = rows
        one = np.ones_like(slope)
        self._sums.append(np.array([one @ one, *(rows @ one), slope @ slope, jump @ jump, slope @ jump, noise @ noise]))

    def slopes(self) -> SharedSlopes:
        """Return the slopes that all pixels share.

        Noise moves a pixel's slope and jump together; its part is subtracted from their variances and covariance, as in
        fits with errors in both variables. Where the jumps of pixels are too alike to tell what grows with them, all of
        the slope is taken to grow with the jump.

        Raises
        ------
        ValueError
            If the mean jump is not positive, or no pixel counts.
        """
        count, slope, jump, change, _, slopes, jumps, both, noise = np.sum(self._sums, axis=0) / max(
            1.0, sum(sums[0] for sums in self._sums)
        )
        if not count or not jump > 0:
            raise ValueError(
                f"slopes can't be shared: the mean edge jump of all pixels is {jump:.3g}; crop to the sample, or "
                "choose slopes = 'per pixel'"
            )
        weights = self.edge.lines.matrix[[1, 3]]
        of_noise = noise * (weights @ weights.T)
        of_jump, of_both, of_slope = jumps - jump**2, both - slope * jump, slopes - slope**2
        true = of_jump - of_noise[1, 1]
        told_apart = of_noise[1, 1] < _UNCERTAIN * true and true > (_SPREAD * jump) ** 2
        per_jump = (of_both - of_noise[0, 1]) / true if told_apart else slope / jump
        constant = slope - per_jump * jump if told_apart else 0.0
        along = np.array([1.0, -per_jump])
        left = of_slope - 2 * per_jump * of_both + per_jump**2 * of_jump - along @ of_noise @ along
        return SharedSlopes(float(constant), float(per_jump), float(change / jump), float(np.sqrt(max(left, 0.0))))


@dataclass(frozen=True)
class SharedLines:
    """Lines of which each spectrum has only the level and the jump.

    Parameters
    ----------
    edge : EdgeLines
        The lines, whose forms the energies choose.
    slopes : SharedSlopes
        Their slopes.

    Examples
    --------
    >>> axis = np.arange(8200.0, 8500)
    >>> lines = SharedLines(EdgeLines(axis, 8343.0, (-140, -20), (30, 150)), SharedSlopes(2e-4, -1e-3, 0.0, 0.0))
    >>> x = axis[:, None] - 8343
    >>> lines.measure(0.5 * ((x > 0) - 1e-3 * x) + 2e-4 * x + 0.1).jump.round(6)
    array([0.5])
    """

    edge: EdgeLines
    slopes: SharedSlopes

    @cached_property
    def _offset(self) -> Float64Array:
        return np.concatenate([self.edge.energy[frames] - self.edge.e0 for frames in self.edge.frames])

    @cached_property
    def _weights(self) -> Float64Array:
        """Weights (2, n) of the points of both ranges that give level and jump."""
        x, slopes = self._offset, self.slopes
        step = slopes.per_jump * x + (x > 0) * (1 + slopes.change_per_jump * x)
        return np.asarray(np.linalg.pinv(np.stack([np.ones_like(x), step], axis=1)), dtype=np.float64)

    def measure(self, block: NDArray[Any]) -> Lines:
        """Fit level and jump of each spectrum (E, P).

        Sigma of the jump holds, besides noise and the error of the lines, what a pixel's slope that is not that of all
        others makes.
        """
        free = self.edge.measure(block)
        used = np.concatenate([block[frames].astype(np.float64) for frames in self.edge.frames])
        low, jump = self._weights @ (used - self.slopes.constant * self._offset[:, None])
        low_slope = self.slopes.constant + self.slopes.per_jump * jump
        high_slope = low_slope + self.slopes.change_per_jump * jump
        noise = np.maximum(free.noise, self.edge.shared_noise) * self.norm
        model = np.hypot(self.edge.model_error * np.abs(jump), self.error_of_slopes)
        terms = np.stack([low, low_slope, high_slope])
        return Lines(low, low_slope, high_slope, jump, free.noise, np.hypot(noise, model), model, terms)

    @property
    def norm(self) -> float:
        """Standard deviation of the jump that independent noise of 1 makes."""
        return float(np.linalg.norm(self._weights[1]))

    @property
    def error_of_slopes(self) -> float:
        """Standard deviation of the jump that comes from how much the slopes of pixels differ."""
        return abs(float(self._weights[1] @ self._offset)) * self.slopes.scatter


def words(lines: SharedLines, jump: Float64Array) -> tuple[str, list[str]]:
    """Return what is shared, and a warning if that makes the jumps (P,) of pixels too uncertain."""
    constant, per_jump, _, scatter = lines.slopes
    text = f"pre-edge slope = {constant:.3g} + {per_jump:.3g} x edge jump per eV"
    text += "" if constant else " (the jumps of pixels are too alike to tell what does not grow with them)"
    typical = float(np.median(jump)) if jump.size else np.inf
    if lines.error_of_slopes <= _TOLD * typical:
        return text, []
    return text, [
        f"the slopes of pixels differ by {scatter:.2g} per eV more than noise explains: shared slopes make the edge "
        f"jump of a pixel wrong by about {lines.error_of_slopes:.2g} ({lines.error_of_slopes / typical:.0%}); choose "
        "slopes = 'per pixel', or crop to one kind of sample"
    ]
