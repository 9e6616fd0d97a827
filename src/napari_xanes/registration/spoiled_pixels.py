"""Shifts of frames, some of whose pixels tell nothing of the sample: gaps of a detector, dead pixels, dust.

Such pixels stay where the detector is, as does any guess from the pixels around them, and so they hold frames back.
What other frames show at the same place of the sample moves with it, and takes their place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.registration.detector_gaps import LookedAt, around_gaps, without
from napari_xanes.registration.estimation import Estimate, Frames
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.passes import to_come
from napari_xanes.registration.resampling import moved_back
from napari_xanes.spreading import spread

_GROUPS, _IMAGES, _FAINT = 8, 3, 0.01
"""Frames are a constant and so many images; how much they hold of each is told by so many means of frames that follow
each other in energy. Images of less than this share of the contrast of the first are left out."""

_CONTROLS = 3000
"""Pixels of a frame that tell how much it holds of each image."""

_RIDGE = 1e-3
"""Share of the usual weight of an image by which it is held to 0 where the frames that see a pixel do not tell it."""

_PATTERN = 0.003
"""Power of a pattern of the detector over that of the sample from which dust is looked for: plain stacks have less than
.0001, and from .01 on dust holds frames by more than their errors (by simulation)."""

_STANDS_OUT, _MOST_SPOTS, _MOST_LOOKED_AT = 6.0, 0.25, 24
"""What stays in a pixel is dust if it is so many times the usual, in at most this share of the pixels; so many frames
are looked at."""

_LEAST_OF_DUST = 0.6
"""Where dust was looked for, at least this share of the information counts as missing, because some dust is not seen
(errors of shifts were 1.3 to 2 times too small without this, by simulation)."""

_LEAST_WIDE = 1e-3
"""Share of the image in gaps of at least 3 pixels width, below which the mean around them serves as well."""

_ROUNDS, _NEAR, _MOST_SHARE = 8, 0.25, 0.85
"""Most rounds, the share of the errors by which the last one may move frames, and the largest share of a step that the
next one is taken to be."""


@dataclass(frozen=True)
class Fill:
    """What replaces pixels of each frame: their numbers in the flattened frame, and values."""

    where: Sequence[IndexArray] = ()
    values: Sequence[Float32Array] = ()

    def into(self, frames: Iterator[Float32Array], numbers: Sequence[int] | None = None) -> Iterator[Float32Array]:
        """Yield frames without missing values; ``numbers`` say which frames of the stack they are."""
        for i, frame in zip(numbers, frames, strict=True) if numbers is not None else enumerate(frames):
            if self.where and self.where[i].size:
                frame = frame.copy()
                frame.ravel()[self.where[i]] = self.values[i]
            yield filled(frame)


def estimate_around(frames: Frames, find: Callable[..., Estimate]) -> tuple[Estimate, Fill]:
    """Find shifts of frames, some of whose pixels hold no value, or the same wherever the sample is.

    Parameters
    ----------
    frames : callable
        Reads the frames anew each time; NaN where they have no value.
    find : callable
        Finds the shifts of frames without missing values; with a second argument, in this box.

    Returns
    -------
    Estimate, Fill
        The shifts, whose errors grow by what is missing; and what was put in the place of these pixels. Nothing is put
        there, and the shifts say so, where no place of the sample is seen by all frames.
    """
    looked_at = LookedAt(frames)
    found, fill = find(looked_at), Fill()
    stuck = looked_at.stuck()
    frames, spots = without(frames, stuck), np.zeros(stuck.shape, dtype=bool)
    wide = looked_at.gaps()
    gaps = bool(wide.mean() > _LEAST_WIDE or stuck.any())
    steps: list[Float64Array] = []
    for i in range(_ROUNDS):
        dusty = found.apart and found.pattern > _PATTERN
        if not (gaps or dusty or spots.any()):
            break
        # Each round takes off a share of what the pixels held back; every second one goes as far as all others would.
        ahead = (
            found
            if i % 2 or not i
            else replace(found, shifts=found.shifts + to_come(steps[-2], steps[-1], _MOST_SHARE))
        )
        try:
            images = _Images.of(frames, ahead, spots)
        except ValueError:
            # The frames share no pixel that all of them see, so that nothing tells what belongs into the others.
            found = replace(found, irreplaceable=bool(gaps or spots.any()))
            break
        if dusty or spots.any():
            spots = _spots(frames, ahead, images, spots)
        if not (gaps or spots.any()):
            break
        before, fill = found, images.fill(frames, ahead, spots)
        try:
            found = find(lambda fill=fill: fill.into(frames()))
        except ValueError:
            # Without these pixels nothing is seen.
            break
        steps.append(found.shifts - before.shifts)
        if _small(steps[-1], found):
            break
    if not fill.where:
        return found, fill
    share, found = _with_what_is_missing(found, fill, steps, spots)
    if wide.any():
        found = around_gaps(found, wide, lambda box: find(lambda: fill.into(frames()), box))
    return replace(found, replaced=share), fill


def _with_what_is_missing(
    found: Estimate, fill: Fill, steps: Sequence[Float64Array], spots: BoolArray
) -> tuple[float, Estimate]:
    """Return the share of the pixels that were filled, and the shifts with errors that grow by what is missing there.

    The fit counts filled pixels as if they were seen. Each step between rounds is a share of the one before: the share
    of the information that is missing (Meng and Rubin, J. Am. Stat. Assoc. 86, 899, 1991).
    """
    share = float(np.mean([where.size for where in fill.where])) / spots.size
    least = max(share, _LEAST_OF_DUST) if spots.any() else share
    if len(steps) < 2:
        return share, replace(found, sigma=found.sigma / np.sqrt(1 - least))
    first, second = (float((step * steps[0]).sum()) for step in steps[:2])
    lacks = float(np.clip(second / max(first, 1e-30), least, _MOST_SHARE))
    rest = to_come(steps[-2], steps[-1], _MOST_SHARE)
    return share, replace(found, sigma=np.hypot(found.sigma / np.sqrt(1 - lacks), rest))


def _small(step: Float64Array, found: Estimate) -> bool:
    """Return whether a step (E, 2) is within a share of the errors of the frames that are found."""
    least = _NEAR * found.sigma[found.found]
    return float((step[found.found] ** 2).mean()) < float((least**2).mean())


@dataclass(frozen=True)
class _Images:
    """Images (R, Y, X) whose combinations make up frames, as coefficients of cubic splines.

    All frames that see a place tell what is there: those of similar energy alone have not moved, so that the same place
    would be missing in all of them.
    """

    splines: Float32Array

    @classmethod
    def of(cls, frames: Frames, found: Estimate, spots: BoolArray) -> _Images:
        """Fit images to aligned frames without their spots."""

        def aligned() -> Iterator[tuple[int, Float32Array]]:
            for i, frame in enumerate(frames()):
                if found.found[i]:
                    yield i, moved_back(np.where(spots, np.float32(np.nan), frame), found.shifts[i])

        first = _leading(_means(aligned(), np.flatnonzero(found.found), spots.shape))
        count = len(first)
        normal, right = np.zeros((count, count, *spots.shape), np.float32), np.zeros((count, *spots.shape), np.float32)
        for _, moved in aligned():
            some = _few(np.isfinite(moved) & np.isfinite(first[0]))
            amounts = _amounts(np.vstack([np.ones(some.size), first.reshape(count, -1)[:, some]]).T, moved, some)
            known = np.isfinite(moved)
            right += amounts[1:, None, None] * np.where(known, moved - amounts[0], 0)
            normal += np.multiply.outer(np.outer(amounts[1:], amounts[1:]), known).astype(np.float32)
        ridge = _RIDGE * np.einsum("rryx->r", normal) / spots.size + 1e-12
        normal += np.diag(ridge)[:, :, None, None].astype(np.float32)
        images = np.linalg.solve(np.moveaxis(normal, (0, 1), (-2, -1)), np.moveaxis(right, 0, -1)[..., None])[..., 0]
        # What no frame shows is the mean around it, which moves with the sample.
        images[normal[0, 0] <= 2 * ridge[0]] = np.nan
        return cls(np.array([_spline(images[..., r]) for r in range(count)]))

    def at(self, places: Float64Array) -> Float64Array:
        """Return a constant and the images (P, 1 + R) at places (2, P) of the common grid."""
        values = [ndimage.map_coordinates(s, places, prefilter=False, mode="nearest") for s in self.splines]
        return np.stack([np.ones(places.shape[1]), *values], axis=1)

    def predicted(self, frame: Float32Array, shift: Float64Array, spots: BoolArray, pixels: IndexArray) -> Float32Array:
        """Return what the images say of some pixels of a frame, by how much it holds of each."""
        known = _few(np.isfinite(frame) & ~spots)
        seen, asked = (np.array(np.unravel_index(some, frame.shape)) - shift[:, None] for some in (known, pixels))
        return np.asarray(self.at(asked) @ _amounts(self.at(seen), frame, known), dtype=np.float32)

    def fill(self, frames: Frames, found: Estimate, spots: BoolArray) -> Fill:
        """Return what the images say of all pixels that tell nothing of the sample."""
        where, values = [], []
        for i, frame in enumerate(frames()):
            pixels = np.flatnonzero(~np.isfinite(frame) | spots)
            where.append(pixels)
            values.append(self.predicted(frame, found.shifts[i], spots, pixels))
        return Fill(where, values)


def _spline(image: Float64Array) -> Float32Array:
    return np.asarray(ndimage.spline_filter(filled(image), mode="nearest", output=np.float32))


def _few(known: BoolArray) -> IndexArray:
    """Return the numbers of some of the pixels that are known."""
    some = np.flatnonzero(known)
    return some[:: max(1, some.size // _CONTROLS)]


def _amounts(basis: Float64Array, frame: Float32Array, pixels: IndexArray) -> Float64Array:
    """Return how much of each column of a basis (P, R) the pixels of a frame hold; without pixels, nothing."""
    values = frame.ravel()[pixels].astype(np.float64)
    return np.asarray(np.linalg.lstsq(basis, values, rcond=1e-6)[0])


def _means(aligned: Iterator[tuple[int, Float32Array]], seen: IndexArray, shape: tuple[int, ...]) -> Float32Array:
    """Return the means (K, Y, X) of groups of frames that follow each other, NaN where one of them has no value."""
    groups = np.array_split(seen, min(_GROUPS, seen.size))
    group_of = {int(i): g for g, group in enumerate(groups) for i in group}
    means = np.zeros((len(groups), *shape), np.float32)
    for i, moved in aligned:
        means[group_of[i]] += moved / np.float32(groups[group_of[i]].size)
    return means


def _leading(means: Float32Array) -> Float32Array:
    """Return the leading images (R, Y, X) of means, NaN where one of these has no value."""
    known = np.isfinite(means).all(axis=0)
    if not known.any():
        raise ValueError("no pixel is seen by all frames")
    values = means[:, known].astype(np.float64)
    values -= values.mean(axis=1, keepdims=True)
    squares, vectors = np.linalg.eigh(values @ values.T)
    some = np.flatnonzero(squares > _FAINT**2 * squares[-1])[-_IMAGES:]
    images = np.full((some.size, *known.shape), np.nan, np.float32)
    images[:, known] = vectors[:, some].T @ values
    return images


def _spots(frames: Frames, found: Estimate, images: _Images, known: BoolArray) -> BoolArray:
    """Return the pixels in which something stays while the sample moves, with those around them; few of all."""
    asked = set(spread(int(found.found.sum()), _MOST_LOOKED_AT))
    asked = {int(i) for n, i in enumerate(np.flatnonzero(found.found)) if n in asked}
    total, count = np.zeros(known.shape), np.zeros(known.shape)
    everything = np.arange(known.size)
    for i, frame in enumerate(frames()):
        if i in asked:
            rest = frame - images.predicted(frame, found.shifts[i], known, everything).reshape(known.shape)
            finite = np.isfinite(rest)
            total += np.where(finite, rest, 0)
            count += finite
    stays = total / np.maximum(count, 1)
    # Flats and the beam leave what is smooth.
    stays -= ndimage.median_filter(stays, 7)
    asked_of = count > 0
    usual = 1.4826 * float(np.median(np.abs(stays[asked_of]))) if asked_of.any() else 0.0
    spots: BoolArray = ndimage.binary_dilation((np.abs(stays) > _STANDS_OUT * usual) & asked_of)
    return spots if spots.mean() < _MOST_SPOTS else np.zeros_like(known)
