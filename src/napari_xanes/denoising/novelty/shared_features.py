"""Find spectra outside the design matrix that several bins share, and tell them from noise and misregistration.

A direction (unit spectrum) is learned on one colour of a checkerboard of bins and must be found on the other, where the
noise is independent. A new phase only adds to the absorption; shifts between frames add here and subtract there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import outside, rows_at_once
from napari_xanes.denoising.binning import BIN, BinnedStack, well_measured
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.novelty.amounts import SLOW, high_pass

MAX_FEATURES = 4
"""Largest number of new features."""

_CLEAR, _MIN_BINS, _MIN_COSINE = 3.5, 5, 0.35
"""A direction is accepted if it is this clear, in standard errors, in so many bins of the other colour, and if the
directions learned on both colours have at least this cosine. By chance, one of 2000 bins is as clear; chance directions
at 80 energies are as similar once in a thousand times."""

_ONE_SIDED = 3.0
"""Ratio of bins that gain to bins that lose absorption above which a direction counts as a new phase."""

_STARTS, _REFINEMENTS = 8, 6
_SOFT_THRESHOLD = 2.5  # standard errors


@dataclass(frozen=True)
class NovelDirections:
    """Orthonormal spectra outside the design matrix, divided by the noise.

    ``new`` (E, N) are new features and ``nuisance`` (E, M) the effects of misregistration. ``unexplained`` places are
    far beyond the noise but can't be told from artefacts, and are not kept.
    """

    new: Float64Array
    nuisance: Float64Array
    unexplained: int


def residual_bins(
    binned: BinnedStack, design: DesignMatrix, background: Background | None, *, has_air: bool
) -> Float32Array:
    """Return the binned sample without the design and the background, (E, y, x).

    Parameters
    ----------
    binned : BinnedStack
        Means over bins, divided by the noise; those of the sample are overwritten by the result.
    design, background
        Explained parts of the data.
    has_air : bool
        Whether patterns of the beam could be told from the sample. If not, all slow changes are taken for patterns.
    """
    residual = binned.sample
    parts = rows_at_once(*residual.shape[1:])
    if background is not None:
        for rows in parts:
            residual[:, rows] -= background.on_bins(rows)
    if not has_air:
        for image in residual:
            image[:] = high_pass(image, binned.sample_precision, SLOW / BIN)
    for rows in parts:
        residual[:, rows] = outside(design.basis, residual[:, rows])
    return residual


def find_shared_features(
    residual: Float32Array, precision: Float32Array, n_explained: int
) -> tuple[Float64Array, Float64Array]:
    """Find spectra that several bins share: new features (E, N), and effects of misregistration (E, M).

    Parameters
    ----------
    residual : ndarray, shape (E, y, x)
        As from `residual_bins`.
    precision : ndarray, shape (y, x)
        Precision of the bins, 0 where there is no sample.
    n_explained : int
        Number of dimensions that were subtracted from each spectrum.
    """
    used = well_measured(precision)
    if used.sum() < _MIN_BINS:
        nothing = np.empty((len(residual), 0))
        return nothing, nothing
    scores = residual[:, used]
    scores *= np.sqrt(precision[used])
    scores /= np.sqrt(np.median(np.einsum("ep,ep->p", scores, scores)) / (len(scores) - n_explained))
    colour = (np.indices(precision.shape).sum(axis=0) % 2)[used]
    directions: dict[bool, list[Float64Array]] = {True: [], False: []}
    for _ in range(2 * MAX_FEATURES):
        clearest = _clearest_direction(scores, colour)
        if clearest is None or len(directions[True]) == MAX_FEATURES:
            break
        direction, one_sided = clearest
        directions[one_sided].append(direction)
        outside(direction[:, None], scores, out=scores)
    new, nuisance = (np.array(directions[kind]).reshape(-1, len(scores)).T for kind in (True, False))
    return new, nuisance


def _clearest_direction(scores: NDArray[Any], colour: NDArray[np.intp]) -> tuple[Float64Array, bool] | None:
    """Return the clearest direction that both colours confirm, and whether it only adds absorption."""
    if not (colour == 0).any() or not (colour == 1).any():
        return None
    half_directions = [_leading_direction(scores[:, colour == i]) for i in (0, 1)]
    half_amounts = [_amounts(direction, scores)[colour != i] for i, direction in enumerate(half_directions)]
    n_above = [int((amounts > _CLEAR).sum()) for amounts in half_amounts]
    n_below = [int((amounts < -_CLEAR).sum()) for amounts in half_amounts]
    if sum(n_above) + sum(n_below) < _MIN_BINS or abs(half_directions[0] @ half_directions[1]) < _MIN_COSINE:
        return None
    signs = [1.0 if a >= b else -1.0 for a, b in zip(n_above, n_below, strict=True)]
    start = signs[0] * half_directions[0] + signs[1] * half_directions[1]
    direction = _refined(scores, start / np.linalg.norm(start))
    more, fewer = (sum(sorted(pair)[k] for pair in zip(n_above, n_below, strict=True)) for k in (1, 0))
    return direction, more > _ONE_SIDED * fewer


def _leading_direction(scores: NDArray[Any]) -> Float64Array:
    """Return the direction that other bins share most clearly, starting from each of the strongest bins."""
    power = np.einsum("ep,ep->p", scores, scores)
    best, best_clarity = scores[:, 0], -1.0
    for start in np.argsort(power)[-_STARTS:]:
        direction = _refined(scores, scores[:, start] / np.sqrt(power[start]))
        amounts = np.abs(_amounts(direction, scores))
        amounts[start] = 0  # the bin itself is no confirmation
        clarity = float(np.sum(np.maximum(amounts - 3, 0) ** 2))
        if clarity > best_clarity:
            best, best_clarity = direction, clarity
    return best


def _refined(scores: NDArray[Any], direction: Float64Array) -> Float64Array:
    """Replace a direction repeatedly by the mean spectrum of the bins where its amount is clear."""
    for _ in range(_REFINEMENTS):
        amounts = _amounts(direction, scores)
        mean = scores @ (np.sign(amounts) * np.maximum(np.abs(amounts) - _SOFT_THRESHOLD, 0))
        size = float(np.linalg.norm(mean))
        if size == 0:
            break
        direction = mean / size
    return direction


def _amounts(direction: NDArray[Any], scores: NDArray[Any]) -> NDArray[Any]:
    """Return the amount (P,) of a direction (E,) in scores (E, P), of which no copy in double precision is made."""
    result: NDArray[Any] = direction.astype(scores.dtype) @ scores
    return result
