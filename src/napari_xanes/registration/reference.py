"""All frames against one of them: correlation with a reference frame."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.registration.fourier import Band, Coefficients
from napari_xanes.registration.pairs import Pairs
from napari_xanes.registration.search import FOUND, Search
from napari_xanes.registration.start import MOST


class Reference:
    """A `Placing` by one frame.

    Parameters
    ----------
    frame : int, optional
        Number of the reference frame; by default the one that tells most of its place, or the next best ones if it
        shows something else than most frames do.
    """

    def __init__(self, frame: int | None = None) -> None:
        self.frame, self._place = frame, 0

    def start(self, band: Band, data: Coefficients) -> tuple[Float64Array, BoolArray]:
        """Return where frames lie relative to the reference frame, and which of them show the same."""
        filled = np.asarray((np.abs(data) > 0).any(axis=1))
        search = Search(band, data, MOST * min(band.shape))
        if self.frame is not None:
            return self._matched(search, filled, self.frame)
        best: tuple[Float64Array, BoolArray] | None = None
        for frame in _candidates(telling(band, data), int(filled.sum())):
            match = self._matched(search, filled, frame)
            if best is None or match[1].sum() > best[1].sum():
                best, self.frame = match, frame
            if 2 * best[1].sum() > filled.sum():
                break
        return best or (np.zeros((len(data), 2)), filled)

    @staticmethod
    def _matched(search: Search, filled: BoolArray, frame: int) -> tuple[Float64Array, BoolArray]:
        """Return the shifts (E, 2) of all frames to one, and which of them (E,) show the same."""
        shifts, found = np.zeros((filled.size, 2)), np.zeros(filled.size, dtype=bool)
        for i in np.flatnonzero(filled) if filled[frame] else ():
            shifts[i], score = search.between(frame, int(i))
            found[i] = score > FOUND or i == frame
        return shifts, found

    def rows(self, found: BoolArray) -> list[int]:
        """Return the place of the reference frame among those that were found."""
        self._place = int(found[: self.frame or 0].sum())
        return [self._place]

    def step(self, pairs: Pairs) -> tuple[Float64Array, Float64Array, BoolArray]:
        """Move each frame to where it fits the reference frame best."""
        held = pairs.valid[0].copy()
        held[self._place] = True
        own = np.where(held[:, None], pairs.variance[0], 0) * pairs.apart[0][:, None]
        own[self._place] = 0
        step = np.where(held[:, None], pairs.offset[0], 0)
        step[self._place] = 0
        return step, own, held

    def between(self, variance: Float64Array) -> Float64Array:
        """Return variances of distances, those of frames that have nothing in common by the reference frame."""
        own = variance[self._place]
        return np.where(np.isfinite(variance), variance, own[:, None] + own[None])


def _candidates(told: Float64Array, count: int) -> list[int]:
    """Return frames to try as reference: the one that tells most first, for it may hold something else than others."""
    places = [0, *(2 ** np.arange(8)).tolist()]
    order = np.argsort(-told)
    return [int(order[place]) for place in places if place < count]


def telling(band: Band, data: Coefficients) -> Float64Array:
    """Return how much each frame (E,) tells of its place: its slopes, over its noise."""
    square = (band.ky.astype(np.float64) ** 2 + band.kx.astype(np.float64) ** 2) / len(band.kx)
    return np.asarray(np.maximum(np.abs(data).astype(np.float64) ** 2 - 1, 0) @ square)
