"""How far real spectra lie from straight lines, and what that means for a jump that few energies determine.

The lines of an edge are fitted to fine structure, not to a smooth step. On long ranges it averages out; on short ones
it decides the jump, whatever the noise. The numbers here are measured: root mean squares of 27 K-edge spectra (Ti, Mn,
Fe, Co, Ni; metals, oxides, sulfides, salts) around the lines of their whole range, in units of the jump.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge.ranges import HARD

_PERIOD, _DECAY = 60.0, 30.0
"""Fine structure oscillates with about this period (eV), and is forgotten over about this distance (eV)."""

_PRE_LENGTH = 10.0
"""Tails and pre-edge peaks reach about so far (eV)."""

_TAIL = 6.5
"""Below a hard X-ray edge, its tail falls by a factor of e over so many eV."""

_COMMON_SLOPE = 2e-3
"""Slope that spectra have below and above the edge, per eV: detectors, filters, other elements."""

_STEP_SLOPE = 1.0
"""By how much the exponent of the step's decay, about -2.7, differs between spectra."""

_TYPICAL_NOISE = 0.02
"""Noise of a frame for which lines are chosen, as a share of the jump."""


def amplitude(offset: Float64Array, e0: float) -> Float64Array:
    """Return the root mean square distance of spectra from their lines, as a share of the jump.

    Parameters
    ----------
    offset : ndarray, shape (E,)
        Energies in eV from E0.
    e0 : float
        Energy of the edge in eV. Soft X-ray edges begin to rise four times nearer to it.

    Examples
    --------
    >>> amplitude(np.array([-100.0, -20, 20, 40, 100]), 8333.0).round(3).tolist()
    [0.002, 0.025, 0.161, 0.1, 0.04]
    """
    tail = _TAIL if e0 > HARD else _TAIL / 4
    above = np.minimum(4.0 / np.maximum(offset, 1.0), 0.16) + 0.5 * np.exp(-((offset / 8) ** 2))
    below = 0.0015 + 0.5 * np.exp(np.minimum(offset, 0.0) / tail)
    return np.where(offset > 0, above, below)


def _covariance(offset: Float64Array, e0: float) -> Float64Array:
    """Return the covariance (E, E) of spectra around their lines; the two sides are independent of each other."""
    distance = np.abs(offset[:, None] - offset)
    oscillation = np.cos(2 * np.pi * distance / _PERIOD) * np.exp(-distance / _DECAY)
    above = offset > 0
    correlation = np.where(above & above[:, None], oscillation, np.exp(-distance / _PRE_LENGTH))
    correlation[above[:, None] != above] = 0.0
    size = amplitude(offset, e0)
    return size[:, None] * size * correlation


def expected_error(weights: Float64Array, offset: Float64Array, e0: float) -> tuple[float, float]:
    """Return by how much a jump is expected to be wrong, as a share of it.

    Parameters
    ----------
    weights : ndarray, shape (E,)
        The jump is ``weights @ mu``.
    offset : ndarray, shape (E,)
        Energies in eV from E0.
    e0 : float
        Energy of the edge in eV.

    Returns
    -------
    tuple of float
        The part of fine structure and slopes; and the whole at a typical noise, which serves to choose lines.

    Examples
    --------
    >>> near, far = (np.concatenate([[-60.0, -40], after]) for after in ([20.0, 40], [120.0, 140]))
    >>> weights = np.array([-0.5, -0.5, 0.5, 0.5])
    >>> [round(expected_error(weights, offset, 8333.0)[0], 2) for offset in (near, far)]
    [0.18, 0.36]
    """
    above = offset > 0
    parts = (
        float(np.sqrt(np.maximum(weights @ _covariance(offset, e0) @ weights, 0.0))),
        float(weights @ offset) * _COMMON_SLOPE,
        float(weights[above] @ offset[above]) * _STEP_SLOPE / e0,
    )
    model = float(np.linalg.norm(parts))
    return model, float(np.hypot(model, _TYPICAL_NOISE * np.linalg.norm(weights)))
