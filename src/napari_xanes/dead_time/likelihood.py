"""How likely counts and a monitor of the beam are, for a dead time of the detector and a zero of the monitor.

Photons n and the monitor s see the same beam. So ``z = ln n - ln(s + zero)`` of each frame is a smooth drift plus
noise: a parabola over the frames with a random walk about it, and the noise of counts and monitor. `n` follows from the
counts by the dead time. The parabola is integrated out; differences between frames make the walk independent from step
to step, so that the covariance has three diagonals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.dead_time.missed_counts import Model, growth_of, most_busy, photons_of
from napari_xanes.noise import missed_variance

_ORDER = 2
"""Degree of the smooth drift over the frames."""


@dataclass(frozen=True, eq=False)
class Beam:
    """What the detector counted without sample, and what a monitor of the beam showed.

    Parameters
    ----------
    counts : ndarray, shape (F, G)
        Mean counts of a pixel in F frames, of G groups of pixels that are alike bright.
    pixels : ndarray, shape (G,)
        Number of pixels of each group.
    exposure : ndarray, shape (F,)
        Exposure of the frames in s.
    monitor : ndarray, shape (F,)
        The beam in any unit, as a rate.
    dark_rate : float
        Counts of a pixel without light, in counts/s.
    number : ndarray, shape (F,)
        Place of each frame in the scan.
    gain : float
        Counts per photon; 0 if the noise of counting is not known.
    """

    counts: Float64Array
    pixels: Float64Array
    exposure: Float64Array
    monitor: Float64Array
    dark_rate: float
    number: Float64Array
    gain: float = 1.0

    def only(self, frames: BoolArray) -> Beam:
        """Return some of the frames."""
        named = {name: getattr(self, name)[frames] for name in ("counts", "exposure", "monitor", "number")}
        return replace(self, **named)

    def longest(self, model: Model) -> float:
        """Return the longest dead time in s that the counts allow."""
        return most_busy(model) / float((self.counts / self.exposure[:, None]).max())


class Trial(NamedTuple):
    """Numbers that are tried: dead time in s, zero in units of the monitor, noise of a frame, step of the walk."""

    dead_time: float
    zero: float
    noise: float
    step: float


class Logs(NamedTuple):
    """The logarithm of photons over monitor in each frame, its variance by counting, and d ln n / d ln m."""

    ratio: Float64Array
    variance: Float64Array
    growth: Float64Array


def log_ratio(beam: Beam, model: Model, dead_time: float, zero: float) -> Logs | None:
    """Return the logarithm of photons over monitor, or None if no photons or no beam would be left."""
    per_second = beam.exposure[:, None]
    rate = photons_of(beam.counts / per_second, dead_time, model)
    weights = beam.pixels / beam.pixels.sum()
    total, monitor = rate @ weights - beam.dark_rate, beam.monitor + zero
    if not ((total > 0).all() and (monitor > 0).all()):
        return None
    share = rate * weights / total[:, None]
    inverse = 1 / (rate * per_second)
    busy = np.broadcast_to(max(dead_time, 0.0) / per_second, rate.shape)
    relative = inverse + missed_variance(inverse, busy, paralyzable=model == "paralyzable")
    growth = (share * growth_of(rate, dead_time, model)).sum(axis=1)
    variance = beam.gain * (share**2 * relative / beam.pixels).sum(axis=1)
    return Logs(np.log(total) - np.log(monitor), variance, growth)


class Fitted(NamedTuple):
    """Differences between frames, and what the covariance makes of them and of the drift."""

    steps: Float64Array
    drift: Float64Array
    factor: Any
    solved: Float64Array

    @classmethod
    def of(cls, beam: Beam, logs: Logs, noise: float, step: float, others: tuple[Float64Array, ...] = ()) -> Fitted:
        """Whiten the differences; `others` are further columns (F,) that are free, beside the drift."""
        from scipy.linalg import cho_solve_banded, cholesky_banded

        place = (beam.number - beam.number[0]) / max(beam.number[-1] - beam.number[0], 1)
        columns = np.column_stack([np.vander(2 * place - 1, _ORDER + 1)[:, :-1], *others])
        variance = logs.variance + noise**2
        band = np.zeros((2, place.size - 1))
        band[1] = variance[1:] + variance[:-1] + step**2 * np.diff(beam.number)
        band[0, 1:] = -variance[1:-1]
        factor = cholesky_banded(band, check_finite=False)
        steps, drift = np.diff(logs.ratio), np.diff(columns, axis=0)
        solved = cho_solve_banded((factor, False), np.column_stack([steps, drift]), check_finite=False)
        return cls(steps, drift, factor, solved)

    @property
    def information(self) -> Float64Array:
        """Information on the columns."""
        return np.asarray(self.drift.T @ self.solved[:, 1:])

    @property
    def amounts(self) -> Float64Array:
        """Amounts of the columns."""
        return np.asarray(np.linalg.solve(self.information, self.drift.T @ self.solved[:, 0]))

    def deviance(self) -> float:
        """Return minus twice the logarithm of the likelihood with the drift integrated out, but for a constant."""
        squares = self.steps @ self.solved[:, 0] - self.amounts @ (self.drift.T @ self.solved[:, 0])
        return float(2 * np.log(self.factor[1]).sum() + np.linalg.slogdet(self.information)[1] + squares)


def deviance(beam: Beam, model: Model, trial: Trial) -> float:
    """Return minus twice the log-likelihood of a trial; infinite where it is impossible.

    Notes
    -----
    `z` depends on the dead time. If the counts are noisy, their likelihood is that of `z` times d ln n / d ln m (as
    the transformation of Box and Cox, J. R. Stat. Soc. B 26, 211, 1964); if the monitor is, it is that of `z`. Which of
    them is, nothing tells: the root of the factor is taken, and `bias` says what that may do.
    """
    if not abs(trial.dead_time) < beam.longest(model):
        return np.inf
    logs = log_ratio(beam, model, trial.dead_time, trial.zero)
    if logs is None or not np.isfinite(logs.ratio).all():
        return np.inf
    fitted = Fitted.of(beam, logs, trial.noise, trial.step)
    return fitted.deviance() - 2 * 0.5 * _free(beam) * float(np.log(logs.growth).sum())


def _free(beam: Beam) -> float:
    """Return the share of the frames that the drift leaves free."""
    return 1 - (_ORDER + 1) / beam.number.size


def bias(beam: Beam, model: Model, trial: Trial, covariances: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return what noise in the counts adds to dead time and zero, and how uncertain that is.

    The fit takes all noise as that of the monitor. That of counting is in the counts; of all other noise, half of what
    it would do is added, and the other half is the uncertainty to either side.
    """
    little = 1e-4 * beam.longest(model)
    near = [log_ratio(beam, model, trial.dead_time + sign * little, trial.zero) for sign in (-1, 1)]
    assert near[0] is not None
    assert near[1] is not None
    growth = np.log(near[1].growth / near[0].growth) / (2 * little)
    counting = near[0].variance / (near[0].variance + trial.noise**2)
    pull = _free(beam) * covariances[0]
    unknown = 0.5 * pull * float(growth @ (1 - counting))
    return pull * float(growth @ counting) + unknown, np.abs(unknown)


def slopes_at(beam: Beam, model: Model, trial: Trial, *, zero_free: bool) -> tuple[Logs, tuple[Float64Array, ...]]:
    """Return `z` of a trial, and its slopes with dead time and, if that is free, zero, (F,) each."""
    logs = log_ratio(beam, model, trial.dead_time, trial.zero)
    assert logs is not None
    little = 1e-4 * beam.longest(model)
    low = log_ratio(beam, model, trial.dead_time - little, trial.zero)
    assert low is not None
    with_time = (logs.ratio - low.ratio) / little
    return logs, (with_time, -1 / (beam.monitor + trial.zero))[: 1 + zero_free]


def _solved(beam: Beam, model: Model, trial: Trial, *, zero_free: bool) -> tuple[Float64Array, Float64Array]:
    """Return by how much dead time and zero are to be moved, and their covariance, if noise is all in the monitor."""
    logs, slopes = slopes_at(beam, model, trial, zero_free=zero_free)
    fitted = Fitted.of(beam, logs, trial.noise, trial.step, slopes)
    # Columns in units of their own, so that the matrix can be inverted.
    unit = 1 / np.sqrt(np.diag(fitted.information))
    inverse = np.linalg.inv(fitted.information * np.outer(unit, unit)) * np.outer(unit, unit)
    amounts = inverse @ (fitted.drift.T @ fitted.solved[:, 0])
    return -amounts[_ORDER:], inverse[_ORDER:, _ORDER:]


def step_to(beam: Beam, model: Model, trial: Trial, *, zero_free: bool) -> tuple[Float64Array, float]:
    """Return by how much dead time (s) and zero are to be moved to fit best, and the error of the dead time."""
    move, known = _solved(beam, model, trial, zero_free=zero_free)
    return move, float(np.sqrt(known[0, 0]))


def covariance(beam: Beam, model: Model, trial: Trial, *, zero_free: bool) -> Float64Array:
    """Return the covariance of dead time (s) and, if it is free, of the zero, from the slopes of `z`."""
    return _solved(beam, model, trial, zero_free=zero_free)[1]


def standard_residuals(beam: Beam, model: Model, trial: Trial) -> Float64Array:
    """Return by how many standard errors each frame is off what all others predict, (F,)."""
    from scipy.linalg import cho_solve_banded

    logs = log_ratio(beam, model, trial.dead_time, trial.zero)
    assert logs is not None
    fitted = Fitted.of(beam, logs, trial.noise, trial.step)
    differences = np.diff(np.eye(logs.ratio.size), axis=0)
    inverse = cho_solve_banded((fitted.factor, False), differences)
    drift = differences.T @ fitted.solved[:, 1:]
    precision = differences.T @ inverse - drift @ np.linalg.solve(fitted.information, drift.T)
    return np.asarray(precision @ logs.ratio / np.sqrt(np.diag(precision).clip(1e-300)))
