"""Gaps of a detector and stuck pixels: where they are, and shifts from a part of the image without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy import ndimage

from napari_xanes._typing import BoolArray, Float32Array
from napari_xanes.registration.estimation import Box, Estimate, Frames
from napari_xanes.registration.fourier import filled

_LEAST_PART, _COARSE = 20, 256
"""Least width in pixels of a part without gaps that tells shifts, and the largest image in which it is looked for."""

_CONTRADICTS, _LOST = 1.5, 0.5
"""A part contradicts the whole image from this root mean square of differences over their errors on. If they are larger
than so many pixels, the part has lost the sample: gaps held frames by .15 pixels, and parts with weak contrast were off
by .8 to 4 pixels with errors of .2 (by simulation)."""

_MOST_STUCK = 0.25
"""If more pixels than this share have one value in all frames, they are air that was simulated without noise."""


class LookedAt:
    """Frames with their missing values replaced by the mean around them; how often pixels are missing, or stuck."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._seen = 0
        self._first = np.zeros((0, 0), np.float32)
        self._same = np.zeros((0, 0), dtype=bool)
        self._lacking = np.zeros((0, 0), np.int32)

    def __call__(self) -> Iterator[Float32Array]:
        """Yield the frames; the first time, look at them."""
        for i, frame in enumerate(self._frames()):
            if i >= self._seen:
                self._look(frame)
            yield filled(frame)

    def _look(self, frame: Float32Array) -> None:
        if not self._seen:
            self._first, self._same = frame.copy(), np.ones(frame.shape, dtype=bool)
            self._lacking = np.zeros(frame.shape, np.int32)
        self._seen += 1
        self._same &= frame == self._first
        self._lacking += ~np.isfinite(frame)

    def stuck(self) -> BoolArray:
        """Return the pixels that have one value in all frames; none if these are many, as in simulated air."""
        return self._same if self._same.mean() < _MOST_STUCK else np.zeros_like(self._same)

    def gaps(self) -> BoolArray:
        """Return what is in gaps of at least 3 pixels in both directions, in most frames; stuck pixels are one, too."""
        lacking = self.stuck() | (2 * self._lacking > self._seen)
        gaps: BoolArray = ndimage.binary_opening(lacking, np.ones((3, 3)))
        return gaps


def around_gaps(found: Estimate, gaps: BoolArray, find: Callable[[Box], Estimate]) -> Estimate:
    """Return the shifts of the largest part without gaps if they contradict those of all; else these with wider errors.

    Where frames move by less than a gap is wide, some of the sample is seen by too few to tell what is there. But a
    part sees less than all, and may lose the sample where contrast is weak.
    """
    moves = np.abs(found.shifts[found.found])
    reach = (2 * np.ceil(moves.max(axis=0)).astype(int) + 1).tolist()
    box = largest(~ndimage.maximum_filter(gaps, reach))
    if box is None or min(box[1] - box[0], box[3] - box[2]) < _LEAST_PART:
        return found
    try:
        alone = find(box)
    except ValueError:
        return found
    both = found.found & alone.found
    if both.sum() < 2:
        return found
    off = (found.shifts - alone.shifts)[both]
    off -= off.mean(axis=0)
    excess = np.sqrt((off**2).sum(axis=0) / (found.sigma[both] ** 2 + alone.sigma[both] ** 2).sum(axis=0))
    if excess.max() > _CONTRADICTS and np.sqrt((off**2).mean(axis=0)).max() < _LOST:
        return alone
    return replace(found, sigma=found.sigma * np.maximum(excess, 1))


def largest(free: BoolArray) -> tuple[int, int, int, int] | None:
    """Return the largest box y0, y1, x0, x1 within a mask; of large images, one that is right to a few pixels."""
    step = -(-max(free.shape) // _COARSE)
    height, width = (n // step for n in free.shape)
    coarse = np.asarray(free[: height * step, : width * step].reshape(height, step, width, step).all(axis=(1, 3)))
    best, area = None, 0
    runs = np.zeros(width + 1, dtype=np.intp)
    for y, row in enumerate(coarse):
        # How many free pixels end here, in each column; a box ends where its lowest column does.
        runs[:-1] = np.where(row, runs[:-1] + 1, 0)
        open_: list[tuple[int, int]] = []
        for x, high in enumerate(runs.tolist()):
            start = x
            while open_ and open_[-1][1] >= high:
                start, top = open_.pop()
                if top * (x - start) > area:
                    best, area = (y + 1 - top, y + 1, start, x), top * (x - start)
            open_.append((start, high))
    return None if best is None else (best[0] * step, best[1] * step, best[2] * step, best[3] * step)


def without(frames: Frames, stuck: BoolArray) -> Frames:
    """Return frames that lack some pixels."""
    if not stuck.any():
        return frames
    return lambda: (np.where(stuck, np.float32(np.nan), frame) for frame in frames())
