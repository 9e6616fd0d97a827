"""Find features so small that no other bin confirms them: single places far beyond the noise.

The pixels of the place itself confirm the spectrum: the spectrum of the black pixels of a checkerboard must be found in
the white ones, whose noise is independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.denoising.bands import outside, over_bands
from napari_xanes.denoising.binning import BIN, bin_rows, bin_sums, well_measured
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.precision import WeightedStack
from napari_xanes.progress import Progress

_STRONG = 6.5
"""Spreads above the typical squared residual from which on a bin is examined."""

_CONFIRMED = 3.5
"""Standard errors by which the spectrum of one half of a place must be found in the other half."""

_MAX_BINS = 64
"""A larger place would be found by comparing bins, and a smooth change is not a feature."""

_MAX_PLACES = 16
_ELSEWHERE = 5.0
"""Standard errors; a direction that many bins clearly lack is not a new phase."""


@dataclass(frozen=True)
class SmallFeatures:
    """Spectra (E, N) of small places, divided by the noise, and the number of strong places without explanation."""

    directions: Float64Array
    unexplained: int


@dataclass(frozen=True)
class _StrongBins:
    """Bins that are ``strong`` (y, x), the flat numbers of those of each place to examine, in order of strength, how
    many places are too large, and the noise per dimension."""

    strong: BoolArray
    places: list[IndexArray]
    n_too_large: int
    unit_noise: float


def find_small_features(
    residual: Float32Array,
    precision: Float32Array,
    explained: Float64Array,
    weighted: WeightedStack,
    design: DesignMatrix,
    inside: BoolArray,
    *,
    max_directions: int,
    progress: Progress | None = None,
) -> SmallFeatures:
    """Find spectra of places whose own residual is far beyond the noise.

    Parameters
    ----------
    residual : ndarray, shape (E, y, x)
        Bins without the explained spectra, divided by the noise of each energy.
    precision : ndarray, shape (y, x)
        Precision of the bins, 0 where there is no sample.
    explained : ndarray, shape (E, N)
        Orthonormal spectra that are explained already.
    weighted, design
        The stack, and the design matrix that was subtracted.
    inside : ndarray of bool, shape (Y, X)
        Pixels that are averaged into the bins.
    max_directions : int
        Largest number of directions.
    """
    used = well_measured(precision)
    found = _strong_places(residual, precision, used, explained.shape[1])
    directions: list[Float64Array] = []
    unexplained = found.n_too_large
    if not found.places:
        return SmallFeatures(np.zeros((len(residual), 0)), unexplained)
    halves = _half_differences(weighted, design, inside, found.strong, progress)
    number_of = np.cumsum(found.strong.ravel()) - 1
    spectra, weights = residual.reshape(len(residual), -1), precision.ravel()
    noise_limit = (len(residual) + 5 * np.sqrt(2 * len(residual))) / 2
    for number, place in enumerate(found.places):
        weight = weights[place].astype(np.float64)
        basis = np.column_stack([explained, *directions])
        mean = outside(basis, spectra[:, place] @ weight / weight.sum())
        sigma = np.sqrt(2 * found.unit_noise / weight.sum())
        if float(mean @ mean) < noise_limit * sigma**2:
            continue  # an earlier place explains this one
        is_new = False
        if len(directions) < max_directions and number < _MAX_PLACES:
            half = outside(basis, halves[:, number_of[place]] @ weight / weight.sum())
            black, white = mean + half, mean - half
            confirmation = min(_projection(black, white), _projection(white, black)) / sigma
            direction = mean / np.linalg.norm(mean)
            scores = (direction.astype(np.float32) @ spectra) * np.sqrt(weights / found.unit_noise)
            above, below = (int((used.ravel() & (sign * scores > _ELSEWHERE)).sum()) for sign in (1, -1))
            is_new = confirmation > _CONFIRMED and above > 3 * below
        if is_new:
            directions.append(direction)
        else:
            unexplained += 1
    return SmallFeatures(np.array(directions).reshape(-1, len(residual)).T, unexplained)


def detection_limit(precision: Float32Array, n_energies: int) -> float:
    """Return the smallest feature that would be seen in one bin: root mean square over energies of what is unexplained.

    Parameters
    ----------
    precision : ndarray, shape (y, x)
        Precision of the bins, 0 where there is no sample.
    n_energies : int
        Number of energies.

    Examples
    --------
    >>> round(detection_limit(np.full((8, 8), 1e4, np.float32), 50), 4)
    0.0114
    """
    typical = float(np.median(precision[well_measured(precision)]))
    return float(np.sqrt(_STRONG * np.sqrt(2 / n_energies) / typical))


def _strong_places(residual: Float32Array, precision: Float32Array, used: BoolArray, n_explained: int) -> _StrongBins:
    """Find connected bins whose squared residual is far above the typical one."""
    from scipy.ndimage import label

    power = np.where(used, np.einsum("eyx,eyx->yx", residual, residual) * precision, 0)
    typical = float(np.median(power[used]))
    deviation = 1.4826 * float(np.median(np.abs(power[used] - typical)))
    spread = max(deviation, typical * np.sqrt(2 / len(residual)))
    strong = power > typical + _STRONG * spread
    labels, count = label(strong, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sums = np.bincount(labels.ravel(), power.ravel(), minlength=count + 1)
    order = [int(i) for i in np.argsort(-sums[1:]) + 1 if sizes[i] <= _MAX_BINS]
    bins = np.split(np.argsort(labels.ravel(), kind="stable"), np.cumsum(sizes)[:-1])
    places = [bins[i] for i in order]
    return _StrongBins(strong, places, count - len(order), typical / (len(residual) - n_explained))


def _half_differences(
    weighted: WeightedStack, design: DesignMatrix, inside: BoolArray, strong: BoolArray, progress: Progress | None
) -> Float32Array:
    """Return half the difference between black and white pixels in the S strong bins, (E, S).

    Slow changes, and so everything that was subtracted, cancel in the difference.
    """
    before = np.concatenate([[0], np.cumsum(strong.sum(axis=1))])
    differences = np.empty((design.root_weight.size, before[-1]), np.float32)
    colour = (np.indices(inside.shape).sum(axis=0) % 2).astype(np.float32)
    precision = np.where(inside, weighted.precision, 0).astype(np.float32)
    weights = [precision * colour, precision * (1 - colour)]
    totals = [np.maximum(bin_sums(weight), 1e-30) for weight in weights]

    def add(band: Float32Array, rows: slice) -> None:
        bins = bin_rows(rows, band.shape[1])
        if not strong[bins].any():
            return
        values = weighted.unbiased(band, rows)
        black, white = (
            bin_sums(values * weight[rows]) / total[bins] for weight, total in zip(weights, totals, strict=True)
        )
        differences[:, before[bins.start] : before[bins.stop]] = ((black - white) / 2)[:, strong[bins]]

    over_bands(add, weighted.stack.data, multiple=BIN, progress=progress, message="small features")
    return differences * design.root_weight.astype(np.float32)[:, None]


def _projection(direction: Float64Array, spectrum: Float64Array) -> float:
    return float(direction @ spectrum) / max(float(np.linalg.norm(direction)), 1e-30)
