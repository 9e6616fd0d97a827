"""Errors where the residual is no noise: halves of the image are fitted alone, and their shifts are compared.

The curvature of the likelihood knows noise only. Lines that jitter, an image that is stretched, or spectra that the
model lacks pull each part of an image elsewhere. By how much the shifts of two halves differ, over what their errors
say, is by how much the errors of the whole are too small (a sandwich estimate of two parts; White, Econometrica 50
(1982) 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.registration.fourier import Window

Box = tuple[float, float, float, float]

_LEAST = 20.0
"""Height or width in pixels of a half, below which it shows too little."""


def excess(of_part: Callable[[Box], tuple[Float64Array, Float64Array]], window: Window) -> Float64Array:
    """Return the factors (2,) on the errors in y and x that the halves of a window ask for; at least 1.

    Parameters
    ----------
    of_part : callable
        Returns the shifts (F, 2) and errors (F, 2) that a box (y0, y1, x0, x1) of the aligned grid gives.
    window : Window
        What the whole fit looks at.
    """
    ratios = []
    for axis in (0, 1):
        middle = 0.5 * (window.lower[axis] + window.upper[axis])
        if middle - window.lower[axis] < _LEAST:
            continue
        ends = [window.lower[0], window.upper[0] + 1, window.lower[1], window.upper[1] + 1]
        parts = []
        for side in (0, 1):
            box = list(ends)
            box[2 * axis + 1 - side] = middle
            parts.append(of_part((box[0], box[1], box[2], box[3])))
        difference = parts[0][0] - parts[1][0]
        difference -= difference.mean(axis=0)
        ratios.append((difference**2 / (parts[0][1] ** 2 + parts[1][1] ** 2)).mean(axis=0))
    if not ratios:
        return np.ones(2)
    return np.asarray(np.sqrt(np.maximum(np.max(ratios, axis=0), 1.0)))
