"""Counts that a detector misses while it is busy with the photon before: the two usual models."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from napari_xanes._typing import Float64Array

Model = Literal["non-paralyzable", "paralyzable"]

MOST_BUSY = 0.9
"""A non-paralyzable detector that was busy for a larger share of the time tells next to nothing of the rate."""


def most_busy(model: Model) -> float:
    """Return the largest share of the time that counts times the dead time may be."""
    return MOST_BUSY if model == "non-paralyzable" else float(np.exp(-1))


def photons_of(counts: Any, share: Any, model: Model) -> Float64Array:
    """Return the photons behind counts.

    Parameters
    ----------
    counts, share : array_like
        Counts, and the dead time over the exposure in which they were counted. Also a rate, and the dead time itself.
    model : {"non-paralyzable", "paralyzable"}
        Whether a photon that comes in the dead time is missed, or also begins a new dead time.

    Returns
    -------
    ndarray
        NaN where there are more counts than the model allows.

    Notes
    -----
    With n photons in the exposure T, a dead time t, and m counted: ``m = n / (1 + n t / T)`` if the detector is not
    paralyzable, ``m = n exp(-n t / T)`` if it is; then the smaller of two solutions is taken (Knoll, Radiation
    Detection and Measurement, chapter 4).

    Examples
    --------
    >>> photons_of(900.0, 1e-4, "non-paralyzable").round(1)
    np.float64(989.0)
    """
    from scipy.special import lambertw

    counted = np.asarray(counts, dtype=np.float64)
    busy = counted * share
    with np.errstate(divide="ignore", invalid="ignore"):
        if model == "non-paralyzable":
            return np.where(busy < MOST_BUSY, counted / (1 - busy), np.nan)
        solved = np.where(busy <= np.exp(-1), -lambertw(-busy).real / share, np.nan)
        return np.where(np.asarray(share) != 0, solved, counted)


def growth_of(photons: Any, share: Any, model: Model) -> Any:
    """Return by what share photons grow where counts grow by one: d ln n / d ln m, with the parameters of `photons_of`.

    Examples
    --------
    >>> growth_of(1000.0, 1e-4, "non-paralyzable")
    1.1
    """
    return 1 + photons * share if model == "non-paralyzable" else 1 / (1 - photons * share)
