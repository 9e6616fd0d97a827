"""Noise that all pixels share at an energy: a beam that flickers between the flats and the images."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Block, Float64Array
from napari_xanes.edge.dead_pixels import are_dead
from napari_xanes.edge.lines import EdgeLines, Lines

_MOST_UNCERTAIN = 0.3
"""Jumps of pixels tell what belongs to the sample if noise makes at most this share of their variance."""

_LEAST_SPREAD = 0.5
"""And if their standard deviation is at least this share of their mean: else the composition may follow the jump."""


_COLUMNS = 1 << 12
"""So many spectra are summed at once, in the processor's cache."""


def shared_noise(edge: EdgeLines, spectra: Block, lines: Lines | None = None) -> float:
    """Return the standard deviation of the noise that all spectra share at an energy, in their unit.

    It is what the residuals of the pre-edge and post-edge lines have in common, apart from what grows with the edge
    jump, which is fine structure. Where all pixels have about the same jump, only pre-edge lines tell the two apart.

    Parameters
    ----------
    edge : EdgeLines
        The lines.
    spectra : ndarray, shape (E, P)
        Spectra of many pixels, those without material included.
    lines : Lines, optional
        What `edge` measures in them, if that is known.

    Returns
    -------
    float
        0 if the residuals share no more than the noise of single pixels explains.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> axis = np.arange(8200.0, 8500)
    >>> jumps = np.linspace(0, 1, 500)
    >>> spectra = (axis > 8343)[:, None] * jumps + 0.02 * rng.standard_normal((300, 500))
    >>> spectra += 0.01 * rng.standard_normal((300, 1))
    >>> round(shared_noise(EdgeLines(axis, 8343.0, (-140, -20), (30, 150)), spectra), 3)
    0.01
    """
    lines = edge.measure(spectra) if lines is None else lines
    dead = are_dead(edge, lines)
    if dead.any():
        good = np.flatnonzero(~dead)
        spectra, lines = spectra.take(good, axis=1), lines.of_pixels(good)
    n_lost, n_pixels = 4, spectra.shape[1]
    jump, mean_jump = lines.jump - lines.jump.mean(), float(lines.jump.mean())
    of_noise = float(np.mean(lines.sigma**2 - lines.model**2))
    true = float(np.mean(jump**2)) - of_noise
    # Residuals are linear in the spectra: those of a sum are the sum of those of all pixels.
    if of_noise < _MOST_UNCERTAIN * true and true > (_LEAST_SPREAD * mean_jump) ** 2:
        weight = (1 - jump * mean_jump / true) / n_pixels
        common = np.concatenate(edge.residuals(_sum(spectra, weight)))
        leverage = 1 + mean_jump**2 / true
    else:
        common, leverage, n_lost = edge.residuals(_sum(spectra, np.full(n_pixels, 1 / n_pixels)))[0], 1.0, 2
    if common.size <= n_lost:
        return 0.0
    explained = leverage * float(np.mean(lines.noise**2)) / n_pixels
    return float(np.sqrt(max(_square(common) / (common.size - n_lost) - explained, 0.0)))


def _sum(spectra: Block, weight: Float64Array) -> Float64Array:
    """Return the weighted sum of spectra, (E, 1)."""
    parts = (slice(first, first + _COLUMNS) for first in range(0, weight.size, _COLUMNS))
    total: Float64Array = sum((spectra[:, part].astype(np.float64) @ weight[part] for part in parts), np.zeros(1))
    return total[:, None]


def _square(values: Float64Array) -> float:
    return float(np.sum(values**2))
