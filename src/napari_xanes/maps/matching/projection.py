"""Spectra projected onto the library's principal components."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.maps.matching.l_edge_model_error import white_variance
from napari_xanes.maps.matching.search_grid import SearchGrid


class Projection(NamedTuple):
    """P spectra projected onto the K principal components of a library.

    Parameters
    ----------
    scores : ndarray, shape (P, K)
        Amounts of the components.
    squared_norm : ndarray, shape (P,)
        Of the scores.
    residual_squares : ndarray, shape (P,)
        Squared norm of what background and components do not describe.
    noise_variance : ndarray, shape (P,)
        Variance of the noise of one energy, from the residual.
    white_variance : ndarray, shape (P,)
        The same from neighbouring energies, which a misfit of the library changes little.
    """

    scores: Float32Array
    squared_norm: Float64Array
    residual_squares: Float64Array
    noise_variance: Float64Array
    white_variance: Float64Array

    def queries(self) -> Float32Array:
        """Return rows (P, K + 1) for `CoarseSearch.best`: the scores, and the weight of the penalty."""
        weight = self.noise_variance / (2 * np.sqrt(self.squared_norm + 1e-30))
        return np.concatenate([self.scores, weight[:, None]], axis=1, dtype=np.float32)

    def rows(self, rows: Any) -> Projection:
        """Return the projections of some of the spectra."""
        return Projection(*(values[rows] for values in self))


def project(grid: SearchGrid, spectra: Float32Array) -> Projection:
    """Project spectra (E, P) without background onto the library's principal components; `spectra` is overwritten."""
    spectra -= grid.background @ (grid.background.T @ spectra)
    transposed_scores = grid.components.T @ spectra
    scores = np.ascontiguousarray(transposed_scores.T)
    squared_norm = np.einsum("pk,pk->p", scores, scores).astype(np.float64)
    # The residual is computed as such: as a difference of squares, single precision would lose it.
    spectra -= grid.components @ transposed_scores
    residual = np.einsum("ep,ep->p", spectra, spectra).astype(np.float64)
    freedom = max(len(spectra) - grid.background.shape[1] - grid.components.shape[1], 1)
    noise_variance = (residual + 1e-12 * squared_norm + 1e-30) / freedom
    return Projection(scores, squared_norm, residual, noise_variance, white_variance(spectra))
