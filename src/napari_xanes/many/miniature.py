"""The main map of a result in a few pixels, for lists and sheets of many."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import read, read_maps
from napari_xanes.many.outcome import Outcome


class Miniature(NamedTuple):
    """A few pixels of a result.

    Attributes
    ----------
    values : ndarray, shape (y, x)
        float32, NaN where the mask excludes a pixel; integers for labels, 0 there.
    labels : bool
        Whether they are labels.
    """

    values: NDArray[Any]
    labels: bool


def miniature(outcome: Outcome, longest: int = 96) -> Miniature | None:
    """Return every n-th pixel of the main map of a result, of a volume its middle slice; of a stack its middle frame.

    Parameters
    ----------
    outcome : Outcome
        What became of a file.
    longest : int
        Largest number of pixels along an axis.

    Returns
    -------
    Miniature or None
        None if there is no result, or if it can't be read.
    """
    try:
        if outcome.main:
            one = read_maps(Path(outcome.folder) / "maps.h5")[outcome.main]
            return Miniature(_few(one.valid(), longest), one.labels is not None)
        if "stack.h5" in outcome.files:
            data = read(Path(outcome.folder) / "stack.h5").data
            return Miniature(_few(np.asarray(data[data.shape[0] // 2]), longest), False)
    except (OSError, ValueError, KeyError):  # gone or changed since: the list says what is known
        return None
    return None


def _few(values: NDArray[Any], longest: int) -> NDArray[Any]:
    plane = values if values.ndim == 2 else values[values.shape[0] // 2]
    step = -(-max(plane.shape) // longest)
    return plane[::step, ::step]


def limits_of(values: NDArray[Any]) -> tuple[float, float]:
    """Return the limits of colours: the first and the 99th hundredth of the finite values; (0, 1) without any.

    Examples
    --------
    >>> limits_of(np.array([np.nan]))
    (0.0, 1.0)
    """
    finite = values[np.isfinite(values)]
    low, high = (float(v) for v in np.percentile(finite, (1, 99))) if finite.size else (0.0, 1.0)
    return low, high if high > low else low + 1.0
