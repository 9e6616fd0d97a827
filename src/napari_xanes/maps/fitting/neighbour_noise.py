"""Noise that neighbouring pixels share, as after registration or resampling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array

_REACH = 5
"""Largest distance in pixels over which noise is compared."""

_LEAST = 0.05
"""Smaller correlations do not count."""


class NeighbourNoise(NamedTuple):
    """Correlation of direct neighbours, and the width in pixels of the square that shares its noise."""

    correlation: float
    length: float


def neighbour_noise(scaled: Float64Array, used: BoolArray, shape: tuple[int, int], tile: int) -> NeighbourNoise:
    """Measure how far neighbouring pixels share their noise.

    Parameters
    ----------
    scaled : ndarray, shape (E, N)
        Residuals of N pixels over their standard errors, with a mean of about 0.
    used : ndarray of bool, shape (P,)
        Which of the pixels these are.
    shape : tuple of int
        Rows and columns of the P pixels.
    tile : int
        Pixels are neighbours within squares of this height and width, and pairs of squares in a row.

    Returns
    -------
    NeighbourNoise
        The length is the root of the sum of the correlations over all distances: the variance of a mean over n pixels
        is ``length**2 / n`` times that of a pixel.
    """
    spectra = np.zeros((used.size, len(scaled)), np.float32)
    spectra[used] = scaled.T
    image = spectra.reshape(*shape, -1)
    across = _correlations(image, 2 * tile)
    down = _correlations(image.transpose(1, 0, 2), tile)
    strongest = float(max(across[0], down[0]))
    if strongest < _LEAST:
        return NeighbourNoise(0.0, 1.0)
    area = (1 + 2 * float(across.sum())) * (1 + 2 * float(down.sum()))
    return NeighbourNoise(strongest, float(np.sqrt(area)))


def _correlations(image: Float32Array, period: int) -> Float64Array:
    """Correlation along the rows of an image (Y, X, E) at distances 1, 2 ... within pieces of a length.

    What is shared over the largest distance is misfit, not noise, and is subtracted. From the first small correlation
    on, all are 0.
    """
    n_columns = image.shape[1] // period * period
    pieces = image[:, :n_columns].reshape(len(image), -1, period, image.shape[2])
    reach = min(_REACH, period - 1)
    found = np.zeros(max(1, reach))
    if reach < 1 or pieces.size == 0:
        return found
    far = _product(pieces, reach) if reach == _REACH else 0.0
    for lag in range(1, reach + 1):
        correlation = _product(pieces, lag) - far
        if correlation < _LEAST / 2:
            break
        found[lag - 1] = correlation
    return found


def _product(pieces: Float32Array, lag: int) -> float:
    """Correlation of values at a distance; pixels that are left out are 0."""
    left, right = pieces[:, :, lag:], pieces[:, :, :-lag]
    product, *squares = (
        float(np.einsum("ypxe,ypxe->", a, b)) for a, b in ((left, right), (left, left), (right, right))
    )
    power = squares[0] * squares[1]
    return product / float(np.sqrt(power)) if power > 0 else 0.0
