"""Where two images lie that share a narrow strip at their borders: narrower than a Fourier transform needs.

All whole places of strips are tried by the correlation along them, whose usual size at wrong places says how many
independent pixels a strip has. So the chance that unrelated images fit as well is known, and only what chance may have
made is refused. The fraction of a pixel follows by least squares (`strip_fit`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.overlap import LARGEST_ERROR, REPEATS
from napari_xanes.registration.strip_fit import FINE, WIDE, StripFit, refined
from napari_xanes.registration.white_noise import white_noise

NARROWEST, WIDEST = 3, 20
"""Widths of the strips, in pixels: in less there is no gradient, and wider ones suit the Fourier transform."""

_ALIKE = 0.95
"""Images that correlate so much may differ by more than their noise, which simulated ones lack."""

_CHANCE = 1e-4
"""Chance that unrelated images fit as well anywhere, below which a place is taken."""

_LEAST_LENGTH = 0.5
"""Least length of a strip, as a share of the shorter side."""

_MOST_STRIPS = 6
"""Strips of an image that are compared with a border of the other to learn what unrelated ones correlate."""

_SAME_PLACE = 3
"""Places within so many pixels are one."""

_FEW = 1.5
"""Pixels over the width of a strip by which errors grow: few gradients hold noise that they are judged by (found by
simulation: without it, 83 to 92 % of the errors in strips of 4 to 10 pixels lie within two sigma)."""

_AS_GOOD = 0.6
"""Another place is as good if the logarithm of its chance is this share of the best one."""

_MISFIT, _FEWEST_PARTS = 3.0, 4.0
"""Mean square of the differences over that of the noise, and blocks that hold what both show, beyond which and below
which two images only resemble each other (found by simulation: spots and borders of particles have 5 and 1.7 to 3 where
unrelated ones fit; strips that show the same have about 1 and 4.4 to 10)."""

_FEWEST = 4
"""Fewest degrees of freedom of a correlation that can be judged."""


class Strip(NamedTuple):
    """Where the second image lies on the first.

    Parameters
    ----------
    position, sigma : ndarray, shape (2,)
        The place (y, x) in pixels, and its standard errors.
    correlation : float
        Of both images in the strip.
    chance, rival : float
        How probable it is that unrelated images fit as well as both do there, and as at the best other place.
    size : tuple of int
        Height and width of the strip in pixels.
    why_not : str
        Why the place is not to be trusted; empty if it is.
    """

    position: Float64Array
    sigma: Float64Array
    correlation: float
    chance: float
    rival: float
    size: tuple[int, int]
    why_not: str


class _Places(NamedTuple):
    """Whole places (N, 2) that were tried, their correlations, degrees of freedom and axes across the strips."""

    offset: Float64Array
    correlation: Float64Array
    freedom: Float64Array
    axis: IndexArray


def match_strip(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    *,
    near: Float64Array | None = None,
    reach: float | None = None,
) -> Strip | None:
    """Find where the second images lie on the first, if both share a narrow strip.

    Parameters
    ----------
    first : ndarray, shape (M, Y, X)
        M images; NaN where there is no value.
    second : ndarray, shape (M, V, U)
        The same of the other.
    near : ndarray, shape (2,), optional
        Where it lies about; by default at any border.
    reach : float, optional
        How far from there it may lie, in pixels, in y and in x. The fewer places are tried, the less can fit by chance.

    Returns
    -------
    Strip or None
        None if no strip is within reach, or the images have no gradients in common.
    """
    places = _tried(first, second)
    allowed = np.isfinite(places.correlation) & (places.freedom > _FEWEST)
    if near is not None and reach is not None:
        allowed &= (np.abs(places.offset - near) <= reach + 1).all(axis=1)
    if not allowed.any():
        return None
    places = _Places(places.offset[allowed], places.correlation[allowed], places.freedom[allowed], places.axis[allowed])
    chance = _chances(places)
    best = int(chance.argmin())
    elsewhere = (np.abs(places.offset - places.offset[best]) > _SAME_PLACE).any(axis=1)
    count = len(chance)
    rival = float(min(1.0, count * chance[elsewhere].min())) if elsewhere.any() else 1.0
    placed = refined(first, second, places.offset[best].astype(int), int(places.axis[best]))
    if placed is None:
        return None
    # At the fraction of a pixel both are more alike than at whole ones.
    r = max(placed.correlation, float(places.correlation[best]))
    sure = float(_chances(places._replace(correlation=np.full(1, r), freedom=places.freedom[best : best + 1]))[0])
    sigma = placed.sigma * (1 + _FEW / min(placed.size))
    found = Strip(placed.position, sigma, r, min(1.0, count * sure), rival, placed.size, "")
    return found._replace(why_not=_why_not(found, placed))


def _why_not(strip: Strip, step: StripFit) -> str:
    if strip.chance > _CHANCE:
        return "unrelated images may fit as well"
    if strip.rival < _CHANCE and np.log(strip.rival + 1e-300) < _AS_GOOD * np.log(strip.chance + 1e-300):
        return REPEATS
    if step.misfit > _MISFIT and strip.correlation < _ALIKE:
        return f"they differ by {np.sqrt(step.misfit):.1f} times the noise where they fit best"
    if step.parts < _FEWEST_PARTS:
        return "what both show lies in a few spots, which others resemble"
    if (strip.sigma > LARGEST_ERROR).any():
        return f"it is known to {strip.sigma.max():.2g} pixels only"
    return ""


def _chances(places: _Places) -> Float64Array:
    """Return how often unrelated strips correlate as much, by Student's distribution."""
    r = np.clip(places.correlation, -1 + 1e-9, 1 - 1e-9)
    t = r * np.sqrt(places.freedom / (1 - r**2))
    return np.asarray(stats.t.sf(t, places.freedom), dtype=np.float64)


def _tried(first: NDArray[np.floating], second: NDArray[np.floating]) -> _Places:
    """Return what all strips at all four borders correlate."""
    noise = [
        float(np.hypot(white_noise(a), white_noise(b))) or float(np.nanstd(a)) or 1.0
        for a, b in zip(first, second, strict=True)
    ]
    found = []
    for axis in (0, 1):
        # Strips lie along the last axis here, and their first axis leads across them.
        a, b = (np.array([_passed(m, s, axis) for m, s in zip(some, noise, strict=True)]) for some in (first, second))
        for sign, (low, high) in ((1, (a, b)), (-1, (b, a))):
            lag, r, freedom = _at_border(low, high)
            across = low.shape[1] - np.arange(NARROWEST, NARROWEST + len(r))
            offset = np.empty((*r.shape, 2))
            offset[..., axis], offset[..., 1 - axis] = sign * across[:, None], sign * lag
            found.append(_Places(offset.reshape(-1, 2), r.ravel(), freedom.ravel(), np.full(r.size, axis)))
    return _Places(
        np.concatenate([some.offset for some in found]),
        np.concatenate([some.correlation for some in found]),
        np.concatenate([some.freedom for some in found]),
        np.concatenate([some.axis for some in found]),
    )


def _passed(image: NDArray[np.floating], noise: float, axis: int) -> Float32Array:
    """Return an image in units of its noise with structures of middle size along the strips, which lie along rows.

    Across a strip nothing is filtered: what lies beyond its border is known on one side only.
    """
    known = np.isfinite(image)
    values = filled(image) / np.float32(noise)
    along = 1 - axis
    values = ndimage.gaussian_filter1d(values, FINE, along) - ndimage.gaussian_filter1d(values, WIDE, along)
    values = np.where(known, values, 0).astype(np.float32)
    return values if axis == 0 else values.T


def _at_border(low: Float32Array, high: Float32Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Correlate the last rows of images (M, A, L) with the first rows of images (M, B, K).

    Returns
    -------
    lag : ndarray, shape (N,)
        Where the second lies on the first along the strips.
    correlation, freedom : ndarray, shape (W, N)
        For strips of `NARROWEST` to at most `WIDEST` rows; NaN where they share too little of their length.
    """
    n, m = low.shape[2], high.shape[2]
    lag = np.arange(1 - m, n)
    shared = np.minimum(n, lag + m) - np.maximum(0, lag)
    lag, shared = (values[shared >= _LEAST_LENGTH * min(n, m)] for values in (lag, shared))
    widest = min(WIDEST, low.shape[1], high.shape[1])
    ends, starts = _strips(low[:, ::-1], widest)[:, :, ::-1], _strips(high, widest)
    # Strips at the borders may show the same; those inside tell what unrelated ones correlate.
    pairs = [(0, 0), *((0, q) for q in range(1, starts.shape[1])), *((p, 0) for p in range(1, ends.shape[1]))]
    size = fft.next_fast_len(n + m - 1, real=True)
    one, other = fft.rfft(ends, size), fft.rfft(starts, size).conj()
    correlation, freedom = [], []
    for width in range(NARROWEST, widest + 1):
        sums = [
            _sums((values**2).sum(axis=(0, 2)), sign * lag, shared)
            for values, sign in ((ends[:, :, -width:], 1), (starts[:, :, :width], -1))
        ]
        every = []
        for p, q in pairs:
            common = fft.irfft((one[:, p, -width:] * other[:, q, :width]).sum(axis=(0, 1)), size)[lag]
            with np.errstate(invalid="ignore", divide="ignore"):
                every.append(common / np.sqrt(sums[0][p] * sums[1][q]))
        correlation.append(every[0])
        freedom.append(_freedom(np.array(every[1:] or every), shared))
    shape = (len(correlation), lag.size)
    return lag, np.array(correlation).reshape(shape), np.array(freedom).reshape(shape)


def _strips(image: Float32Array, width: int) -> Float64Array:
    """Return strips (M, P, width, L) of an image (M, A, L), the first one at its first rows."""
    count = min(_MOST_STRIPS, image.shape[1] // width)
    starts = np.linspace(0, image.shape[1] - width, count).astype(int)
    return np.stack([image[:, start : start + width] for start in starts], axis=1).astype(np.float64)


def _sums(total: Float64Array, start: IndexArray, shared: IndexArray) -> Float64Array:
    """Return the sums (P, N) of values (P, L) over what strips share with others, from a start on, at least 0."""
    sums = np.concatenate([np.zeros((len(total), 1)), np.cumsum(total, axis=1)], axis=1)
    start = np.maximum(0, start)
    return np.asarray(sums[:, start + shared] - sums[:, start])


def _freedom(r: Float64Array, shared: IndexArray) -> Float64Array:
    """Return the degrees of freedom at each lag, from what unrelated strips (P, N) correlate.

    The usual correlation tells them, and the largest one: where few bright spots are all that varies, any two of them
    fit.
    """
    each = np.arctanh(np.clip(r, -0.999999, 0.999999)) * np.sqrt(shared / shared.max())
    each = each[np.isfinite(each)]
    if each.size < _FEWEST:
        return np.full(shared.size, np.nan)
    usual, largest = 1.4826 * float(np.median(np.abs(each))), float(each.max()) / float(stats.norm.isf(1 / each.size))
    return np.asarray(shared / shared.max() / max(usual, largest, 1e-6) ** 2 - 1)
