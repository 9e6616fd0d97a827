"""From spectra to maps: amounts of the references, the edge jump, and what is known of each fraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import times
from napari_xanes.denoising.binning import Squares
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.precision import used_precision


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
