"""Points inside a polygon. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def inside(points: NDArray[Any], polygon: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which points lie inside a polygon.

    Parameters
    ----------
    points : ndarray, shape (..., 2)
        The points; NaN is never inside.
    polygon : ndarray, shape (N, 2)
        Its corners; the last one is joined to the first.

    Examples
    --------
    >>> inside(np.array([[0.5, 0.2], [0.2, 0.5], [np.nan, 0.0]]), np.array([(0, 0), (1, 0), (1, 1)])).tolist()
    [True, False, False]
    """
    from matplotlib.path import Path

    flat = points.reshape(-1, 2)
    # Testing the bounding box first is a hundred times faster.
    found = ((flat >= polygon.min(axis=0)) & (flat <= polygon.max(axis=0))).all(axis=1)
    found[found] = Path(polygon).contains_points(flat[found])
    result: NDArray[np.bool_] = found.reshape(points.shape[:-1])
    return result
