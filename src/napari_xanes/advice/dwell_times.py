"""How long to measure each energy: the time that a fit's error needs, by the weight that each energy has in it."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.advice.question import Question


def influence(question: Question) -> Float64Array:
    """Return the variance (E,) that each energy adds to the mean of the wanted quantities if measured for 1 s."""
    a = question.columns
    gains = question.forms @ np.linalg.pinv(a)[:, None]
    result: Float64Array = np.einsum("sple,sep->e", gains**2, question.noise)
    return result / np.prod(question.forms.shape[:3])


def share_time(influences: Float64Array, total: float, shortest: float) -> Float64Array:
    """Share a time among energies so that the sum of influence over time becomes smallest.

    Parameters
    ----------
    influences : ndarray, shape (E,)
        Variance that each energy adds in 1 s.
    total : float
        The time in s.
    shortest : float
        Shortest time of one energy in s, at most ``total / E``.

    Returns
    -------
    ndarray, shape (E,)
        Times in s, proportional to the root of the influence where they are longer than the shortest (Neyman, J. R.
        Stat. Soc. 97, 558, 1934).

    Examples
    --------
    >>> share_time(np.array([4.0, 1.0, 0.0]), 3.2, 0.2).round(3).tolist()
    [2.0, 1.0, 0.2]
    """
    weight = np.sqrt(influences)
    fixed = np.zeros(weight.size, dtype=bool)
    while not fixed.all():
        left = total - shortest * fixed.sum()
        seconds = np.where(fixed, shortest, left * weight / max(weight[~fixed].sum(), 1e-300))
        short = ~fixed & (seconds < shortest)
        if not short.any():
            return seconds
        fixed |= short
    return np.full(weight.size, total / weight.size)
