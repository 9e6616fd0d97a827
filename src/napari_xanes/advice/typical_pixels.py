"""What pixels may be made of, before anything is measured, and questions about them."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.advice.question import Question, quantity_forms
from napari_xanes.maps.fitting.interpolation import reference_columns
from napari_xanes.spectrum import Spectrum
from napari_xanes.spreading import spread
from napari_xanes.theory.library.model import Library

MOST_SETS = 5
"""So many sets of members stand for a library."""


def typical_shares(n_references: int) -> Float64Array:
    """Return shares (P, K) of pixels: each reference alone, each pair in equal parts, and all in equal parts.

    Examples
    --------
    >>> typical_shares(2).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    """
    single = list(np.eye(n_references))
    pairs = [(single[i] + single[j]) / 2 for i, j in combinations(range(n_references), 2)]
    together = [np.full(n_references, 1 / n_references)] if n_references > 2 else []
    return np.array(single + pairs + together)


def sets_of_members(library: Library, most: int = MOST_SETS) -> list[list[Spectrum]]:
    """Return sets of one member per charge of a theory library, which spread over its other parameters.

    Each set is one of the truths that may hold: low and high 10Dq are combined in turn, so that a plan suits all.

    Raises
    ------
    ValueError
        If the library has a single charge.
    """
    charges = library.column("charge")
    known = sorted(set(charges[np.isfinite(charges)].tolist()))
    if len(known) < 2:
        raise ValueError(
            f"library {library.name!r} has {len(known)} charge, but a map of valence needs two: give another"
        )
    sets = []
    for number in range(most):
        members = []
        for place, charge in enumerate(known):
            rows = np.flatnonzero(charges == charge)
            rows = rows[np.argsort(library.column("ten_dq")[rows], kind="stable")]
            picks = rows[spread(rows.size, most)]
            # With another stride for each charge, no set has low values only.
            members.append(library.spectrum(int(picks[(number * (place + 1)) % picks.size])))
        sets.append(members)
    return sets


def question_about(
    sets: list[list[Spectrum]],
    energy: Float64Array,
    shares: Float64Array,
    *,
    edge_jump: float,
    pre_edge: float,
    photons: float,
    n_flat: float,
    energy_sigma: float,
    constant: bool,
    slope: bool,
    warnings: list[str],
) -> Question:
    """Return the question for references whose amounts and noise are not measured yet.

    Parameters
    ----------
    sets : list of S lists of K Spectrum
        References that may be the true ones, on one scale.
    energy : ndarray, shape (C,)
        Candidates in eV.
    shares : ndarray, shape (P, K)
        Shares of the references in pixels.
    edge_jump, pre_edge : float
        Optical depth of the edge, and of all else below it.
    photons : float
        Photons per pixel and second without sample.
    n_flat : float
        Frames that are averaged into the flat of an energy.
    energy_sigma : float
        Standard error of the energy axis in eV.
    constant, slope : bool
        What is fitted beside the references.
    warnings : list of str
        Texts are added.
    """
    background = background_columns(energy, constant=constant, slope=slope)
    both = [reference_columns(references, energy, warnings) for references in sets]
    references, changes = (np.array(part) for part in zip(*both, strict=True))
    amounts = np.repeat(edge_jump * shares[None], len(sets), axis=0)
    spectra = references @ np.swapaxes(amounts, 1, 2)
    valences = common_valences(sets[0])
    return Question(
        energy,
        np.concatenate([references, np.repeat(background[None], len(sets), axis=0)], axis=2),
        amounts,
        quantity_forms(amounts, background.shape[1], valences),
        changes @ np.swapaxes(amounts, 1, 2),
        (np.exp(spectra + pre_edge) + 1 / n_flat) / photons,
        valences,
        energy_sigma,
    )


def background_columns(energy: Float64Array, *, constant: bool, slope: bool) -> Float64Array:
    """Return the backgrounds (C, F) of a fit: 1, and a line from -1 to 1."""
    centred = (energy - (energy[0] + energy[-1]) / 2) / (np.ptp(energy) / 2)
    shapes = [np.ones_like(energy)] * constant + [centred] * slope
    return np.array(shapes).reshape(len(shapes), energy.size).T


def common_valences(references: list[Spectrum]) -> Float64Array | None:
    """Return the valences (K,) of references if all have one and not all the same, else None."""
    valences = [reference.valence for reference in references]
    known = [valence for valence in valences if valence is not None]
    return np.array(known) if len(known) == len(valences) and len(set(known)) > 1 else None
