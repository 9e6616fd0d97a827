"""Pixels of far more noise than the sample: dead, stuck or flickering ones, which no mean over pixels should hold."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray
from napari_xanes.edge.lines import EdgeLines, Lines

_CLEAR = 4.0
"""A jump of so many standard errors is one of the sample."""

_DEAD = 10.0
"""Pixels whose noise is larger than that of the sample by this factor are dead."""

_MOST = 0.1
"""Where more than this share of the pixels would be dead, the sample is uneven, and none is taken for dead."""


def are_dead(edge: EdgeLines, lines: Lines) -> BoolArray:
    """Return which pixels (P,) are much noisier than the typical one whose edge is clear, or if none is, than all.

    One pixel that flickers can have more of an edge than thousands of good ones together. Pixels without sample do not
    count, because in fluorescence they have hardly any noise.

    Examples
    --------
    >>> axis = np.arange(8200.0, 8500.0)
    >>> spectra = np.sin(37 * axis)[:, None] * np.array([0.01] * 10 + [3.0]) + (axis > 8343)[:, None]
    >>> edge = EdgeLines(axis, 8343.0, (-140, -20), (30, 150))
    >>> np.flatnonzero(are_dead(edge, edge.measure(spectra)))
    array([10])
    """
    noise = np.nan_to_num(lines.noise)
    noisy = noise > 0
    clear = noisy & (lines.jump > _CLEAR * edge.error_by(noise))
    like = clear if clear.any() else noisy
    dead: BoolArray = noise > (_DEAD * np.median(noise[like]) if like.any() else np.inf)
    return dead if dead.mean() <= _MOST else np.zeros_like(dead)
