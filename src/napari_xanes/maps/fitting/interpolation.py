"""References on the energies of a stack."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.spectrum import Spectrum

_COARSE = 2.0
"""Steps near the edge above this width, in eV, lose the shape of an edge, whatever the interpolation."""

_NEAR = 10.0
"""What counts as near the edge: within so many eV of the steepest rise."""

_STEP = 0.1
"""Half the step in eV of the slopes; references are not known on a finer scale."""

_LEAST_SMOOTH = 5
"""Fewer values are joined by straight lines."""


def reference_columns(
    references: list[Spectrum], axis: Float64Array, warnings: list[str]
) -> tuple[Float64Array, Float64Array]:
    """Return references and their slopes per eV on the energies of a stack, both (E, K).

    Parameters
    ----------
    references : list of K Spectrum
        Those on steps as fine as the stack's are interpolated linearly. Those on coarser steps near the edge are
        interpolated by Akima's piecewise cubics, which hardly overshoot (J. ACM 17, 589, 1970).
    axis : ndarray, shape (E,)
        Energies in eV.
    warnings : list of str
        A text is added for references on steps above 2 eV near the edge.

    Raises
    ------
    ValueError
        If a reference has no value at one of the energies.
    """
    columns, slopes = [], []
    for reference in references:
        step = step_near_edge(reference.energy, reference)
        coarse = _is_coarse(reference, step, axis)
        column = _interpolated(reference, axis, coarse)
        if not np.isfinite(column).all():
            raise ValueError(
                f"reference {reference.name!r} has no value at {axis[~np.isfinite(column)][0]:g} eV: leave this energy "
                "or this reference out"
            )
        columns.append(column)
        low, high = (np.clip(axis + step, *reference.energy[[0, -1]]) for step in (-_STEP, _STEP))
        slopes.append(np.subtract(*(_interpolated(reference, at, coarse) for at in (high, low))) / (high - low))
        if step > 1.01 * _COARSE:
            warnings.append(
                f"reference {reference.name!r} has steps of {step:.2g} eV near the edge: its shape between them is "
                "guessed, which shifts amounts and valence; use a finer measurement"
            )
    return np.stack(columns, axis=1), np.stack(slopes, axis=1)


def shifted_columns(references: list[Spectrum], axis: Float64Array, shift: float) -> Float64Array:
    """Return references (E, K) that were moved up by a shift in eV; beyond their ends they keep their last values."""
    columns = []
    for reference in references:
        energy = np.clip(axis - shift, *reference.energy[[0, -1]])
        coarse = _is_coarse(reference, step_near_edge(reference.energy, reference), axis)
        columns.append(_interpolated(reference, energy, coarse))
    return np.stack(columns, axis=1)


def step_near_edge(energies: Float64Array, reference: Spectrum) -> float:
    """Return the median step in eV of some energies around the steepest rise of a reference; 0 if there are none."""
    known = np.isfinite(reference.mu)
    energy, mu = reference.energy[known], reference.mu[known]
    if energy.size < 3:
        return 0.0
    i = int(np.argmax(np.diff(mu) / np.diff(energy)))
    edge = (energy[i] + energy[i + 1]) / 2
    middles = (energies[1:] + energies[:-1]) / 2
    near = np.abs(middles - edge) <= _NEAR
    return float(np.median(np.diff(energies)[near])) if near.any() else 0.0


def _is_coarse(reference: Spectrum, step: float, axis: Float64Array) -> bool:
    """Whether the steps of a reference near its edge are coarser than those of an axis, but none of it is missing."""
    coarse = step > 1.01 * step_near_edge(axis, reference) > 0
    return coarse and bool(np.isfinite(reference.mu).all()) and reference.energy.size >= _LEAST_SMOOTH


def _interpolated(reference: Spectrum, energy: Float64Array, smoothly: bool) -> Float64Array:
    """The reference at some energies, on straight lines or smoothly."""
    if not smoothly:
        return reference.at(energy)
    from scipy.interpolate import Akima1DInterpolator

    inside = (energy >= reference.energy[0]) & (energy <= reference.energy[-1])
    result = np.full(energy.shape, np.nan)
    result[inside] = Akima1DInterpolator(reference.energy, reference.mu)(energy[inside])
    return result
