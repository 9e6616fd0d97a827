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
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import times
from napari_xanes.denoising.binning import SQUARE, Squares
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.novelty.amounts import (
    SLOW,
    quick_part,
)

MOST = 4
"""New features that are looked for."""

_CLEAR, _ENOUGH, _ALIKE = 3.5, 5, 0.35
"""A direction is found if it is this clear, in standard errors, in so many squares that it was not learned from, and if
what both colours teach is so much alike (cosine). By chance one of 2000 squares is as clear; and chance directions in
80 energies are as alike once in a thousand times."""

_ONE_SIDED = 3.0

_STARTS, _REFINEMENTS = 8, 6


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
        values = np.stack([quick_part(one, squares.sample_precision, SLOW / SQUARE) for one in values])
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
