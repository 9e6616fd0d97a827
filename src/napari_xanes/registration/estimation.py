"""The shifts of a stack with their errors: a start, frames that show little, the joint fit, a check of each frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.progress import Progress, part
from napari_xanes.registration.drift import Drift, between
from napari_xanes.registration.foreign import frames_of_their_own
from napari_xanes.registration.fourier import (
    HIGHEST,
    LOWEST,
    Band,
    Blurs,
    Coefficients,
    band_of,
    coefficients,
    common_window,
)
from napari_xanes.registration.halves import excess
from napari_xanes.registration.held import sigma_of_held
from napari_xanes.registration.hidden_drift import hidden_drift
from napari_xanes.registration.joint import Fit, fit
from napari_xanes.registration.jumps import with_neighbours
from napari_xanes.registration.learning import first_model, in_other_units, likelier
from napari_xanes.registration.likelihood import Model, Moved
from napari_xanes.registration.passes import LEAST_ERROR, held_share, in_place, settled, to_come
from napari_xanes.registration.products import energy
from napari_xanes.registration.repeating import period_of
from napari_xanes.registration.start import rematched, start, strong
from napari_xanes.registration.tracking import tracked
from napari_xanes.registration.unsettled import still_to_come, unsettled

Frames = Callable[[], Iterator[Float32Array]]
"""Reads the frames, each of shape (Y, X) and without missing values, one after the other."""
Box = tuple[float, float, float, float]
"""Rows and columns y0, y1, x0, x1 of a part of the image."""

NOTHING = "no two frames show the same: nothing that can be aligned is seen in them"
START_HIGHEST = 0.25
"""Highest frequency of the start, in cycles per pixel."""

MOST_AT_START, MOST_COEFFICIENTS = 16_000, 150_000
"""Most coefficients of a frame: of large images, more would take long and tell what is known already."""

_ROUNDS, _STEPS, _PASSES, _FAR, _NOISE_ONLY = 8, 15, 8, 3.0, 1.2
"""The last: residual of the usual frame, over its noise, up to which the curvature of the likelihood gives errors."""


@dataclass(frozen=True)
class Estimate:
    """Shifts of frames on a common grid.

    Parameters
    ----------
    shifts : ndarray, shape (E, 2)
        Where content lies, (dy, dx) in pixels, relative to the mean of found frames; between these by interpolation.
    sigma : ndarray, shape (E, 2)
        Standard errors relative to the mean of all shifts; NaN for frames that were not found.
    residual : ndarray, shape (E,)
        Root mean square of what the fit leaves, over the noise; NaN for frames that were not found.
    found : ndarray of bool, shape (E,)
        Frames that show something of what the others show.
    pattern : float
        Power of the pattern that stays with the detector, over that of what moves, in the median frame.
    apart : bool
        Whether the method keeps this pattern apart from what moves.
    hidden, unsettled : float
        Root mean square, in pixels, of a drift that a pattern of the detector hides, and of what shifts may still be
        off because the border of the window held frames when the fit ended; 0 if nothing is seen of it.
    copies : ndarray of bool, shape (E,), optional
        Frames that are copies of others; they have the place and the error of these, and no residual.
    period : tuple of float, optional
        Move (dy, dx) in pixels after which the sample looks the same again; None if there is none.
    replaced, irreplaceable : float, bool
        Share of the pixels that tell nothing of the sample and show what other frames show there; and whether there are
        such pixels, but no other frame tells what they hide.
    """

    shifts: Float64Array
    sigma: Float64Array
    residual: Float64Array
    found: BoolArray
    pattern: float
    apart: bool = True
    hidden: float = 0.0
    unsettled: float = 0.0
    copies: BoolArray | None = None
    period: tuple[float, float] | None = None
    replaced: float = 0.0
    irreplaceable: bool = False


def estimate(
    frames: Frames,
    count: int,
    shape: tuple[int, int],
    *,
    spectra: Float64Array | None = None,
    box: Box | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """Find the shifts of all frames together.

    Parameters
    ----------
    frames : callable
        Reads the frames anew each time.
    count : int
        Number of frames.
    shape : tuple of int
        Height and width of a frame.
    spectra : ndarray, shape (E, R), optional
        Spectra of what is in the sample; by default the leading ones of the data.
    box : tuple of int, optional
        Part of the image to look at.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If fewer than two frames have something in common.
    """
    band = band_of(shape, LOWEST, START_HIGHEST).thinned(MOST_AT_START)
    everything, shifts, blurs = np.ones(count, dtype=bool), np.zeros((count, 2)), Blurs()
    data, noise, share = whitened(frames, band, shifts, everything, box, part(progress, 0.0, 0.25), blurs)
    filled, found = energy(data) > 0, np.zeros(count, dtype=bool)
    if filled.any():
        shifts[filled], found[filled] = start(band, data[filled])
    if found.sum() < 2:
        raise ValueError(NOTHING)
    shifts, found = tracked(band, data, shifts, found)
    # Known spectra speak of any frame, also of a spoiled one: what a frame shows is asked of the data at first.
    shifts, result = _joint(band, data, noise, share, shifts, found, None, rounds=_ROUNDS)
    shifts = with_neighbours(band, data, noise, shifts, found)
    if spectra is not None:
        some = found.copy()
        some[found] = _shows(result, share)
        shifts, result = _joint(band, data, noise, share, shifts, some, spectra)
        found = some
    scale, unit, steps = np.ones(count), noise, list[Float64Array]()
    band = band_of(shape, LOWEST, HIGHEST).thinned(MOST_COEFFICIENTS)
    for i in range(_PASSES):
        # The window moves with the sample; with better shifts, it is in a better place.
        before = shifts
        now = part(progress, 0.4 + 0.07 * i, 0.45 + 0.07 * i)
        data, noise, share = whitened(frames, band, shifts, found, box, now, blurs)
        # What the model leaves counts as noise, too: lines that jitter, an edge that is no low-rank one.
        scale[found] *= np.clip(result.residual, 0.5, 10.0)
        # A frame of which the maps fit the noise leaves little; it must not get more and more weight for that.
        scale[found] = np.maximum(scale[found], min(1.0, float(np.median(scale[found]))))
        data /= scale.astype(np.float32)[:, None]
        noise *= scale
        first = in_other_units(result.model, (unit / noise)[found]) if i else None
        shifts, result = _joint(band, data, noise, share, shifts, found, spectra, first=first)
        unit = noise
        steps.append(shifts - before)
        held = held_share(common_window(shape, before[found], box))
        if in_place(steps[-1][found], result.sigma, held):
            break
        if i % 2 and i + 1 < _PASSES:
            shifts = shifts + to_come(steps[-2], steps[-1], held)
    estimate = _checked(shifts, found, result, scale[found], share)
    rest = still_to_come(steps)
    estimate = replace(estimate, sigma=np.hypot(estimate.sigma, rest), unsettled=unsettled(rest, estimate.sigma))
    seen, window = estimate.found, common_window(shape, shifts[found], box)
    usual = float(np.median(estimate.residual[seen]))
    hidden = hidden_drift(band, data, noise, estimate.shifts, estimate.sigma, share, seen, usual)
    estimate = replace(estimate, period=period_of(band, data[found], window), hidden=hidden)
    if not usual > _NOISE_ONLY:
        return estimate

    def of_part(part_box: tuple[float, float, float, float]) -> tuple[Float64Array, Float64Array]:
        some, its_noise, its_share = whitened(frames, band, shifts, found, part_box, blurs=blurs)
        some /= scale.astype(np.float32)[:, None]
        its_shifts, of_some = _joint(band, some, its_noise * scale, its_share, shifts, found, spectra)
        return its_shifts[found], of_some.sigma

    return replace(estimate, sigma=estimate.sigma * excess(of_part, window))


def whitened(
    frames: Frames,
    band: Band,
    shifts: Float64Array,
    found: BoolArray,
    box: tuple[float, float, float, float] | None = None,
    progress: Progress | None = None,
    blurs: Blurs | None = None,
) -> tuple[Coefficients, Float64Array, float]:
    """Return the coefficients (E, K) of all frames in units of their noise, this noise (E,), and `Window.share`."""
    window = common_window(band.shape, shifts[found], box)
    data, power = coefficients(frames(), len(shifts), band, window, shifts, progress, blurs=blurs)
    noise = np.sqrt(power)
    seen = noise > 1e-6 * noise.max()
    # Simulated frames without noise are as good as the best of others.
    signal = np.sqrt(energy(data) / data.shape[1])
    noise = np.where(seen, np.maximum(noise, 1e-4 * signal), noise.max() or 1.0)
    data *= np.where(seen, 1 / noise, 0).astype(np.float32)[:, None]
    return data, noise, window.share(band.shape)


def _joint(
    band: Band,
    data: Coefficients,
    noise: Float64Array,
    share: float,
    shifts: Float64Array,
    found: BoolArray,
    spectra: Float64Array | None,
    *,
    first: Model | None = None,
    rounds: int = 1,
) -> tuple[Float64Array, Fit]:
    """Fit all found frames together, from a model of them; in the first of several rounds, frames that fit better
    elsewhere are moved.

    The first of several rounds takes the frames of strong contrast only: they tell the sample from the pattern of the
    detector, which is then taken from the others. Rounds end when no frame is moved and the shifts are settled.
    """
    current = shifts - shifts[found].mean(axis=0)
    drift = Drift(np.flatnonzero(found).astype(np.float64), np.ones(2))
    drift = drift.learned(current[found], np.zeros((2 * int(found.sum()), 2 * int(found.sum()))))
    for i in range(rounds):
        some = strong(data, found) if i == 0 and rounds > 1 else found
        # The maps lie where the mean of their frames is 0; the other frames are compared with them there.
        current -= current[some].mean(axis=0)
        known = None if spectra is None else spectra[some]
        drift = replace(drift, position=np.flatnonzero(some).astype(np.float64))
        seen = data if some.all() else data[some]
        moved = Moved.by(band, seen, current[some])
        model = first or first_model(moved, noise[some], known)
        most = _STEPS if rounds == 1 else 6
        result = fit(band, seen, current[some], model, drift, share, steps=most, moved=moved)
        drift, step = result.drift, result.shifts - current[some]
        current[some] = result.shifts
        if i == rounds - 1:
            break
        pattern = (result.model.pattern * noise[some]).mean() / noise
        clean = data[found] - pattern[found].astype(np.float32)[:, None] * result.found.fixed
        elsewhere, moves = rematched(band, clean, result.found.maps, current[found])
        del moved, clean
        # Of a sample that stands still, the pattern may have taken most: what is left fits anywhere.
        far = np.abs(elsewhere - current[found]).max() > _FAR
        if moves.any() and (not far or likelier(band, data, noise, current, found, elsewhere, spectra)):
            current[found] = elsewhere
        elif i and settled(step, result.sigma, float(np.median(result.pattern_share))):
            break
    return current - current[found].mean(axis=0), result


_LEAST_TOLD, _UNSEEN = 0.5, 0.25
"""A frame shows nothing if it tells less than half as much of its shift as the drift of the others does, and no more
than to a quarter of a pixel."""

_TOLD_ALONE, _TOLD_TOGETHER, _TOGETHER, _SHARE = 12.0, 5.0, 9, 0.05
"""A frame shows nothing, either, if its log-likelihood gains less than 12 by the sample, unless 9 frames around it gain
more than 5 in the median and it gains a twentieth of that: noise at its best place gains 2 to 8."""

_HELD = 0.5
"""Share of what the model says of a frame that the frame must hold: with known spectra, it speaks of any frame."""


def _shows(result: Fit, share: float) -> BoolArray:
    """Return which frames show something of the sample, and tell their shift."""
    least = np.minimum(_LEAST_TOLD / result.drift.variance, 1 / _UNSEEN**2)
    gain = share * result.found.fixed.size * np.minimum(result.explained, result.held)
    around = ndimage.median_filter(gain, _TOGETHER, mode="nearest")
    together = (around > _TOLD_TOGETHER) & (gain > _SHARE * around)
    held = ((gain > _TOLD_ALONE) | together) & (result.held > _HELD * result.explained)
    shows: BoolArray = held & (result.own > least).all(axis=1)
    return shows


def _checked(shifts: Float64Array, found: BoolArray, result: Fit, scale: Float64Array, share: float) -> Estimate:
    """Return the estimate, in which a frame that tells nothing of its shift has the place of its neighbours."""
    count = int(found.sum())
    left = result.residual * scale
    foreign = (left**2 - 1 > 2 * result.explained * scale**2) & (left > 2)
    foreign |= frames_of_their_own(result.model.spectra, result.found.maps)
    good = np.flatnonzero(found)[_shows(result, share) & ~foreign]
    seen = np.isin(np.arange(len(shifts)), good)
    if good.size < 2:
        raise ValueError(NOTHING)
    placed = between(shifts[good], good, len(shifts))
    sigma, residual = np.full((len(shifts), 2), np.nan), np.full(len(shifts), np.nan)
    # What the model leaves beyond the noise widens the errors.
    wider = np.maximum(result.residual, 1.0)[:, None]
    ratio = result.pattern_share
    held = sigma_of_held(np.flatnonzero(found).astype(np.float64), shifts[found], ratio)
    sigma[found] = np.sqrt(np.diag(result.covariance).reshape(2, count).T * wider**2 + held**2 + LEAST_ERROR**2)
    residual[found] = left
    sigma[~seen], residual[~seen] = np.nan, np.nan
    return Estimate(placed - placed[good].mean(axis=0), sigma, residual, seen, float(np.median(ratio)))
