"""Clusters of points and their number.

A number of clusters is taken for real if two halves of the pixels lead to the same clusters (Lange et al., Neural
Comput. 16, 1299, 2004), and if there are fewer pixels between neighbouring clusters than around their centres. What
noise or a continuum of mixtures is divided into fails the second test, so that one cluster is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.exploring.clusters import Clusters, Distance, Points
from napari_xanes.spreading import spread
from napari_xanes.wording import counted, one_or_more

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Algorithm = Literal["k-means", "gaussian mixture", "hdbscan"]

MOST = 30
"""Largest number of clusters."""

_MOST_TRIED = 10
"""Largest number of clusters that is found from the pixels."""

_STARTS = 4
"""So many times centres are drawn at random; the best result counts."""

_STABLE = 0.9
"""Least agreement of clusters from two halves of the pixels."""

_VALLEY = 0.5
"""Between two clusters there are at most this share of the pixels around their centres."""

_FEWEST = 5
"""A cluster has at least so many pixels of the sample."""

_SHARES = tuple(0.01 * 2**step for step in range(6))
"""Least shares of the pixels that HDBSCAN takes for a cluster; the first one with stable clusters counts."""

_MOST_FOR_DENSITY = 2000
"""HDBSCAN gets at most so many pixels: its time grows with their square."""

_MOST_POINTS = 400
"""So many pixels describe the clusters of HDBSCAN."""

_CONTINUUM = "one cluster: the pixels differ without gaps; give count to divide them nevertheless"


def find_clusters(
    points: Points, algorithm: Algorithm, distance: Distance, count: int | None = None, seed: int = 0
) -> Clusters:
    """Find clusters of points.

    Parameters
    ----------
    points : Points
        N pixels, finite.
    algorithm : {"k-means", "gaussian mixture", "hdbscan"}
        HDBSCAN finds the number of clusters itself.
    distance : {"angle", "euclidean"}
        What the points are.
    count : int, optional
        Number of clusters; by default the largest one that is stable and has gaps between clusters.
    seed : int
        For random numbers.

    Returns
    -------
    Clusters
        Those of most pixels first.

    Raises
    ------
    ValueError
        If fewer points differ than there are clusters.
    """
    # With several threads, scikit-learn adds up in an order that changes.
    with _threads_of_scikit_learn().limit(limits=1):
        if algorithm == "hdbscan":
            return _stable_by_density(points, distance, seed)
        if count is None:
            return _with_number(points, algorithm, distance, seed)
        different = _n_different(points.values, count)
        if different < count:
            raise ValueError(
                f"count = {count}, but the sample has only {counted(different, 'pixel', 'pixels')} that "
                f"{one_or_more(different, 'differs', 'differ')} from others in {distance}: choose fewer clusters"
            )
        found, agreement = _tried(points, algorithm, distance, count, seed)
        why = "the number is given" + ("" if _have_gaps(found, points) else ", without gaps between all of them")
        return replace(found, stability=agreement, words=_words(count, agreement, why))


def one_cluster(points: Points, distance: Distance, words: str, *, of_noise: bool = False) -> Clusters:
    """Return all pixels as one cluster, and why."""
    size = len(points.values)
    centre = points.values.mean(axis=1, keepdims=True).T if points.values.size else np.zeros((1, size))
    covariance = np.zeros((1, size, size))
    return Clusters(distance, centre, np.ones(1, np.intp), np.ones(1), covariance, False, 1.0, words, of_noise)


def _with_number(points: Points, algorithm: Algorithm, distance: Distance, seed: int) -> Clusters:
    """Return the largest number of clusters that are stable and have gaps between them."""
    best = one_cluster(points, distance, _CONTINUUM)
    most = min(_MOST_TRIED, points.values.shape[1] // _FEWEST)
    most = min(most, _n_different(points.values, most))
    for count in range(2, most + 1):
        tried, agreement = _tried(points, algorithm, distance, count, seed)
        if agreement >= _STABLE and _have_gaps(tried, points):
            best = replace(tried, stability=agreement, words=_words(count, agreement, "with gaps between them"))
    return best


def _tried(points: Points, algorithm: Algorithm, distance: Distance, count: int, seed: int) -> tuple[Clusters, float]:
    """Return so many clusters, and how stable they are."""

    def find(part: Points) -> Clusters:
        fewer = min(count, _n_different(part.values, count))
        return _fitted(part, algorithm, distance, fewer, seed)

    return find(points), _stability(points, seed, find)


@cache
def _threads_of_scikit_learn() -> ThreadpoolController:
    """Find the libraries that scikit-learn works with, once: finding them takes longer than k-means."""
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _n_different(values: Float64Array, least: int) -> int:
    """Return the number of different points (K, N), or a smaller one that is at least `least`."""
    along_first = len(np.unique(values[0]))
    return along_first if along_first >= least else len(np.unique(values, axis=1).T)


def _words(count: int, agreement: float, why: str) -> str:
    stable = "stable" if agreement >= _STABLE else "not stable"
    return f"{count} clusters, {why}; {stable}: two halves of the pixels agree by {agreement:.2f}"


def _stability(points: Points, seed: int, find: Callable[[Points], Clusters]) -> float:
    """Return how well clusters from two halves of the points agree (adjusted Rand index, at most 1)."""
    from sklearn.metrics import adjusted_rand_score

    order = np.random.default_rng(seed).permutation(points.values.shape[1])
    halves = [
        Points(points.values[:, half], points.variance[half], points.holds[half]) for half in (order[::2], order[1::2])
    ]
    return float(adjusted_rand_score(*(find(half).assign(points)[0] for half in halves)))


def _have_gaps(found: Clusters, points: Points) -> bool:
    """Return whether there are fewer points between each cluster and its neighbour than around both centres."""
    labels = found.assign(points)[0]
    present = [number for number in range(1, found.number + 1) if (labels == number).any()]
    means = np.array([points.values[:, labels == number].mean(axis=1) for number in present])
    if len(present) < found.number:
        return False
    for i, mean in enumerate(means):
        apart = np.sum((means - mean) ** 2, axis=1)
        apart[i] = np.inf
        j = int(np.argmin(apart))
        inside = np.isin(labels, (present[i], present[j]))
        position = (means[j] - mean) @ (points.values[:, inside] - mean[:, None]) / max(apart[j], 1e-300)
        at, between, other = (int((np.abs(position - place) < 1 / 8).sum()) for place in (0, 0.5, 1))
        # Two standard deviations of a count, so that a gap by chance is none.
        if between + 2 * np.sqrt(between + 1) > _VALLEY * min(at, other):
            return False
    return True


def _fitted(points: Points, algorithm: Algorithm, distance: Distance, count: int, seed: int) -> Clusters:
    """Return the clusters that scikit-learn finds, those of most points first."""
    values, noise = points.values.T, float(points.variance.mean())
    size = values.shape[1]
    if algorithm == "gaussian mixture":
        from sklearn.mixture import GaussianMixture

        # The noise that keeps covariances regular, and that of the points, are added for each pixel later.
        mixture = GaussianMixture(count, reg_covar=max(noise, 1e-12), n_init=_STARTS, max_iter=500, random_state=seed)
        labels = mixture.fit_predict(values)
        beside = _without_negative(mixture.covariances_ - 2 * noise * np.eye(size))
        return _sorted(distance, np.arange(count), labels, mixture.means_, mixture.weights_, beside)
    from sklearn.cluster import KMeans

    means = KMeans(count, n_init=_STARTS, random_state=seed).fit(values)
    freedom = max(1, size - (distance == "angle"))
    squares = np.sum((values - means.cluster_centers_[means.labels_]) ** 2, axis=1).mean() / freedom
    shared = max(float(squares) - noise, 0.0) * np.eye(size)[None]
    return _sorted(distance, np.arange(count), means.labels_, means.cluster_centers_, np.full(count, 1 / count), shared)


def _stable_by_density(points: Points, distance: Distance, seed: int) -> Clusters:
    """Return the smallest stable clusters that HDBSCAN finds."""
    few = spread(points.values.shape[1], _MOST_FOR_DENSITY)
    points = Points(points.values[:, few], points.variance[few], points.holds[few])
    for share in _SHARES:
        find = partial(_by_density, distance=distance, share=share)
        found = find(points)
        if found.number == 1:
            break
        agreement = _stability(points, seed, find)
        if agreement >= _STABLE:
            return replace(found, stability=agreement, words=_words(found.number, agreement, "found by their density"))
    return one_cluster(points, distance, _CONTINUUM)


def _by_density(points: Points, distance: Distance, share: float) -> Clusters:
    """Return the clusters that HDBSCAN finds, each as a cloud of some of its points."""
    from sklearn.cluster import HDBSCAN

    values = points.values.T
    smallest = max(_FEWEST, round(share * len(values)))
    if len(values) < 2 * smallest:
        return one_cluster(points, distance, _CONTINUUM)
    labels = HDBSCAN(min_cluster_size=smallest, copy=True).fit(values).labels_
    count = int(labels.max()) + 1
    if count < 2:
        return one_cluster(points, distance, _CONTINUUM)
    groups = [np.flatnonzero(labels == number) for number in range(count)]
    groups = [members[spread(len(members), _MOST_POINTS // count)] for members in groups]
    near = np.median(np.concatenate([_to_next(values[members]) for members in groups])) / values.shape[1]
    weights = np.concatenate([np.full(len(members), 1 / len(members) / count) for members in groups])
    centres = values[np.concatenate(groups)]
    numbers = np.repeat(np.arange(count), [len(members) for members in groups])
    cloud = max(float(near), 1e-300) * np.eye(values.shape[1])[None]
    return _sorted(distance, numbers, labels[labels >= 0], centres, weights, cloud, has_outside=True)


def _to_next(values: Float64Array) -> Float64Array:
    """Return the squared distance (N,) of each point (N, K) to the nearest other one."""
    from scipy.spatial import KDTree

    result: Float64Array = KDTree(values).query(values, k=2)[0][:, 1] ** 2
    return result


def _sorted(
    distance: Distance,
    numbers: IndexArray,
    labels: IndexArray,
    centres: Float64Array,
    weights: Float64Array,
    covariances: Float64Array,
    *,
    has_outside: bool = False,
) -> Clusters:
    """Return clusters in the order of their sizes; `numbers` (M,) and `labels` (N,) count from 0."""
    sizes = np.bincount(labels, minlength=int(numbers.max()) + 1)
    rank = np.empty_like(sizes)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(sizes.size)
    order = np.argsort(rank[numbers], kind="stable")
    if len(covariances) > 1:
        covariances = covariances[order]
    ranked = rank[numbers][order] + 1
    return Clusters(distance, centres[order], ranked, weights[order], covariances, has_outside, 1.0, "")


def _without_negative(covariances: Float64Array) -> Float64Array:
    """Return symmetric matrices without their negative eigenvalues."""
    widths, axes = np.linalg.eigh(covariances)
    result: Float64Array = np.einsum("mij,mj,mkj->mik", axes, np.maximum(widths, 0), axes)
    return result
