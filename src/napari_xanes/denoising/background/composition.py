"""The beam's background: patterns of the white field that changed between sample and flat, told from the sample.

On squares of some pixels, the optical depth is a sum of what the sample may hold (references and a smooth matrix, free
in every square), of patterns (a few spectra times smooth maps), and of noise. Where there is no sample, patterns are
seen as they are; the statistics of their maps carry them over to where there is (kriging). Patterns whose energy
dependence lies within the references can't be told from the sample but by those statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.bands import coarse, times
from napari_xanes.denoising.binning import SQUARE, Squares
from napari_xanes.denoising.design_matrix import Design


@dataclass(frozen=True)
class Composition:
    """What is left of each square when its composition is known.

    ``directions`` (E, D), orthonormal, hold what other mixtures than the mean one would add; ``left`` (D, y, x) is what
    the data have along them beyond the mixture that is expected, ``precision`` (y, x) how well that is known.
    """

    directions: Float64Array
    left: Float32Array
    precision: Float32Array


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
