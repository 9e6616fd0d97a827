"""When rounds and passes may end; each pass has the window where the last one found the frames.

A window whose place is off cuts the sample elsewhere, and what it cuts moves with the window, not with the sample: it
holds the frame back by a share of the error of its place. The share is small for large windows, and most for small
ones. So passes end when what the window still holds is less than noise, not when shifts change little.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.registration.fourier import LOWEST, Window

_LEAST_HELD, _HELD = 0.001, 0.25
"""Pixels, and standard errors, by which a window may hold frames."""

_SEEN, _SETTLED = 0.02, 0.3
"""Share of the power of the sample from which a pattern of the detector slows rounds down, and the standard errors by
which the last of these rounds may move frames."""

LEAST_ERROR = 0.5 * _LEAST_HELD
"""Error in pixels of any shift: that of the place of the window."""

_AT_BORDERS, _MOST_SHARE = 3.0, 0.8
"""How much more the borders may cut than a part of the window like the others, and the largest share."""


def held_share(window: Window) -> float:
    """Return the share of an error of its place by which a window holds a frame back at most.

    A frame is matched by its squared slopes. Those of the fading borders are pi^2 / (4 taper extent) of the power of
    the sample, and those of the sample at least the squared lowest frequency.

    Examples
    --------
    >>> [round(held_share(Window((0, 0), (n - 1, n - 1), taper)), 3) for n, taper in ((40, 5.0), (512, 16.0))]
    [0.385, 0.009]
    """
    extent = max(1.0, min(window.upper[0] - window.lower[0], window.upper[1] - window.lower[1]))
    share = np.pi**2 / (4 * window.taper * extent) / (2 * np.pi * LOWEST) ** 2
    return float(min(_AT_BORDERS * share, _MOST_SHARE))


def in_place(step: Float64Array, sigma: Float64Array, held: float) -> bool:
    """Return whether a pass may be the last one.

    Parameters
    ----------
    step, sigma : ndarray, shape (E, 2)
        What it added to the shifts, and their errors.
    held : float
        See `held_share`.
    """
    rest = np.abs(step) * held / (1 - held)
    return bool((rest < np.maximum(_LEAST_HELD, _HELD * sigma)).all())


def settled(step: Float64Array, sigma: Float64Array, pattern: float) -> bool:
    """Return whether a round of fits, each from a model that is learned at its start, may be the last one.

    What a pattern of the detector takes from the sample at first is given back a share at a time. Without one, another
    round changes next to nothing.

    Parameters
    ----------
    step, sigma : ndarray, shape (E, 2)
        What the round added to the shifts, and their errors.
    pattern : float
        Power of the pattern over that of the sample.

    Examples
    --------
    >>> step, sigma = np.ones((3, 2)), np.ones((3, 2))
    >>> settled(step, sigma, 0.001), settled(step, sigma, 0.1), settled(0.1 * step, sigma, 0.1)
    (True, False, True)
    """
    return pattern < _SEEN or bool((np.abs(step) < _SETTLED * sigma).all())


def to_come(before: Float64Array, last: Float64Array, most: float) -> Float64Array:
    """Return what all further passes would add after two, if each adds the same share of the one before.

    Parameters
    ----------
    before, last : ndarray, shape (E, P)
        What the last pass but one, and the last one, added to the parameters of the frames.
    most : float
        Largest share that is believed.

    Examples
    --------
    >>> to_come(np.array([[0.8]]), np.array([[0.4]]), most=0.9).round(6).tolist()
    [[0.4]]
    """
    share = float((before * last).sum() / max(float((before**2).sum()), 1e-30))
    share = float(np.clip(share, 0.0, most))
    return np.asarray(last * share / (1 - share))
