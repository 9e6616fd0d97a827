"""A few of many numbers, and of many pixels, evenly spread."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod

import numpy as np

from napari_xanes._typing import IndexArray


def spread(count: int, most: int) -> IndexArray:
    """Return at most so many of the numbers from 0 to `count`, evenly spread, with the first and the last.

    Examples
    --------
    >>> spread(10, 4).tolist(), spread(3, 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.intp)


def pixel_step(shape: Sequence[int], most: int) -> int:
    """Return the step between rows, and between columns, that leaves few of the pixels of a stack.

    Parameters
    ----------
    shape : sequence of int
        Shape (E, Y, X) or (E, Z, Y, X) of the stack.
    most : int
        Number of pixels that are enough. At least so many are left, if there are, and fewer than about four times that.

    Examples
    --------
    >>> pixel_step((60, 512, 512), 4096), pixel_step((60, 10, 10), 4096)
    (8, 1)
    """
    return max(1, isqrt(prod(shape[1:]) // most))
