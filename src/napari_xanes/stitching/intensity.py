"""How the values of two stacks agree where both show the same: step, factor, offset, with errors; and their network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array

Match = Literal["none", "offset", "factor", "offset + factor"]

_BLOCKS = 16
"""Parts of the overlap that are left out one by one, for the errors."""

_TELLS = 4.0
"""A factor is told apart from an offset if the values vary by more than so many times the error of their variance."""

_FEWEST = 8
"""Fewest values to compare."""


class Agreement(NamedTuple):
    """How the second of two stacks compares with the first, in their overlap.

    Each ``_sigma`` is a standard error, NaN where the overlap can't tell.

    Parameters
    ----------
    n_values : int
        Number of values that were compared.
    step : float
        Mean of the first minus the second.
    factor : float
        What the second has to be multiplied by, if nothing is added.
    both : tuple of float
        Factor and offset that match the second to the first together.
    chi2, chi2_matched : float
        Mean square of the differences over that of the noise, before and after factor and offset.
    scale : float
        Root mean square of the values of the first.
    """

    n_values: int
    step: float
    step_sigma: float
    factor: float
    factor_sigma: float
    both: tuple[float, float]
    both_sigma: tuple[float, float]
    chi2: float
    chi2_matched: float
    scale: float


def compared(
    first: NDArray[np.floating], second: NDArray[np.floating], noise: tuple[float, float], bias: float = 0.0
) -> Agreement | None:
    """Compare two stacks at the same energies and places.

    Parameters
    ----------
    first, second : ndarray, shape (F, Y, X)
        Values; NaN where there is none.
    noise : tuple of float
        Variance of the noise of a value of each.
    bias : float
        By how much all values of one may be off together, because they are interpolated between energies; it becomes
        part of all errors.

    Returns
    -------
    Agreement or None
        None without enough values. The errors are those of leaving out parts of the image (jackknife), so that
        differences that neighbours share count.

    Notes
    -----
    Both stacks have noise, so factors are those of a straight line with errors in both coordinates (Deming, Statistical
    Adjustment of Data, 1943).
    """
    blocks = _block_sums(first, second)
    total = blocks.sum(axis=0)
    if total[0] < _FEWEST:
        return None
    used = blocks[blocks[:, 0] > 0]
    leave_one_out = total - used if len(used) > 1 else None
    quantities = np.array(_estimates(total, noise))
    errors = np.full(quantities.size, np.nan)
    if leave_one_out is not None:
        others = np.array([_estimates(sums, noise) for sums in leave_one_out])
        n = len(others)
        errors = np.sqrt((n - 1) / n * ((others - others.mean(axis=0)) ** 2).sum(axis=0))
    step, factor, slope, shift = quantities
    variance = sum(noise) + bias**2
    _, mean_a, mean_b, aa, bb, ab = _moments(total)
    squares = aa + bb - 2 * ab + (mean_a - mean_b) ** 2
    if np.isfinite(slope):
        left = aa + slope**2 * bb - 2 * slope * ab
        chi2_matched = left / max(noise[0] + slope**2 * noise[1] + bias**2, 1e-30)
    else:
        chi2_matched = (aa + bb - 2 * ab) / max(variance, 1e-30)
    spread = max(float(np.sqrt(max(bb, 0.0))), 1e-30)
    errors = np.hypot(
        errors, bias * np.array([1, 1 / max(np.sqrt(aa + mean_a**2), 1e-30), 1 / spread, 1 + abs(mean_b) / spread])
    )
    return Agreement(
        int(total[0]), float(step), float(errors[0]), float(factor), float(errors[1]), (float(slope), float(shift)),
        (float(errors[2]), float(errors[3])), float(squares / max(variance, 1e-30)), float(chi2_matched),
        float(np.sqrt(aa + mean_a**2)),
    )  # fmt: skip


def _block_sums(first: NDArray[np.floating], second: NDArray[np.floating]) -> Float64Array:
    """Return sums (B, 6) over blocks of the image: count, a, b, a**2, b**2, a * b."""
    height, width = first.shape[-2:]
    rows = max(1, min(_BLOCKS, round(np.sqrt(_BLOCKS * height / width)), height))
    columns = max(1, min(_BLOCKS // rows, width))
    sums = []
    # Large numbers of small differences: sums are about the mean.
    centre = float(np.nanmean(first)) if np.isfinite(first).any() else 0.0
    for ys in np.array_split(np.arange(height), rows):
        for xs in np.array_split(np.arange(width), columns):
            part = (slice(None), slice(ys[0], ys[-1] + 1), slice(xs[0], xs[-1] + 1))
            a, b = first[part].astype(np.float64), second[part].astype(np.float64)
            known = np.isfinite(a) & np.isfinite(b)
            a, b = a[known] - centre, b[known] - centre
            sums.append([a.size, a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum(), centre * a.size])
    return np.array(sums)


def _moments(sums: Float64Array) -> tuple[float, float, float, float, float, float]:
    """Return count, means, variances and covariance."""
    n = sums[0]
    mean_a, mean_b = sums[1] / n, sums[2] / n
    centre = sums[6] / n
    aa, bb, ab = sums[3] / n - mean_a**2, sums[4] / n - mean_b**2, sums[5] / n - mean_a * mean_b
    return float(n), float(mean_a + centre), float(mean_b + centre), float(aa), float(bb), float(ab)


def _estimates(sums: Float64Array, noise: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return step, factor alone, and factor and offset together; NaN for what the values can't tell."""
    n, mean_a, mean_b, aa, bb, ab = _moments(sums)
    ratio = max(noise[0], 1e-30) / max(noise[1], 1e-30)
    alone = _line(aa + mean_a**2, bb + mean_b**2, ab + mean_a * mean_b, ratio)
    tells = ab > _TELLS * np.sqrt(max(aa * bb, 0.0) / n) and ab > 0.02 * np.sqrt(noise[0] * noise[1])
    slope = _line(aa, bb, ab, ratio) if tells else np.nan
    return mean_a - mean_b, alone, slope, mean_a - slope * mean_b


def _line(aa: float, bb: float, ab: float, ratio: float) -> float:
    """Return the slope of a = slope * b, where the noise of a has `ratio` times the variance of that of b."""
    if ab == 0:
        return float("nan")
    half = aa - ratio * bb
    return float((half + np.sqrt(half**2 + 4 * ratio * ab**2)) / (2 * ab))


class Matching(NamedTuple):
    """Factor (N,) and offset (N,) that bring all stacks to the values of the first."""

    factor: Float64Array
    offset: Float64Array


def matching(
    count: int, pairs: Sequence[tuple[int, int]], seams: Sequence[Agreement], match: Match, names: Sequence[str]
) -> Matching:
    """Return what brings all stacks to the values of the first, by least squares over all seams.

    Raises
    ------
    ValueError
        If a seam can't tell it, so that a stack is not tied to the first.
    """
    factor, offset = np.ones(count), np.zeros(count)
    if match == "none":
        return Matching(factor, offset)
    logs, steps, errors = [], [], []
    for seam in seams:
        f, o, e = _told(seam, match)
        logs.append(np.log(f) if f > 0 else np.nan)
        steps.append(o)
        errors.append(e)
    good = np.isfinite(logs) & np.isfinite(steps)
    chosen = [pair for pair, g in zip(pairs, good, strict=True) if g]
    untied = _untied(count, chosen)
    if untied:
        lost = ", ".join(names[k] for k in untied)
        raise ValueError(
            f"match={match!r} can't tell the {match} of {lost}: nothing that it shares with the others tells it. "
            "Use match='none', or scans that overlap in energy and place"
        )
    weight = 1 / np.maximum(np.nan_to_num(np.array(errors)[good], nan=1.0), 1e-6) ** 2
    log = _solved(count, chosen, np.array(logs)[good], weight)
    factor = np.exp(log)
    # a = f b + o with a, b brought to the first: F_i (f b + o) + O_i = F_j b + O_j.
    drop = np.array([factor[i] * step for (i, _), step in zip(chosen, np.array(steps)[good], strict=True)])
    offset = _solved(count, chosen, drop, weight)
    return Matching(factor, offset)


def _told(seam: Agreement, match: Match) -> tuple[float, float, float]:
    """Return factor, offset and an error, for what is to be matched."""
    if match == "offset":
        return 1.0, seam.step, seam.step_sigma
    if match == "factor":
        return seam.factor, 0.0, seam.factor_sigma
    return seam.both[0], seam.both[1], seam.both_sigma[0]


def _untied(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    group = list(range(count))
    for i, j in pairs:
        old, new = group[j], group[i]
        group = [new if g == old else g for g in group]
    return [k for k in range(count) if group[k] != group[0]]


def _solved(count: int, pairs: Sequence[tuple[int, int]], step: Float64Array, weight: Float64Array) -> Float64Array:
    """Return values (N,), that of the first 0, whose differences x_j - x_i are nearest to the steps."""
    rows = np.zeros((len(pairs), count))
    for row, (i, j) in zip(rows, pairs, strict=True):
        row[i] -= 1
        row[j] += 1
    root = np.sqrt(weight)
    found, *_ = np.linalg.lstsq(rows[:, 1:] * root[:, None], step * root, rcond=None)
    return np.array([0.0, *found])
