"""A sample of a stack's spectra with a clear edge, from which properties of the whole stack are estimated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.computing import computed
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.maps.matching.energy_window import EnergyWindow
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.placement import background_columns

_SAMPLE_PIXELS = 1 << 12
_CLUSTERS = 6
_CLUSTER_COMPONENTS = 6
_K_MEANS_ROUNDS = 10

_MIN_POWER = 0.1
"""Least power of a sampled spectrum, as a share of the strongest spectra's; sharp lines hold little power."""

_MIN_CLUSTER_SHARE = 0.01
"""Smaller clusters of a sample of `_FEW_SPECTRA` or more are dropped."""

_FEW_SPECTRA = 50

_LARGEST = 1e15
"""Squares of larger values leave the range of float32."""


@dataclass(frozen=True)
class PixelSample:
    """Spectra with a clear edge, and the means of clusters of similar ones.

    Parameters
    ----------
    spectra : ndarray, shape (E, P)
        The sampled spectra, finite.
    means : ndarray, shape (E, G)
        Mean spectra of the clusters, of unit length and without background.
    weights : ndarray, shape (G,)
        Share of the sample in each cluster.
    """

    spectra: Float32Array
    means: Float64Array
    weights: Float64Array


def sample_pixels(stack: SpectralStack, window: EnergyWindow, background: str) -> PixelSample:
    """Sample up to 4096 spectra with a clear edge, evenly over the image.

    Raises
    ------
    ValueError
        If no pixel has a finite spectrum, no spectrum has an edge, or values are beyond those of any detector.
    """
    spectra = _finite_spectra(stack, window)
    free = background_columns(window.energy, background).astype(np.float32)
    clean = spectra - free @ (free.T @ spectra)
    strong = _has_strong_signal(clean)
    if not strong.any():
        raise ValueError(
            f"no pixel of {stack.name!r} has an edge: its spectra are flat or noise: crop to the sample, or bin pixels"
        )
    chosen = np.flatnonzero(strong)[:: -(-int(strong.sum()) // _SAMPLE_PIXELS)]
    means, weights = _cluster_means(clean[:, chosen].astype(np.float64))
    return PixelSample(spectra[:, chosen], means, weights)


def _finite_spectra(stack: SpectralStack, window: EnergyWindow) -> Float32Array:
    """Finite spectra (E, P) of every n-th image row, from the first start row that has any."""
    step = min(max(1, round(np.prod(stack.shape[1:]) / _SAMPLE_PIXELS)), stack.shape[-2])
    for start in range(step):
        rows = computed(stack.data[window.frames, ..., start::step, :]).astype(np.float32, copy=False)
        spectra = rows.reshape(window.energy.size, -1)
        spectra = spectra[:, np.isfinite(spectra).all(axis=0)]
        if spectra.shape[1] and np.abs(spectra).max() > _LARGEST:
            raise ValueError(
                f"values of {stack.name!r} reach {np.abs(spectra).max():.2g} {stack.unit}, which is no absorption: "
                "check how the stack was read, or crop away the pixels"
            )
        if spectra.shape[1]:
            return spectra
    raise_if_frame_empty(stack)
    raise ValueError(f"no pixel of {stack.name!r} holds finite values at all energies; crop to where it does")


def _has_strong_signal(clean: Float32Array) -> BoolArray:
    """Which spectra (E, P) without background stand out from their noise.

    Differences between neighbouring energies are mostly noise, so their power is subtracted.
    """
    power = np.einsum("ep,ep->p", clean, clean) - 0.5 * np.sum(np.diff(clean, axis=0) ** 2, axis=0)
    strong: BoolArray = power >= _MIN_POWER * np.percentile(power, 95)
    strong &= power > 0
    return strong


def _cluster_means(clean: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Unit mean spectra (E, G) of clusters of similar spectra (E, P), and the share of spectra in each."""
    unit = clean / np.linalg.norm(clean, axis=0)
    components = np.linalg.eigh(unit @ unit.T)[1][:, -_CLUSTER_COMPONENTS:]
    points = (components.T @ unit).T
    cluster, n_clusters = _k_means(points)
    sizes = [int((cluster == i).sum()) for i in range(n_clusters)]
    least = 0 if len(points) < _FEW_SPECTRA else max(1, _MIN_CLUSTER_SHARE * len(points))
    filled = [i for i, size in enumerate(sizes) if size > least]
    means = np.stack([clean[:, cluster == i].mean(axis=1) for i in filled], axis=1)
    weights = np.array([sizes[i] for i in filled], dtype=np.float64)
    return means / np.linalg.norm(means, axis=0), weights / weights.sum()


def _k_means(points: Float64Array) -> tuple[Float64Array, int]:
    """The cluster of each point, and the number of clusters.

    The start points lie as far from each other as possible, so that rare phases are among them.
    """
    seeds = [int(np.argmax(points @ points.mean(axis=0)))]
    for _ in range(min(_CLUSTERS, len(points)) - 1):
        distance = np.min([np.sum((points - points[seed]) ** 2, axis=1) for seed in seeds], axis=0)
        seeds.append(int(distance.argmax()))
    centres = points[seeds]
    for _ in range(_K_MEANS_ROUNDS):
        cluster = np.argmin([np.sum((points - centre) ** 2, axis=1) for centre in centres], axis=0)
        centres = np.array(
            [points[cluster == i].mean(axis=0) if (cluster == i).any() else centres[i] for i in range(len(centres))]
        )
    return cluster, len(centres)
