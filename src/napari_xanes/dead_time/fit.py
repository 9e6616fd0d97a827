"""The dead time of a counting detector, from counts without sample while a monitor of the beam tells the true rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.dead_time.likelihood import Beam, log_ratio, standard_residuals
from napari_xanes.dead_time.missed_counts import Model, photons_of
from napari_xanes.dead_time.result import DeadTime
from napari_xanes.dead_time.search import Found, fit_model

_LEAST_FRAMES = 10

_UNSEEN = 0.02
"""If at most this share of the counts can be missed, there is nothing to correct."""

_LEAST_BEAM = 0.03
"""A beam that varies by less, root mean square, is said to vary too little."""

_TOO_CLOSE = 0.2
"""Counts whose scatter about the monitor has less than this share of the variance of counting are the monitor's own."""

_AT_THE_LIMIT = 0.97
"""A larger share of the longest dead time is a reason to doubt."""


def fit_dead_time(beam: Beam, model: Model, *, monitor: str, zero_free: bool, dark_free: bool) -> DeadTime:
    """Fit the dead time to counts without sample, and refuse what can't be told.

    Parameters
    ----------
    beam : Beam
        Counts and monitor of at least 10 frames, the monitor 1 on average.
    model : {"non-paralyzable", "paralyzable"}
        Whether photons in the dead time prolong it.
    monitor : str
        What the monitor is, for messages.
    zero_free, dark_free : bool
        Whether the zero of the monitor, or the rate without light, is to be found; only one of them can be told.

    Returns
    -------
    DeadTime
        Without the look at halves.

    Raises
    ------
    ValueError
        If the dead time can't be told, with the reason.
    """
    if beam.number.size < _LEAST_FRAMES:
        raise ValueError(f"a dead time is fitted to at least {_LEAST_FRAMES} frames, not to {beam.number.size}")
    free = zero_free or dark_free
    found = fit_model(beam, model, zero_free=free)
    _refuse(beam, model, found, monitor, zero_free=zero_free, dark_free=dark_free)
    other: Model = "paralyzable" if model == "non-paralyzable" else "non-paralyzable"
    rival = fit_model(found.beam, other, zero_free=free)
    used, trial = found.beam, found.trial
    logs = log_ratio(used, model, trial.dead_time, trial.zero)
    assert logs is not None
    counts_per_monitor = float(np.exp(logs.ratio.mean()))
    span = float(used.number[-1] - used.number[0])
    return DeadTime(
        dead_time=1e6 * trial.dead_time,
        sigma=1e6 * found.sigma,
        halves=0.0,
        other=1e6 * rival.trial.dead_time,
        likelier=rival.deviance - found.deviance if rival.beam.number.size == used.number.size else np.nan,
        missed=_missed(used, trial.dead_time, model),
        beam=_changes(used.monitor),
        scatter=trial.noise,
        drift=trial.step * np.sqrt(span),
        zero=trial.zero if free else np.nan,
        zero_sigma=found.zero_sigma if free else np.nan,
        dark_rate=counts_per_monitor * trial.zero if dark_free else beam.dark_rate,
        dark_sigma=counts_per_monitor * found.zero_sigma if dark_free else 0.0,
        frames=used.number.size,
        left_out=beam.number.size - used.number.size,
    )


def _missed(beam: Beam, dead_time: float, model: Model) -> float:
    """Return the share of counts that is missed at the highest rate."""
    rate = float((beam.counts / beam.exposure[:, None]).max())
    return float(1 - rate / photons_of(rate, dead_time, model))


def _closeness(found: Found, model: Model) -> float:
    """Return the mean square of what the fit leaves, over the variance of counting."""
    counted = found.trial._replace(noise=0.0, step=0.0)
    return float(np.mean(standard_residuals(found.beam, model, counted) ** 2))


def _changes(monitor: Float64Array) -> float:
    """Return the root mean square of the relative changes of the beam."""
    return float(np.std(np.log(monitor)))


def _refuse(beam: Beam, model: Model, found: Found, monitor: str, *, zero_free: bool, dark_free: bool) -> None:
    """Refuse a dead time that is not certain to half of its value, and say why it is not."""
    trial, longest = found.trial, found.beam.longest(model)
    if trial.dead_time > _AT_THE_LIMIT * longest and found.sigma < 0.1 * longest:
        raise ValueError(
            f"counts come too near to the most that a {model} detector can count (dead time {1e6 * longest:.3g} µs): "
            f"{monitor} does not follow the beam, or the other model is right"
        )
    if beam.gain and _closeness(found, model) < _TOO_CLOSE:
        raise ValueError(
            f"the counts follow {monitor} more closely than their photons allow: it comes from the same detector and "
            "has the same dead time; give what another detector saw as monitor"
        )
    if found.sigma <= 0.5 * trial.dead_time:
        return
    most = max(trial.dead_time, 0.0) + 2 * found.sigma
    if most < longest and _missed(found.beam, most, model) < _UNSEEN:
        raise ValueError(
            f"no dead time is seen: it is below {1e6 * most:.2g} µs, so that at most "
            f"{_missed(found.beam, most, model):.1%} of the counts are missed; leave correct_dead_time out"
        )
    told = f"{1e6 * trial.dead_time:.2g} ± {1e6 * found.sigma:.2g} µs"
    if zero_free or dark_free:
        known = fit_model(beam, model, zero_free=False)
        if known.sigma <= 0.5 * known.trial.dead_time:
            what, name = ("rate without light", "dark_rate") if dark_free else (f"zero of {monitor}", "monitor_zero")
            raise ValueError(
                f"the dead time can't be told ({told}) because the {what} is not known; give {name} (with 0, the dead "
                f"time is {1e6 * known.trial.dead_time:.2g} ± {1e6 * known.sigma:.2g} µs)"
            )
    raise ValueError(f"the dead time can't be told ({told}): {_why(beam, model, found, monitor)}; give dead_time")


def _why(beam: Beam, model: Model, found: Found, monitor: str) -> str:
    """Say why a dead time is uncertain."""
    varied = _changes(found.beam.monitor)
    if varied < _LEAST_BEAM:
        text = f"by {monitor}, the beam varied by no more than {varied:.1%} (root mean square)"
        longer = np.ptp(np.log(beam.exposure)) > 0.1
        return text + (", and a longer exposure does not change the share that is missed" if longer else "")
    steady = fit_model(beam, model, zero_free=False, drifts=False)
    span = np.sqrt(float(found.beam.number[-1] - found.beam.number[0]))
    if found.trial.step * span > 2 * found.trial.noise and steady.trial.dead_time > 0:
        return (
            f"the ratio of the counts to {monitor} drifts by {found.trial.step * span:.1%} over the scan, as the beam "
            "moves or another detector ages, and that hides it"
        )
    return f"the counts do not follow {monitor}: they scatter about it by {found.trial.noise:.1%} from frame to frame"


def widened(found: DeadTime, halves: Sequence[Found]) -> DeadTime:
    """Return a dead time whose error holds by how much halves of the area disagree beyond their noise.

    Parameters
    ----------
    found : DeadTime
        Of the whole area.
    halves : sequence of Found
        Pairs of halves, upper and lower, left and right.

    Raises
    ------
    ValueError
        If the error becomes more than half of the dead time.

    Notes
    -----
    Halves see the same beam and monitor, whose noise moves them alike; what counting adds to the error of a half,
    beyond that of the whole, is their own noise.
    """
    excess = 0.0
    for one, two in zip(halves[::2], halves[1::2], strict=True):
        apart = 5e5 * abs(one.trial.dead_time - two.trial.dead_time)
        own = max(5e11 * (one.sigma**2 + two.sigma**2) - found.sigma**2, 0.0)
        if apart**2 > 4 * own:
            excess = max(excess, float(np.sqrt(apart**2 - own)))
    sigma = float(np.hypot(found.sigma, excess))
    if sigma > 0.5 * found.dead_time:
        raise ValueError(
            f"halves of the area without sample give dead times that differ by {2 * excess:.2g} µs, but all of it "
            f"gives {found}: the beam moves, or there is sample in the area; give another region, or dead_time"
        )
    return replace(found, sigma=sigma, halves=excess)
