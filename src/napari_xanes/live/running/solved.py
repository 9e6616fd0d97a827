"""A reference fit from sums over frames: the same optimum as `fit_references` finds, with the errors of white noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.live.running.sums import FrameSums, in_pieces
from napari_xanes.maps.fitting.design import Design

_PRIOR = 8.0
"""Degrees of freedom that the typical variance of all pixels counts as, beside those of the pixel's own residuals."""

_MANY = 1 << 16
"""The typical variance is taken from about so many pixels."""


class Solved(NamedTuple):
    """What a fit found, flat over pixels, as `LinearFit` names it.

    ``amounts``, ``amount_sigma`` (K, P), ``background`` (F, P), the rest (P,).
    """

    amounts: Float32Array
    amount_sigma: Float32Array
    background: Float32Array
    jump: Float32Array
    jump_sigma: Float32Array
    valence: Float32Array
    valence_sigma: Float32Array
    rms: Float32Array
    good: BoolArray
    dominant: IndexArray


def solve(design: Design, sums: FrameSums, first: float, *, fractions: bool, min_jump: float | None) -> Solved:
    """Fit references to all pixels.

    Parameters
    ----------
    design : Design
        The fit, on the energies of the frames that were added.
    sums : FrameSums
        Rows: the references at the energy of the frame, 1, and the distance of its energy from `first`.
    first : float
        Energy in eV.
    fractions, min_jump
        As in `fit_references`.

    Returns
    -------
    Solved
        Coefficients are those of `fit_references`. Their errors follow from the pixel's own residuals as white noise,
        with the typical variance of all pixels counting as eight degrees of freedom (Smyth, Stat. Appl. Genet. Mol.
        Biol. 3, 3, 2004, who finds this number from the data): misfit that energies share is not in them.
    """
    k, n_pixels = len(design.names), sums.squares.size
    amounts, amount_sigma = (np.empty((k, n_pixels), np.float32) for _ in range(2))
    background = np.empty((len(design.backgrounds), n_pixels), np.float32)
    jump, jump_sigma, valence, valence_sigma, rms = (np.empty(n_pixels, np.float32) for _ in range(5))
    good, dominant = np.zeros(n_pixels, dtype=bool), np.zeros(n_pixels, np.uint8)
    problem = _Problem(design, first)
    typical = problem.typical_variance(sums)

    def work(pixels: slice) -> None:
        with np.errstate(all="ignore"):
            x, of_background, support, squares = problem.fit(sums, pixels)
            variance = problem.variance(squares, support, typical)
            total = x.sum(axis=0)
            jump[pixels], jump_sigma[pixels] = total, problem.sigma(support, variance, np.ones((k, 1)))
            least = 5 * jump_sigma[pixels] if min_jump is None else min_jump
            good[pixels] = is_good = np.isfinite(total) & (total > least)
            background[:, pixels], rms[pixels] = of_background, np.sqrt(squares / design.energy.size)
            dominant[pixels] = np.where(is_good, np.argmax(np.nan_to_num(x), axis=0) + 1, 0)
            amounts[:, pixels] = x / total if fractions else x
            for i in range(k):
                slopes = np.eye(k)[:, [i]] - (x[i] / total if fractions else 0.0)
                amount_sigma[i, pixels] = problem.sigma(support, variance, slopes) / (total if fractions else 1.0)
            counted = design.with_valence.astype(np.float64)
            charges, weight = np.where(design.with_valence, design.valences, 0.0), counted @ x
            mean = np.where(is_good & (weight > 0), charges @ x / weight, np.nan)
            valence[pixels] = mean
            valence_sigma[pixels] = (
                problem.sigma(support, variance, charges[:, None] - mean * counted[:, None]) / weight
            )

    in_pieces(work, n_pixels)
    return Solved(
        amounts, amount_sigma, background, jump, jump_sigma, valence, valence_sigma, rms, good, dominant.astype(np.intp)
    )


class _Problem:
    """The matrices that lead from sums to coefficients."""

    def __init__(self, design: Design, first: float) -> None:
        self._design, k = design, len(design.names)
        axis = design.energy
        middle = (axis[0] + axis[-1]) / 2
        # From the rows of the sums to the right side: references, constant, distance from the middle energy.
        to_columns = np.zeros((k + len(design.backgrounds), k + 2))
        to_columns[:k, :k] = np.eye(k)
        for row, name in enumerate(design.backgrounds, start=k):
            to_columns[row, k:] = {"constant": (1.0, 0.0), "slope": (first - middle, 1.0)}[name]
        self._right = to_columns
        bases = np.concatenate([design.basis, design.background_basis], axis=1)
        self._projection = np.linalg.lstsq(design.matrix, bases, rcond=None)[0].T @ to_columns
        self._products = design.matrix.T @ design.matrix
        freed = design.solver.freed()[0]
        self._covariances = np.einsum("sik,sjk->sij", freed, freed)
        self._freedom = len(axis) - len(design.backgrounds) - design.solver.members.sum(axis=1)

    def fit(
        self, sums: FrameSums, pixels: slice | IndexArray
    ) -> tuple[Float64Array, Float64Array, IndexArray, Float64Array]:
        """Return coefficients (K, P), backgrounds (F, P), supports (P,) and sums of squared residuals (P,)."""
        design, k = self._design, len(self._design.names)
        rows = sums.rows[:, pixels]
        target, of_background = np.split(self._projection @ rows, [k])
        x, support = design.solver.solve(target)
        background = design.background_inverse @ (of_background - design.coupling @ x)
        every = np.concatenate([x, background])
        fitted = self._products @ every - 2 * (self._right @ rows)
        squares = np.maximum(sums.squares[pixels] + np.einsum("kp,kp->p", every, fitted), 0)
        bad = sums.is_bad[pixels]
        if bad.any():
            x[:, bad] = background[:, bad] = np.nan
            squares[bad] = np.nan
        return x, background, support, squares

    def typical_variance(self, sums: FrameSums) -> float:
        """Return the median variance of residuals over pixels spread over the image; 0 if none is finite."""
        some = np.arange(0, sums.squares.size, -(-sums.squares.size // _MANY))
        _, _, support, squares = self.fit(sums, some)
        found = squares / self._freedom.take(support)
        found = found[np.isfinite(found)]
        return float(np.median(found)) if found.size else 0.0

    def variance(self, squares: Float64Array, support: IndexArray, typical: float) -> Float64Array:
        """Return the variance of the noise of each pixel."""
        result: Float64Array = (squares + _PRIOR * typical) / (self._freedom.take(support) + _PRIOR)
        return result

    def sigma(self, support: IndexArray, variance: Float64Array, slopes: Float64Array) -> Float64Array:
        """Return the standard error of a sum of coefficients with weights (K, P) or (K, 1)."""
        result = np.zeros(support.size)
        for i in range(len(slopes)):
            for j in range(len(slopes)):
                result += self._covariances[:, i, j].take(support) * slopes[i] * slopes[j]
        root: Float64Array = np.sqrt(np.maximum(result * variance, 0))
        return root
