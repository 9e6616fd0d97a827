"""From spectra to maps: amounts of the references, the edge jump, and what is known of each fraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background import Background, Composition
from napari_xanes.denoising.bands import coarse, over_bands, times
from napari_xanes.denoising.design import Design
from napari_xanes.denoising.measure import SQUARE, Measured, Squares, used_precision
from napari_xanes.progress import Progress


@dataclass(frozen=True)
class Fit:
    """Amount of each column of a design in each pixel (K + F, Y, X), and the mean squared residual (Y, X).

    ``alike`` tells whether the noise of neighbours is: the mean squared difference of residuals one pixel apart over
    that two pixels apart, 1 for noise of each pixel's own.
    """

    amounts: Float32Array
    squares: Float32Array
    alike: float


def amounts_of(measured: Measured, design: Design, offset: Float64Array, progress: Progress | None = None) -> Fit:
    """Fit the design to each pixel.

    Parameters
    ----------
    measured : Measured
        The stack.
    design : Design
        What is fitted.
    offset : ndarray, shape (E,)
        Spectrum to subtract from every pixel.
    """
    stack, solver = measured.stack, design.solver()
    amounts = np.empty((solver.shape[0], *stack.shape[1:]), np.float32)
    squares = np.empty(stack.shape[1:], np.float32)
    apart = np.zeros((stack.shape[1], 2))
    basis = np.linalg.qr(design.all)[0].astype(np.float32)
    root = design.root.astype(np.float32)[:, None, None]
    shift = (solver @ offset).astype(np.float32)[:, None, None]
    by = offset.astype(np.float32)[:, None, None]
    freedom = stack.energy.size - solver.shape[0]

    def fit(band: Float32Array, rows: slice) -> None:
        values = measured.depth(band, rows)
        amounts[:, rows] = times(solver, values) - shift
        values -= by
        values *= root
        inside = times(basis.T, values)
        left = np.einsum("eyx,eyx->yx", values, values) - np.einsum("kyx,kyx->yx", inside, inside)
        squares[rows] = left / freedom
        row = values[:, :1] - times(basis, inside[:, :1])
        row *= np.sqrt(measured.precision[rows][:1])
        used = measured.precision[rows][0] > 0
        for step in (1, 2):
            both = used[step:] & used[:-step]
            apart[rows.start, step - 1] = np.sum((row[:, 0, step:] - row[:, 0, :-step])[:, both] ** 2)

    over_bands(fit, stack.data, progress=progress, message="fit of the references")
    near, far = apart.sum(axis=0)
    return Fit(amounts, squares, float(near / far) if far > 0 else 1.0)


def without_background(amounts: Float32Array, background: Background | None, design: Design) -> Float32Array:
    """Amounts without what patterns add to them."""
    if background is None:
        return amounts
    solver = np.linalg.pinv(design.all)
    result: Float32Array = amounts - background.enlarged(solver @ background.modes, amounts.shape[1:])
    return result


@dataclass(frozen=True)
class Fractions:
    """What is known of the fraction of each reference, (K, Y, X): estimate times information, and information."""

    num: Float32Array
    den: Float32Array


def jump_of(amounts: Float32Array, precision: Float32Array, design: Design) -> tuple[Float32Array, Float32Array]:
    """Edge jump (sum of the amounts of the references) and its standard error, (Y, X)."""
    k = design.references.shape[1] if design.sums else 1
    sigma = np.sqrt(edge_variance(design) / used_precision(precision))
    return amounts[:k].sum(axis=0), sigma.astype(np.float32)


def edge_variance(design: Design) -> float:
    """Variance of the edge jump for pixels of unit precision."""
    k = design.references.shape[1] if design.sums else 1
    return float(design.covariance()[:k, :k].sum())


def fractions_of(amounts: Float32Array, jump: Float32Array, precision: Float32Array, design: Design) -> Fractions:
    """Fractions and their information where the edge jump is known.

    Parameters
    ----------
    amounts : ndarray, shape (K + F, Y, X)
        Of the references and the free columns.
    jump : ndarray, shape (Y, X)
        Edge jump, cleaned of noise, above 0.
    precision : ndarray, shape (Y, X)
        One over the variance of a usual energy.
    """
    k = design.references.shape[1]
    covariance = design.covariance()[:k, :k]
    if not design.sums:
        alone = (1 / np.diag(covariance)).astype(np.float32)[:, None, None] * (jump**2 * precision)
        return Fractions(alone * (amounts[:k] / jump), alone)
    if k == 1:
        alone = (jump**2 * precision)[None]
        return Fractions(alone, alone)
    to_sum = covariance.sum(axis=1) / covariance.sum()
    given_sum = _given_sum(covariance)
    beyond = amounts[:k].sum(axis=0) - jump
    share = (amounts[:k] - to_sum.astype(np.float32)[:, None, None] * beyond) / jump
    information = (1 / np.diag(given_sum)).astype(np.float32)[:, None, None] * (jump**2 * precision)
    return Fractions(information * share, information)


def _given_sum(covariance: Float64Array) -> Float64Array:
    """Covariance of amounts (K, K) once their sum is known."""
    result: Float64Array = covariance - np.outer(covariance.sum(axis=1) / covariance.sum(), covariance.sum(axis=0))
    return result


def left_over(squares: Squares, design: Design, background: Background | None) -> float:
    """Variance per energy of what neither design, background nor noise explain, in usual squares, at least 0.

    What patterns of the beam leave beside the design, they leave within it too, where they can't be seen.
    """
    values = squares.sample if background is None else squares.sample - background.on_squares()
    basis = np.linalg.qr(design.all)[0].astype(np.float32)
    inside = times(basis.T, values)
    used = squares.sample_precision > 0
    power = np.einsum("eyx,eyx->yx", values, values)[used] - np.einsum("kyx,kyx->yx", inside, inside)[used]
    return max(0.0, float(np.median(power / (len(basis) - basis.shape[1]) - 1 / squares.sample_precision[used])))


def spread_of_left_over(variance: float, jump: Float32Array, design: Design) -> Float32Array:
    """Variance that this adds to each fraction, (K, Y, X)."""
    k = design.references.shape[1]
    covariance = design.covariance()[:k, :k]
    if design.sums:
        covariance = _given_sum(covariance)
    result: Float32Array = (variance * np.diag(covariance)).astype(np.float32)[:, None, None] / jump**2
    return result


def composition_of(
    squares: Squares,
    precision: Float32Array,
    jump: Float32Array,
    fractions: Float32Array,
    design: Design,
    spread: float,
) -> Composition:
    """What the squares hold beyond the mixtures that are expected.

    Parameters
    ----------
    squares : Squares
        Means over squares, divided by the noise.
    precision : ndarray, shape (Y, X)
        Of the pixels that the squares of the sample are means of, 0 for others.
    jump, fractions : ndarray, shape (Y, X) and (K, Y, X)
        What is expected.
    spread : float
        Standard error of the expected fractions.
    """
    weight = np.maximum(coarse(precision, SQUARE), 1e-30)
    sums = np.einsum("kyx,yx->k", fractions, jump * precision, optimize=True)
    mean = sums / sums.sum()
    mixture = design.references @ mean
    slow = np.linalg.qr(np.concatenate([mixture[:, None], design.free], axis=1))[0]
    beside = design.references - slow @ (slow.T @ design.references)
    directions, sizes, _ = np.linalg.svd(beside, full_matrices=False)
    directions = directions[:, sizes > 1e-6 * sizes[0]][:, : design.references.shape[1] - 1]
    away = (fractions - mean.astype(np.float32)[:, None, None]) * (jump * precision)
    expected = times(directions.T @ design.references, (coarse(away, SQUARE) / weight).astype(np.float32))
    contrast = float(np.linalg.norm(directions.T @ (design.references - mixture[:, None]), axis=0).sum())
    own_jump = np.maximum(coarse(jump * precision, SQUARE) / weight, 0.005)
    sure = np.where(
        squares.sample_precision > 0,
        1 / (1 / np.maximum(squares.sample_precision, 1e-30) + (contrast * own_jump * spread) ** 2),
        0,
    )
    left = times(directions.T, squares.sample) - expected
    return Composition(directions, left.astype(np.float32), sure.astype(np.float32))
