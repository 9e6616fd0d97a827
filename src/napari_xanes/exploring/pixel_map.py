"""Pixels as points of a plane, alike ones beside each other: UMAP of the scores of components."""

from __future__ import annotations

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float64Array
from napari_xanes.edge import Range, raise_if_frame_empty
from napari_xanes.exploring.basis import ComponentBasis
from napari_xanes.exploring.clusters import Distance
from napari_xanes.exploring.stacks import NOTHING, at_energies_of, doubts_of, find_basis, within
from napari_xanes.exploring.whitened import WhitenedScores, pixels_of
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.methods import load_umap

_SAMPLE = 5000
"""The plane is made from so many pixels."""

_STEPS = 8
"""Steps to the geometric median, which few neighbours that lie elsewhere hardly move."""


def map_pixels(
    stack: SpectralStack,
    *,
    distance: Distance = "angle",
    neighbours: int = 15,
    energy: Range | None = None,
    basis: ComponentBasis | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> MapSet:
    """Give each pixel a place in a plane, so that pixels with alike spectra are neighbours: UMAP.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence, normalized or scaled absorption.
    distance : {"angle", "euclidean"}
        What differs between pixels: the shape of the spectrum, so that thickness is divided out, or the spectrum.
    neighbours : int
        Number of neighbours that UMAP keeps together, at least 2: few show small groups, many the large ones.
    energy : tuple of float, optional
        Range of energies to use in eV, both ends included.
    basis : ComponentBasis, optional
        Components that an earlier run has found, at the same energies.
    seed : int
        For random numbers: the same seed gives the same places on one machine.
    progress : callable, optional
        Told the fraction that is done.

    Returns
    -------
    MapSet
        ``umap_1`` and ``umap_2``, dimensionless. Sigma is the scatter of the places of the pixel's neighbours: large
        where these lie in several groups. Pixels that hold no more than noise are masked.

    Raises
    ------
    ImportError
        If umap-learn is not installed.
    ValueError
        As `components`; if neighbours are fewer than 2, or too few pixels hold more than noise.

    Notes
    -----
    UMAP (McInnes, Healy & Melville, arXiv:1802.03426) of 5000 pixels drawn at random, by their scores along the
    components that stand out from the noise. All pixels then get the geometric median of the places of their nearest
    neighbours among these (Weiszfeld's steps). Only neighbourhood has a meaning: distances between far groups, their
    sizes and the axes have none.
    """
    if neighbours < 2:
        raise ValueError(f"neighbours = {neighbours} show no neighbourhood: give 2 or more")
    umap = load_umap()
    basis = basis or find_basis(stack, "map_pixels", None, energy, part(progress, 0.0, 0.2))
    stack = at_energies_of(basis, within(stack, "map_pixels", energy))
    scores, n_pixels = WhitenedScores(basis), int(np.prod(stack.shape[1:]))
    drawn = np.random.default_rng(seed).choice(n_pixels, min(n_pixels, _SAMPLE), replace=False, shuffle=False)
    points = scores.points(*pixels_of(stack, np.sort(drawn)), distance)
    known = points.values[:, points.holds].T
    if not scores.stand_out or len(known) <= neighbours:
        raise_if_frame_empty(stack)
        why = f"{len(known)} of the pixels that were drawn hold more than noise" if scores.stand_out else NOTHING
        raise ValueError(f"{stack.name!r} can't be mapped by {neighbours} neighbours: {why}; bin or denoise the stack")
    model = umap.UMAP(n_components=2, n_neighbors=neighbours, random_state=seed, n_jobs=1)
    places = np.asarray(model.fit_transform(known), dtype=np.float64)
    found = np.full((4, n_pixels), np.nan, np.float32)

    def place(block: Block, pixels: slice) -> None:
        values = scores.whitened(block, distance)
        holds = values.finite & values.points.holds
        if holds.any():
            found[:, pixels][:, holds] = np.concatenate(place_among(values.points.values[:, holds].T, known, places))

    blocks.over_pixels(place, stack.data, progress=part(progress, 0.5, 1.0), message="places of pixels")
    images = found.reshape(4, *stack.shape[1:])
    maps = {f"umap_{i + 1}": ParameterMap(images[i], "1", images[i + 2], np.isfinite(images[i])) for i in range(2)}
    metadata = {"name": stack.name, "warnings": doubts_of(stack, basis)}
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def place_among(
    points: Float64Array, known: Float64Array, places: Float64Array, neighbours: int = 5
) -> tuple[Float64Array, Float64Array]:
    """Return the places (D, P) of points, and how far those of their neighbours scatter (D, P).

    Parameters
    ----------
    points : ndarray, shape (P, K)
        Where places are asked for.
    known, places : ndarray, shape (N, K) and (N, D)
        Points with known places.
    neighbours : int
        So many of them, the nearest ones, give the place.
    """
    from scipy.spatial import KDTree

    _, nearest = KDTree(known).query(points, k=np.arange(1, min(neighbours, len(known)) + 1))
    near = places[nearest]
    middle = near.mean(axis=1)
    for _ in range(_STEPS):
        apart = np.linalg.norm(near - middle[:, None], axis=2)
        weights = 1 / np.maximum(apart, 1e-9)
        middle = (near * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    return middle.T, np.sqrt(np.mean((near - middle[:, None]) ** 2, axis=1)).T
