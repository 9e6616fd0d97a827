"""Images that were scanned from right to left, or from top to bottom: turned, so that positions increase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def turn_to_rise(y: ArrayLike | None, x: ArrayLike | None) -> tuple[Callable[[Any], Any], list[str]]:
    """Return what turns images so that positions increase along rows and columns, and notes about it.

    Scans of one sample then lie over each other, whichever way the stage went.

    Parameters
    ----------
    y, x : array_like, shape (N,), or None
        Positions of rows and columns, or the first and the last of them. Without them, and where they do not decrease
        from each to the next, nothing is turned.

    Returns
    -------
    turn : callable
        Takes an array (..., Y, X) and returns a view of it.
    notes : list of str
        One line for each axis that is turned.

    Examples
    --------
    >>> turn, notes = turn_to_rise([2, 1], [5, 6])
    >>> turn(np.array([[1, 2], [3, 4]])).tolist(), notes
    ([[3, 4], [1, 2]], ['y runs from 2 to 1 in the file; the images are turned to increase'])
    """
    places: list[slice] = []
    notes = []
    for name, positions in (("y", y), ("x", x)):
        values = np.zeros(0) if positions is None else np.asarray(positions, dtype=np.float64).ravel()
        falls = values.size > 1 and bool((np.diff(values) < 0).all())
        places.append(slice(None, None, -1 if falls else None))
        if falls:
            notes.append(
                f"{name} runs from {values[0]:g} to {values[-1]:g} in the file; the images are turned to increase"
            )
    return lambda images: images[(..., *places)], notes
