"""What `match_library` estimates once for a whole stack: offset, broadening, spread of shifts, ambiguous charges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.maps.matching.energy_window import EnergyWindow
from napari_xanes.maps.matching.l_edge_matcher import Limits, Matcher
from napari_xanes.maps.matching.l_edge_model_error import TIED, TIED_RATIO, free_ratio, has_tested_energies
from napari_xanes.maps.matching.mean_misfit import NARROWEST, WIDEST, MeanMisfit
from napari_xanes.maps.matching.pixel_sample import PixelSample
from napari_xanes.maps.matching.projection import project
from napari_xanes.maps.matching.search_grid import SearchGrid, build_search_grid, checked_weights, is_common
from napari_xanes.maps.matching.track_weights import estimate_track_weights
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

MAX_OFFSET = 2.0
"""Largest offset of a stack's energies that is searched, in eV."""

_AT_THE_END = 0.05
"""An offset that is nearer than this (eV) to the largest one stands at the end of its reach."""

_TIED_STEP = 0.1

_ALL_OFFSETS: Float64Array = np.linspace(-MAX_OFFSET, MAX_OFFSET, 21)

_MAX_MEMBERS = 240
"""So many members are enough to find the offset."""

_START_WIDTHS = (0.2, 0.4, 0.8)

_WIDTH_FACTORS = (1.25, 1.1, 1.05)
"""The sample is matched at most once per factor. Each time the width is improved among width / factor, width, width *
factor."""

_WIDTH_TOLERANCE = 0.03
"""The width has converged when its logarithm changes by less."""

_OFFSET_CONVERGED = 0.005
"""The offset has converged when it changes by less, in eV."""

_REWEIGHT_TOLERANCE = 0.07
"""The track weights are estimated again when the width has changed by a larger share."""

_ALIGNED = 0.06
"""Pixels whose shift is within this many eV of the mean shift are averaged to estimate the broadening."""

_MAX_MEANS, _TEN_DQ_BIN = 24, 0.05
"""Number of mean spectra, and the width in eV of the 10Dq bins that they are means of."""

_MIN_PIXELS_FOR_SPREAD = 20


@dataclass(frozen=True)
class FitState:
    """Properties of a whole stack.

    Parameters
    ----------
    offset : float
        How much too high the stack's energies read, in eV.
    broadening : float
        Full width of the instrument's Gaussian in eV.
    shift_spread : float
        Standard deviation of the pixels' shifts in eV.
    track_weights : list of float
        Weight of each track of the library.
    ambiguous : list of float
        Charges that can't be told apart on this stack.
    """

    offset: float
    broadening: float
    shift_spread: float
    track_weights: list[float]
    ambiguous: list[float]


class MeanSpectra(NamedTuple):
    """Mean spectra (E, G) of unit length without background, and the weight of each (G,)."""

    means: Float64Array
    weights: Float64Array


class ShiftStatistics(NamedTuple):
    """Mean shift of the pixels and its spread beyond noise, both in eV, and means of the pixels at the mean shift."""

    mean: float
    spread: float
    aligned: MeanSpectra | None


def estimate_fit_state(
    library: Library,
    window: EnergyWindow,
    sample: PixelSample,
    *,
    offset: float | None,
    broadening: float | None,
    shift_spread: float | None,
    track_weights: Sequence[float] | None,
    shift: float,
    background: str,
    n_components: int,
) -> FitState:
    """Estimate every parameter that was left as None.

    Offset and width start where means of similar pixels fit best. Then, up to three times, the library's tracks are
    weighted, and the sample is matched pixel by pixel with the common tracks, which gives the shifts of the pixels.
    Pixels without a shift of their own are averaged and give a better width: in other means the shifts blur the lines.

    Raises
    ------
    ValueError
        If there are more or fewer weights than tracks.
    """
    grid_at = partial(build_search_grid, library, window.energy, background=background, n_components=n_components)
    columns = background_columns(window.energy, background)
    subset = np.arange(0, len(library), max(1, len(library) // _MAX_MEMBERS))
    misfit = MeanMisfit(library, subset, window.energy, columns, sample.means, sample.weights)
    offsets = _ALL_OFFSETS if offset is None else np.array([offset])
    limits = float(offsets[0]), float(offsets[-1])
    total_offset, width = misfit.minimum(offsets, _START_WIDTHS, broadening)
    weights = checked_weights(library, track_weights).tolist()
    spread = shift if shift_spread is None else shift_spread
    weighted_width, aligned = -1.0, None  # no width yet
    for factor in _WIDTH_FACTORS:
        if track_weights is None and abs(width - weighted_width) > _REWEIGHT_TOLERANCE * abs(weighted_width):
            grid = grid_at(offset=total_offset, broadening=width, shift=shift, spread=spread)
            weights, weighted_width = estimate_track_weights(grid, sample.spectra).round(4).tolist(), width
        if offset is not None and broadening is not None and shift_spread is not None:
            break
        common = np.flatnonzero(is_common(np.array(weights)))
        grid = grid_at(offset=total_offset, broadening=width, shift=shift, spread=shift, tracks=common)
        shifts = _measure_shifts(grid, sample.spectra, shift)
        spread, aligned = (shifts.spread if shift_spread is None else shift_spread), shifts.aligned
        if aligned is None:
            break
        mean_shift, previous_width = (0.0 if offset is not None else shifts.mean), width
        total_offset = float(np.clip(total_offset + mean_shift, *limits))
        if broadening is None:
            grid_of_width = partial(grid_at, offset=total_offset, shift=min(shift, _ALIGNED), spread=_ALIGNED)
            width = _improve_width(partial(grid_of_width, tracks=common), aligned, width, factor)
        is_same_width = width == previous_width or abs(np.log(width / previous_width)) < _WIDTH_TOLERANCE
        if is_same_width and abs(mean_shift) < _OFFSET_CONVERGED:
            break
    means, counts = aligned or (sample.means, sample.weights)
    misfit = MeanMisfit(library, np.arange(len(library)), window.energy, columns, means, counts)
    ambiguous = _ambiguous_charges(misfit, offset, total_offset, width)
    return FitState(total_offset, width, spread, weights, ambiguous)


def is_at_the_end(offset: float) -> bool:
    """Whether an estimated offset (eV) stands at the end of its reach."""
    return MAX_OFFSET - _AT_THE_END <= abs(offset) <= MAX_OFFSET


def _ambiguous_charges(misfit: MeanMisfit, given: float | None, offset: float, width: float) -> list[float]:
    """The charges that can't be told apart, all if the offset lies at a limit; `given` is the user's offset."""
    charges = misfit.library.table["charge"]
    charges = np.unique(charges[np.isfinite(charges)])
    if given is None and is_at_the_end(offset) and charges.size > 1:
        return [float(charge) for charge in charges]
    if given is None:
        return misfit.ambiguous_charges(_ALL_OFFSETS, offset, width, free_ratio(misfit.library))
    if has_tested_energies(misfit.library):
        return misfit.ambiguous_charges(offset + np.arange(-TIED, TIED + 0.01, _TIED_STEP), offset, width, TIED_RATIO)
    return misfit.ambiguous_charges(offset + _ALL_OFFSETS, offset, width, free_ratio(misfit.library))


def _measure_shifts(grid: SearchGrid, spectra: Float32Array, shift: float) -> ShiftStatistics:
    """Match spectra (E, P) and return the statistics of their shifts; `shift` is the largest allowed."""
    matcher = _plain_matcher(grid, spectra.shape[1])
    match = matcher.match(spectra)
    good = (match.doubt == 0) & (np.abs(match.shift) <= shift)
    if not good.any():
        return ShiftStatistics(0.0, shift / 3, None)
    shifts, errors = match.shift[good], match.shift_sigma[good]
    mean = float(np.average(shifts, weights=1 / (errors**2 + np.var(shifts) + 1e-12)))
    spread = np.sqrt(max(0.0, float(np.mean((shifts - mean) ** 2) - np.mean(errors**2))))
    if good.sum() < _MIN_PIXELS_FOR_SPREAD:
        spread = shift / 3
    aligned = np.flatnonzero(good)[np.abs(shifts - mean) <= _ALIGNED]
    bins = np.nan_to_num(match.ten_dq[aligned] / _TEN_DQ_BIN).round() + 1e3 * grid.track[match.node[aligned]]
    means = _means_of_bins(spectra[:, aligned], bins, grid.background) if aligned.size else None
    return ShiftStatistics(mean, float(np.round(spread, 6)), means)


def _plain_matcher(grid: SearchGrid, n_pixels: int) -> Matcher:
    """A matcher that doubts weak pixels only."""
    no_species = np.zeros(len(grid.species), dtype=bool)
    return Matcher(grid, slice(None), Limits(None, 1.0, 0.0, no_species), n_pixels)


def _means_of_bins(spectra: Float32Array, bins: Float64Array, background: Float32Array) -> MeanSpectra:
    """Mean spectra of the bins with most spectra, weighted by their number."""
    numbers, counts = np.unique(bins, return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:_MAX_MEANS]
    means = np.stack([spectra[:, bins == number].mean(axis=1) for number in numbers[largest]], axis=1)
    means -= background @ (background.T @ means)
    return MeanSpectra((means / np.linalg.norm(means, axis=0)).astype(np.float64), counts[largest].astype(np.float64))


def _improve_width(
    grid_of_width: Callable[..., SearchGrid], spectra: MeanSpectra, width: float, factor: float
) -> float:
    """The width at which mean spectra are most likely, each with its own noise: the vertex of a parabola.

    Means are used because narrow lines fit single noisy spectra, with free 10Dq and shift, better than the true lines.
    """
    steps = np.log(factor) * np.array([-1.0, 0.0, 1.0])
    cost = []
    for step in steps:
        grid = grid_of_width(broadening=width * float(np.exp(step)))
        projection = project(grid, spectra.means.astype(np.float32))
        fits = _plain_matcher(grid, spectra.weights.size).fit_species(projection, len(spectra.means))
        cost.append(float(np.average(np.log(fits.best.squares), weights=spectra.weights)))
    curvature, slope, _ = np.polyfit(steps, cost, 2)
    limit = 2 * steps[2]
    move = -slope / (2 * curvature) if curvature > 0 else -np.sign(slope) * limit
    return float(np.clip(width * np.exp(np.clip(move, -limit, limit)), NARROWEST, WIDEST))
