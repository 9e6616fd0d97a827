"""Where one image lies on another that shows a part of the same: from nothing, or near a place that is known.

First all whole shifts of small copies are tried, by the correlation in the overlap times the root of its size: what
correlates in many pixels counts more than what does in a few (Padfield, IEEE Trans. Image Process. 21 (2012) 2706).
Then the overlap is matched to a fraction of a pixel (`cross_spectrum`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.registration.cross_spectrum import shift_between
from napari_xanes.registration.fourier import filled

LEAST = 12
"""Least height and width of an overlap, in pixels, that is compared by its Fourier transform."""

_COARSE = 160
"""Largest side of the small copies, in pixels."""

_FINE, _WIDE = 0.8, 4.0
"""Widths of the Gaussians between which structures count, in pixels of the small copies."""

_FOUND, _UNIQUE = 7.0, 1.25
"""A place is found if its score is so many times the usual one, and so many times that of any other place."""

_RIVAL, _WORSE, _MOST_RIVALS = 0.8, 3.0, 8
"""Another place fits as well from this share of the best score and of the correlation on, if what is not alike there is
up to so many times as much; so many of such places are looked at."""

_APART, _ASIDE = 2.0, 3.0
"""Pixels from which a place is another one, and by which stripes are moved along themselves."""

_SURE = 8.0
"""An overlap is seen if the common power is so many times its error."""

REPEATS = "they fit at several places, as repeating patterns do"

LARGEST_ERROR = 1.0
"""Standard error, in pixels, beyond which an overlap says nothing."""


@dataclass(frozen=True)
class Overlap:
    """Where the first pixel of one image lies on another.

    Parameters
    ----------
    position : ndarray, shape (2,)
        (y, x) in pixels.
    sigma : ndarray, shape (2,)
        Standard errors.
    correlation : float
        Of both images in the overlap, in the band that registration looks at.
    score : float
        Common power over its error.
    size : tuple of int
        Height and width of the overlap.
    why_not : str
        Why the position is not to be trusted; empty if it is.
    """

    position: Float64Array
    sigma: Float64Array
    correlation: float
    score: float
    size: tuple[int, int]
    why_not: str = ""


def find_overlap(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    *,
    near: Float64Array | None = None,
    reach: float | None = None,
    any_sign: bool = False,
) -> Overlap | None:
    """Find where the second images lie on the first.

    Parameters
    ----------
    first : ndarray, shape (M, Y, X)
        M images, such as the mean over the energies and the change at the edge. NaN where there is no value.
    second : ndarray, shape (M, V, U)
        The same of the other.
    near : ndarray, shape (2,), optional
        Where it lies about; by default anywhere.
    reach : float, optional
        How far from there it may lie, in pixels, in y and in x.
    any_sign : bool
        Whether the contrast may be inverted.

    Returns
    -------
    Overlap or None
        None if the images can't overlap by at least `LEAST` pixels within the reach.
    """
    step = max(1, int(np.ceil(max(*first.shape[1:], *second.shape[1:]) / _COARSE)))
    scores, offsets = _scores(*(_small(images, step) for images in (first, second)), any_sign=any_sign)
    allowed = np.isfinite(scores)
    if near is not None and reach is not None:
        for axis in (0, 1):
            far = np.abs(offsets[axis] - near[axis] / step) > reach / step + 1
            allowed &= ~(far[:, None] if axis == 0 else far[None])
    if not allowed.any():
        return None
    place, best, rival = _peak(scores, allowed)
    start = np.array([offsets[0][place[0]], offsets[1][place[1]]]) * step
    found = _fine(first, second, np.round(start).astype(int), any_sign=any_sign)
    if found is None or found.why_not:
        return found
    why = ""
    anywhere = near is None or reach is None or reach > 0.25 * min(*first.shape[1:], *second.shape[1:])
    if anywhere and best < _FOUND:
        why = "nothing that both show stands out"
    elif _FOUND <= best < _UNIQUE * rival or _fits_elsewhere(
        first, second, np.where(allowed, scores, -np.inf), offsets, step, found, any_sign=any_sign
    ):
        why = REPEATS
    if near is not None and reach is not None and (np.abs(found.position - near) > reach + 1).any():
        why = "they fit only farther away than allowed"
    return Overlap(found.position, found.sigma, found.correlation, found.score, found.size, why)


def _small(images: NDArray[np.floating], step: int) -> tuple[Float32Array, BoolArray]:
    """Return small copies (M, V, U) that hold structures of middle size only, and where they have values."""
    height, width = (n // step * step for n in images.shape[1:])
    out = []
    known = np.isfinite(images[:, :height, :width]).all(axis=0)
    inside = known.reshape(height // step, step, width // step, step).mean(axis=(1, 3)) > 0.5
    for image in images:
        values = filled(image[:height, :width])
        values = values.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
        passed = ndimage.gaussian_filter(values, _FINE) - ndimage.gaussian_filter(values, _WIDE)
        out.append(np.where(inside, passed, 0).astype(np.float32))
    return np.array(out), inside


def _scores(
    first: tuple[Float32Array, BoolArray], second: tuple[Float32Array, BoolArray], *, any_sign: bool
) -> tuple[Float64Array, tuple[Float64Array, Float64Array]]:
    """Return the score of each whole offset in units of the usual one, NaN where the overlap is too small."""
    (a, in_a), (b, in_b) = first, second
    shape = tuple(fft.next_fast_len(n + m - 1, real=True) for n, m in zip(in_a.shape, in_b.shape, strict=True))

    def transformed(values: NDArray[np.generic]) -> NDArray[np.complexfloating]:
        return np.asarray(fft.rfft2(values.astype(np.float64), s=shape))

    def correlated(left: NDArray[np.complexfloating], right: NDArray[np.complexfloating]) -> Float64Array:
        return np.asarray(fft.irfft2(left * right.conj(), s=shape), dtype=np.float64)

    mask_a, mask_b = transformed(in_a), transformed(in_b)
    count = correlated(mask_a, mask_b)
    total = np.zeros(shape)
    for image_a, image_b in zip(a, b, strict=True):
        own = [
            np.maximum(correlated(transformed(image_a**2), mask_b), 0),
            np.maximum(correlated(mask_a, transformed(image_b**2)), 0),
        ]
        usual = float((image_a**2).mean() * (image_b**2).mean())
        norm = np.sqrt(np.maximum(own[0] * own[1], (1e-3 * np.maximum(count, 1)) ** 2 * usual + 1e-60))
        score = correlated(transformed(image_a), transformed(image_b)) / norm * np.sqrt(np.maximum(count, 1))
        total += np.abs(score) if any_sign else score
    offsets = tuple(
        np.where(np.arange(n) < m, np.arange(n), np.arange(n) - n).astype(np.float64)
        for n, m in zip(shape, in_a.shape, strict=True)
    )
    least = max(16.0, 0.015 * min(in_a.sum(), in_b.sum()))
    valid = count > least
    spread = total[valid] if any_sign else np.abs(total[valid] - np.median(total[valid])) if valid.any() else total
    usual = float(np.median(spread)) * 1.4826 if valid.any() else 1.0
    return np.where(valid, total / max(usual, 1e-30), np.nan), (offsets[0], offsets[1])


def _peak(scores: Float64Array, allowed: BoolArray) -> tuple[tuple[int, int], float, float]:
    """Return the best place, its score, and the best score elsewhere."""
    values = np.where(allowed, scores, -np.inf)
    y, x = (int(i) for i in np.unravel_index(int(values.argmax()), values.shape))
    best = float(values[y, x])
    # Offsets are cyclic.
    far_y, far_x = (
        np.abs((np.arange(n) - at + n // 2) % n - n // 2) > 6 for n, at in zip(values.shape, (y, x), strict=True)
    )
    elsewhere = values[far_y[:, None] | far_x[None]]
    rival = float(elsewhere.max()) if elsewhere.size else -np.inf
    return (y, x), best, rival


def _fits_elsewhere(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    scores: Float64Array,
    offsets: tuple[Float64Array, Float64Array],
    step: int,
    found: Overlap,
    *,
    any_sign: bool,
) -> bool:
    """Return whether both images fit about as well at another place, which scores of a repeating sample don't tell.

    All places of such a sample have high scores, so that none stands out from the usual one. Stripes fit wherever along
    themselves one begins to look, so a place a few pixels away is tried on each side, too.
    """
    tops = (scores == ndimage.maximum_filter(scores, 3, mode="wrap")) & (scores > _RIVAL * scores.max())
    highest = sorted(np.argwhere(tops).tolist(), key=lambda at: -scores[at[0], at[1]])[:_MOST_RIVALS]
    places = [np.array([axis[at] for axis, at in zip(offsets, top, strict=True)]) * step for top in highest]
    places = [place for place in places if np.abs(place - found.position).max() >= _APART * step]
    places += [found.position + aside for aside in _ASIDE * np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])]
    least = max(_RIVAL * found.correlation, 1 - _WORSE * (1 - found.correlation))
    for place in places:
        other = _fine(first, second, np.round(place).astype(int), any_sign=any_sign)
        if other is None or np.abs(other.position - found.position).max() < _APART:
            continue
        # A place that is known badly fits as well, too.
        if other.score > _SURE and other.correlation > least:
            return True
    return False


def boxes(
    first: tuple[int, int], second: tuple[int, int], offset: NDArray[np.integer]
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return the common part of two images, as rows and columns of each; None if they have none.

    Examples
    --------
    >>> boxes((4, 4), (4, 4), np.array([1, -1]))
    ((slice(1, 4, None), slice(0, 3, None)), (slice(0, 3, None), slice(1, 4, None)))
    """
    mine, other = [], []
    for n, m, at in zip(first, second, offset.tolist(), strict=True):
        start, stop = max(0, at), min(n, at + m)
        if stop <= start:
            return None
        mine.append(slice(start, stop))
        other.append(slice(start - at, stop - at))
    return (mine[0], mine[1]), (other[0], other[1])


def _fine(
    first: NDArray[np.floating], second: NDArray[np.floating], offset: NDArray[np.integer], *, any_sign: bool
) -> Overlap | None:
    """Match the overlap at a whole offset; once more at a better one."""
    for _ in range(4):
        found = boxes(first.shape[1:], second.shape[1:], offset)
        if found is None:
            return None
        (mine, other), size = found, tuple(s.stop - s.start for s in found[0])
        if min(size) < LEAST:
            return None
        shift = shift_between(first[:, *mine], second[:, *other], any_sign=any_sign)
        better = np.round(shift.shift).astype(int)
        if not better.any():
            break
        offset = offset + better
    else:
        offset = offset - better
    why = ""
    if shift.score < _SURE:
        why = "what both show does not stand out from noise"
    elif (shift.sigma > LARGEST_ERROR).any():
        why = f"it is known to {shift.sigma.max():.2g} pixels only"
    return Overlap(offset + shift.shift, shift.sigma, shift.correlation, shift.score, (size[0], size[1]), why)
