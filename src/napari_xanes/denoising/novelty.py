"""What the references do not explain: spectra that some places share, told from noise and from misregistration.

A direction is learned on one colour of a checkerboard of squares and must be found again on the other, where the noise
is another. A new phase only adds; shifts between frames add here what they take there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background import Background
from napari_xanes.denoising.bands import over_bands, times
from napari_xanes.denoising.design import Design
from napari_xanes.denoising.measure import SQUARE, Measured, Squares
from napari_xanes.progress import Progress

MOST = 4
"""New features that are looked for."""

_SLOW = 8.0  # pixels
_CLEAR, _ENOUGH, _ALIKE = 3.5, 5, 0.35
"""A direction is found if it is this clear, in standard errors, in so many squares that it was not learned from, and if
what both colours teach is so much alike (cosine). By chance one of 2000 squares is as clear; and chance directions in
80 energies are as alike once in a thousand times."""

_ONE_SIDED = 3.0
_STARTS, _REFINEMENTS = 8, 6
OWN, AROUND = 0.7, (1.2, 2.0)
"""Radii in pixels over which the significance of a pixel and of its neighbourhood are pooled."""

CLEAR = 4.5
"""Standard errors above which a new feature is kept as it is."""

_NOISE_BESIDE = 0.7
"""Share of a pixel's noise that differs from that of the mean around it."""

_HEAD_START = 3.0
"""Standard errors that a pixel in a clear neighbourhood need not have of its own."""


@dataclass(frozen=True)
class Directions:
    """Orthonormal spectra (E, N) beside the design, divided by the noise: new features, and ``nuisance`` (E, M).

    ``unexplained`` places are far beyond noise, but nothing that could be kept.
    """

    new: Float64Array
    nuisance: Float64Array
    unexplained: int


def residual_squares(squares: Squares, design: Design, background: Background | None, *, has_air: bool) -> Float32Array:
    """What squares of the sample hold beside the design and the background, (E, y, x).

    Parameters
    ----------
    squares : Squares
        Means over squares, divided by the noise.
    design, background
        What is explained.
    has_air : bool
        Whether patterns of the beam could be told from the sample. Where not, what changes slowly is taken for one.
    """
    basis = np.linalg.qr(design.all)[0].astype(np.float32)
    values = squares.sample
    if background is not None:
        values = values - background.on_squares()
    if not has_air:
        values = np.stack([_quick_part(one, squares.sample_precision, _SLOW / SQUARE) for one in values])
    return values - times(basis, times(basis.T, values))


def find_directions(left: Float32Array, precision: Float32Array, n_explained: int) -> tuple[Float64Array, Float64Array]:
    """Spectra that are shared by some squares: of new features (E, N), and of what misregistration makes (E, M).

    Parameters
    ----------
    left : ndarray, shape (E, y, x)
        As from `residual_squares`.
    precision : ndarray, shape (y, x)
        Precision of the squares, 0 where there is no sample.
    n_explained : int
        Dimension of what was taken away from each spectrum.
    """
    used = precision > 0.25 * np.percentile(precision[precision > 0], 90)
    rest = (left[:, used] * np.sqrt(precision[used])).astype(np.float64)
    rest /= np.sqrt(np.median(np.einsum("ep,ep->p", rest, rest)) / (len(rest) - n_explained))
    colour = (np.indices(precision.shape).sum(axis=0) % 2)[used]
    found: dict[bool, list[Float64Array]] = {True: [], False: []}
    for _ in range(2 * MOST):
        clearest = _next(rest, colour)
        if clearest is None or len(found[True]) == MOST:
            break
        direction, one_sided = clearest
        found[one_sided].append(direction)
        rest -= np.outer(direction, direction @ rest)
    new, nuisance = (np.array(found[kind]).reshape(-1, len(rest)).T for kind in (True, False))
    return new, nuisance


def _next(left: NDArray[Any], colour: NDArray[np.intp]) -> tuple[Float64Array, bool] | None:
    """The clearest direction that is found on both colours, and whether it only adds."""
    learned = [_leading(left[:, colour == one]) for one in (0, 1)]
    tested = [direction @ left[:, colour != one] for one, direction in enumerate(learned)]
    above = [int((t > _CLEAR).sum()) for t in tested]
    below = [int((t < -_CLEAR).sum()) for t in tested]
    if sum(above) + sum(below) < _ENOUGH or abs(learned[0] @ learned[1]) < _ALIKE:
        return None
    signs = [1.0 if a >= b else -1.0 for a, b in zip(above, below, strict=True)]
    start = signs[0] * learned[0] + signs[1] * learned[1]
    direction = _refined(left, start / np.linalg.norm(start))
    more, fewer = (sum(sorted(pair)[k] for pair in zip(above, below, strict=True)) for k in (1, 0))
    return direction, more > _ONE_SIDED * fewer


def _leading(left: NDArray[Any]) -> Float64Array:
    """The spectrum that some squares share most clearly: found from each of those with the most unexplained."""
    power = np.einsum("ep,ep->p", left, left)
    best, most = left[:, 0], -1.0
    for start in np.argsort(power)[-_STARTS:]:
        direction = _refined(left, left[:, start] / np.sqrt(power[start]))
        seen = np.abs(direction @ left)
        seen[start] = 0  # that a square looks like itself says nothing
        clear = float(np.sum(np.maximum(seen - 3, 0) ** 2))
        if clear > most:
            best, most = direction, clear
    return best


def _refined(left: NDArray[Any], direction: Float64Array) -> Float64Array:
    """The mean spectrum of the squares that hold clearly something along a direction, again and again."""
    for _ in range(_REFINEMENTS):
        seen = direction @ left
        new = left @ (np.sign(seen) * np.maximum(np.abs(seen) - 2.5, 0))
        size = float(np.linalg.norm(new))
        if size == 0:
            break
        direction = new / size
    return direction


def amounts_along(
    measured: Measured,
    directions: Float64Array,
    design: Design,
    offset: Float64Array,
    background: Background | None,
    progress: Progress | None = None,
    *,
    has_air: bool,
) -> Float32Array:
    """How much of each direction every pixel holds beside the design and the background, (N, Y, X).

    Without air, what changes slowly is left out, as in `find_directions`.
    """
    row = (directions.T * design.root).astype(np.float32)
    shift = (row @ offset).astype(np.float32)[:, None, None]
    along = np.empty((len(row), *measured.stack.shape[1:]), np.float32)

    def project(band: Float32Array, rows: slice) -> None:
        along[:, rows] = times(row, measured.depth(band, rows)) - shift

    over_bands(project, measured.stack.data, progress=progress, message="new features")
    if background is not None:
        along -= background.enlarged(directions.T @ background.modes, measured.stack.shape[1:])
    if not has_air:
        along = np.stack([_quick_part(one, measured.precision, _SLOW) for one in along])
    return along


def _quick_part(image: Float32Array, precision: Float32Array, radius: float) -> Float32Array:
    """An image without what changes over more than a radius."""
    from scipy.ndimage import gaussian_filter

    slow = gaussian_filter(image * precision, radius) / np.maximum(gaussian_filter(precision, radius), 1e-30)
    return np.asarray(image - slow, np.float32)


def significance(along: Float32Array, precision: Float32Array) -> Float32Array:
    """By how many standard errors each direction stands out, (N, Y, X).

    Where the neighbourhood is clear, a pixel counts for itself, and less is asked of it; elsewhere it is the
    neighbourhood's significance, which is not clear there.
    """
    from scipy.ndimage import gaussian_filter

    out = np.empty_like(along)
    for i, one in enumerate(along):
        usual = max(1.4826 * float(np.median(np.abs(one * np.sqrt(precision))[precision > 0])), 1e-9)

        def pooled(scale: float, one: Float32Array = one, usual: float = usual) -> Float32Array:
            weight = np.maximum(gaussian_filter(precision, scale), 1e-30)
            score = gaussian_filter(one * precision, scale) / np.sqrt(weight)
            return np.asarray(score * np.sqrt(4 * np.pi) * scale / usual, np.float32)

        near = np.max([pooled(scale) for scale in AROUND], axis=0)
        out[i] = np.where(near > CLEAR, pooled(OWN) + _HEAD_START, near)
    return out


def kept_amounts(along: Float32Array, precision: Float32Array, clear: NDArray[np.bool_]) -> Float32Array:
    """Amounts of the new features where they are clear, 0 elsewhere, (N, Y, X).

    Each is a mean of the pixel's own and that of its neighbours; its own counts the more, the more neighbours differ
    beyond noise.
    """
    from scipy.ndimage import gaussian_filter

    kept = np.zeros_like(along)
    for i, one in enumerate(along):
        weight = np.where(clear[i], precision, 0).astype(np.float32)
        there = np.maximum(gaussian_filter(weight, OWN), 1e-30)
        pooled = gaussian_filter(one * weight, OWN) / there
        beyond = gaussian_filter(weight**2 * (one - pooled) ** 2, OWN) / np.maximum(gaussian_filter(weight, OWN), 1e-30)
        gain = np.maximum(beyond - _NOISE_BESIDE, 0) / np.maximum(beyond - _NOISE_BESIDE + 1, 1)
        kept[i] = np.where(clear[i], np.maximum(pooled + gain * (one - pooled), 0), 0)
    return kept
