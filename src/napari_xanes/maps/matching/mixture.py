"""Pixels as mixtures of a few members of a library, one per species: fractions of atoms and valence, with errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.maps.fitting.design import Design, build_design
from napari_xanes.maps.fitting.linear_fit import LinearFit
from napari_xanes.maps.matching.doubts import Doubt, doubt_maps
from napari_xanes.maps.matching.endmembers import MIN_SHARE
from napari_xanes.maps.matching.energy_window import EnergyWindow
from napari_xanes.maps.matching.fit_misfit import is_poorly_fitted, misfit_beyond_noise
from napari_xanes.maps.matching.l_edge_matcher import Matcher
from napari_xanes.maps.matching.l_edge_model_error import LEdgeError, error_of
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.progress import Progress
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library.model import Library
from napari_xanes.wording import counted

_HALF_STEP = 1 / np.sqrt(12)
"""Standard error of a 10Dq that is anywhere within a step of the library, in steps."""


@dataclass(frozen=True)
class MixtureSettings:
    """What the mixtures of a stack are made of.

    Parameters
    ----------
    library : Library
        The library.
    endmembers : list of float
        Rows of its members.
    window : EnergyWindow
        The energies that are fitted.
    offset, broadening : float
        Energy offset of the stack and width of the instrument in eV.
    background : {"linear", "constant", "none"}
        What is fitted beside the members.
    ambiguous : list of float
        Charges that can't be told apart on this stack.
    """

    library: Library
    endmembers: list[float]
    window: EnergyWindow
    offset: float
    broadening: float
    background: str
    ambiguous: list[float]

    @property
    def rows(self) -> list[int]:
        """Rows of the end members.

        Raises
        ------
        ValueError
            If an end member is no row of the library.
        """
        rows = [int(row) for row in self.endmembers]
        if not rows or any(not 0 <= row < len(self.library) for row in rows):
            raise ValueError(
                f"end members must be numbers of the library's members, 0 to {len(self.library) - 1}, not "
                f"{self.endmembers}"
            )
        return rows


def mixture_maps(
    stack: SpectralStack, settings: MixtureSettings, matcher: Matcher, *, progress: Progress | None
) -> tuple[dict[str, ParameterMap], list[str]]:
    """Return maps of the fraction of atoms of each end member, mean valence and misfit, and warnings.

    Parameters
    ----------
    stack : SpectralStack
        The stack.
    settings : MixtureSettings
        What is fitted.
    matcher : Matcher
        The matcher that has matched the whole stack: its weak pixels are masked.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If an end member is no row of the library, or two have the same charge and 10Dq.
    """
    library, rows = settings.library, settings.rows
    design = _design(stack, settings)
    fit = LinearFit(design, stack, fractions=True, min_jump=None)
    blocks.over_pixels(fit.block, stack.data, progress=progress, message="fitting mixtures")
    charges: NDArray[Any] = library.table["charge"][rows]
    misfit = misfit_beyond_noise(fit, matcher.values["signal"])
    doubt = _doubt(fit, matcher, np.isin(charges, settings.ambiguous))
    shape = stack.shape[1:]
    assigned = (doubt == 0).reshape(shape)
    model, grid = _model_error(misfit, error_of(library)), _grid_error(fit, settings)

    def map_of(values: Any, unit: str = "1", sigma: Any = None, **options: Any) -> ParameterMap:
        sigma = None if sigma is None else sigma.reshape(shape)
        return ParameterMap(
            values.reshape(shape), unit, sigma, assigned & np.isfinite(values.reshape(shape)), **options
        )

    per_charge = _least_step(charges)
    maps = {
        name: map_of(
            fit.contributions[i], sigma=_root_of_sum(fit.contribution_sigma[i], grid / per_charge, model / per_charge)
        )
        for i, name in enumerate(design.names)
    }
    if design.with_valence.all():
        maps["valence"] = map_of(fit.valence, sigma=_root_of_sum(fit.valence_sigma, grid, model))
        for name, part in (("noise", fit.valence_sigma), ("grid", grid), ("model", model)):
            maps[f"valence_{name}"] = map_of(part, companion="valence")
    maps["mixture_rms"] = map_of(fit.rms, stack.unit, companion="charge")
    for name, doubt_map in doubt_maps(doubt.reshape(shape), "valence" if "valence" in maps else "charge").items():
        maps[f"mixture_{name}"] = doubt_map
    labels = ", ".join(library.label(row) for row in rows)
    warnings = [f"mixed from {labels}: fractions count atoms, by the intensity per atom that theory gives"]
    return maps, warnings + _warnings(library, doubt, settings.ambiguous)


def _warnings(library: Library, doubt: NDArray[np.uint8], ambiguous: list[float]) -> list[str]:
    """What a user should know about pixels whose valence is masked."""
    n_ambiguous = int(np.sum(doubt == Doubt.AMBIGUOUS))
    if n_ambiguous == 0:
        return []
    names = [library.species[int(np.flatnonzero(library.table["charge"] == charge)[0])] for charge in ambiguous]
    return [
        f"mixtures that hold {' or '.join(names)} fit about equally well at other energy offsets, with other valences: "
        f"{counted(n_ambiguous, 'pixel is', 'pixels are')} masked; give offset if the energy axis is calibrated "
        "to 0.3 eV"
    ]


def _design(stack: SpectralStack, settings: MixtureSettings) -> Design:
    energy = settings.window.energy
    return build_design(
        stack,
        _references(settings, settings.rows),
        (float(energy[0]), float(energy[-1])),
        constant=settings.background != "none",
        slope=settings.background == "linear",
        nonnegative=True,
        sum_to_one=False,
        normalize_references="never",
    )


def _references(settings: MixtureSettings, rows: list[int]) -> list[Spectrum]:
    """The end members as spectra, named after their species, or in full where species repeat."""
    library, energy = settings.library, settings.window.energy
    names = [library.species[row] for row in rows]
    if len(set(names)) < len(names):
        names = [library.label(row) for row in rows]
    charges: NDArray[Any] = library.table["charge"][rows]
    spectra = library.at(energy, broadening=settings.broadening, shift=settings.offset, rows=rows)
    valences = [None if np.isnan(charge) else float(charge) for charge in charges]
    return [Spectrum(name, energy, mu, valence) for name, mu, valence in zip(names, spectra, valences, strict=True)]


def _doubt(fit: LinearFit, matcher: Matcher, ambiguous: BoolArray) -> NDArray[np.uint8]:
    """Why a pixel's mixture is doubtful; `ambiguous` says which end members have charges that can't be told apart."""
    with np.errstate(all="ignore"):
        poor = is_poorly_fitted(fit, matcher.values["signal"], matcher.limits.max_misfit)
        unclear = fit.contributions[ambiguous].sum(axis=0) > MIN_SHARE
    weak = ~fit.good | (matcher.doubt == Doubt.WEAK)
    result: NDArray[np.uint8] = np.select(
        [~fit.finite, weak, poor, unclear], [Doubt.NOT_FINITE, Doubt.WEAK, Doubt.POOR, Doubt.AMBIGUOUS], 0
    ).astype(np.uint8)
    return result


def _model_error(misfit: Float64Array, error: LEdgeError | None) -> Float32Array:
    """Error of each pixel's valence from the theory, which grows with its misfit."""
    model: Float32Array = (np.zeros_like(misfit) if error is None else error.valence(misfit)).astype(np.float32)
    return model


def _grid_error(fit: LinearFit, settings: MixtureSettings) -> Float32Array:
    """Error of each pixel's valence because the true 10Dq of an end member lies between members of the library."""
    library, rows = settings.library, settings.rows
    design, variance = fit.design, np.zeros(fit.valence.size)
    q, r = np.linalg.qr(design.matrix)
    charges = np.nan_to_num(library.table["charge"][rows])
    for k, row in enumerate(rows):
        neighbour = _neighbour(library, row)
        if neighbour is None:
            continue
        own, next_one = (_references(settings, [member])[0].at(design.energy) for member in (row, neighbour))
        amounts = np.linalg.solve(r, q.T @ (next_one - own))[: len(rows)]
        change = charges @ amounts - amounts.sum() * np.nan_to_num(fit.valence.astype(np.float64))
        variance += (_HALF_STEP * fit.contributions[k] * change) ** 2
    return np.sqrt(variance).astype(np.float32)


def _neighbour(library: Library, row: int) -> int | None:
    """The next member of the same track, or the one before; None if the member is alone on its track."""
    track = next(rows for rows in library.tracks if row in rows)
    if track.size == 1:
        return None
    position = int(np.flatnonzero(track == row)[0])
    return int(track[position + 1] if position + 1 < track.size else track[position - 1])


def _least_step(charges: Float64Array) -> float:
    """The least distance of different charges, 1 if there is only one."""
    steps = np.diff(np.unique(charges[np.isfinite(charges)]))
    return float(steps.min()) if steps.size else 1.0


def _root_of_sum(*errors: Float32Array) -> Float32Array:
    """The root of the sum of the squares of errors."""
    result: Float32Array = np.sqrt(np.sum(np.square(errors, dtype=np.float64), axis=0)).astype(np.float32)
    return result
