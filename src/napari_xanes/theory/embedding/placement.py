"""Place other spectra among the members of an embedded library."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import Float64Array
from napari_xanes.theory.embedding.methods import NEIGHBOURS
from napari_xanes.theory.embedding.model import Embedding

_AT_ONCE = 1 << 13


def place(embedding: Embedding, spectra: ArrayLike) -> Float64Array:
    """Find the coordinates of measured spectra in an embedding.

    Parameters
    ----------
    embedding : Embedding
        The result of `embed`.
    spectra : array_like, shape (N, E)
        Spectra on ``embedding.energy``, of any height and background.

    Returns
    -------
    ndarray, shape (N, D)
        NaN for a spectrum that is flat or not finite. Exact for principal components. The other methods have no
        formula for a new point, or a slow one. For them, the eight members nearest to the spectrum are landmarks. The
        weights that combine these members to the spectrum (Roweis & Saul, Science 290, 2323, 2000) combine their
        coordinates to its own, so that a member is placed on itself. A spectrum that is far from all members is
        therefore placed near them too; the misfit of `match_library` shows this.

    Raises
    ------
    ValueError
        If the spectra do not have the embedding's energies.

    Examples
    --------
    >>> from napari_xanes.theory import embed, load_library
    >>> library = load_library("mn-l23-oh")
    >>> embedding = embed(library, "mds")
    >>> point = place(embedding, 3 * library.at(embedding.energy, broadening=0.3, rows=[9]) + 1)
    >>> bool(np.allclose(point, embedding.coordinates[9], atol=1e-3))
    True
    """
    rows = np.atleast_2d(np.asarray(spectra))
    n = embedding.features.shape[1]
    if rows.ndim != 2 or rows.shape[1] != n:
        raise ValueError(f"spectra to place must be (N, {n}), on the energies of the embedding, not {rows.shape}")
    out = np.full((len(rows), embedding.n_components), np.nan)
    for start in range(0, len(rows), _AT_ONCE):
        chunk = rows[start : start + _AT_ONCE].astype(np.float64)
        features = chunk if embedding.free is None else unit_rows(chunk, embedding.free)
        good = np.isfinite(features).all(axis=1)
        if good.any():
            out[start : start + _AT_ONCE][good] = _placed(embedding, features[good])
    return out


def background_columns(energy: Float64Array, background: str) -> Float64Array:
    """Return orthonormal columns (E, 0 to 2) for a constant and a slope."""
    axis = (energy - energy.mean()) / max(float(np.ptp(energy)), 1e-9)
    columns = np.stack([np.ones_like(axis), axis], axis=1)[:, : {"none": 0, "constant": 1, "linear": 2}[background]]
    basis: Float64Array = np.linalg.qr(columns)[0]
    return basis


def unit_rows(spectra: Float64Array, free: Float64Array) -> Float64Array:
    """Project the background out of spectra (N, E) and divide by the norm; NaN where nothing remains."""
    clean = spectra - (spectra @ free) @ free.T
    norm = np.linalg.norm(clean, axis=1, keepdims=True)
    result: Float64Array = clean / np.where(
        norm > 1e-12 * (1 + np.abs(spectra).max(axis=1, keepdims=True)), norm, np.nan
    )
    return result


def _placed(embedding: Embedding, features: Float64Array) -> Float64Array:
    """Return coordinates (N, D) of features (N, K)."""
    if embedding.axes is not None:
        mean, directions = embedding.axes
        result: Float64Array = (features - mean) @ directions.T
        return result
    return _by_landmarks(embedding, features)


def _by_landmarks(embedding: Embedding, features: Float64Array) -> Float64Array:
    """Combine the coordinates of the nearest members; see `place`."""
    products, cross = embedding.products, features @ embedding.features.T
    lengths = np.diagonal(products)
    # Search neighbours around the nearest member only: sorting all of a large library would take most of the time.
    neighbours = embedding.circles[np.argmax(cross - lengths / 2, axis=1)]
    scores = np.take_along_axis(cross, neighbours, axis=1)
    n_neighbours = min(NEIGHBOURS, neighbours.shape[1])
    order = np.argpartition(lengths[neighbours] - 2 * scores, n_neighbours - 1, axis=1)[:, :n_neighbours]
    neighbours, scores = np.take_along_axis(neighbours, order, axis=1), np.take_along_axis(scores, order, axis=1)
    # Inner products of the differences to the neighbours, from those of the spectra: no (N, 8, E) array.
    norms = np.sum(features**2, axis=1)
    gram = (
        products[neighbours[:, :, None], neighbours[:, None, :]]
        - scores[:, :, None]
        - scores[:, None, :]
        + norms[:, None, None]
    )
    # Weigh distant neighbours less, so that noise is not extrapolated from opposite ones; a member keeps its own place.
    distances = np.diagonal(gram, axis1=1, axis2=2)
    gram[:, np.arange(n_neighbours), np.arange(n_neighbours)] += (
        0.1 * distances + 1e-9 * distances.mean(axis=1, keepdims=True) + 1e-15
    )
    weights = np.linalg.solve(gram, np.ones((len(features), n_neighbours, 1)))[:, :, 0]
    weights /= weights.sum(axis=1, keepdims=True)
    result: Float64Array = np.einsum("pn,pnd->pd", weights, embedding.coordinates[neighbours])
    return result
