"""Masks and labels as run lengths: short texts for brushed regions, and no image without bound for a short text."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

MAX_MASK_PIXELS = 1 << 28
"""Pixels of the largest mask, 16384 x 16384: a few bytes of run lengths can ask for any number."""


MASK_AXES = (2, 3)
"""Numbers of axes of a mask: of an image (Y, X), or of a volume (Z, Y, X)."""


def mask_to_plain(mask: np.ndarray) -> dict[str, Any]:
    """Return a boolean image or volume as run lengths, which are few for brushed regions.

    Examples
    --------
    >>> mask_to_plain(np.array([[False, True, True]]))
    {'shape': [1, 3], 'runs': [1, 2]}
    """
    flat = np.asarray(mask, dtype=bool).ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    if flat.size and flat[0]:
        runs = [0, *runs]
    return {"shape": list(mask.shape), "runs": runs}


def mask_from_plain(plain: Mapping[str, Any]) -> np.ndarray:
    """Return the boolean image or volume that `mask_to_plain` wrote; the runs alternate False, True, False ...

    Raises
    ------
    ValueError
        If shape and runs are no whole numbers, the runs do not add up to the number of pixels, or there are more than
        `MAX_MASK_PIXELS`.
    """
    shape, runs = plain["shape"], plain["runs"]
    for name, numbers in (("shape", shape), ("runs", runs)):
        if not isinstance(numbers, list | tuple) or not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError(f"the {name} of a mask are whole numbers, not {str(numbers)[:60]}")
    n_pixels = prod(shape)
    if len(shape) not in MASK_AXES or not 0 < n_pixels <= MAX_MASK_PIXELS:
        raise ValueError(f"a mask of shape {shape} is no image of at most {MAX_MASK_PIXELS} pixels")
    if sum(runs) != n_pixels:
        raise ValueError(f"the mask's runs cover {sum(runs)} pixels, its shape {' x '.join(map(str, shape))}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(shape)


def labels_to_plain(labels: np.ndarray) -> dict[str, Any]:
    """Return an image or volume of whole numbers as run lengths, with the number of each run.

    Examples
    --------
    >>> labels_to_plain(np.array([[0, 2, 2]]))
    {'shape': [1, 3], 'labels': [0, 2], 'runs': [1, 2]}
    """
    flat = np.asarray(labels).ravel()
    starts = np.append(0, np.flatnonzero(np.diff(flat)) + 1)
    runs = np.diff(np.append(starts, flat.size))
    return {"shape": list(labels.shape), "labels": flat[starts].tolist(), "runs": runs.tolist()}


def labels_from_plain(plain: Mapping[str, Any]) -> np.ndarray:
    """Return the image or volume of whole numbers that `labels_to_plain` wrote, int64.

    Raises
    ------
    ValueError
        As `mask_from_plain`, or if there is not one label per run.
    """
    labels, runs = plain["labels"], plain["runs"]
    if not isinstance(labels, list | tuple) or not all(type(n) is int and 0 <= n < 2**31 for n in labels):
        raise ValueError(f"labels are whole numbers from 0 to 2147483647, not {str(labels)[:60]}")
    mask = mask_from_plain(plain)
    if len(labels) != len(runs):
        raise ValueError(f"{len(labels)} labels for {len(runs)} runs of pixels: one per run is needed")
    return np.repeat(np.array(labels, dtype=np.int64), runs).reshape(mask.shape)
