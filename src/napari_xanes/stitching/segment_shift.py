"""How far the frames of one segment of a scan lie from those of another."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.registration.estimation import estimate
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.overlap import LARGEST_ERROR, REPEATS, Overlap, boxes, find_overlap
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.images import flat_image, mean_image, spread_over
from napari_xanes.stitching.inputs import common_frames

_FRAMES = 6
"""Frames of each segment that are compared."""

_AT_THE_END = 3
"""Frames at the ends that face each other whose means are compared, where the segments share no energy."""

_LEAST_SIZE = 16
"""Height and width, in pixels, that the joint fit needs."""

_PATTERN = 0.05
"""A pattern of the detector of so much of the power of the sample pulls shifts by more than their errors."""

_UNKNOWN = (np.full(2, np.nan), np.full(2, np.inf), 0.0)
"""Position, error and pattern of frames that show nothing that moves."""


class _Seam(NamedTuple):
    """Frames of both segments, those whose means are compared, and whether their contrast may differ in sign."""

    frames: tuple[list[int], list[int]]
    of_means: tuple[list[int], list[int]]
    any_sign: bool


def segment_overlap(
    first: SpectralStack, second: SpectralStack, near: Float64Array, reach: float, tolerance: float
) -> tuple[Overlap | None, str]:
    """Return where the second segment lies on the first, and a reason to doubt its error.

    The means of the frames at the seam give the place. Then frames of both are fitted together as `align` does, which
    takes a pattern that stays with the detector for what it is; the means would hold still with it.
    """
    seam = _seam_of(first, second, tolerance)
    means = [mean_image(stack, some)[None] for stack, some in zip((first, second), seam.of_means, strict=True)]
    found = find_overlap(*means, near=near, reach=reach, any_sign=seam.any_sign)
    together = _together(first, second, seam, near)
    if together is None or (found is not None and found.why_not == REPEATS):
        return found, ""
    position, sigma, pattern = together
    if found is not None and not found.why_not and (pattern > 1 or (sigma > LARGEST_ERROR).any()):
        return found, (
            "the frames at the seam change too little for a pattern that stays with the detector to be told from the "
            "sample; better flats help, and energies that both segments have, on both sides of the edge"
        )
    doubt = (
        f"a pattern that stays with the detector has {pattern:.2g} times the power of the sample's contrast; better "
        "flats help, and energies that both segments have"
        if pattern > _PATTERN
        else ""
    )
    if not (np.abs(position - near) <= reach).all():
        return found, doubt
    size = (min(first.shape[-2], second.shape[-2]), min(first.shape[-1], second.shape[-1]))
    seen = Overlap(position, sigma, 0.0, 0.0, size) if found is None else replace(found, why_not="")
    return replace(seen, position=position, sigma=sigma), doubt


def _seam_of(first: SpectralStack, second: SpectralStack, tolerance: float) -> _Seam:
    """Return the frames of the same energies, or those of the same range, or those at the ends."""
    common = common_frames(first, second, tolerance)
    if common:
        mine, other = (list(some) for some in zip(*spread_over(common), strict=True))
        few = (spread_over(mine, _FRAMES), spread_over(other, _FRAMES))
        return _Seam(few, (mine, other), False)
    low, high = max(first.energy[0], second.energy[0]), min(first.energy[-1], second.energy[-1])
    inside = [np.flatnonzero((stack.energy >= low) & (stack.energy <= high)).tolist() for stack in (first, second)]
    if all(inside):
        some = (spread_over(inside[0]), spread_over(inside[1]))
        return _Seam((spread_over(inside[0], _FRAMES), spread_over(inside[1], _FRAMES)), some, True)
    counts = (first.energy.size, second.energy.size)
    if first.energy[0] < second.energy[0]:
        frames = (list(range(counts[0]))[-_FRAMES:], list(range(counts[1]))[:_FRAMES])
        return _Seam(frames, (frames[0][-_AT_THE_END:], frames[1][:_AT_THE_END]), True)
    frames = (list(range(counts[0]))[:_FRAMES], list(range(counts[1]))[-_FRAMES:])
    return _Seam(frames, (frames[0][:_AT_THE_END], frames[1][-_AT_THE_END:]), True)


def _together(
    first: SpectralStack, second: SpectralStack, seam: _Seam, near: Float64Array
) -> tuple[Float64Array, Float64Array, float] | None:
    """Return position, error and the power of the detector's pattern from frames of both.

    `_UNKNOWN` where the frames show nothing that moves; None where they can't be fitted together.
    """
    whole = np.round(near).astype(int)
    found = boxes((first.shape[-2], first.shape[-1]), (second.shape[-2], second.shape[-1]), whole)
    if found is None:
        return None
    shape = (found[0][0].stop - found[0][0].start, found[0][1].stop - found[0][1].start)
    images: list[Float32Array] = []
    for stack, box, some in zip((first, second), found, seam.frames, strict=True):
        images += [filled(flat_image(stack, m)[box]) for m in some]
    if min(shape) < _LEAST_SIZE or not all(np.isfinite(image).all() for image in images):
        return None
    try:
        result = estimate(lambda: iter(images), len(images), shape)
    except ValueError:
        return _UNKNOWN
    n = len(seam.frames[0])
    seen = (result.found[:n], result.found[n:])
    if not (seen[0].any() and seen[1].any()):
        return _UNKNOWN
    mine, other = result.shifts[:n][seen[0]], result.shifts[n:][seen[1]]
    errors = [np.mean(part**2, axis=0) for part in (result.sigma[:n][seen[0]], result.sigma[n:][seen[1]])]
    # Content of a frame lies at its shift: where that is larger, the frame began earlier.
    return whole - (other.mean(axis=0) - mine.mean(axis=0)), np.sqrt(errors[0] + errors[1]), result.pattern
