"""How much of a missing phase a spot must hold, so that the search would have found it in this stack."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.denoising.novelty.faint_features import RADII, kernel, least_evidence
from napari_xanes.denoising.novelty.half_sums import CELL, HalfSums, surroundings
from napari_xanes.denoising.novelty.plausible import PlausibleSpectra, unlike

WIDTHS = (4, 8, 16)
"""Diameters of spots in pixels for which limits are given."""

_DIFFERENT = 25
"""Percentile of the candidates' differences from the references: a phase is assumed to differ as much."""

_CERTAIN = 1.28
"""Standard errors above the threshold from which on a spot is found in nine of ten cases."""

_MATCHED = 0.9
"""Share of a phase's height that the most similar candidate, at the nearest cell, keeps."""

_FINE, _GRID = 8, 49  # points along a cell, for the share of it that a spot covers, and cells along an image


def spot_limits(halves: HalfSums, plausible: PlausibleSpectra) -> list[float]:
    """Return the edge jump of a phase that is found in one spot with 90 % probability, for each of `WIDTHS`.

    This holds for a phase that differs from the references more than a quarter of the candidates do, in a place as well
    measured as most. Several spots of one phase need less.

    Parameters
    ----------
    halves : HalfSums
        Projections of the stack on ``plausible.basis``.
    plausible : PlausibleSpectra
        What a phase may look like.

    Returns
    -------
    list of float
        In units of the edge jump of the maps; infinite if nothing is measured.
    """
    used = halves.precision > 0
    if not used.any() or plausible.candidates.shape[1] == 0:
        return [np.inf] * len(WIDTHS)
    gram = halves.gram.sum(axis=0)
    squares = np.einsum("rk,rs,sk->k", plausible.candidates, gram, plausible.candidates, optimize=True)
    bank = unlike(plausible.candidates, gram)
    scores = np.tensordot(bank[:, 0].astype(np.float32), halves.sums.sum(axis=0), 1)[used]
    noise = 1.4826 * float(np.median(np.abs(scores / np.sqrt(halves.precision[used]))))
    height = float(np.sqrt(np.percentile(squares, _DIFFERENT) * np.median(halves.precision[used]))) / max(noise, 1e-30)
    needed = [_needed_height(radius, int(used.sum()), bank.shape[1]) for radius in RADII]
    return [
        min(need / (_MATCHED * height * _response(width, radius)) for need, radius in zip(needed, RADII, strict=True))
        for width in WIDTHS
    ]


def _needed_height(radius: float, n_cells: int, n_candidates: int) -> float:
    """Return the standard errors that one place needs, from the peaks that noise is expected to leave.

    The expected number above z is d z exp(-z^2 / 2) with d = n / (2 radius^2 (2 pi)^1.5) for Gaussian means.
    """
    from scipy.optimize import brentq

    density = n_cells / (2 * max(radius, 0.7) ** 2 * (2 * np.pi) ** 1.5)
    expected = -least_evidence(n_candidates) - 1
    found = brentq(lambda z: np.log(density * z) - z**2 / 2 - expected, 1.0, 40.0)
    return float(found) + _CERTAIN


def _response(width: float, radius: float) -> float:
    """Return the height in the middle of a spot of 1 per cell and unit noise, in the mean over a Gaussian."""
    fine = (np.arange(_GRID * _FINE) + 0.5) / _FINE - _GRID / 2
    inside = np.hypot(fine[:, None], fine) < width / CELL / 2
    cells = inside.reshape(_GRID, _FINE, _GRID, _FINE).mean(axis=(1, 3)).astype(np.float32)
    weights: Float64Array = kernel(radius)
    middle = slice(_GRID // 2 - len(weights) // 2, _GRID // 2 + len(weights) // 2 + 1)
    beyond = (cells - surroundings(cells))[middle, middle]
    return float(weights @ beyond @ weights / np.sum(weights**2))
