"""Features so small that no other square confirms them: found in a few squares alone, where one is far beyond noise.

Whether a spectrum is there twice is told by the pixels of the place itself: what the black ones of a checkerboard hold
must be found again on the white ones, whose noise is another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.bands import coarse, over_bands
from napari_xanes.denoising.binning import SQUARE
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.precision import Measured
from napari_xanes.progress import Progress

_BEYOND = 6.5
"""Spreads of the squared residual of usual squares above which a square is looked at alone."""

_SURE = 3.5
"""Standard errors by which the spectrum of one half of a place must be found in the other half."""

_LARGEST = 64
"""Squares; a larger place would have been found among many, and a smooth change is not a feature."""

_MOST_PLACES = 16

_ELSEWHERE = 5.0
"""Standard errors; a direction with more squares that lack it so clearly than squares that have it is no new phase."""


@dataclass(frozen=True)
class Lone:
    """Spectra (E, N) of small places, divided by the noise, and how many places were strong but not understood."""

    directions: Float64Array
    unexplained: int


def lone_directions(
    left: Float32Array,
    precision: Float32Array,
    known: Float64Array,
    measured: Measured,
    design: Design,
    inside: BoolArray,
    *,
    most: int,
    progress: Progress | None = None,
) -> Lone:
    """Spectra of places whose residual alone is far beyond noise.

    Parameters
    ----------
    left : ndarray, shape (E, y, x)
        Squares without design, background and what else is explained, divided by the noise of each energy.
    precision : ndarray, shape (y, x)
        Precision of the squares, 0 where there is no sample.
    known : ndarray, shape (E, N)
        Orthonormal spectra that are explained already.
    measured, design
        The stack, and what the squares were freed of.
    inside : ndarray of bool, shape (Y, X)
        Pixels that the squares are means of.
    most : int
        How many directions to look for.
    """
    from scipy.ndimage import label

    used = precision > 0.25 * np.percentile(precision[precision > 0], 90)
    power = np.where(used, np.einsum("eyx,eyx->yx", left, left) * precision, 0)
    usual = float(np.median(power[used]))
    spread = max(1.4826 * float(np.median(np.abs(power[used] - usual))), usual * np.sqrt(2 / len(left)))
    strong = power > usual + _BEYOND * spread
    places, count = label(strong, np.ones((3, 3)))
    sizes = np.bincount(places.ravel(), minlength=count + 1)
    sums = np.bincount(places.ravel(), power.ravel(), minlength=count + 1)
    order = [i for i in np.argsort(-sums[1:]) + 1 if sizes[i] <= _LARGEST]
    unit = usual / (len(left) - known.shape[1])  # what noise of unit precision adds up to
    found: list[Float64Array] = []
    unexplained = count - len(order)
    halves = _halves(measured, design, inside, strong, progress) if order else left
    for number, i in enumerate(order):
        here = places == i
        weight = precision[here].astype(np.float64)
        known_here = np.column_stack([known, *found])
        mean, half = (_beside(known_here, one[:, here] @ weight / weight.sum()) for one in (left, halves))
        sigma = np.sqrt(2 * unit / weight.sum())
        if float(mean @ mean) < (len(left) + 5 * np.sqrt(2 * len(left))) * sigma**2 / 2:
            continue  # explained by what an earlier place taught
        black, white = mean + half, mean - half
        again = min(_along(black, white), _along(white, black)) / sigma
        direction = mean / np.linalg.norm(mean)
        seen = np.tensordot(direction, left, 1) * np.sqrt(precision / unit)
        above, below = (int((used & (sign * seen > _ELSEWHERE)).sum()) for sign in (1, -1))
        if again > _SURE and above > 3 * below and len(found) < most and number < _MOST_PLACES:
            found.append(direction)
        else:
            unexplained += 1
    return Lone(np.array(found).reshape(-1, len(left)).T, unexplained)


def _halves(
    measured: Measured, design: Design, inside: BoolArray, strong: BoolArray, progress: Progress | None
) -> Float32Array:
    """Half the difference of black and white pixels' means in the strong squares, (E, y, x); 0 in the others.

    What changes slowly, and so what was taken away, drops out of the difference.
    """
    out = np.zeros((design.root.size, *strong.shape), np.float32)
    colour = (np.indices(inside.shape).sum(axis=0) % 2).astype(np.float32)
    sure = np.where(inside, measured.precision, 0).astype(np.float32)
    weights = [sure * colour, sure * (1 - colour)]
    totals = [np.maximum(coarse(one, SQUARE), 1e-30) for one in weights]

    def add(band: Float32Array, rows: slice) -> None:
        squares = slice(rows.start // SQUARE, rows.start // SQUARE - (-band.shape[1] // SQUARE))
        if not strong[squares].any():
            return
        values = measured.depth(band, rows)
        black, white = (
            coarse(values * one[rows], SQUARE) / total[squares] for one, total in zip(weights, totals, strict=True)
        )
        out[:, squares] = np.where(strong[squares], (black - white) / 2, 0)

    over_bands(add, measured.stack.data, multiple=SQUARE, progress=progress, message="small features")
    return out * design.root.astype(np.float32)[:, None, None]


def _beside(known: Float64Array, spectrum: Float64Array) -> Float64Array:
    result: Float64Array = spectrum - known @ (known.T @ spectrum)
    return result


def _along(one: Float64Array, other: Float64Array) -> float:
    return float(one @ other) / max(float(np.linalg.norm(one)), 1e-30)
