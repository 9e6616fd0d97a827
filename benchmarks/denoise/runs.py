"""All methods on one measurement, and what many measurements say together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import nan
from types import MappingProxyType
from typing import Any

import numpy as np
from benchmarks.denoise.cases import Case, simulate
from benchmarks.denoise.ours import denoised
from benchmarks.denoise.rivals import PLAIN, TUNED, prepare
from benchmarks.denoise.scores import Score, score
from numpy.typing import NDArray

OURS = "denoise"


@dataclass(frozen=True)
class Outcome:
    """Scores and seconds of all methods on one measurement; a tuned method took its seconds per strength."""

    scores: dict[str, Score]
    seconds: dict[str, float]


def run(case: Case, seed: int, how: Mapping[str, Any] = MappingProxyType({})) -> Outcome:
    """Simulate a case and let every method try; the strength of the tuned ones is chosen with the truth.

    `how` are parameters of the denoiser.
    """
    one = simulate(case, seed)
    scores, seconds = {}, {}

    def timed(name: str, work: Callable[[], list[Score]]) -> None:
        start = time.perf_counter()
        tried = work()
        seconds[name] = (time.perf_counter() - start) / len(tried)
        scores[name] = min(tried, key=lambda each: each.rmse)

    data = prepare(one)
    for name, plain in PLAIN.items():
        timed(name, lambda plain=plain: [score(plain(data), one)])  # type: ignore[misc]
    for name, tuned in TUNED.items():
        timed(name, lambda tuned=tuned: [score(each, one) for each in tuned(data)])  # type: ignore[misc]
    timed(OURS, lambda: [score(denoised(one, how), one)])
    return Outcome(scores, seconds)


def mean_score(outcomes: Sequence[Outcome], method: str) -> Score:
    """Mean of each score over seeds, without those that are NaN; the bias as mean of absolute values."""
    means = {}
    for field in fields(Score):
        values = np.array([getattr(one.scores[method], field.name) for one in outcomes])
        values = np.abs(values[np.isfinite(values)])
        means[field.name] = float(values.mean()) if values.size else nan
    return Score(**means)


def ratios(outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """Our valence error over that of the best tuned rival of the same measurement, for each seed."""
    return np.array(
        [one.scores[OURS].rmse / min(one.scores[name].rmse for name in TUNED) for one in outcomes], dtype=np.float64
    )


def interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a mean from Student's t; NaN for fewer than two values.

    Parameters
    ----------
    values : array, shape (N,)
        Independent values.
    level : float
        How often the interval holds the true mean.
    """
    from scipy.stats import t

    if values.size < 2:
        return nan, nan
    half = float(t.ppf(0.5 + level / 2, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size))
    return float(values.mean()) - half, float(values.mean()) + half
