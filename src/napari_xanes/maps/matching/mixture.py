"""Pixels as mixtures of a few members of a library, one per species."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.maps.fitting.active_set import ActiveSets
from napari_xanes.maps.fitting.design import build_design
from napari_xanes.maps.fitting.linear_fit import LinearFit
from napari_xanes.maps.matching.energy_window import EnergyWindow
from napari_xanes.maps.matching.fit_state import FitState
from napari_xanes.maps.matching.pixel_sample import PixelSample
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.progress import Progress
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

_MAX_SPECTRA = 256
"""So many spectra are enough to choose end members."""

_MAX_MEMBERS = 120
"""So many members of each species are tried as end members."""

_SWEEPS = 3

_MIN_GAIN = 0.01
"""An end member is dropped if the sum of squared residuals grows by less than this share without it."""


def find_endmembers(
    library: Library, window: EnergyWindow, sample: PixelSample, state: FitState, background: str
) -> list[float]:
    """Return the rows of the members, one per species, whose mixtures fit a sample best.

    One species after the other, the member is exchanged for the one whose non-negative mixtures have the least
    residual. Then species that hardly matter are dropped.
    """
    free = background_columns(window.energy, background)
    members = library.at(window.energy, broadening=state.broadening, shift=state.offset)
    members -= (members @ free) @ free.T
    spectra = sample.spectra[:, :: max(1, sample.spectra.shape[1] // _MAX_SPECTRA)].astype(np.float64)
    spectra -= free @ (free.T @ spectra)
    spectra /= np.linalg.norm(spectra, axis=0)
    candidates = _candidates(library)
    cosines = (members / np.linalg.norm(members, axis=1, keepdims=True)) @ spectra
    chosen = {name: int(rows[np.percentile(cosines[rows], 90, axis=1).argmax()]) for name, rows in candidates.items()}
    for _ in range(_SWEEPS):
        previous = dict(chosen)
        for name, rows in candidates.items():
            squares = [_residual_squares(members, spectra, {**chosen, name: int(row)}) for row in rows]
            chosen[name] = int(rows[int(np.argmin(squares))])
        if chosen == previous:
            break
    return [float(row) for row in _without_needless(members, spectra, chosen).values()]


def _candidates(library: Library) -> dict[str, IndexArray]:
    """Rows of up to about 120 evenly spaced members of each species."""
    species = np.array(library.species)
    rows_of_species = {name: np.flatnonzero(species == name) for name in dict.fromkeys(library.species)}
    return {name: rows[:: max(1, rows.size // _MAX_MEMBERS)] for name, rows in rows_of_species.items()}


def _without_needless(members: Float64Array, spectra: Float64Array, chosen: dict[str, int]) -> dict[str, int]:
    """The end members without those that hardly lower the residual; the least useful is dropped first."""
    while len(chosen) > 1:
        squares = _residual_squares(members, spectra, chosen)
        without = {
            name: _residual_squares(members, spectra, {other: row for other, row in chosen.items() if other != name})
            for name in chosen
        }
        name = min(without, key=lambda name: without[name])
        if without[name] > (1 + _MIN_GAIN) * squares:
            break
        chosen = {other: row for other, row in chosen.items() if other != name}
    return chosen


def _residual_squares(members: Float64Array, spectra: Float64Array, chosen: dict[str, int]) -> float:
    """Sum of squared residuals of spectra (E, P) with non-negative mixtures of some members."""
    q, r = np.linalg.qr(members[list(chosen.values())].T)
    projected = q.T @ spectra
    amounts, _ = ActiveSets(r, nonnegative=True, sum_to_one=False).solve(projected)
    return float(np.sum((projected - r @ amounts) ** 2) + np.sum(spectra**2) - np.sum(projected**2))


def mixture_maps(
    stack: SpectralStack,
    library: Library,
    window: EnergyWindow,
    endmembers: list[float],
    *,
    offset: float,
    broadening: float,
    background: str,
    progress: Progress | None,
) -> tuple[dict[str, ParameterMap], list[str]]:
    """Return maps of the fraction of atoms of each end member, mean valence and misfit, and warnings.

    Raises
    ------
    ValueError
        If an end member is no row of the library, or two have the same charge and 10Dq.
    """
    rows = _checked_rows(library, endmembers)
    references = _references(library, rows, window.energy, offset, broadening)
    design = build_design(
        stack,
        references,
        (float(window.energy[0]), float(window.energy[-1])),
        constant=background != "none",
        slope=background == "linear",
        nonnegative=True,
        sum_to_one=False,
        normalize_references="never",
    )
    fit = LinearFit(design, stack, fractions=True, min_jump=None)
    blocks.over_pixels(fit.block, stack.data, progress=progress, message="fitting mixtures")
    shape = stack.shape[1:]
    good = fit.good.reshape(shape)
    maps = {
        name: ParameterMap(fit.contributions[i].reshape(shape), "1", fit.contribution_sigma[i].reshape(shape), good)
        for i, name in enumerate(design.names)
    }
    if design.with_valence.all():
        valence = fit.valence.reshape(shape)
        maps["valence"] = ParameterMap(valence, "1", fit.valence_sigma.reshape(shape), good & np.isfinite(valence))
    maps["mixture_rms"] = ParameterMap(fit.rms.reshape(shape), stack.unit, mask=good, companion="charge")
    labels = ", ".join(library.label(row) for row in rows)
    return maps, [f"mixed from {labels}: fractions count atoms, by the intensity per atom that theory gives"]


def _checked_rows(library: Library, endmembers: list[float]) -> list[int]:
    rows = [int(row) for row in endmembers]
    if not rows or any(not 0 <= row < len(library) for row in rows):
        raise ValueError(
            f"end members must be numbers of the library's members, 0 to {len(library) - 1}, not {endmembers}"
        )
    return rows


def _references(
    library: Library, rows: list[int], energy: Float64Array, offset: float, broadening: float
) -> list[Spectrum]:
    """The end members as spectra, named after their species, or in full where species repeat."""
    names = [library.species[row] for row in rows]
    if len(set(names)) < len(names):
        names = [library.label(row) for row in rows]
    charges: NDArray[Any] = library.table["charge"][rows]
    spectra = library.at(energy, broadening=broadening, shift=offset, rows=rows)
    valences = [None if np.isnan(charge) else float(charge) for charge in charges]
    return [Spectrum(name, energy, mu, valence) for name, mu, valence in zip(names, spectra, valences, strict=True)]
