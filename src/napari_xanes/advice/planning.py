"""`plan_energies`: which energies to measure, from references alone or from a stack that has been measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import Float64Array
from napari_xanes.advice.candidates import candidate_energies
from napari_xanes.advice.making import Costs, PlanMaker
from napari_xanes.advice.measured_pixels import measured_pixels, question_after
from napari_xanes.advice.moments import Criterion
from napari_xanes.advice.plan import EnergyPlan
from napari_xanes.advice.typical_pixels import (
    question_about,
    sets_of_members,
    typical_shares,
)
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.edge import require_absorption
from napari_xanes.maps.fitting.reference_scale import on_one_scale
from napari_xanes.reference_arguments import load_references
from napari_xanes.spectrum import Spectrum, checked_energy
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library.model import Library


@single_threaded_blas()
def plan_energies(
    references: Any,
    /,
    energies: ArrayLike | None = None,
    *,
    stack: SpectralStack | None = None,
    anew: bool = False,
    photons: float = 10_000.0,
    n_flat: float = 10.0,
    edge_jump: float = 0.5,
    pre_edge: float = 0.5,
    dwell: float | None = None,
    move: float = 0.5,
    energy_sigma: float = 0.05,
    target: float | None = None,
    most: int = 40,
    spare: int = 4,
    equal: bool = False,
    criterion: Criterion = "A",
    nonnegative: bool = True,
    constant: bool = True,
    slope: bool = True,
) -> EnergyPlan:
    """Choose the energies whose measurement makes the error of the final map smallest.

    Parameters
    ----------
    references : list of Spectrum, files, or Library
        What `fit_references` will fit. Of a theory library, sets of one member per charge spread over its parameters;
        a plan suits all of them.
    energies : array_like, shape (C,), optional
        Energies in eV to choose from, rising; by default all that the references cover, in steps of 0.1 eV below 2 keV
        and of 0.5 eV above.
    stack : SpectralStack, optional
        Absorption that has been measured: its noise and what its pixels are made of take the place of `photons`,
        `n_flat`, `edge_jump` and `pre_edge`, and the plan continues after its energies.
    anew : bool
        Plan another scan of such a sample from the first energy, instead of going on after those of `stack`.
    photons : float
        Photons per pixel and second without sample.
    n_flat : float
        Number of frames that are averaged into the flat of each energy.
    edge_jump, pre_edge : float
        Typical optical depth of the edge, and of all else.
    dwell : float
        Mean exposure of an energy in s; by default that of the frames of the stack, if it is known, else 1 s. Frames of
        a stack whose exposure is unknown count as exposed for so long.
    move : float
        Time in s to move to an energy and settle.
    energy_sigma : float
        Standard error of the energy axis in eV, against that of the references.
    target : float, optional
        Error of the map at which the plan stops.
    most : int
        Largest number of energies.
    spare : int
        Energies beyond those that determine the fit: they are put into the widest gaps, so that chi-square can tell a
        phase that no reference describes.
    equal : bool
        Give all energies the same exposure. By default it is shared by the influence of each.
    criterion : {"A", "D"}
        Make the mean variance of the wanted quantity small, or the determinant of the covariance of the amounts.
    nonnegative : bool
        Predict the error of fits whose amounts can't be negative, by trial fits; else by their covariance.
    constant, slope : bool
        What is fitted beside the references.

    Returns
    -------
    EnergyPlan
        Energies in the order of use with exposure, predicted error and time. Errors are those of the mean valence if
        all references have one and not all the same, else of the fractions.

    Raises
    ------
    ValueError
        If the references do not share energies, or can't be told apart with all energies together.

    Notes
    -----
    Fits weight all energies alike, as `fit_references` does. The first energies determine all coefficients, guards
    follow, then the energy with the best effect, one after the other; exchanges end the choice. What the predicted
    error does not know: references that are wrong, thickness and saturation effects, drift.

    Examples
    --------
    >>> energy = np.arange(8300.0, 8401)
    >>> refs = [Spectrum(n, energy, np.arctan(energy - e0) / np.pi + 0.5, v)
    ...         for n, e0, v in (("Ni2+", 8344, 2), ("Ni4+", 8347, 4))]
    >>> plan = plan_energies(refs, target=0.05)
    >>> len(plan) < 25, plan.words.split(": ")[1]
    (True, 'the target of 0.05 is reached')
    """
    stack = None if stack is None else stack.measured()
    exposures = _exposures(stack)
    if dwell is None:
        dwell = 1.0 if exposures is None else float(np.mean(exposures))
    _check(photons=photons, n_flat=n_flat, edge_jump=edge_jump, dwell=dwell, most=most)
    _check_not_negative(move=move, energy_sigma=energy_sigma, spare=spare, pre_edge=pre_edge)
    warnings: list[str] = []
    backgrounds = {"constant": constant, "slope": slope}
    costs = Costs(dwell, move)
    if stack is None:
        sets = _sets(references, warnings)
        axis = _candidates(energies, sets)
        question = question_about(
            sets,
            axis,
            typical_shares(len(sets[0])),
            edge_jump=edge_jump,
            pre_edge=pre_edge,
            photons=photons,
            n_flat=n_flat,
            energy_sigma=energy_sigma,
            warnings=warnings,
            **backgrounds,
        )
        known, exposed = np.zeros(0, np.intp), np.zeros(0)
    else:
        require_absorption(stack, "plan_energies", normalized=True)
        seconds = np.full(stack.energy.size, dwell) if exposures is None else exposures
        pixels = measured_pixels(stack, load_references(references), seconds, warnings=warnings, **backgrounds)
        axis = _candidates(energies, [pixels.references])
        measured = np.zeros(0) if anew else pixels.energy
        axis = np.union1d(axis, measured)
        question = question_after(pixels, axis, energy_sigma=energy_sigma, warnings=warnings, **backgrounds)
        known, exposed = np.searchsorted(axis, measured), pixels.seconds[: measured.size]
    maker = PlanMaker(question, known, exposed, costs, criterion, spare, nonnegative=nonnegative, equal=equal)
    return maker.plan(most, target, list(dict.fromkeys(warnings)))


def _exposures(stack: SpectralStack | None) -> Float64Array | None:
    """Exposures (E,) of the frames of a stack in s, None if they are unknown."""
    known = None if stack is None else stack.corrections.exposure
    return None if stack is None or known is None else np.broadcast_to(known, stack.energy.shape).astype(np.float64)


def _check(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} is {value:g}; give a number above 0")


def _check_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} is {value:g}; give 0 or more")


def _sets(references: Any, warnings: list[str]) -> list[list[Spectrum]]:
    """Sets of references that may be the true ones."""
    if isinstance(references, Library):
        return sets_of_members(references)
    return [on_one_scale(load_references(references), "auto", warnings)]


def _candidates(energies: ArrayLike | None, sets: list[list[Spectrum]]) -> Float64Array:
    """The energies to choose from, within all references."""
    spectra = [spectrum for members in sets for spectrum in members]
    low, high = max(s.energy[0] for s in spectra), min(s.energy[-1] for s in spectra)
    if energies is None:
        return candidate_energies(float(low), float(high))
    axis = checked_energy(energies, what="energies to choose from")
    inside = axis[(axis >= low) & (axis <= high)]
    if not inside.size:
        raise ValueError(
            f"the energies to choose from ({axis[0]:g} to {axis[-1]:g} eV) lie outside the references ({low:g} to "
            f"{high:g} eV)"
        )
    within: Float64Array = inside
    return within
