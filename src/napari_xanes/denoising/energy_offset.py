"""The columns that a stack is fitted with, and whether the references lie at the right energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.denoising.design_matrix import Design, design_of
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
