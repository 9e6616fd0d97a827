"""The embedding: coordinates of the members of a library, and the data for placing other spectra among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.theory.embedding.methods import NEIGHBOURS, EmbeddingMethod
from napari_xanes.theory.library.model import Library

_N_CANDIDATES = 32
"""Number of members around the nearest member in which the neighbours of a spectrum are searched."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Coordinates of the members of a library, and the data for placing other spectra among them.

    Parameters
    ----------
    coordinates : ndarray, shape (M, D)
        Dimensionless; their distances are those between unit spectra, as far as the method preserves them.
    method : str
        Method that found the coordinates.
    stress : float
        Kruskal's stress 1: root of the squared differences of distances over the squared distances. 0 is perfect.
    trustworthiness : float
        Share of the five neighbours of a member that are its neighbours as spectra too, 0 to 1 (Venna & Kaski, 2001).
    features : ndarray, shape (M, K)
        The unit spectra that were embedded.
    energy : ndarray, shape (E,), optional
        Photon energies in eV of the spectra to place; None if features are placed unchanged.
    free : ndarray, shape (E, F), optional
        Orthonormal background that is projected out of spectra.
    library : Library, optional
        Library of the members.
    axes : tuple of ndarray, optional
        For principal components: mean (K,) and directions (D, K) of the projection.
    """

    coordinates: Float64Array
    method: EmbeddingMethod
    stress: float
    trustworthiness: float
    features: Float64Array
    energy: Float64Array | None = None
    free: Float64Array | None = None
    library: Library | None = None
    axes: tuple[Float64Array, Float64Array] | None = None

    @property
    def n_components(self) -> int:
        """Number of coordinates."""
        return int(self.coordinates.shape[1])

    @cached_property
    def products(self) -> Float64Array:
        """Inner products (M, M) of the members' features."""
        result: Float64Array = self.features @ self.features.T
        return result

    @cached_property
    def circles(self) -> NDArray[np.intp]:
        """The members nearest to each member, itself included: shape (M, up to 32)."""
        n_near = min(max(_N_CANDIDATES, NEIGHBOURS), len(self.features))
        squares = np.diagonal(self.products) - 2 * self.products
        return np.argpartition(squares, n_near - 1, axis=1)[:, :n_near]
