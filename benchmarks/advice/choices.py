"""Ways to choose energies: one after the other by `plan_energies`, evenly, by chance, by pivots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from benchmarks.advice.cases import Case

import napari_xanes as nx

BATCH = 5
"""So many energies are measured between two plans."""


class Choice(NamedTuple):
    """Numbers of frames, rising; exposures in s; the error that was predicted, if it was."""

    frames: np.ndarray
    seconds: np.ndarray
    predicted: float = np.nan


def one_after_the_other(case: Case, count: int, *, equal: bool, seed: int) -> Choice:
    """Plan from the references, measure, plan from what was measured, and so on."""
    frames, seconds = np.zeros(0, int), np.zeros(0)
    predicted = np.nan
    while frames.size < count:
        stack = None
        if frames.size:
            order = np.argsort(frames)
            stack = case.measured(frames[order], seconds[order], seed)
        plan = nx.plan_energies(
            case.references,
            case.energy,
            stack=stack,
            most=count - frames.size,
            dwell=1.0,
            energy_sigma=0.0,
            equal=equal,
        )
        predicted = float(plan.error[-1])
        part = slice(max(BATCH, plan.least))
        frames = np.concatenate([frames, np.searchsorted(case.energy, plan.energy[part] - 1e-6)])
        seconds = np.concatenate([seconds, plan.dwell[part]])
    order = np.argsort(frames)
    return Choice(frames[order], seconds[order], predicted)


def even(case: Case, count: int) -> Choice:
    """Return frames at even distances."""
    frames = np.linspace(0, case.energy.size - 1, count).round().astype(int)
    return Choice(frames, np.ones(count))


def by_chance(case: Case, count: int, seed: int) -> Choice:
    """Return random frames."""
    frames = np.sort(np.random.default_rng(seed).choice(case.energy.size, count, replace=False))
    return Choice(frames, np.ones(count))


def pivots(case: Case, full: nx.SpectralStack, count: int) -> Choice:
    """Return the frames of the discrete empirical interpolation method: pivots of the modes of the full scan."""
    from scipy.linalg import qr

    modes = np.linalg.svd(np.asarray(full.data).reshape(case.energy.size, -1), full_matrices=False)[0][:, :count]
    frames = np.sort(qr(modes.T, mode="r", pivoting=True)[1][:count])
    return Choice(frames, np.ones(count))
