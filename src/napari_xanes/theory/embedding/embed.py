"""Embed a library: a few coordinates per spectrum, in which similar spectra lie close to each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.progress import Progress
from napari_xanes.spectrum import check_grid
from napari_xanes.theory.embedding.methods import (
    METHODS,
    EmbeddingMethod,
    FractionCallback,
    distances_of,
    principal_axes,
)
from napari_xanes.theory.embedding.model import Embedding
from napari_xanes.theory.embedding.placement import background_columns, place, unit_rows
from napari_xanes.theory.library.model import Library

LANDMARKS = 600
"""Number of members of a larger library that are embedded; the others are placed among them."""


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
    """Find coordinates of the members of a library in few dimensions; the same on every run on one machine.

    Parameters
    ----------
    library : Library
        The library.
    method : {"mds", "isomap", "tsne", "pca", "umap"}
        Metric multidimensional scaling (SMACOF, started from classical scaling), Isomap, t-SNE, principal components,
        or UMAP where umap-learn is installed.
    n_components : int
        Number of coordinates.
    energy : array_like, shape (E,), optional
        Photon energies in eV of the stack whose pixels will be placed. By default the edge of the library in steps of
        0.1 eV.
    broadening : float
        Full width of the instrument's Gaussian in eV.
    offset : float
        Error of these energies in eV; positive if they are too high.
    background : {"linear", "constant", "none"}
        Background that is projected out of every spectrum. Then the spectrum is divided by its norm, so that
        thickness has no effect.
    progress : callable, optional
        Called with the fraction done between the stages of MDS and t-SNE; may raise `Cancelled`.

    Returns
    -------
    Embedding
        Coordinates (M, n_components) with stress and trustworthiness over all members. Of a library with more than
        600 members, all methods but principal components embed 600 landmarks and place the others among them, as
        `place` does (after de Silva & Tenenbaum, 2004): t-SNE of ``mn-l23`` takes one second instead of four, and
        its trustworthiness is 0.99 instead of 1.

    Raises
    ------
    ValueError
        If the library has too few members, or does not cover the energies.
    ImportError
        If UMAP is asked for and not installed.

    Examples
    --------
    >>> from napari_xanes.theory import embed, load_library
    >>> embedding = embed(load_library("mn-l23-oh"), "pca")
    >>> embedding.coordinates.shape
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
    embedding = embed_spectra(features, method, n_components, progress)
    return replace(embedding, energy=axis, free=free, library=library)


def _default_axis(library: Library) -> Float64Array:
    """Return the energies that contain 99 % of the area of the mean spectrum, in steps of 0.1 eV."""
    low, high = library.span
    check_grid(low, high, 0.1, what=f"the library {library.name!r}")
    axis = np.arange(low, high, 0.1)
    area = np.cumsum(library.at(axis, broadening=0.3).mean(axis=0))
    inside = (area > 0.005 * area[-1]) & (area < 0.995 * area[-1])
    edge_axis: Float64Array = axis[inside]
    return edge_axis


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
        raise ValueError(
            f"{features.shape[0]} spectra can't be embedded in {n_components} dimensions; "
            "take more spectra, or fewer dimensions"
        )

    def report_fraction(done: float) -> None:
        if progress is not None:
            progress(done, "embedding the library")

    import sklearn.manifold  # noqa: F401  loads the threads that are limited below
    from threadpoolctl import threadpool_limits

    # Several threads that wait for each other take ten times as long while another program keeps a core busy.
    with threadpool_limits(1):
        coordinates = _embedded(features, method, n_components, report_fraction)
    distances, embedded = distances_of(features), distances_of(coordinates)
    # t-SNE and UMAP keep neighbours, not distances: their scale is free.
    scale = np.sum(distances * embedded) / max(np.sum(embedded**2), 1e-30)
    stress = float(np.sqrt(np.sum((distances - scale * embedded) ** 2) / np.sum(distances**2)))
    axes = principal_axes(features, n_components) if method == "pca" else None
    return Embedding(coordinates, method, stress, _trust(features, coordinates), features, axes=axes)


def _embedded(
    features: Float64Array, method: EmbeddingMethod, n_components: int, report_fraction: FractionCallback
) -> Float64Array:
    """Embed all rows, or `LANDMARKS` of them that lie far from each other, with the others placed among them."""
    if method == "pca" or len(features) <= LANDMARKS:
        return METHODS[method](features, n_components, report_fraction)
    landmarks = features[_spread(features)]
    landmark_embedding = Embedding(
        METHODS[method](landmarks, n_components, report_fraction), method, 0.0, 1.0, landmarks
    )
    coordinates: Float64Array = place(landmark_embedding, features)
    return coordinates


def _spread(features: Float64Array) -> NDArray[np.intp]:
    """Choose rows one by one, each the farthest from all rows chosen before."""
    products = features @ features.T
    lengths = np.diagonal(products)
    chosen, distance = [0], np.full(len(features), np.inf)
    for _ in range(LANDMARKS - 1):
        last = chosen[-1]
        distance = np.minimum(distance, lengths + lengths[last] - 2 * products[last])
        chosen.append(int(distance.argmax()))
    return np.unique(chosen)


def _trust(features: Float64Array, coordinates: Float64Array) -> float:
    """Return the trustworthiness for five neighbours (Venna & Kaski, 2001)."""
    from sklearn.manifold import trustworthiness

    n_neighbors = min(5, (len(features) - 1) // 2)
    return float(trustworthiness(features, coordinates, n_neighbors=n_neighbors)) if n_neighbors else 1.0
