"""The likeliest dead time of a counting detector, without frames that do not fit to the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.dead_time.likelihood import (
    Beam,
    Fitted,
    Trial,
    bias,
    covariance,
    deviance,
    log_ratio,
    slopes_at,
    standard_residuals,
    step_to,
)
from napari_xanes.dead_time.missed_counts import Model

_FAR = 5.0
"""A frame that is off by more standard errors is left out."""

_GROSS = 12.0
"""The same before the fit, which such a frame would spoil."""

_MOST_LEFT_OUT = 0.1

_MOST_TURNS, _MOST_STEPS = 5, 8

_MOST_ZERO = 10.0
"""A zero of so many times the mean of a monitor is none."""

_LARGEST = 0.999
"""The largest share of the longest dead time that is tried."""


class Found(NamedTuple):
    """The likeliest trial, its deviance, and the standard errors of dead time and zero."""

    trial: Trial
    deviance: float
    sigma: float
    zero_sigma: float
    beam: Beam


def fit_model(beam: Beam, model: Model, *, zero_free: bool, drifts: bool = True) -> Found:
    """Return the likeliest dead time in s; frames that do not fit to the others are left out.

    Parameters
    ----------
    beam : Beam
        Counts and monitor, the monitor 1 on average.
    model : {"non-paralyzable", "paralyzable"}
        Whether photons in the dead time prolong it.
    zero_free : bool
        Whether what the monitor shows without beam is to be found, too.
    drifts : bool
        Whether the ratio of counts to monitor may drift otherwise than a parabola.
    """
    used = _without_gross(beam, model)
    for _ in range(_MOST_TURNS):
        trial, least = _likeliest(used, model, zero_free=zero_free, drifts=drifts)
        far = _far(standard_residuals(used, model, trial), _FAR)
        if not far.any() or used.number.size - far.sum() < (1 - _MOST_LEFT_OUT) * beam.number.size:
            break
        used = used.only(~far)
    known = covariance(used, model, trial, zero_free=zero_free)
    moved, unknown = bias(used, model, trial, known)
    errors = np.hypot(np.sqrt(np.diag(known)) * _student(used.number.size // 2 - 3 - zero_free), unknown)
    trial = trial._replace(
        dead_time=min(trial.dead_time + float(moved[0]), _LARGEST * used.longest(model)),
        zero=trial.zero + (moved[1] if zero_free else 0.0),
    )
    return Found(trial, least, float(errors[0]), float(errors[1]) if zero_free else 0.0, used)


def _without_gross(beam: Beam, model: Model) -> Beam:
    """Leave out frames that are far off by the dead time that makes the usual step between frames smallest."""
    longest, trials = beam.longest(model), []
    for share in (0.0, *np.geomspace(0.01, 0.8, 24)):
        logs = log_ratio(beam, model, longest * share, 0.0)
        if logs is not None:
            steps = np.diff(logs.ratio)
            noise = 1.0484 * float(np.median(np.abs(steps - np.median(steps))))  # 1.4826 / root of 2
            trials.append(Trial(longest * share, 0.0, max(noise, 1e-6), 0.3 * noise))
    used, trial = beam, min(trials, key=lambda trial: trial.noise, default=None)
    while trial is not None:
        far = _far(standard_residuals(used, model, trial), _GROSS)
        if not far.any() or used.number.size - far.sum() < (1 - _MOST_LEFT_OUT) * beam.number.size:
            break
        used = used.only(~far)
    return used


def _far(residuals: Float64Array, limit: float) -> BoolArray:
    """Return which frames are off; only the worst ones at once, because they move what is expected of others."""
    size = np.abs(residuals)
    return np.asarray((size > limit) & (size > 0.5 * size.max()))


def _student(free: int) -> float:
    """Return the factor on an error with which two of them hold 95 %, if noise is learned from so many free values.

    The walk takes about half of the frames.
    """
    from scipy.stats import t

    return float(t.ppf(0.97725, max(free, 2)) / 2)


def _likeliest(beam: Beam, model: Model, *, zero_free: bool, drifts: bool) -> tuple[Trial, float]:
    """Return the likeliest trial and its deviance: noise and numbers are found in turn."""
    longest = beam.longest(model)
    starts = [
        Trial(longest * share, 0.0, noise, step if drifts else 0.0)
        for share in (0.0, 0.03, 0.1, 0.25, 0.5, 0.8)
        for noise in (1e-3, 1e-2, 0.1)
        for step in (1e-3, 1e-2)
    ]
    trial = min(starts, key=lambda start: deviance(beam, model, start))
    for _ in range(_MOST_TURNS):
        trial = _with_noise(beam, model, trial, zero_free=zero_free, drifts=drifts)
        before = trial
        for _ in range(_MOST_STEPS):
            move, sigma = step_to(beam, model, trial, zero_free=zero_free)
            dead_time = np.clip(trial.dead_time + move[0], -0.5 * longest, _LARGEST * longest)
            zero = max(trial.zero + move[1], -0.99 * float(beam.monitor.min())) if zero_free else 0.0
            trial = trial._replace(dead_time=float(dead_time), zero=float(min(zero, _MOST_ZERO)))
            if abs(move[0]) < 1e-3 * sigma:
                break
        if abs(trial.dead_time - before.dead_time) < 0.02 * sigma:
            break
    return trial, deviance(beam, model, trial)


def _with_noise(beam: Beam, model: Model, trial: Trial, *, zero_free: bool, drifts: bool) -> Trial:
    """Return a trial with the likeliest noise of a frame and step of the drift."""
    from scipy.optimize import minimize

    logs, columns = slopes_at(beam, model, trial, zero_free=zero_free)

    def sizes(values: Any) -> tuple[float, float]:
        # Not below a millionth: such noise is not told from none.
        noise, step = 1e-6 + np.exp(np.minimum(values, 5.0))
        return noise, step if drifts else 0.0

    def of(values: Any) -> float:
        return Fitted.of(beam, logs, *sizes(values), columns).deviance()

    start = np.log([max(trial.noise, 1e-5), max(trial.step, 0.3 * trial.noise, 1e-5)])
    simplex = start + np.array([[0.0, 0.0], [0.7, 0.0], [0.0, 0.7]])
    options = {"initial_simplex": simplex, "xatol": 0.02, "fatol": 0.002, "maxiter": 120}
    noise, step = sizes(minimize(of, start, method="Nelder-Mead", options=options).x)
    return trial._replace(noise=noise, step=step)
