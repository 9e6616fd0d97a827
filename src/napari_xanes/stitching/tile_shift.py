"""How far the tiles of a mosaic lie from each other, by overlaps of any width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.registration.estimation import whitened
from napari_xanes.registration.fourier import band_of, common_window, filled
from napari_xanes.registration.overlap import LEAST, REPEATS, Overlap, find_overlap
from napari_xanes.registration.repeating import period_of
from napari_xanes.registration.strips import match_strip

_SLACK = 4
"""Tiles that lie so many pixels apart by what is known may share a strip."""


def may_share(first: tuple[int, int], second: tuple[int, int], near: Float64Array) -> bool:
    """Whether two tiles (height, width) may show the same if the second lies about there on the first.

    Tiles beside each other share a strip, also if they seem to lie a few pixels apart; those across a corner must
    overlap.

    Examples
    --------
    >>> [may_share((64, 64), (64, 64), np.array(place)) for place in ([0.0, 66.0], [66.0, 66.0], [58.0, 58.0])]
    [True, False, True]
    """
    ends = np.minimum(first, near + second)
    shared = ends - np.maximum(0, near)
    beside = shared.max() >= 0.5 * min(*first, *second) and shared.min() >= -_SLACK
    return bool(beside or shared.min() >= LEAST // 2)


def repeats_itself(images: NDArray[np.floating]) -> bool:
    """Return whether the images (M, Y, X) of a tile look the same when moved, so that any overlap fits many times."""
    shape = (images.shape[1], images.shape[2])
    if min(shape) < LEAST:
        return False
    still, all_of_them = np.zeros((len(images), 2)), np.ones(len(images), dtype=bool)
    band = band_of(shape)
    data = whitened(lambda: (filled(image) for image in images), band, still, all_of_them)[0]
    return period_of(band, data, common_window(shape, still, None)) is not None


def tile_overlap(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    near: Float64Array | None,
    reach: float | None,
    *,
    repeats: bool = False,
) -> Overlap | None:
    """Return where the second tile lies on the first: by a wide overlap, or else by a narrow strip.

    The parameters are those of `find_overlap`. The images are the same kinds for all tiles. Where both tiles repeat
    themselves (`repeats`), no place is to be trusted.
    """
    wide = find_overlap(first, second, near=near, reach=reach)
    if repeats:
        return None if wide is None else replace(wide, why_not=REPEATS)
    if wide is not None and wide.why_not in ("", REPEATS):
        return wide
    strip = match_strip(first, second, near=near, reach=reach)
    if strip is None or (strip.why_not and wide is not None):
        return wide
    score = float(-np.log(strip.chance + 1e-300))
    return Overlap(strip.position, strip.sigma, strip.correlation, score, strip.size, strip.why_not)
