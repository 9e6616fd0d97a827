"""Lines of an edge that single values do not pull: glitches, diffraction peaks, zingers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.edge.lines import EdgeLines, Lines

_HUBER, _BISQUARE = 1.345, 4.685
"""Limits in standard deviations; with them both lose 5 % of the information of normal noise."""

_ROUNDS, _STILL = 15, 0.01
"""Most fits with Huber's weights, and as many with the bisquare, until a jump moves by less than this share of its
sigma: a value of leverage h converges as h to the power of the rounds."""

_LEAST = 5
"""Of fewer values nobody can say which is wrong."""

_LEAST_KEPT = 0.2
"""Errors are not made larger than by one over this."""

_Measure = Callable[[NDArray[Any]], Lines]
_Weights = Callable[[Float64Array], tuple[Float64Array, Float64Array]]


def measure_robust(edge: EdgeLines, block: NDArray[Any], measure: _Measure | None = None) -> Lines:
    """Fit the lines of an edge to spectra so that values far from them count less or not at all.

    Parameters
    ----------
    edge : EdgeLines
        The lines, of any form.
    block : ndarray, shape (E, P)
        Spectra in columns.
    measure : callable, optional
        Fits the lines to spectra, by default `EdgeLines.measure`.

    Returns
    -------
    Lines
        As of `EdgeLines.measure`. Noise and sigma are those of the weighted values.

    Notes
    -----
    Instead of weighting the values of each pixel, they are replaced by the fit plus the part of their residual that
    counts, and fitted again: the modified residuals of Huber & Dutter (Huber, Robust Statistics, 1981, section 7.8),
    which need no other matrix than that of the unweighted fit. Huber's weights come first, as they have one solution,
    then Tukey's bisquare, which gives no weight beyond 4.7 standard deviations. The scale of each side is the median
    absolute residual of the pixel. Fine structure scatters more than noise, so it is not taken for glitches.

    Examples
    --------
    >>> energy = np.arange(8200.0, 8600.0, 4.0)
    >>> mu = (energy > 8343) + 0.01 * np.sin(energy)
    >>> mu[[10, 70]] += 3
    >>> lines = EdgeLines(energy, 8343.0, (-140, -20), (30, 250))
    >>> [round(float(found.jump[0]), 2) for found in (lines.measure(mu[:, None]), measure_robust(lines, mu[:, None]))]
    [1.11, 1.0]
    """
    measure = measure or edge.measure
    values = block.astype(np.float64)
    modified, kept = values.copy(), np.ones(values.shape[1])
    for weights in (_huber, _bisquare):
        _settle(edge, measure, weights, values, modified, kept)
    lines = measure(modified)
    of_noise = np.sqrt(np.maximum(lines.sigma**2 - lines.model**2, 0)) / kept
    return lines._replace(noise=lines.noise / kept, sigma=np.hypot(of_noise, lines.model))


def _settle(
    edge: EdgeLines,
    measure: _Measure,
    weights: _Weights,
    values: Float64Array,
    modified: Float64Array,
    kept: Float64Array,
) -> None:
    """Fit until the jumps of all spectra (E, P) stay; write `modified` values and the share (P,) that was `kept`."""
    active = np.arange(values.shape[1])
    last = np.full(active.size, np.inf)
    for _ in range(_ROUNDS):
        now = modified[:, active]
        lines = measure(now)
        kept[active] = _modify(edge, lines, values[:, active], now, weights)
        modified[:, active] = now
        with np.errstate(invalid="ignore"):
            moves = np.abs(lines.jump - last) > _STILL * lines.sigma
        active, last = active[moves], lines.jump[moves]
        if not active.size:
            return


def _modify(
    edge: EdgeLines, lines: Lines, values: Float64Array, modified: Float64Array, weights: _Weights
) -> Float64Array:
    """Write fit plus weighted residual into `modified`; return by how much it follows the values on average, (P,)."""
    slopes, count = np.zeros(values.shape[1]), 0
    for frames in edge.frames:
        fitted = fitted_values(edge, lines, frames)
        residual = values[frames] - fitted
        if len(residual) < _LEAST:
            continue
        scale = np.median(np.abs(residual), axis=0) / 0.6745 * np.sqrt(len(residual) / (len(residual) - 2))
        with np.errstate(invalid="ignore", divide="ignore"):
            weight, slope = weights(residual / scale)
        weight[:, ~(scale > 0)], slope[:, ~(scale > 0)] = 1, 1
        modified[frames] = fitted + weight * residual
        slopes, count = slopes + slope.sum(axis=0), count + len(residual)
    return np.clip(slopes / count, _LEAST_KEPT, 1) if count else np.ones_like(slopes)


def fitted_values(edge: EdgeLines, lines: Lines, frames: slice | IndexArray) -> Float64Array:
    """Return what was fitted to the values of some frames of a range, (F, P)."""
    offset = edge.energy[frames] - edge.e0
    above = (offset > 0)[:, None]
    curves = edge.lines.curves
    if curves is not None:
        below_and_above: Float64Array = curves.design(offset, flatten=True) @ lines.terms
        return below_and_above + above * lines.jump
    x = offset[:, None]
    if edge.step is not None:
        return lines.low + lines.low_slope * x + above * (edge.step[frames][:, None] * lines.jump)
    return lines.low + np.where(above, lines.jump + lines.high_slope * x, lines.low_slope * x)


def _huber(distance: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the weights of residuals in standard deviations, and the slopes of weight times residual."""
    size = np.abs(distance)
    return np.minimum(1, _HUBER / size), (size <= _HUBER).astype(np.float64)


def _bisquare(distance: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Do as `_huber`, with Tukey's weights, which are 0 for far values."""
    square = np.minimum((distance / _BISQUARE) ** 2, 1)
    return (1 - square) ** 2, (1 - square) * (1 - 5 * square)
