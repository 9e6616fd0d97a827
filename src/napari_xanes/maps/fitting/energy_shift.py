"""The shift of the energy axis with which references fit the mean spectrum of a stack best."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.maps.fitting.design import Design
from napari_xanes.maps.fitting.interpolation import shifted_columns

_REACH = 3.0
"""Largest shift in eV that is tried."""

_STEP = 0.15
"""Distance of the shifts that are tried, in eV; a parabola refines the best."""


def best_shift(mean: Float64Array, design: Design, mean_size: float) -> tuple[float, float]:
    """Find the shift of the references with which they fit a mean spectrum best.

    Parameters
    ----------
    mean : ndarray, shape (E,)
        Mean spectrum of pixels, for an edge jump of 1.
    design : Design
        The fit.
    mean_size : float
        Root mean square of its residual beyond noise, without a shift.

    Returns
    -------
    tuple of float
        Shift of the stack against the references in eV, and the share of the residual's square that it explains.
    """
    shifts = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
    squares = np.array([_misfit(mean, design, shift) for shift in shifts])
    i = int(np.clip(np.argmin(squares), 1, shifts.size - 2))
    before, least, after = squares[i - 1 : i + 2]
    bend = before - 2 * least + after
    shift = float(shifts[i] + np.clip((before - after) / (2 * bend) if bend > 0 else 0.0, -1, 1) * _STEP)
    whole = mean_size**2 * mean.size
    gained = _misfit(mean, design, 0.0) - _misfit(mean, design, shift)
    return shift, float(np.clip(gained / whole, 0.0, 1.0)) if whole > 0 else 0.0


def _misfit(mean: Float64Array, design: Design, shift: float) -> float:
    """Sum of squared residuals of the mean spectrum with shifted references."""
    moved = shifted_columns(design.references, design.energy, shift)
    basis, _ = np.linalg.qr(np.concatenate([design.background_basis, moved], axis=1))
    left = mean - basis @ (basis.T @ mean)
    return float(left @ left)
