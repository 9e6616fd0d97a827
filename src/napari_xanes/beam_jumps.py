"""Jumps of the beam that I0 does not know of: they would be mapped as absorption."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.computing import frames_of
from napari_xanes.spectrum import Spectrum
from napari_xanes.spreading import pixel_step, spread
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import first_few

_PIXELS, _FEWEST = 4096, 100
"""Number of pixels that are enough to look at, and without which nothing is said."""

_THIN, _THICK = 0.1, 0.5
"""Shares of the pixels, sorted by absorption, below which they show the beam, and above which they show the sample."""

_EMPTY = 0.1
"""The thinnest pixels hold no sample if their optical depth is at most this."""

_LEAST, _CLEAR = 0.02, 8.0
"""A jump is at least so large, in optical depth, and so many times the usual change from frame to frame."""

_LEAST_DRIFT, _SMOOTH = 0.05, 5
"""A drift is also at least this share of what the sample changes over the energies; means over so many frames count."""

_LEAST_FILM, _SURE_OF_FILM, _EXPLAINED_BY_FILM = 0.04, 6.0, 1.5
"""A film in I0 has at least this share of the sample's absorption, this many standard errors, and explains so much that
the squares left over fall by this factor."""

_SAME = 0.8
"""The less thin half of the pixels without sample shows at least so much of a film as the thinner half. Bright fringes
beside particles, which have the sample's edge upside down, too, differ more."""

_FEWEST_OF_FILM, _SMOOTH_TERMS = 12, 7
"""A film is looked for in so many frames at least; the beam is a cubic of energy and one of time, of so many terms."""

_FRAMES = 16
"""So many frames of a lazy stack are looked at: a drift is slow, and each frame has to be read."""

_LEAST_CURRENT = 0.01
"""Smallest change of the logarithm of the ring current that images are searched for."""

_MOST_NAMED = 8


class _Levels(NamedTuple):
    """The median depth (E,) of the thinnest pixels, of the thinner and the other half of them, and of thick pixels."""

    thin: Float64Array
    thinner: Float64Array
    less_thin: Float64Array
    thick: Float64Array


def told_about_jumps(stack: SpectralStack, i0: Any, depth: Any) -> list[str]:
    """Name the energies at which the optical depth (E, Y, X) jumps everywhere, as the beam does; looked at in memory.

    Notes
    -----
    The thinnest pixels have the depth ``w = c s + b``: `s` is what thicker pixels have beyond them, in which the beam
    cancels, and `b` is the beam. So changes of `w` that are not in proportion to those of `s` are jumps of the beam, if
    the thinnest pixels hold no sample. Where they do, a jump is told if the ring current changes by as much.
    """
    if not isinstance(depth, np.ndarray) or stack.energy.size < 8:
        return []
    levels = _levels(depth)
    if levels is None:
        return []
    thin, thick = levels.thin, levels.thick
    jumps = _of_empty_area(thin, thick)
    way_out = "run correct_beam before optical_depth"
    if not jumps.size:
        jumps = _of_ring_current(stack, thin, thick)
        way_out = "run correct_beam(by='ring current') before optical_depth"
    if not jumps.size:
        return _of_slow_changes(stack.energy, levels)
    change = np.exp(-np.diff(thin)[jumps]) - 1
    named = [
        f"from {stack.energy[i]:g} to {stack.energy[i + 1]:g} eV ({by:+.1%})"
        for i, by in zip(jumps, change, strict=True)
    ]
    source = "I0" if isinstance(i0, Spectrum) else "the flats"
    return [
        "all pixels become brighter or darker at once, those without sample too, "
        f"{first_few(named, _MOST_NAMED)}: the beam or {source} jumped there, and maps would show it as absorption; "
        f"{way_out}, or drop these frames"
    ]


def told_about_lazy_drift(stack: SpectralStack) -> list[str]:
    """Say of optical depth that stays in its file what `told_about_jumps` says of films and drifts in memory.

    `optical_depth` reads no frame of a lazy stack, so what reads them all says it: a few frames are read once more.
    A jump counts as a drift here.
    """
    if not stack.is_lazy or stack.quantity != "optical_depth" or stack.energy.size < 8:
        return []
    chosen = spread(stack.energy.size, _FRAMES)
    step = pixel_step(stack.shape, _PIXELS)
    frames = frames_of(stack.data[chosen][..., ::step, ::step])
    levels = _levels(np.stack([np.asarray(frame, np.float32) for frame in frames]))
    return [] if levels is None else _of_slow_changes(stack.energy[chosen], levels)


def _levels(depth: Any) -> _Levels | None:
    """Return the levels of a depth (E, Y, X); None where too few pixels are finite.

    Pixels are sorted by every other frame for the frames between: noise that made a pixel the thinnest of its frames
    would be taken for what it shows in them, with the opposite sign in the thickest.
    """
    step = pixel_step(depth.shape, _PIXELS)
    part = depth[..., ::step, ::step].reshape(len(depth), -1).astype(np.float64)
    part = part[:, np.isfinite(part).all(axis=0)]
    if part.shape[1] < _FEWEST:
        return None
    n_thin, first_thick = int(_THIN * part.shape[1]), int(_THICK * part.shape[1])
    ranks = (slice(n_thin), slice(n_thin // 2), slice(n_thin // 2, n_thin), slice(first_thick, None))
    levels = _Levels(*np.empty((len(ranks), len(part))))
    for seen, sorting in ((slice(0, None, 2), part[1::2]), (slice(1, None, 2), part[::2])):
        order = np.argsort(sorting.mean(axis=0), kind="stable")
        for level, rank in zip(levels, ranks, strict=True):
            level[seen] = np.median(part[seen, order[rank]], axis=1)
    return levels


def _of_empty_area(thin: Float64Array, thick: Float64Array) -> IndexArray:
    """Return after which frames the beam jumps, by pixels without sample; none where there are no such pixels."""
    none = np.empty(0, np.intp)
    if abs(float(np.median(thin))) > _EMPTY:
        return none
    change, sample = np.diff(thin), np.diff(thick - thin)
    beam = change - _slope(sample, change) * sample
    beam -= np.median(beam)
    usual = 1.4826 * float(np.median(np.abs(beam)))
    return np.flatnonzero(np.abs(beam) > max(_LEAST, _CLEAR * usual))


def _of_slow_changes(energy: Float64Array, levels: _Levels) -> list[str]:
    """Say what pixels without sample show: a film in I0, else a drift of the beam."""
    return _of_film(energy, levels) or _of_drift(energy, levels.thin, levels.thick)


def _of_drift(energy: Float64Array, thin: Float64Array, thick: Float64Array) -> list[str]:
    """Say that pixels without sample become darker or brighter slowly over the series, if they do."""
    if abs(float(np.median(thin))) > _EMPTY:
        return []
    # The noise of thin pixels is not in thick ones, as it is in their difference. Few photons hide how much sample
    # there is in thin pixels: a drift shows with what is found, and without any.
    part = _slope(np.diff(thick), np.diff(thin))
    beam = min((thin - share * thick for share in (part, 0.0)), key=lambda depth: float(np.ptp(depth)))
    smooth = np.convolve(np.pad(beam, _SMOOTH // 2, mode="edge"), np.full(_SMOOTH, 1 / _SMOOTH), mode="valid")
    noise = 1.4826 * float(np.median(np.abs(beam - smooth)))
    low, high = sorted((int(smooth.argmin()), int(smooth.argmax())))
    size = abs(float(smooth[high] - smooth[low]))
    if size <= max(_LEAST, _CLEAR * noise, _LEAST_DRIFT * float(np.ptp(thick - thin))):
        return []
    return [
        f"the optical depth of pixels without sample changes slowly by {smooth[high] - smooth[low]:+.3f} from "
        f"{energy[low]:g} to {energy[high]:g} eV: the beam has drifted since I0 was measured, or a film absorbs there. "
        "Edge jumps and amounts may be off by as much; run correct_beam before optical_depth"
    ]


def _of_film(energy: Float64Array, levels: _Levels) -> list[str]:
    """Say that pixels without sample have the sample's spectrum upside down: I0 was measured through some of it."""
    if float(np.median(levels.thin)) > _EMPTY or energy.size < _FEWEST_OF_FILM:
        return []
    # A beam is smooth over energies or over time, that is over frames.
    smooth = [np.vander(2 * (place - place[0]) / np.ptp(place) - 1, 4) for place in (energy, np.arange(energy.size))]
    basis = np.linalg.svd(np.hstack(smooth), full_matrices=False)[0][:, :_SMOOTH_TERMS]
    seen, thinner, less_thin, sample = (values - basis @ (basis.T @ values) for values in levels)
    squares = float(sample @ sample)
    if squares == 0:
        return []
    share = float(sample @ seen) / squares
    left = float(np.sum((seen - share * sample) ** 2))
    error = np.sqrt(left / (energy.size - _SMOOTH_TERMS - 1) / squares)
    if -share < max(_LEAST_FILM, _SURE_OF_FILM * error) or seen @ seen < _EXPLAINED_BY_FILM * left:
        return []
    if -float(sample @ less_thin) < -_SAME * float(sample @ thinner):
        return []
    return [
        f"pixels without sample show the edge of the others upside down ({-share:.0%} of it): I0 was measured through "
        "the same material (a film on the window, another part of the sample), so all edge jumps and amounts are too "
        "small by this film; take I0 from an empty area of the images (correct_beam, or optical_depth with i0='empty')"
    ]


def _slope(x: Float64Array, y: Float64Array) -> float:
    """Return the slope of ``y = slope * x`` with the least sum of absolute deviations: a weighted median of ratios."""
    used = np.flatnonzero(x)
    if not used.size:
        return 0.0
    ratios, weights = y[used] / x[used], np.abs(x[used])
    order = np.argsort(ratios)
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(ratios[order][half])


def _of_ring_current(stack: SpectralStack, thin: Float64Array, thick: Float64Array) -> IndexArray:
    """Return after which frames the ring current jumps, and all pixels with it by as much."""
    none, current = np.empty(0, np.intp), stack.corrections.ring_current
    if np.shape(current) != stack.energy.shape or not (np.asarray(current) > 0).all():
        return none
    expected = -np.diff(np.log(np.asarray(current, dtype=np.float64)))
    found = np.abs(expected) >= _LEAST_CURRENT
    for level in (thin, thick):
        change = np.diff(level)
        around = np.pad(change, 2, mode="reflect")
        away = change - np.median([around[i : i + change.size] for i in (0, 1, 3, 4)], axis=0)
        # Few thin pixels have more noise; the usual change of thick ones is that of the sample.
        noise = 1.4826 * float(np.median(np.abs(away))) if level is thin else 0.0
        found &= np.abs(away - expected) < 0.5 * np.abs(expected) + 2 * noise
    return np.flatnonzero(found)
