"""Pixels as mixtures of a few members of a library, one per charge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import Float64Array
from napari_xanes.maps.fitting.active_set import ActiveSets
from napari_xanes.maps.fitting.linear_fit import LinearFit, prepare
from napari_xanes.maps.matching.fit_state import Settled
from napari_xanes.maps.matching.projection import Sample, Window
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.progress import Progress
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

_SPECTRA = 256
"""How many spectra are enough to choose end members by."""

_MEMBERS = 120
_SWEEPS = 3
_WORTH = 0.01
"""An end member stays if without it the sum of squared residuals grows by more than this share."""


def find_endmembers(library: Library, window: Window, sample: Sample, settled: Settled, background: str) -> list[float]:
    """Rows of the members, one per charge, whose mixtures fit the sample best.

    Charge after charge, the member is exchanged for the one with which non-negative mixtures leave the least. Charges
    that hardly matter are left out.
    """
    species = np.array(library.species)
    names = list(dict.fromkeys(library.species))
    free = background_columns(window.energy, background)
    drawn = library.at(window.energy, broadening=settled.broadening, shift=settled.offset)
    drawn -= (drawn @ free) @ free.T
    some = sample.spectra[:, :: max(1, sample.spectra.shape[1] // _SPECTRA)].astype(np.float64)
    some -= free @ (free.T @ some)
    some /= np.linalg.norm(some, axis=0)
    choices = {name: np.flatnonzero(species == name) for name in names}
    choices = {name: rows[:: max(1, rows.size // _MEMBERS)] for name, rows in choices.items()}
    cosines = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)) @ some
    chosen = {name: int(rows[np.percentile(cosines[rows], 90, axis=1).argmax()]) for name, rows in choices.items()}
    for _ in range(_SWEEPS):
        before = dict(chosen)
        for name, rows in choices.items():
            left = [_left(drawn, some, [*({**chosen, name: int(row)}).values()]) for row in rows]
            chosen[name] = int(rows[int(np.argmin(left))])
        if chosen == before:
            break
    while len(chosen) > 1:
        now = _left(drawn, some, list(chosen.values()))
        without = {name: _left(drawn, some, [row for other, row in chosen.items() if other != name]) for name in chosen}
        least = min(without, key=lambda name: without[name])
        if without[least] > (1 + _WORTH) * now:
            break
        del chosen[least]
    return [float(row) for row in chosen.values()]


def _left(drawn: Float64Array, spectra: Float64Array, rows: list[int]) -> float:
    """Sum of squares that non-negative mixtures of some members leave of spectra (E, P)."""
    q, r = np.linalg.qr(drawn[rows].T)
    inside = q.T @ spectra
    x, _ = ActiveSets(r, nonnegative=True, sum_to_one=False).solve(inside)
    return float(np.sum((inside - r @ x) ** 2) + np.sum(spectra**2) - np.sum(inside**2))


def mixture_maps(
    stack: SpectralStack,
    library: Library,
    window: Window,
    endmembers: list[float],
    offset: float,
    broadening: float,
    background: str,
    progress: Progress | None,
) -> tuple[dict[str, ParameterMap], list[str]]:
    """Fractions of atoms per end member, the mean valence, and the misfit of the mixture.

    Raises
    ------
    ValueError
        If an end member is no row of the library, or two have the same charge and 10Dq.
    """
    rows = [int(row) for row in endmembers]
    wrong = [row for row in rows if not 0 <= row < len(library)]
    if wrong or not rows:
        raise ValueError(f"end members are numbers of the library's {len(library)} members, from 0, not {endmembers}")
    names = [library.species[row] for row in rows]
    if len(set(names)) < len(names):
        names = [library.label(row) for row in rows]
    charges: NDArray[Any] = library.table["charge"][rows]
    drawn = library.at(window.energy, broadening=broadening, shift=offset, rows=rows)
    valences = [None if np.isnan(charge) else float(charge) for charge in charges]
    references = [
        Spectrum(name, window.energy, mu, valence) for name, mu, valence in zip(names, drawn, valences, strict=True)
    ]
    design = prepare(
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
        name: ParameterMap(fit.shown[i].reshape(shape), "1", fit.shown_sigma[i].reshape(shape), good)
        for i, name in enumerate(names)
    }
    if np.isfinite(charges).all():
        valence = fit.valence.reshape(shape)
        maps["valence"] = ParameterMap(valence, "1", fit.valence_sigma.reshape(shape), good & np.isfinite(valence))
    maps["mixture_rms"] = ParameterMap(fit.rms.reshape(shape), stack.unit, mask=good, companion="charge")
    said = ", ".join(library.label(row) for row in rows)
    return maps, [f"mixed from {said}: fractions count atoms, by the intensity per atom that theory gives"]


def endmember_rows(maps: MapSet) -> list[int]:
    """Rows of the library that `match_library` mixed; empty without a mixture."""
    state = maps.history[-1].state if maps.history else None
    return [int(row) for row in (state or {}).get("endmembers") or []]
