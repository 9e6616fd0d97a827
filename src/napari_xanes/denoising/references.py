"""The columns that a stack is fitted with, and whether the references lie at the right energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.denoising.design import Design
from napari_xanes.spectrum import Spectrum

REACH, _STEP = 2.0, 0.05
"""How far, in eV, and how finely offsets are tried."""

_OFFSET_ERROR = 0.07
"""Standard error in eV of an offset that was found, as simulated stacks with patterns of the beam show it."""


@dataclass(frozen=True)
class Offset:
    """By how much the references lie too low, in eV, and how well they explain the data then: 1 is as well as noise
    lets them."""

    value: float
    chi_square: float


def design_of(references: list[Spectrum], energy: Float64Array, weight: Float64Array, shift: float = 0.0) -> Design:
    """References moved up by `shift` (eV), a constant and an E**-3 background, divided by the noise.

    Parameters
    ----------
    references : list of Spectrum
        Normalized to an edge jump of 1.
    energy : ndarray, shape (E,)
        Energies of the stack in eV.
    weight : ndarray, shape (E,)
        Precision of each energy, 1 on the average.
    shift : float
        In eV; beyond its ends a reference goes on as it ended.

    Raises
    ------
    ValueError
        If references can't be told from each other and the background.
    """
    columns = np.stack([np.interp(energy - shift, one.energy, one.mu) for one in references], axis=1)
    cubic = (energy / energy[0]) ** -3
    free = np.stack([np.ones_like(energy), cubic - cubic.mean()], axis=1)
    root = np.sqrt(weight)
    every = np.concatenate([columns, free], axis=1) * root[:, None]
    if np.linalg.cond(every / np.linalg.norm(every, axis=0)) > 1e6:
        names = ", ".join(one.name for one in references)
        raise ValueError(f"on these energies {names} and the background can't be told apart: leave one out")
    return Design(every[:, : len(references)], every[:, len(references) :], root)


def spread_of_offset(
    fractions: Float64Array, references: list[Spectrum], design: Design, energy: Float64Array, shift: float
) -> Float64Array:
    """Standard error (K, ...) of fractions (K, ...) from that of the references' energies after they were moved."""
    weight = design.root**2
    moved = [design_of(references, energy, weight, shift + step).references for step in (-_OFFSET_ERROR, _OFFSET_ERROR)]
    change = (np.linalg.pinv(design.all) @ ((moved[1] - moved[0]) / 2))[: len(references)]
    amounts = np.tensordot(change, fractions, 1)
    result: Float64Array = np.abs(amounts - fractions * amounts.sum(axis=0))
    return result


def find_offset(
    moments: Float64Array, references: list[Spectrum], energy: Float64Array, weight: Float64Array
) -> Offset:
    """The shift of the references that leaves the least of the data unexplained.

    Parameters
    ----------
    moments : ndarray, shape (E, E)
        Mean over places of the outer products of spectra divided by their noise.
    references, energy, weight
        As in `design_of`.
    """
    shifts = np.arange(-REACH, REACH + _STEP / 2, _STEP)
    left = np.empty(shifts.size)
    for i, shift in enumerate(shifts):
        basis = np.linalg.qr(design_of(references, energy, weight, float(shift)).all)[0]
        left[i] = np.trace(moments) - np.sum((moments @ basis) * basis)
    best = int(left[1:-1].argmin()) + 1
    bend = (left[best - 1] - 2 * left[best] + left[best + 1]) / _STEP**2
    slope = (left[best + 1] - left[best - 1]) / (2 * _STEP)
    value = float(shifts[best] - np.clip(slope / max(bend, 1e-30), -_STEP, _STEP))
    freedom = energy.size - len(references) - 2
    return Offset(round(value, 4), float(left[best]) / freedom)
