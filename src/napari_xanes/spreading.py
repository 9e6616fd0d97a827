"""A few of many numbers, evenly spread."""

from __future__ import annotations

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
