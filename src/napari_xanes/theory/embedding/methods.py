"""The methods of `embed`: coordinates (M, D) of features (M, K), the same on every run on one machine."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal

import numpy as np

from napari_xanes._typing import Float64Array

BuiltInMethod = Literal["pca", "mds", "isomap", "tsne"]
"""Methods that need no optional package."""

EmbeddingMethod = BuiltInMethod | Literal["umap"]
"""Names of all methods; UMAP needs the extra ``umap``."""

FractionCallback = Callable[[float], None]

SEED = 0
NEIGHBOURS = 8
"""Number of neighbours that Isomap joins, and that place a spectrum."""

_STAGES = 3
"""Number of stages of 250 steps of t-SNE; it can be cancelled between stages."""

_ROUNDS, _STEPS = 10, 30
"""Rounds of SMACOF, and steps per round; it can be cancelled between rounds."""


def distances_of(points: Float64Array) -> Float64Array:
    """Return the distances (M, M) between points (M, D)."""
    squares = np.sum(points**2, axis=1)
    result: Float64Array = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))
    return result


def principal_axes(features: Float64Array, n_components: int) -> tuple[Float64Array, Float64Array]:
    """Return the mean (K,) and the principal directions (D, K)."""
    mean = features.mean(axis=0)
    axes = np.linalg.svd(features - mean, full_matrices=False)[2][:n_components]
    # The sign of a singular vector is arbitrary: make its largest element positive.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    return mean, axes


def _pca(features: Float64Array, n_components: int, report_fraction: FractionCallback) -> Float64Array:
    mean, axes = principal_axes(features, n_components)
    result: Float64Array = (features - mean) @ axes.T
    return result


def _mds(features: Float64Array, n_components: int, report_fraction: FractionCallback) -> Float64Array:
    from sklearn.manifold import smacof

    # Classical scaling of Euclidean distances is PCA. From a random start, SMACOF leaves end points in wrong places.
    coordinates, distances = _pca(features, n_components, report_fraction), distances_of(features)
    for round_ in range(_ROUNDS):
        report_fraction(round_ / _ROUNDS)
        coordinates, _, n_steps = smacof(
            distances,
            n_components=n_components,
            init=coordinates,
            n_init=1,
            max_iter=_STEPS,
            eps=1e-6,
            normalized_stress=False,
            return_n_iter=True,
        )
        if n_steps < _STEPS:
            break
    return np.asarray(coordinates)


def _isomap(features: Float64Array, n_components: int, report_fraction: FractionCallback) -> Float64Array:
    from scipy.sparse.csgraph import connected_components
    from sklearn.manifold import Isomap
    from sklearn.neighbors import kneighbors_graph

    # If the spectra of two charges differ much, more neighbours are needed to connect them.
    for n_neighbors in range(min(NEIGHBOURS, len(features) - 1), len(features)):
        graph = kneighbors_graph(features, n_neighbors)
        if connected_components(graph, directed=False)[0] == 1:
            break
    model = Isomap(n_neighbors=n_neighbors, n_components=n_components, eigen_solver="dense")
    coordinates: Float64Array = model.fit_transform(features)
    return coordinates


def _tsne(features: Float64Array, n_components: int, report_fraction: FractionCallback) -> Float64Array:
    from sklearn.manifold import TSNE

    coordinates = _pca(features, n_components, report_fraction)
    coordinates *= 1e-4 / coordinates[:, 0].std()
    rate = max(len(features) / 48, 50.0)  # the usual rate for an early exaggeration of 12
    for stage in range(_STAGES):
        report_fraction(stage / _STAGES)
        model = TSNE(
            n_components,
            perplexity=min(20.0, (len(features) - 1) / 3),
            init=coordinates.astype(np.float32),
            random_state=SEED,
            method="barnes_hut" if n_components < 4 else "exact",
            max_iter=250,
            early_exaggeration=1.0 if stage else 12.0,
            learning_rate=4 * rate if stage else rate,
        )
        coordinates = np.asarray(model.fit_transform(features.astype(np.float32)), dtype=np.float64)
    return coordinates


def load_umap() -> Any:
    """Return the module of umap-learn.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # about TensorFlow, which only parametric UMAP needs
            return import_module("umap")
    except ImportError:
        raise ImportError("UMAP needs umap-learn: pip install napari-xanes[umap], or choose another method") from None


def _umap(features: Float64Array, n_components: int, report_fraction: FractionCallback) -> Float64Array:
    model = load_umap().UMAP(n_components=n_components, n_neighbors=NEIGHBOURS, random_state=SEED, n_jobs=1)
    return np.asarray(model.fit_transform(features), dtype=np.float64)


METHODS: dict[str, Callable[[Float64Array, int, FractionCallback], Float64Array]] = {
    "pca": _pca,
    "mds": _mds,
    "isomap": _isomap,
    "tsne": _tsne,
    "umap": _umap,
}
