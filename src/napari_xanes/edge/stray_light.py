"""Light that passed beside the sample, or that it does not absorb: thick pixels absorb less than their thickness says.

A share b of such light (holes smaller than a pixel, harmonics, scattering) makes -ln((1 - b) exp(-d) + b) of a depth d.
One pixel does not tell it. But the absorption above an edge saturates earlier than that below it, so that over pixels
of one composition their relation bends. Where pixels differ in more than thickness, or all are thin, nothing is told.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Block, Float64Array
from napari_xanes.edge.lines import EdgeLines, Lines
from napari_xanes.edge.stacks import fit_edge
from napari_xanes.stack import SpectralStack

_FEWEST, _GROUPS, _LEAST_OF_GROUP, _LEAST_GROUPS = 200, 12, 15, 5
"""So many pixels are needed; they are sorted by their depth into so many groups, of which so many have so many."""

_SPREAD = 8.0
"""The depth below the edge varies by at least so many times its noise; with less, noise itself bends the relation."""

_ALIKE = 1.5
"""Depths above the edge scatter by at most so many times their noise, for the same depth below it."""

_CLEAR, _EXPLAINED = 60.0, 4.0
"""Chi-square falls by so much, and by such a factor, if the light is taken into account."""

_PER_BLOCK = 1024
"""At most so many pixels of a block are looked at."""

_MOST = 4096
"""At most about so many pixels of a stack are looked at."""

_SHARES: Float64Array = np.linspace(0.0, 0.6, 121)

_TOLD = 0.05
"""If edge jumps are too small by a smaller share, nothing is said."""


class StrayLight(NamedTuple):
    """The ``share`` of light that the sample did not absorb, and by how much jumps are too small as a share of them."""

    share: float
    too_small: float


def find_stray_light(below: Float64Array, above: Float64Array, noise: Float64Array) -> StrayLight | None:
    """Find the share of light beside the sample with which absorption above and below an edge are in proportion.

    Parameters
    ----------
    below, above : ndarray, shape (P,)
        Mean optical depth of pixels in a range below the edge and in one above it.
    noise : ndarray, shape (2, P)
        Standard deviations of their noise.

    Returns
    -------
    StrayLight or None
        None where nothing is sure.

    Examples
    --------
    >>> thick = np.linspace(0.2, 1, 400)
    >>> below, above = (-np.log(0.8 * np.exp(-depth * thick) + 0.2) for depth in (0.6, 1.4))
    >>> found = find_stray_light(below, above, np.full((2, 400), 0.001))
    >>> round(found.share, 2), round(found.too_small, 2)
    (0.2, 0.31)
    >>> find_stray_light(0.6 * thick, 1.4 * thick, np.full((2, 400), 0.001))
    """
    if below.size < _FEWEST:
        return None
    low, high = np.percentile(below, (5, 95))
    if high - low < _SPREAD * float(np.median(noise[0])):
        return None
    slope = float(np.polyfit(below, above, 1)[0])
    error = np.hypot(slope * noise[0], noise[1])
    if not _are_alike(below, above, float(np.median(error))):
        return None
    total = below + above
    least, most = (float(value) for value in np.percentile(total, (1, 99)))
    places = np.linspace(least, most, _GROUPS + 1)[1:-1]
    number = np.searchsorted(places, total)
    parts = [part for i in range(_GROUPS) if (part := np.flatnonzero(number == i)).size >= _LEAST_OF_GROUP]
    groups = np.array([[below[part].mean(), above[part].mean(), error[part].mean()] for part in parts]).T
    if len(parts) < _LEAST_GROUPS:
        return None
    sigma = groups[2] / np.sqrt([part.size for part in parts])
    squares = np.array([_misfit(groups, sigma, share) for share in _SHARES])
    best = int(np.argmin(squares))
    gained = squares[0] - squares[best]
    if best == 0 or gained < _CLEAR or squares[0] < _EXPLAINED * max(squares[best], float(len(parts))):
        return None
    before, after = (_undone(values, _SHARES[best]) for values in groups[:2])
    too_small = float(1 - np.median((groups[1] - groups[0]) / (after - before)))
    return StrayLight(float(_SHARES[best]), too_small) if too_small > _TOLD else None


def _are_alike(below: Float64Array, above: Float64Array, noise: float) -> bool:
    """Whether the depth above the edge follows from that below it smoothly, but for noise."""
    columns = np.vander(below, 5)
    left = above - columns @ np.linalg.lstsq(columns, above, rcond=None)[0]
    return 1.4826 * float(np.median(np.abs(left))) < _ALIKE * noise


def _undone(depth: Float64Array, share: float) -> Float64Array:
    """The depth without a share of light beside the sample; infinite where there can't be so much."""
    with np.errstate(all="ignore"):
        left: Float64Array = -np.log(np.maximum((np.exp(-depth) - share) / (1 - share), 0.0))
    return left


def _misfit(groups: Float64Array, sigma: Float64Array, share: float) -> float:
    """Chi-square of a line through the depths above the edge over those below it."""
    below, above = (_undone(values, share) for values in groups[:2])
    if not (np.isfinite(below).all() and np.isfinite(above).all()):
        return np.inf
    # An error of a seen depth is as much larger in the undone one as the curve is flatter.
    weight: Float64Array = 1 / (sigma * np.exp(-groups[1]) / (np.exp(-groups[1]) - share))
    columns = np.stack([np.ones_like(below), below], axis=1) * weight[:, None]
    left = above * weight - columns @ np.linalg.lstsq(columns, above * weight, rcond=None)[0]
    return float(left @ left)


class DepthSample:
    """Depths below and above an edge of some pixels of each block, those without sample too.

    Examples
    --------
    >>> axis = np.arange(8200.0, 8500)
    >>> edge = EdgeLines(axis, 8343.0, (-140, -20), (30, 150))
    >>> depth = np.linspace(0, 1, 400) * np.where(axis < 8343, 0.6, 1.4)[:, None]
    >>> depth += 0.001 * np.random.default_rng(0).standard_normal(depth.shape)
    >>> for share in (0, 0.2):
    ...     sample = DepthSample()
    ...     seen = -np.log((1 - share) * np.exp(-depth) + share)
    ...     sample.add(edge, seen, edge.measure(seen))
    ...     print([text.partition(" of the light")[0][-3:] for text in sample.told()])
    []
    ['20%']
    """

    def __init__(self) -> None:
        self._parts: list[Float64Array] = []

    def add(self, edge: EdgeLines, block: Block, lines: Lines) -> None:
        """Add some spectra of a block (E, P), and the lines that were measured in them."""
        some = slice(None, None, -(-block.shape[1] // _PER_BLOCK))
        ranges = [block[frames][:, some] for frames in edge.frames]
        depths = [values.mean(axis=0, dtype=np.float64) for values in ranges]
        noise = [lines.noise[some] / np.sqrt(len(values)) for values in ranges]
        part = np.array([*depths, *noise])
        self._parts.append(part[:, np.isfinite(part).all(axis=0) & (part[2:] > 0).all(axis=0)])

    def told(self) -> list[str]:
        """Say by how much jumps are too small if light passed beside the sample."""
        found = None
        if self._parts:
            below, above, *noise = np.concatenate(self._parts, axis=1)
            found = find_stray_light(below, above, np.array(noise))
        if found is None:
            return []
        return [
            "thick pixels have smaller edge jumps than their absorption below the edge lets expect, as if "
            f"{found.share:.0%} of the light had not met the sample (holes, harmonics, scattering; or they are of "
            f"another composition): edge jumps and amounts would be {found.too_small:.0%} too small. Measure thinner "
            "samples, and check the dark, harmonics, and the exposures of images and flats"
        ]


def told_about_stray_light(stack: SpectralStack) -> list[str]:
    """Say of optical depth in memory by how much jumps are too small, where its own edge and lines tell.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Nothing is said of other quantities, and of a lazy stack, which would be read once more.
    """
    if stack.quantity != "optical_depth" or stack.is_lazy:
        return []
    step = max(1, int(np.sqrt(np.prod(stack.shape[1:]) / _MOST)))
    block = np.asarray(stack.data[..., ::step, ::step], dtype=np.float32).reshape(stack.energy.size, 1, -1)
    try:
        edge, _ = fit_edge(SpectralStack(block, stack.energy, "optical_depth"), None, None, None, left_out=())
    except ValueError:  # no edge, or no lines: other checks tell
        return []
    sample = DepthSample()
    with np.errstate(all="ignore"):  # pixels without a value
        for part in np.array_split(block[:, 0], -(-block.shape[2] // _PER_BLOCK), axis=1):
            sample.add(edge, part, edge.measure(part))
    return sample.told()
