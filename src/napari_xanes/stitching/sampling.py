"""Values of two stacks at the same energies and places, where both lie on a common grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.registration.overlap import boxes
from napari_xanes.registration.resampling import moved_back, noise_gain
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.images import flat_image, spread_over, variance_of
from napari_xanes.stitching.inputs import common_frames

_AT_THE_END = 3
"""Frames from which a segment is extrapolated to the next one."""

_WHOLE = 1e-3
"""Fraction of a pixel below which nothing is resampled."""


class Values(NamedTuple):
    """Values (F, Y, X) of two stacks, and the variances of their noise.

    ``interpolated``, whether one had to be interpolated between its energies; ``bias``, by how much the mean of the
    values may be off for that.
    """

    first: Float32Array
    second: Float32Array
    noise: tuple[float, float]
    interpolated: bool
    bias: float


_Weights = tuple[tuple[int, float], ...]
"""Frames of a stack, and what they weigh."""


def values_of(first: SpectralStack, second: SpectralStack, offset: Float64Array, tolerance: float) -> Values | None:
    """Return what two stacks have in the same places at the same energies; None without any.

    Parameters
    ----------
    first, second : SpectralStack
        The stacks.
    offset : ndarray, shape (2,)
        Where the first pixel of the second lies on the first, in pixels.
    tolerance : float
        Energies that differ by less, in eV, are one. Without such, the stack whose spectrum is less curved there is
        interpolated between its energies.
    """
    common = common_frames(first, second, tolerance)
    if common:
        return _values_at(first, second, offset, [(((m, 1.0),), n) for m, n in common], interpolated=False)
    mine = _values_at(first, second, offset, _between(first, second), interpolated=True)
    other = _values_at(second, first, -offset, _between(second, first), interpolated=True)
    if other is not None:
        other = other._replace(first=other.second, second=other.first, noise=other.noise[::-1])
    return min((v for v in (mine, other) if v is not None), key=lambda v: v.bias, default=None)


def _values_at(
    first: SpectralStack,
    second: SpectralStack,
    offset: Float64Array,
    every: Sequence[tuple[_Weights, int]],
    *,
    interpolated: bool,
) -> Values | None:
    """Return the values where weighted frames of the first and a frame of the second are compared."""
    pairs = spread_over(every)
    whole = np.round(offset).astype(int)
    found = boxes(first.shape[-2:], second.shape[-2:], whole)  # type: ignore[arg-type]
    if found is None or not pairs:
        return None
    # Each is moved by half of the way, so that both are equally smooth.
    half = 0.5 * (offset - whole)
    half = np.where(np.abs(half) < _WHOLE / 2, 0.0, half)
    gain = noise_gain(half)
    mine, other, noise = [], [], []
    for weights, n in pairs:
        images = [flat_image(first, m) for m, _ in weights]
        mean = np.zeros(first.shape[-2:], np.float32)
        for (_, w), image in zip(weights, images, strict=True):
            mean += np.float32(w) * image
        there = flat_image(second, n)
        variance = sum(w**2 * variance_of(first, m, image) for (m, w), image in zip(weights, images, strict=True))
        noise.append((variance * gain, variance_of(second, n, there) * gain))
        mine.append(moved_back(mean, half)[found[0]] if half.any() else mean[found[0]])
        other.append(moved_back(there, -half)[found[1]] if half.any() else there[found[1]])
    variances = np.mean(noise, axis=0)
    return Values(
        np.array(mine, np.float32),
        np.array(other, np.float32),
        (float(variances[0]), float(variances[1])),
        interpolated,
        _bias(first, [weights for weights, _ in pairs], found[0]) if interpolated else 0.0,
    )


def _bias(stack: SpectralStack, pairs: Sequence[_Weights], box: tuple[slice, slice]) -> float:
    """Return by how much the mean spectrum is off, on average, where it is interpolated between two energies.

    A straight line is off by ``s (1 - s) h**2 f'' / 2`` at the share s of a step h; the second differences at both
    ends of the step tell f''. With two energies only, nothing does: then what changes between them counts.
    """
    near = {n for weights in pairs for m, _ in weights for n in (m - 1, m, m + 1) if 0 <= n < stack.energy.size}
    means = {n: _mean(flat_image(stack, n)[box]) for n in near}
    off = []
    for (m, _), (_, share) in pairs:
        step = stack.energy[m + 1] - stack.energy[m]
        bent = [_bend(stack.energy, means, n) * step**2 for n in (m, m + 1) if n - 1 in means and n + 1 in means]
        off.append(share * (1 - share) * max(bent, default=abs(means[m + 1] - means[m])))
    return float(np.nan_to_num(np.mean(off)))


def _bend(energy: Float64Array, means: Mapping[int, float], n: int) -> float:
    """Return half of the size of the second derivative at the frame n."""
    rises = [(means[k + 1] - means[k]) / (energy[k + 1] - energy[k]) for k in (n - 1, n)]
    return float(abs(rises[1] - rises[0]) / (energy[n + 1] - energy[n - 1]))


def _mean(values: NDArray[np.floating]) -> float:
    """Return the mean of the values that are there; NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if known.size else np.nan


def _between(first: SpectralStack, second: SpectralStack) -> list[tuple[_Weights, int]]:
    """Return frames of the second that lie between two energies of the first, with what these two weigh."""
    pairs: list[tuple[_Weights, int]] = []
    for n, energy in enumerate(second.energy):
        m = int(np.searchsorted(first.energy, energy)) - 1
        if 0 <= m < first.energy.size - 1:
            share = float((energy - first.energy[m]) / (first.energy[m + 1] - first.energy[m]))
            pairs.append((((m, 1 - share), (m + 1, share)), n))
    return pairs


class Gap(NamedTuple):
    """What lies between two segments without a common energy.

    Parameters
    ----------
    width : float
        In eV.
    usual : float
        The largest step between energies of both segments, in eV.
    step : float
        How far the mean of the second lies below that of the first, both extrapolated to the middle of the gap.
    change : float
        How much neighbouring frames differ; NaN where both segments are single frames.
    """

    width: float
    usual: float
    step: float
    change: float


def gap_between(first: SpectralStack, second: SpectralStack, offset: Float64Array) -> Gap | None:
    """Return what lies between two segments; None if they share a range of energies."""
    lower_is_first = first.energy[0] < second.energy[0]
    lower, upper = (first, second) if lower_is_first else (second, first)
    width = float(upper.energy[0] - lower.energy[-1])
    if width <= 0:
        return None
    found = boxes(first.shape[-2:], second.shape[-2:], np.round(offset).astype(int))  # type: ignore[arg-type]
    if found is None:
        return None
    middle = 0.5 * (lower.energy[-1] + upper.energy[0])
    ends, changes = [], []
    boxes_of = found if lower_is_first else found[::-1]
    frames_of = (range(lower.energy.size)[-_AT_THE_END:], range(upper.energy.size)[:_AT_THE_END])
    for stack, box, frames in zip((lower, upper), boxes_of, frames_of, strict=True):
        means = np.array([_mean(flat_image(stack, m)[box]) for m in frames])
        known = np.isfinite(means)
        if not known.any():
            return None
        means, energy = means[known], stack.energy[list(frames)][known]
        slope = np.polyfit(energy - middle, means, 1) if means.size > 1 else np.array([0.0, means[0]])
        ends.append(float(slope[1]))
        changes += np.abs(np.diff(means)).tolist()
    step = ends[0] - ends[1] if lower_is_first else ends[1] - ends[0]
    usual = max([float(np.diff(s.energy).max()) for s in (lower, upper) if s.energy.size > 1], default=width)
    return Gap(width, usual, step, max(changes, default=np.nan))


def frame_variance(stack: SpectralStack, frames: Sequence[int]) -> float:
    """Return the usual variance of the noise in some frames."""
    some = spread_over(list(frames), 6)
    return float(np.mean([variance_of(stack, m, flat_image(stack, m)) for m in some]))
