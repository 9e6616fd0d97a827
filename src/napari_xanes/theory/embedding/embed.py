"""A library as a picture: a few coordinates per spectrum, in which like spectra lie close to each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.progress import Progress
from napari_xanes.theory.embedding.methods import METHODS, EmbeddingMethod, Tell, distances_of, principal_axes
from napari_xanes.theory.embedding.model import Embedding
from napari_xanes.theory.embedding.placement import background_columns, place, unit_rows
from napari_xanes.theory.library.model import Library

LANDMARKS = 600
"""Of a larger library so many members are embedded by themselves, the others among them."""


def embed(
    library: Library,
    method: EmbeddingMethod = "mds",
    n_components: int = 2,
    *,
    energy: ArrayLike | None = None,
    broadening: float = 0.3,
    offset: float = 0.0,
    background: Literal["linear", "constant", "none"] = "linear",
    progress: Progress | None = None,
) -> Embedding:
    """Coordinates of a library's members in few dimensions, the same every time.

    Parameters
    ----------
    library : Library
        What to embed.
    method : {"mds", "isomap", "tsne", "pca", "umap"}
        Metric multidimensional scaling (SMACOF, started from classical scaling), Isomap, t-SNE, principal components,
        or UMAP where umap-learn is installed.
    n_components : int
        Number of coordinates.
    energy : array_like, shape (E,), optional
        Photon energies in eV: those of a stack whose pixels are to be placed. By default the library's edge in steps of
        0.1 eV.
    broadening : float
        Full width of the instrument's Gaussian in eV.
    offset : float
        How much too high these energies read, in eV.
    background : {"linear", "constant", "none"}
        What is projected out of every spectrum. Then it is divided by its norm, so that thickness does not count.
    progress : callable, optional
        Told the fraction done between the stages of MDS and t-SNE; it may raise `Cancelled`.

    Returns
    -------
    Embedding
        Coordinates (M, n_components) with stress and trustworthiness, which count all members. Except for principal
        components, of a library of more than 600 members 600 landmarks are embedded and the others placed among them
        as `place` does (after de Silva & Tenenbaum, 2004): t-SNE of ``mn-l23`` takes one second instead of four, and
        its trustworthiness is 0.99 instead of 1.

    Raises
    ------
    ValueError
        If the library has too few members, or does not reach the energies.
    ImportError
        If UMAP is asked for and not installed.

    Examples
    --------
    >>> from napari_xanes.theory import embed, load_library
    >>> made = embed(load_library("mn-l23-oh"), "pca")
    >>> made.coordinates.shape
    (78, 2)
    """
    axis = _default_axis(library) if energy is None else np.asarray(energy, dtype=np.float64)
    low, high = library.span
    if axis.size < 4 or axis[0] < low + offset - 1e-9 or axis[-1] > high + offset + 1e-9:
        raise ValueError(
            f"an embedding needs at least 4 energies within the library {library.name!r} ({low:.1f} to {high:.1f} eV), "
            f"not {axis.size} from {axis[0] if axis.size else 0:g} to {axis[-1] if axis.size else 0:g} eV"
        )
    free = background_columns(axis, background)
    features = unit_rows(library.at(axis, broadening=broadening, shift=offset), free)
    made = embed_spectra(features, method, n_components, progress)
    return replace(made, energy=axis, free=free, library=library)


def _default_axis(library: Library) -> Float64Array:
    """Where the mean spectrum holds all but a percent of its area."""
    low, high = library.span
    axis = np.arange(low, high, 0.1)
    area = np.cumsum(library.at(axis, broadening=0.3).mean(axis=0))
    inside = (area > 0.005 * area[-1]) & (area < 0.995 * area[-1])
    chosen: Float64Array = axis[inside]
    return chosen


def embed_spectra(
    features: Float64Array, method: EmbeddingMethod = "mds", n_components: int = 2, progress: Progress | None = None
) -> Embedding:
    """Embed rows of features (M, K); see `embed`.

    Raises
    ------
    ValueError
        If there are too few rows or the method is unknown.
    ImportError
        If UMAP is asked for and not installed.
    """
    if method not in METHODS:
        raise ValueError(f"embedding {method!r} is none of {', '.join(METHODS)}")
    if not 1 <= n_components < min(features.shape):
        raise ValueError(f"{features.shape[0]} spectra can't be embedded in {n_components} dimensions")

    def tell(done: float) -> None:
        if progress is not None:
            progress(done, "embedding the library")

    import sklearn.manifold  # noqa: F401  its threads must be there to be limited
    from threadpoolctl import threadpool_limits

    # Threads that wait for each other while the window or another program keeps a core busy take ten times as long.
    with threadpool_limits(1):
        coordinates = _embedded(features, method, n_components, tell)
    distances, found = distances_of(features), distances_of(coordinates)
    # t-SNE and UMAP keep neighbours, not distances: their scale is free.
    scale = np.sum(distances * found) / max(np.sum(found**2), 1e-30)
    stress = float(np.sqrt(np.sum((distances - scale * found) ** 2) / np.sum(distances**2)))
    axes = principal_axes(features, n_components) if method == "pca" else None
    return Embedding(coordinates, method, stress, _trust(features, coordinates), features, axes=axes)


def _embedded(features: Float64Array, method: EmbeddingMethod, n_components: int, tell: Tell) -> Float64Array:
    """Coordinates of all rows, those beyond `LANDMARKS` by their place among landmarks that lie far from each other."""
    if method == "pca" or len(features) <= LANDMARKS:
        return METHODS[method](features, n_components, tell)
    known = features[_spread(features)]
    result: Float64Array = place(
        Embedding(METHODS[method](known, n_components, tell), method, 0.0, 1.0, known), features
    )
    return result


def _spread(features: Float64Array) -> NDArray[np.intp]:
    """Rows each as far as can be from those chosen before."""
    products = features @ features.T
    lengths = np.diagonal(products)
    chosen, away = [0], np.full(len(features), np.inf)
    for _ in range(LANDMARKS - 1):
        last = chosen[-1]
        away = np.minimum(away, lengths + lengths[last] - 2 * products[last])
        chosen.append(int(away.argmax()))
    return np.unique(chosen)


def _trust(features: Float64Array, coordinates: Float64Array) -> float:
    from sklearn.manifold import trustworthiness

    n_neighbors = min(5, (len(features) - 1) // 2)
    return float(trustworthiness(features, coordinates, n_neighbors=n_neighbors)) if n_neighbors else 1.0
