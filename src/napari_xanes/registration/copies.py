"""Frames that are copies of others: a detector that was not read out, a file that was written twice.

A copy has the noise of its original, so that any model takes this noise for a part of the sample: both frames seem to
be known better than they are. So shifts are found without copies, and a copy lies where its original does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from napari_xanes._typing import Float32Array, IndexArray
from napari_xanes.registration.estimation import Estimate

_PIXELS = 4096
"""Pairs of neighbouring pixels that are compared."""

_SAME = 1e-7
"""How far the correlation of copies may be from 1: rounding. Noise of 1e9 photons makes 1e-6."""


def originals(frames: Iterator[Float32Array], count: int, keep: int | None = None) -> IndexArray:
    """Return the number (E,) of the frame that each frame is a copy of, up to a factor and a constant; its own if none.

    Parameters
    ----------
    frames : iterator of ndarray, shape (Y, X)
        The frames, without missing values.
    count : int
        Number of frames.
    keep : int, optional
        A frame that is an original; by default the first of its copies.

    Examples
    --------
    >>> first, second = np.random.default_rng(0).normal(size=(2, 20, 20)).astype(np.float32)
    >>> originals(iter([first, second, 2 * first + 3]), 3).tolist()
    [0, 1, 0]
    """
    some, values = np.zeros(0, np.intp), np.zeros((count, 0))
    for i, frame in enumerate(frames):
        # Differences do not see a constant, such as that of another I0.
        steps = np.diff(frame, axis=1).ravel()
        if not i:
            some = np.random.default_rng(0).choice(steps.size, min(_PIXELS, steps.size), replace=False)
            values = np.zeros((count, some.size))
        values[i] = steps[some]
    values -= values.mean(axis=1, keepdims=True)
    size = np.sqrt((values**2).sum(axis=1))
    values /= np.where(size > 0, size, 1.0)[:, None]
    alike = (values @ values.T > 1 - _SAME) | np.eye(count, dtype=bool)
    original = np.asarray(alike.argmax(axis=1))
    return original if keep is None else np.where(alike[keep], keep, original)


def with_copies(found: Estimate, original: IndexArray) -> Estimate:
    """Return what was found in the originals for all frames, whose originals (E,) are known."""
    numbers, which = np.unique(original, return_inverse=True)
    copies = ~np.isin(np.arange(original.size), numbers)
    shifts, seen = found.shifts[which], found.found[which]
    residual = np.where(copies, np.nan, found.residual[which])
    shifts = shifts - shifts[seen].mean(axis=0)
    return replace(found, shifts=shifts, sigma=found.sigma[which], residual=residual, found=seen, copies=copies)
