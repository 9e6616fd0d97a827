"""Non-negative spectra of a stack: the pixels that they are found from, where they start, and their bands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import Range
from napari_xanes.exploring.basis import ComponentBasis
from napari_xanes.exploring.cluster_search import find_clusters
from napari_xanes.exploring.clusters import Points
from napari_xanes.exploring.pure_spectra import PureSpectra
from napari_xanes.exploring.stacks import NOTHING, find_basis, within
from napari_xanes.exploring.whitened import WhitenedScores, pixels_of
from napari_xanes.maps.fitting.ambiguity import ambiguity_of
from napari_xanes.maps.fitting.interpolation import reference_columns
from napari_xanes.maps.fitting.unmixing import (
    MOST,
    Algorithm,
    Constraints,
    Mixture,
    Start,
    smoother_of,
    unlike_pixels,
    unmix_pixels,
    vertex_pixels,
)
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted

_SAMPLE = 4000
"""Spectra are found from so many pixels."""

_SIGMAS = 2.0
"""Bands are wider by this many standard errors."""


@dataclass(frozen=True)
class Choice:
    """What a user chooses, see `napari_xanes.maps.unmix`."""

    count: int | None
    algorithm: Algorithm
    start: Start
    references: list[Spectrum]
    constraints: Constraints
    smoothness: float | None
    seed: int


def find_pure_spectra(stack: SpectralStack, choice: Choice, energy: Range | None) -> PureSpectra:
    """Find the spectra of a stack.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    choice : Choice
        Number, algorithm and constraints.
    energy : tuple of float, optional
        Range of energies in eV.

    Raises
    ------
    ValueError
        If there are more references than spectra, or too few pixels hold more than noise.
    """
    basis, seed = find_basis(stack, "unmix", None, energy), choice.seed
    stack = within(stack, "unmix", energy)
    known = _known(stack, choice.references)
    n_known = known.shape[1]
    number = choice.count or max(min(len(basis.spectra), MOST), n_known)
    if n_known > number:
        raise ValueError(f"{n_known} references are more than count = {number}: raise count, or leave some out")
    sample, points = _sample(stack, basis, seed)
    if sample.shape[1] < max(2, number):
        held = counted(sample.shape[1], "pixel holds", "pixels hold")
        raise ValueError(
            f"{number} spectra are too many for {stack.name!r}: {held} more than noise among {_SAMPLE} or fewer drawn "
            "at random; lower count, or bin or denoise the stack"
        )
    if choice.start == "clusters":
        start = np.column_stack([known, _by_clusters(sample, points, number - n_known, seed)])
    elif choice.start == "vca":
        start = vertex_pixels(sample, known, number, basis.noise, seed)
    else:
        start = unlike_pixels(sample, known, number)
    smoother = smoother_of(stack.energy, choice.smoothness) if choice.smoothness else None
    constraints = replace(choice.constraints, smoother=smoother)
    names = [one.name for one in choice.references] + [f"spectrum {i + 1}" for i in range(n_known, start.shape[1])]
    found = unmix_pixels(sample, start, basis.noise, constraints, choice.algorithm, seed)
    return _with_bands(stack, basis, sample, found, constraints, names, seed)


def _known(stack: SpectralStack, references: list[Spectrum]) -> Float64Array:
    """Return the references (E, F) on the energies of the stack."""
    if not references:
        return np.zeros((stack.energy.size, 0))
    columns = reference_columns(references, stack.energy, [])[0]
    for reference, column in zip(references, columns.T, strict=True):
        if (column < 0).any() or not column.any():
            raise ValueError(
                f"reference {reference.name!r} has values below 0 or is 0 everywhere, but spectra can't be negative: "
                "normalize it, or leave it out"
            )
    return columns


def _sample(stack: SpectralStack, basis: ComponentBasis, seed: int) -> tuple[Float64Array, Points]:
    """Return pixels (E, N) that hold more than noise, and the same as points."""
    n_pixels = int(np.prod(stack.shape[1:]))
    drawn = np.random.default_rng(seed).choice(n_pixels, min(n_pixels, _SAMPLE), replace=False, shuffle=False)
    values, squares = pixels_of(stack, np.sort(drawn))
    points = WhitenedScores(basis).points(values, squares, "angle")
    holds = points.holds & (values.mean(axis=0) > 0)
    return values[:, holds], Points(points.values[:, holds], points.variance[holds], points.holds[holds])


def _by_clusters(sample: Float64Array, points: Points, count: int, seed: int) -> Float64Array:
    """Return the mean spectra (E, K) of k-means clusters by angle."""
    if not count:
        return np.zeros((len(sample), 0))
    labels, _ = find_clusters(points, "k-means", "angle", count, seed).assign(points)
    return np.stack([sample[:, labels == number].mean(axis=1) for number in np.unique(labels)], axis=1)


def _with_bands(
    stack: SpectralStack,
    basis: ComponentBasis,
    sample: Float64Array,
    found: Mixture,
    constraints: Constraints,
    names: list[str],
    seed: int,
) -> PureSpectra:
    """Return spectra with their errors and the range of those that fit as well."""
    weighted, design = sample / basis.noise[:, None], found.spectra / basis.noise[:, None]
    inverse = np.linalg.pinv(design)
    free = inverse @ weighted
    left = np.sum((weighted - design @ free) ** 2, axis=0) / max(1, len(weighted) - len(free))
    sigma_of_amounts = np.maximum(np.linalg.norm(inverse, axis=1), 1e-12)
    spread = np.sqrt(np.maximum(np.diag(np.linalg.pinv(found.amounts @ found.amounts.T)), 0))
    spread[: constraints.n_fixed] = 0
    sigma = np.sqrt(max(float(left.mean()), 1.0)) * basis.noise[:, None] * spread
    bands = ambiguity_of(
        Mixture(found.spectra, free),
        np.maximum(sigma, 1e-9),
        sigma_of_amounts,
        np.sqrt(np.maximum(left, 1.0)),
        n_fixed=constraints.n_fixed,
        closure=constraints.closure,
        seed=seed,
    )
    return PureSpectra(
        stack.energy,
        basis.noise,
        found.spectra.T,
        sigma.T,
        (bands.low - _SIGMAS * sigma).T,
        (bands.high + _SIGMAS * sigma).T,
        bands.turns,
        names,
        _number_in_words(stack, basis, len(names)),
    )


def _number_in_words(stack: SpectralStack, basis: ComponentBasis, count: int) -> str:
    """Say whether the components that stand out ask for so many spectra."""
    above = int((basis.eigenvalues > basis.limit).sum())
    if not above:
        return f"{NOTHING}: the spectra are not to be trusted"
    if count < above:
        return f"{above} components stand out from the noise: {count} spectra leave something over"
    if count > above:
        return f"only {above} of {count} spectra are asked for by components that stand out from the noise"
    return f"{count} spectra, as many as components that stand out from the noise"
