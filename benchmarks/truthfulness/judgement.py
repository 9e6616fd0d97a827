"""How a map compares with the truth, and whether the user could have known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from benchmarks.truthfulness.estimators import Estimate
from benchmarks.truthfulness.specimens import Measurement

from napari_xanes._typing import Float64Array

Verdict = Literal["right", "wide", "told", "masked", "WRONG"]

ONE_SIGMA, TWO_SIGMA = (0.64, 0.72), (0.92, 0.98)
"""Bars of the coverage at one and two sigma."""

_SAY_NOTHING_ABOUT_ERRORS = ("energies lie outside the references", "fractions count atoms")
"""Parts of messages that say what was done, and not that a value may be wrong."""

_LEAST_TRUSTED = 0.02
"""A map with a smaller share of trusted pixels says that it can't know."""

_STANDARD_ERRORS = 3.0
"""By how many standard errors of a share among so many pixels a bar may be missed by chance."""


@dataclass(frozen=True)
class Judgement:
    """One map of one case.

    Parameters
    ----------
    edge, case, estimator, name : str
        What was estimated.
    count : int
        Number of trusted pixels.
    trusted : float
        Share of the sample's pixels that are not masked.
    bias, sigma : float
        Mean error and median sigma of the trusted pixels.
    within_one, within_two : float
        Share of the trusted pixels whose error is below one and two sigma.
    warnings : tuple of str
        What the user is told.
    control : bool
        Nothing is wrong with this case.
    """

    edge: str
    case: str
    estimator: str
    name: str
    count: int
    trusted: float
    bias: float
    sigma: float
    within_one: float
    within_two: float
    warnings: tuple[str, ...]
    control: bool

    @property
    def key(self) -> str:
        return f"{self.edge}, {self.case}, {self.estimator}, {self.name}"

    @property
    def verdict(self) -> Verdict:
        """Return right, wide (error bars too large), told (wrong with a warning), masked, or WRONG and silent."""
        if self.trusted < _LEAST_TRUSTED:
            return "masked"
        chance = _STANDARD_ERRORS / np.sqrt(self.count)
        if self.within_two < TWO_SIGMA[0] - chance * np.sqrt(TWO_SIGMA[0] * (1 - TWO_SIGMA[0])):
            return "told" if self.warnings else "WRONG"
        return "wide" if self.within_one > ONE_SIGMA[1] and self.within_two > TWO_SIGMA[1] else "right"


def warnings_about_errors(warnings: Iterable[str]) -> tuple[str, ...]:
    """Return the warnings after which a user would doubt a value."""
    return tuple(text for text in warnings if not any(part in text for part in _SAY_NOTHING_ABOUT_ERRORS))


def judge(edge: str, case: str, estimate: Estimate, measurement: Measurement, *, control: bool) -> Judgement:
    """Compare the trusted pixels of a map with the truth."""
    values, sigma, mask = estimate.map.data, estimate.map.sigma, estimate.map.mask
    trusted = measurement.inside & np.isfinite(values)
    if mask is not None:
        trusted &= mask
    error = np.asarray(values, dtype=np.float64)[trusted] - estimate.truth[trusted]
    if sigma is None:
        raise ValueError(f"map {estimate.name!r} of {estimate.estimator} has no sigma")
    bars = np.asarray(sigma, dtype=np.float64)[trusted]
    count = int(trusted.sum())
    share = count / int(measurement.inside.sum())
    return Judgement(
        edge,
        case,
        estimate.estimator,
        estimate.name,
        count,
        share,
        *_statistics(error, bars),
        warnings_about_errors(estimate.warnings),
        control,
    )


def _statistics(error: Float64Array, bars: Float64Array) -> tuple[float, float, float, float]:
    """Return bias, median sigma, and the shares of errors within one and two sigma; NaN without pixels."""
    if error.size == 0:
        return np.nan, np.nan, np.nan, np.nan
    size = np.abs(error)
    return float(error.mean()), float(np.median(bars)), float(np.mean(size <= bars)), float(np.mean(size <= 2 * bars))
