"""The standard error of the E0 of some pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.edge.lines import EdgeLines
from napari_xanes.edge.position import find_e0
from napari_xanes.edge.ranges import is_left_out

_SPLITS = 6
"""So many times the pixels are split into halves, and noise is added to their mean."""

_WINDOW, _ENOUGH = 40.0, 12
"""Other rises are looked for within so many eV of E0, if so many energies lie there."""


def error_of_e0(edge: EdgeLines, spectra: NDArray[Any], near: float | None = None) -> float:
    """Return the standard error of the E0 that `find_e0` finds in the mean of the strong spectra.

    It holds the noise of pixels and how much they differ (a quarter of the mean square difference between E0 of random
    halves), and the noise that they share (`EdgeLines.shared_noise`, added to the mean). An error of the energy axis is
    no part of it.

    Parameters
    ----------
    edge : EdgeLines
        E0 and the lines.
    spectra : ndarray, shape (E, P)
        Spectra without missing values; those with at least half of the largest jumps count.
    near : float, optional
        As in `find_e0`.

    Returns
    -------
    float
        In eV; infinite if half of the spectra show no rise, or there is only one spectrum.

    Examples
    --------
    >>> axis = np.arange(8200.0, 8500)
    >>> spectra = np.arctan((axis[:, None] - 8343 - np.array([0, 1, 0, 1, 0, 1, 0, 1])) / 3)
    >>> round(error_of_e0(EdgeLines(axis, 8343.5, (-140, -20), (30, 150)), spectra), 1)
    0.2
    """
    jump = edge.measure(spectra).jump
    strong = spectra[:, jump >= 0.5 * np.percentile(jump, 99.5)].astype(np.float64)
    used = ~is_left_out(edge.energy, edge.left_out)
    close = used & (np.abs(edge.energy - edge.e0) <= _WINDOW)
    used = close if np.count_nonzero(close) >= _ENOUGH else used
    if strong.shape[1] < 2:
        return float("inf")
    rng = np.random.default_rng(0)
    mean = strong.mean(axis=1)
    noisy = mean[:, None] + edge.shared_noise * rng.standard_normal((mean.size, _SPLITS))
    try:
        one, other = (_e0s_of(edge, halves, used, near) for halves in _halves(strong, rng))
        moved = _e0s_of(edge, noisy, used, near) if edge.shared_noise else np.zeros(1)
    except ValueError:
        return float("inf")
    return float(np.hypot(0.5 * np.sqrt(np.mean((one - other) ** 2)), np.std(moved)))


def _e0s_of(edge: EdgeLines, spectra: Float64Array, used: BoolArray, near: float | None) -> Float64Array:
    return np.array([find_e0(edge.energy[used], spectrum[used], near=near) for spectrum in spectra.T])


def _halves(spectra: Float64Array, rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:
    """Return the means (E, S) of random halves of the spectra, and those of the other halves."""
    count = spectra.shape[1]
    first = np.stack([rng.permutation(count) < count // 2 for _ in range(_SPLITS)], axis=1)
    other: Float64Array = spectra @ (~first / (count - count // 2))
    return spectra @ (first / (count // 2)), other
