"""Run all methods on one measurement, and summarize many measurements."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import nan
from types import MappingProxyType
from typing import Any

import numpy as np
from benchmarks.denoise.cases import SIZE, Case, simulate
from benchmarks.denoise.ceiling import known_phase
from benchmarks.denoise.ours import denoised
from benchmarks.denoise.places import Covered, coverage_by_place
from benchmarks.denoise.rivals import PLAIN, TUNED, prepare
from benchmarks.denoise.scores import Score, score
from numpy.typing import NDArray

OURS = "denoise"
RIVALS = (*PLAIN, *TUNED)
"""Names of all other methods."""


@dataclass(frozen=True)
class Outcome:
    """Scores and seconds of all methods on one measurement; for a tuned method, the seconds per strength.

    ``places`` is the coverage of our errors by place; ``ceiling``, the average precision of spots of a known phase.
    """

    scores: dict[str, Score]
    seconds: dict[str, float]
    places: dict[str, Covered] = field(default_factory=dict)
    ceiling: float = nan


def run(
    case: Case,
    seed: int,
    options: Mapping[str, Any] = MappingProxyType({}),
    *,
    gain: bool = False,
    size: int = SIZE,
    rivals: Collection[str] = RIVALS,
) -> Outcome:
    """Simulate a case and run every method; a tuned method uses the strength with the smallest error.

    `options` are parameters of the denoiser. Without `gain`, the denoiser must estimate the noise; the other methods
    know it. Of the other methods, those named in `rivals` run.
    """
    measurement = simulate(case, seed, gain=gain, size=size)
    scores, seconds = {}, {}

    def timed(name: str, work: Callable[[], list[Score]]) -> None:
        start = time.process_time()
        attempts = work()
        seconds[name] = (time.process_time() - start) / len(attempts)
        scores[name] = min(attempts, key=lambda attempt: attempt.rmse)

    ceiling = nan
    if rivals:
        data = prepare(measurement)
        for name, plain in PLAIN.items():
            if name in rivals:
                timed(name, lambda plain=plain: [score(plain(data), measurement)])  # type: ignore[misc]
        for name, tuned in TUNED.items():
            if name in rivals:
                timed(name, lambda tuned=tuned: [score(estimate, measurement) for estimate in tuned(data)])  # type: ignore[misc]
        ceiling = known_phase(measurement, data)
    start = time.process_time()
    ours = denoised(measurement, options)
    seconds[OURS] = time.process_time() - start
    scores[OURS] = score(ours, measurement)
    return Outcome(scores, seconds, coverage_by_place(ours, measurement), ceiling)


def mean_score(outcomes: Sequence[Outcome], method: str) -> Score:
    """Return the mean of each score over seeds, without NaN; for the bias, the mean of absolute values."""
    means = {}
    for one in fields(Score):
        values = np.array([getattr(outcome.scores[method], one.name) for outcome in outcomes])
        values = np.abs(values[np.isfinite(values)])
        means[one.name] = float(values.mean()) if values.size else nan
    return Score(**means)


def ratios(outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """Return for each seed our valence error divided by that of the best tuned rival."""
    return np.array(
        [outcome.scores[OURS].rmse / outcome.scores[best_rival(outcome)].rmse for outcome in outcomes],
        dtype=np.float64,
    )


def best_rival(outcome: Outcome) -> str:
    """Return the name of the tuned rival with the smallest error."""
    return min((name for name in TUNED if name in outcome.scores), key=lambda name: outcome.scores[name].rmse)


def interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a mean from Student's t; NaN for fewer than two values.

    Parameters
    ----------
    values : array, shape (N,)
        Independent values.
    level : float
        Probability that the interval contains the true mean.
    """
    from scipy.stats import t

    if values.size < 2:
        return nan, nan
    half = float(t.ppf(0.5 + level / 2, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size))
    return float(values.mean()) - half, float(values.mean()) + half
