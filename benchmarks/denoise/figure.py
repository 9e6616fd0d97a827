"""Draw how many times fewer photons the denoiser needs for the same error of the valence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.denoise.cases import CASES
from benchmarks.denoise.rivals import TUNED
from benchmarks.denoise.runs import OURS, mean_score, run

DOSES = (50, 100, 200, 500, 1000, 2000, 5000, 20000)
METHODS = ("PCA k=5", *TUNED, OURS)


def photons_for(error: float, photons: Sequence[float], errors: Sequence[float]) -> float:
    """Return the photons at which a method has a given error, interpolated between logarithms.

    Parameters
    ----------
    error : float
        The given error.
    photons, errors : sequence of float
        Measured curve, photons increasing. Where the errors rise, the lowest error so far is used.

    Returns
    -------
    float
        NaN if the curve does not reach the error.
    """
    falling = np.minimum.accumulate(np.asarray(errors, dtype=np.float64))
    if not falling[-1] <= error <= falling[0]:
        return nan
    return float(np.exp(np.interp(-np.log(error), -np.log(falling), np.log(photons))))


def dose_curves(seeds: int, options: Mapping[str, Any], doses: Sequence[float] = DOSES) -> dict[str, list[float]]:
    """Return the mean valence error of each method at each dose."""
    curves: dict[str, list[float]] = {name: [] for name in METHODS}
    for photons in doses:
        case = replace(CASES["1000"], photons=photons)
        outcomes = [run(case, seed, options) for seed in range(seeds)]
        for name in METHODS:
            curves[name].append(mean_score(outcomes, name).rmse)
    return curves


def dose_gains(curves: Mapping[str, Sequence[float]], doses: Sequence[float] = DOSES) -> dict[str, list[float]]:
    """Return for each rival how many times more photons it needs for our error; NaN if it does not reach the error."""
    return {
        name: [photons_for(error, doses, errors) / dose for dose, error in zip(doses, curves[OURS], strict=True)]
        for name, errors in curves.items()
        if name != OURS
    }


def dose_figure(path: Path, curves: Mapping[str, Sequence[float]], doses: Sequence[float] = DOSES) -> None:
    """Draw the error against the photons, and how many times fewer photons the denoiser needs for the same error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, errors in curves.items():
        left.loglog(doses, errors, "o-", label=name, linewidth=2.5 if name == OURS else 1.2)
    for colour, (name, gains) in enumerate(dose_gains(curves, doses).items()):
        right.loglog(doses, gains, "o-", color=f"C{colour}", label=f"beside {name}")
    left.set(xlabel="photons per pixel and energy", ylabel="error of the valence (RMS)")
    right.set(xlabel="photons per pixel and energy", ylabel="times fewer photons for the same error")
    right.axhline(1, color="0.7", linewidth=1)
    for axes in (left, right):
        axes.legend(loc="upper right", frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
