"""The shift of the energy axis between a stack and the references that calibrate its edges."""

from __future__ import annotations

from collections.abc import Sequence

from napari_xanes.maps.fitting.design import build_design
from napari_xanes.maps.fitting.edge_references import usable
from napari_xanes.maps.fitting.error_learning import learn_errors
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_NEAR = (-40.0, 120.0)
"""Energies from E0, in eV, that tell the shift: farther away, lines are no background of a spectrum."""


def axis_shift_of(stack: SpectralStack, references: Sequence[Spectrum], e0: float) -> float:
    """Return by how many eV references must be shifted to fit the mean spectrum of a stack; 0 if it is not clear.

    A shift is clear if it explains most of what a mixture of the references leaves of the mean spectrum, and if that is
    no noise (`learn_errors`).

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    references : sequence of Spectrum
        References, of which those with a valence count.
    e0 : float
        Energy of the edge in eV.
    """
    energy = e0 + _NEAR[0], e0 + _NEAR[1]
    try:
        design = build_design(
            stack,
            usable(references),
            energy,
            constant=True,
            slope=True,
            nonnegative=False,
            sum_to_one=False,
            normalize_references="always",
        )
    except ValueError:
        # References that can't be fitted together, or not on these energies, can calibrate, but tell no shift.
        return 0.0
    return learn_errors(stack, design, None).shift
