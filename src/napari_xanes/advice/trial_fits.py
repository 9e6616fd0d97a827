"""The error of a map by trial fits: amounts can't be negative, which no covariance of a linear fit knows."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.advice.question import Question
from napari_xanes.maps.fitting.active_set import ActiveSets

MOST_REFERENCES = 6
"""With more references, the fits on all subsets take too long."""


def trial_error(
    question: Question, frames: IndexArray, seconds: Float64Array, draws: Float64Array, shifts: Float64Array
) -> float:
    """Return the root of the mean squared error of non-negative fits to simulated noise.

    Parameters
    ----------
    question : Question
        With C candidates and P pixels.
    frames : ndarray of int, shape (E,)
        Which candidates are measured.
    seconds : ndarray, shape (E,)
        For how long.
    draws : ndarray, shape (C, P, T)
        Normal random numbers for T trials; the same ones for all choices of frames, so that their errors compare.
    shifts : ndarray, shape (T,)
        Normal random numbers for the shift of the energy axis.
    """
    squares = [_squares(question, s, frames, seconds, draws, shifts) for s in range(len(question.columns))]
    return float(np.sqrt(np.mean(squares)))


def _squares(
    question: Question,
    s: int,
    frames: IndexArray,
    seconds: Float64Array,
    draws: Float64Array,
    shifts: Float64Array,
) -> float:
    a, amounts = question.columns[s][frames], question.amounts[s]
    k = amounts.shape[1]
    noise = np.sqrt(question.noise[s][frames] / seconds[:, None])[..., None] * draws[frames]
    noise += question.energy_sigma * question.slopes[s][frames][..., None] * shifts
    data = (a[:, :k] @ amounts.T)[..., None] + noise
    q, r = np.linalg.qr(np.concatenate([a[:, k:], a[:, :k]], axis=1))
    n = a.shape[1] - k
    solver = ActiveSets(r[n:, n:], nonnegative=True, sum_to_one=False)
    found, _ = solver.solve(q[:, n:].T @ data.reshape(len(a), -1))
    found = found.reshape(k, *data.shape[1:])
    total = found.sum(axis=0)
    there = total > 0
    shares = found / np.where(there, total, 1)
    truth = (amounts / amounts.sum(axis=1, keepdims=True)).T[..., None]
    error = shares - truth
    if question.valences is not None:
        error = np.einsum("k,kpt->pt", question.valences, error)[None]
    # A fit without any reference has no valence: such a pixel is masked.
    return float((error**2).mean(axis=0)[there].mean()) if there.any() else np.inf
