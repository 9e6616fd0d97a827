"""How well spots of an unknown phase could be found if its spectrum were known."""

from __future__ import annotations

import numpy as np
from benchmarks.denoise.cases import Measurement
from benchmarks.denoise.rivals import Prepared
from benchmarks.denoise.scores import KEPT, average_precision
from numpy.typing import NDArray

RADII = (0.0, 0.6, 0.9, 1.3)
"""Standard deviations, in pixels, of the pools that are tried; the best one is chosen by the truth."""


def known_phase(measurement: Measurement, data: Prepared) -> float:
    """Return the average precision of the spots with a known spectrum; NaN without spots.

    In each pixel, references, phase and background are fitted with the true weights; the score is the amount of the
    phase over its error, pooled over a Gaussian.
    """
    truth = measurement.truth.unknown > KEPT
    if not truth.any():
        return float("nan")
    amount, information = _amount(measurement, data)
    return max(average_precision(_pooled(amount, information, radius), truth) for radius in RADII)


def _amount(measurement: Measurement, data: Prepared) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weighted least-squares amount of the phase, and one over its variance, (Y, X)."""
    edge = measurement.edge
    columns = np.column_stack([edge.unknown.at(edge.energy), data.design]).astype(np.float64)
    n_energies, *shape = data.depth.shape
    weight = data.weight.reshape(n_energies, -1).astype(np.float64)
    gram = np.einsum("ei,ej,ep->pij", columns, columns, weight, optimize=True)
    right = (columns.T @ (weight * data.depth.reshape(n_energies, -1))).T
    over = np.linalg.solve(gram[:, 1:, 1:], gram[:, 1:, :1])[..., 0]
    information = gram[:, 0, 0] - np.einsum("pi,pi->p", gram[:, 0, 1:], over)
    amount = (right[:, 0] - np.einsum("pi,pi->p", over, right[:, 1:])) / information
    return amount.reshape(shape), information.reshape(shape)


def _pooled(amount: NDArray[np.float64], information: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Return the significance of the amount within a Gaussian of a radius in pixels."""
    from scipy.ndimage import gaussian_filter

    if not radius:
        return amount * np.sqrt(information)
    total = gaussian_filter(information, radius)
    pooled: NDArray[np.float64] = gaussian_filter(information * amount, radius) / np.sqrt(total)
    return pooled
