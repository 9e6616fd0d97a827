"""Coverage of the errors by place: how often the truth lies within the standard errors, where the sample is what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.denoise.cases import Measurement
from benchmarks.denoise.rivals import Estimate
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray

BORDER, PLATEAU = 0.06, 0.02
"""Change of the true valence per pixel (root mean square over 3 x 3 pixels) above which a place is a border, and below
which it is a plateau."""

SPOT = 0.1
"""Share of the edge jump that an unknown phase has in a spot."""

SQUARES = (4, 8, 16, 32)
"""Sides of the squares whose means are compared with their errors."""

_LEAST_PIXELS = 30


@dataclass(frozen=True)
class Covered:
    """Shares of the values of a place within one and two standard errors, and the number of values.

    ``times`` is the root mean square of the error in standard errors, ``rmse`` that of the error itself.
    """

    within_1: float
    within_2: float
    times: float
    rmse: float
    count: int


def covered(error: NDArray[np.floating], sigma: NDArray[np.floating]) -> Covered:
    """Compare errors with their standard errors, two arrays of one shape."""
    ratio = np.abs(error) / np.maximum(sigma, 1e-12)
    within = [float(np.mean(ratio <= factor)) for factor in (1, 2)]
    return Covered(*within, float(np.sqrt(np.mean(ratio**2))), float(np.sqrt(np.mean(error**2))), int(ratio.size))


def places(measurement: Measurement) -> dict[str, BoolArray]:
    """Return the pixels (Y, X) of each place.

    Places are: all scored pixels; plateaus and borders of the valence; the rim of the sample (three pixels beside empty
    ones or the first and last rows and columns); pixels with less than a third, and with more than two thirds, of the
    largest edge jump; spots of the unknown phase.
    """
    from scipy.ndimage import binary_erosion, uniform_filter

    truth, scored = measurement.truth, measurement.scored
    inside = truth.jump > 0
    down, across = (np.diff(truth.valence, axis=axis, append=np.nan) for axis in (0, 1))
    square = np.zeros(truth.valence.shape)
    for step, axis in ((down, 0), (across, 1)):
        both = inside & np.roll(inside, -1, axis=axis) & np.isfinite(step)
        square += np.where(both, step, 0.0) ** 2
    change = np.sqrt(np.maximum(uniform_filter(square, 3), 0))
    inner = binary_erosion(inside, iterations=3)
    strong = np.percentile(truth.jump[inside], 99)
    return {
        "all": scored,
        "plateaus": scored & inner & (change < PLATEAU),
        "borders": scored & (change > BORDER),
        "rim": scored & ~inner,
        "thin": scored & (truth.jump < strong / 3),
        "thick": scored & (truth.jump > 2 * strong / 3),
        "spots": truth.unknown > SPOT,
    }


def coverage_by_place(estimate: Estimate, measurement: Measurement) -> dict[str, Covered]:
    """Return the coverage of each place that has pixels, and of the means of squares by ``estimate.sigma_of_mean``."""
    if estimate.sigma is None:
        return {}
    error = estimate.valence - measurement.truth.valence
    found = {}
    for name, where in places(measurement).items():
        where = where & np.isfinite(estimate.sigma)
        if where.sum() >= _LEAST_PIXELS:
            found[name] = covered(error[where], estimate.sigma[where])
    if estimate.sigma_of_mean is not None:
        for side in SQUARES:
            means = square_means(error, measurement.scored, side, estimate.sigma_of_mean)
            if len(means[0]) > 1:
                found[f"means of {side}²"] = covered(*means)
    return found


def square_means(
    error: NDArray[np.floating], scored: BoolArray, side: int, sigma_of_mean: Callable[[BoolArray], float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean error and its standard error, in squares of which three quarters are scored."""
    errors, sigmas = [], []
    for top in range(0, error.shape[0] - side + 1, side):
        for left in range(0, error.shape[1] - side + 1, side):
            box = np.zeros(error.shape, bool)
            box[top : top + side, left : left + side] = True
            box &= scored
            if box.sum() >= 0.75 * side**2:
                errors.append(error[box].mean(dtype=np.float64))
                sigmas.append(sigma_of_mean(box))
    return np.array(errors), np.array(sigmas)


def mean_coverage(outcomes: Sequence[Mapping[str, Covered]]) -> dict[str, tuple[Covered, float, float]]:
    """Return for each place the mean coverage over seeds, and its lowest and highest coverage at two sigma."""
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome))
    result = {}
    for name in names:
        all_seeds = [outcome[name] for outcome in outcomes if name in outcome]
        counts = np.array([one.count for one in all_seeds])
        mean = [
            float(np.average([getattr(one, field) for one in all_seeds], weights=counts))
            for field in ("within_1", "within_2", "times", "rmse")
        ]
        seconds = [one.within_2 for one in all_seeds]
        result[name] = (Covered(*mean, int(counts.sum())), min(seconds), max(seconds))
    return result
