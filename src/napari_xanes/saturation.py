"""Whether a detector was saturated: values that pile up at the largest one."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes.computing import computed

_ADC_LIMITS = frozenset(2**bits - 1 for bits in (8, 10, 12, 14, 16))
_MOST_VALUES = 1 << 16
"""Number of pixels that are looked at."""

_MAX_SHARE = 0.001
"""Share of saturated pixels above which it is told."""


def saturation_warnings(what: str, frames: Any, n_axes: int) -> list[str]:
    """Say in one sentence how much of some frames is saturated; say nothing if next to nothing is.

    Parameters
    ----------
    what : str
        What the frames show, for the sentence.
    frames : array
        As in `saturated_share_of_frames`.
    n_axes : int
        Number of axes of a stack of frames.
    """
    share = saturated_share_of_frames(frames, n_axes)
    if share <= _MAX_SHARE:
        return []
    return [
        f"{share:.1%} of the {what} are at the largest value: the detector was saturated, and I0 or I is too low there"
    ]


def saturated_share_of_frames(frames: Any, n_axes: int) -> float:
    """Return the saturated share of the first, the middle or the last frame, the largest of these.

    Parameters
    ----------
    frames : array, shape (E, ...) or (...)
        Counts of frames or of a single one. Those that stay in their file, and None, are not looked at: 0.
    n_axes : int
        Number of axes of a stack of frames; with fewer axes, `frames` is a single one.
    """
    if not isinstance(frames, np.ndarray):
        return 0.0
    chosen = [frames] if frames.ndim < n_axes else [frames[i] for i in {0, len(frames) // 2, len(frames) - 1}]
    return max(saturated_share(frame) for frame in chosen)


def saturated_share(image: Any) -> float:
    """Return the share of an image that is saturated; 0 where its largest values are those of counted photons.

    Parameters
    ----------
    image : array_like
        Counts of one frame, with or without dark.

    Notes
    -----
    The numbers of pixels with the largest few values decrease in every image that photons draw. Saturation stacks them
    on the largest value, three times as many as on any of the five values below. A value at which converters end
    (255, 1023, 4095, 16383, 65535) needs no comparison.

    Examples
    --------
    >>> few = np.random.default_rng(1).poisson(2.0, (64, 64))
    >>> saturated_share(few), saturated_share(np.full((64, 64), 65535))
    (0.0, 1.0)
    """
    values = computed(image).ravel()
    values = values[:: -(-values.size // _MOST_VALUES)]
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0
    levels, numbers = np.unique(values, return_counts=True)
    share = float(numbers[-1] / values.size)
    if float(levels[-1]) in _ADC_LIMITS:
        return share
    piled = levels.size > 1 and numbers[-1] >= 10 and numbers[-1] > 3 * numbers[-6:-1].max()
    return share if piled else 0.0
