"""A library as a picture: a few coordinates per spectrum, in which like spectra lie close to each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.theory.library import Library

Floats = NDArray[np.float64]
Method = Literal["pca", "mds", "isomap", "tsne", "umap"]

SEED = 0
NEIGHBOURS = 8
"""How many neighbours Isomap joins, and a spectrum is placed by."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Coordinates of a library's members, and what is needed to place other spectra among them.

    Parameters
    ----------
    coordinates : ndarray, shape (M, D)
        Without unit; distances are those between unit spectra, as far as the method keeps them.
    method : str
        How they were found.
    stress : float
        Kruskal's stress 1: root of the squared differences of distances over the squared distances. 0 is perfect.
    trustworthiness : float
        How many of a member's five neighbours are its neighbours as spectra too, 0 to 1 (Venna & Kaski, 2001).
    features : ndarray, shape (M, K)
        The unit spectra that were embedded.
    energy : ndarray, shape (E,), optional
        Photon energies in eV of spectra to place; None if features are placed as they are.
    free : ndarray, shape (E, F), optional
        Orthonormal background, projected out.
    library : Library, optional
        Whose members they are.
    model : object, optional
        What the method needs to place spectra.
    """

    coordinates: Floats
    method: Method
    stress: float
    trustworthiness: float
    features: Floats
    energy: Floats | None = None
    free: Floats | None = None
    library: Library | None = None
    model: Any = None

    @property
    def n_components(self) -> int:
        """Number of coordinates."""
        return int(self.coordinates.shape[1])


def embed(
    library: Library,
    method: Method = "mds",
    n_components: int = 2,
    *,
    energy: ArrayLike | None = None,
    broadening: float = 0.3,
    offset: float = 0.0,
    background: Literal["linear", "constant", "none"] = "linear",
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

    Returns
    -------
    Embedding
        Coordinates (M, n_components) with stress and trustworthiness.

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
    from napari_xanes.theory.placement import background_columns, unit_rows

    axis = _default_axis(library) if energy is None else np.asarray(energy, dtype=np.float64)
    low, high = library.span
    if axis.size < 4 or axis[0] < low + offset - 1e-9 or axis[-1] > high + offset + 1e-9:
        raise ValueError(
            f"an embedding needs at least 4 energies within the library {library.name!r} ({low:.1f} to {high:.1f} eV), "
            f"not {axis.size} from {axis[0] if axis.size else 0:g} to {axis[-1] if axis.size else 0:g} eV"
        )
    free = background_columns(axis, background)
    features = unit_rows(library.at(axis, broadening=broadening, shift=offset), free)
    return replace(embed_spectra(features, method, n_components), energy=axis, free=free, library=library)


def _default_axis(library: Library) -> Floats:
    """Where the mean spectrum holds all but a percent of its area."""
    low, high = library.span
    axis = np.arange(low, high, 0.1)
    area = np.cumsum(library.at(axis, broadening=0.3).mean(axis=0))
    inside = (area > 0.005 * area[-1]) & (area < 0.995 * area[-1])
    chosen: Floats = axis[inside]
    return chosen


def embed_spectra(features: Floats, method: Method = "mds", n_components: int = 2) -> Embedding:
    """Embed rows of features (M, K); see `embed`.

    Raises
    ------
    ValueError
        If there are too few rows or the method is unknown.
    ImportError
        If UMAP is asked for and not installed.
    """
    if method not in _METHODS:
        raise ValueError(f"embedding {method!r} is none of {', '.join(_METHODS)}")
    if not 1 <= n_components < min(features.shape):
        raise ValueError(f"{features.shape[0]} spectra can't be embedded in {n_components} dimensions")
    coordinates, model = _METHODS[method](features, n_components)
    distances, found = _distances(features), _distances(coordinates)
    # t-SNE and UMAP keep neighbours, not distances: their scale is free.
    scale = np.sum(distances * found) / max(np.sum(found**2), 1e-30)
    stress = float(np.sqrt(np.sum((distances - scale * found) ** 2) / np.sum(distances**2)))
    return Embedding(coordinates, method, stress, _trust(features, coordinates), features, model=model)


def _trust(features: Floats, coordinates: Floats) -> float:
    from sklearn.manifold import trustworthiness

    n_neighbors = min(5, (len(features) - 1) // 2)
    return float(trustworthiness(features, coordinates, n_neighbors=n_neighbors)) if n_neighbors else 1.0


def _distances(points: Floats) -> Floats:
    squares = np.sum(points**2, axis=1)
    result: Floats = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))
    return result


def _pca(features: Floats, n_components: int) -> tuple[Floats, Any]:
    mean = features.mean(axis=0)
    axes = np.linalg.svd(features - mean, full_matrices=False)[2][:n_components]
    # A singular vector has no sign of its own: its largest element is made positive.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    return (features - mean) @ axes.T, (mean, axes)


def _mds(features: Floats, n_components: int) -> tuple[Floats, Any]:
    # Classical scaling of Euclidean distances is PCA. A random start of SMACOF leaves end points in wrong places.
    coordinates, _ = _pca(features, n_components)
    return _smacof(_distances(features), coordinates), None


def _smacof(distances: Floats, start: Floats) -> Floats:
    from sklearn.manifold import smacof

    coordinates, _ = smacof(
        distances, n_components=start.shape[1], init=start, n_init=1, max_iter=300, eps=1e-6, normalized_stress=False
    )
    result: Floats = np.asarray(coordinates)
    return result


def _isomap(features: Floats, n_components: int) -> tuple[Floats, Any]:
    from scipy.sparse.csgraph import connected_components
    from sklearn.manifold import Isomap
    from sklearn.neighbors import kneighbors_graph

    # Charges far from each other may need more neighbours to be joined.
    for n_neighbors in range(min(NEIGHBOURS, len(features) - 1), len(features)):
        graph = kneighbors_graph(features, n_neighbors)
        if connected_components(graph, directed=False)[0] == 1:
            break
    model = Isomap(n_neighbors=n_neighbors, n_components=n_components, eigen_solver="dense")
    coordinates: Floats = model.fit_transform(features)
    return coordinates, model


def _tsne(features: Floats, n_components: int) -> tuple[Floats, Any]:
    from sklearn.manifold import TSNE

    start, _ = _pca(features, n_components)
    start *= 1e-4 / start[:, 0].std()
    perplexity = min(20.0, (len(features) - 1) / 3)
    exact = "barnes_hut" if n_components < 4 else "exact"
    model = TSNE(n_components, perplexity=perplexity, init=start.astype(np.float32), random_state=SEED, method=exact)
    return np.asarray(model.fit_transform(features.astype(np.float32)), dtype=np.float64), None


def _umap(features: Floats, n_components: int) -> tuple[Floats, Any]:
    try:
        umap = import_module("umap")
    except ImportError:
        raise ImportError("UMAP needs umap-learn: pip install napari-xanes[umap], or choose another method") from None
    model = umap.UMAP(n_components=n_components, n_neighbors=NEIGHBOURS, random_state=SEED, n_jobs=1)
    return np.asarray(model.fit_transform(features), dtype=np.float64), model


_METHODS = {"pca": _pca, "mds": _mds, "isomap": _isomap, "tsne": _tsne, "umap": _umap}
