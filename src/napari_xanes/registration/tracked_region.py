"""A region that is followed from frame to frame, while the rest of the image may do something else.

From the frame in which the region was drawn, it is looked for in the frames before and behind, one after the other:
near its last place, in a patch that moves with it, against a running mean of what it looked like. Correlations of all
pairs of the patches then give the shifts and their errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.progress import Progress, part
from napari_xanes.registration import correlation
from napari_xanes.registration.estimation import NOTHING, START_HIGHEST, Estimate, Frames, whitened
from napari_xanes.registration.fourier import (
    LOWEST,
    Band,
    Coefficients,
    Window,
    band_of,
    coefficients,
    phases,
    taper_of,
)
from napari_xanes.registration.pairs import compared
from napari_xanes.registration.pairwise import Pairwise
from napari_xanes.registration.reference import telling
from napari_xanes.registration.search import Search

_SHARE_OF_REGION = 0.25
"""Farthest move from frame to frame, over the region's smaller side."""

_MEMORY = 8
"""Frames that make up the running mean: the contrast may change within more."""

_STEPS = 4

_LONGEST = 3
"""Frames without the region after which it is not looked for farther away."""


def estimate_by_region(
    frames: Frames,
    count: int,
    shape: tuple[int, int],
    *,
    box: tuple[int, int, int, int],
    read: Callable[[int], Float32Array],
    frame: int | None = None,
    farthest: float | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """Find the shifts of a region that is followed from frame to frame.

    Parameters
    ----------
    frames : callable
        Reads the frames anew each time.
    count : int
        Number of frames.
    shape : tuple of int
        Height and width of a frame.
    box : tuple of int
        The region, y0, y1, x0, x1, as it lies in one frame.
    read : callable
        Reads one frame by its number.
    frame : int, optional
        Number of this frame; by default the one that tells most of the place of the region.
    farthest : float, optional
        Largest move from one frame to the next, in pixels; by default a quarter of the region.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If the region is found in no other frame.
    """
    if frame is None:
        band = band_of(shape, LOWEST, START_HIGHEST)
        everywhere = np.zeros((count, 2)), np.ones(count, dtype=bool)
        data, _, _ = whitened(frames, band, *everywhere, box, part(progress, 0.0, 0.2))
        frame = int(telling(band, data).argmax())
    follower = _Follower.of(shape, box, farthest)
    first = follower.patch(read(frame), np.zeros(2, dtype=np.intp))
    shifts, found = np.zeros((count, 2)), np.zeros(count, dtype=bool)
    found[frame] = True
    for numbers in (range(frame + 1, count), range(frame - 1, -1, -1)):
        follower.follow(((i, read(i)) for i in numbers), first, shifts, found)
        if progress is not None:
            progress(0.5, "following the region")
    if found.sum() < 2:
        raise ValueError(NOTHING)
    mean = shifts[found].mean(axis=0)
    moved = (box[0] + mean[0], box[1] + mean[0], box[2] + mean[1], box[3] + mean[1])
    return correlation.refined(
        frames, shape, Pairwise(), shifts - mean, found, box=moved, progress=part(progress, 0.5, 1.0)
    )


@dataclass(frozen=True)
class _Follower:
    """Looks for a region near a place; ``reach`` in pixels, ``size`` (height, width) of the patch."""

    shape: tuple[int, int]
    corner: IndexArray
    size: tuple[int, int]
    reach: float
    band: Band
    window: Window

    @classmethod
    def of(cls, shape: tuple[int, int], box: tuple[int, int, int, int], farthest: float | None) -> _Follower:
        y0, y1, x0, x1 = box
        size = (y1 - y0, x1 - x0)
        reach = _SHARE_OF_REGION * min(size) if farthest is None else farthest
        window = Window((0.0, 0.0), (size[0] - 1.0, size[1] - 1.0), taper_of(size))
        return cls(shape, np.array([y0, x0]), size, reach, band_of(size, LOWEST, START_HIGHEST), window)

    def patch(self, image: Float32Array, place: IndexArray) -> Coefficients:
        """Return the coefficients (1, K) of a patch, in units of its noise, at a place relative to the drawn one."""
        (y, x), (height, width) = self.corner + place, self.size
        cut = np.ascontiguousarray(image[y : y + height, x : x + width])
        data, power = coefficients(iter([cut]), 1, self.band, self.window, np.zeros((1, 2)))
        signal = float((np.abs(data) ** 2).mean())
        noise = max(float(power[0]), 1e-8 * signal)
        return data / np.float32(np.sqrt(noise)) if signal > 0 else data

    def limited(self, place: Float64Array) -> IndexArray:
        """Return the nearest whole place at which the region is inside the image."""
        most = np.array(self.shape) - self.corner - np.array(self.size)
        return np.asarray(np.clip(np.round(place), -self.corner, most).astype(np.intp))

    def follow(
        self,
        images: Iterable[tuple[int, Float32Array]],
        first: Coefficients,
        shifts: Float64Array,
        found: BoolArray,
    ) -> None:
        """Look for the region in numbered frames, one after the other; write where it is, and whether it was found."""
        mean, seen, place, lost = first, 1, np.zeros(2), 0
        for i, image in images:
            # While it is not seen, it moves on at random.
            match = self._found(image, mean, place, self.reach * np.sqrt(1 + min(lost, _LONGEST)))
            if match is None:
                lost += 1
                continue
            (place, patch), lost = match, 0
            inside = (np.abs(self.limited(place) - place) <= 0.5 + 1e-9).all()
            # A region that is partly outside is followed, but its shift is not believed.
            shifts[i], found[i] = place, inside
            if inside:
                seen = min(seen + 1, _MEMORY)
                sign = np.sign(np.vdot(mean, patch).real)
                mean = (mean * (1 - 1 / seen) + sign * patch / seen).astype(np.complex64)

    def _found(
        self, image: Float32Array, mean: Coefficients, place: Float64Array, reach: float
    ) -> tuple[Float64Array, Coefficients] | None:
        """Return where the region is, and its coefficients moved there; None if it is not near the last place."""
        at = self.limited(place)
        offset = np.zeros(2)
        for i in range(2):
            patch = self.patch(image, at)
            if not patch.any():
                return None
            both = np.concatenate([mean, patch])
            if i == 0:
                offset, _ = Search(self.band, both, reach + 1).between(0, 1)
            for _ in range(_STEPS):
                pairs = compared(self.band, both, np.stack([np.zeros(2), offset]), self.window.share(self.size), [0])
                if not pairs.valid[0, 1]:
                    return None
                offset = offset + pairs.offset[0, 1]
            # Once more from where it is, so that the patch holds all of it.
            nearer = self.limited(at + offset)
            if (nearer == at).all():
                break
            at, offset = nearer, offset - (nearer - at)
        found = at + offset
        if np.abs(found - place).max() > reach:
            return None
        return found, patch * phases(self.band, offset[None])
