"""Put frames of several stacks together on a common grid, each resampled once at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.blocks import on_threads
from napari_xanes.frames import whole_frames
from napari_xanes.progress import Progress
from napari_xanes.registration.overlap import boxes
from napari_xanes.registration.resampling import moved_back, noise_gain
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.inputs import Frame, Kind

Choice = Literal["average", "first", "last"]

_WHOLE = 1e-3
"""Fraction of a pixel below which a stack is not resampled."""

_MOST_EMPTY = 100
"""An image so many times larger than all its tiles comes from positions in other units."""


@dataclass(frozen=True)
class Plan:
    """How a joined stack is put together.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the joined image.
    tiles : tuple of tuple of int
        Height and width of each of N stacks.
    place : ndarray of int, shape (N, 2)
        Where the first pixel of each stack lies, (y, x).
    fraction : ndarray, shape (N, 2)
        How much farther its content lies, in pixels; 0 where nothing is resampled.
    factor, offset : ndarray, shape (N,)
        What values are multiplied by, and what is added then.
    weight : ndarray, shape (N,)
        Weights of the values where several stacks have some: one over the variance of their noise.
    ramp : ndarray, shape (2,)
        Pixels over which a stack fades in from its border, in y and in x.
    choice : {"average", "first", "last"}
        What is taken where several stacks have a value.
    """

    shape: tuple[int, int]
    tiles: tuple[tuple[int, int], ...]
    place: IndexArray
    fraction: Float64Array
    factor: Float64Array
    offset: Float64Array
    weight: Float64Array
    ramp: Float64Array
    choice: Choice

    def boxes(self, k: int) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """Return where stack k lies in the joined image, and which part of it that is; None if outside."""
        return boxes(self.shape, self.tiles[k], self.place[k])

    def weights(self, k: int) -> Float64Array:
        """Return the weights (Y, X) of the pixels of stack k, without those of frames."""
        ramps = [
            np.clip((np.minimum(np.arange(n), np.arange(n)[::-1]) + 1) / max(1.0, length), 0, 1)
            for n, length in zip(self.tiles[k], self.ramp, strict=True)
        ]
        result: Float64Array = self.weight[k] * ramps[0][:, None] * ramps[1]
        return result

    def gain(self, k: int) -> float:
        """Return what resampling makes of the variance of white noise in stack k."""
        return noise_gain(self.fraction[k])


def plan_of(
    stacks: Sequence[SpectralStack],
    kind: Kind,
    position: Float64Array,
    matched: tuple[Float64Array, Float64Array],
    variance: Float64Array,
    choice: Choice,
) -> Plan:
    """Return how stacks at these positions, relative to the first, become one.

    Segments keep the grid of the first stack; a mosaic reaches as far as its tiles. The first stack is never resampled.
    """
    place = np.round(position).astype(int)
    fraction = position - place
    fraction[np.abs(fraction) < _WHOLE] = 0
    tiles = tuple((stack.shape[-2], stack.shape[-1]) for stack in stacks)
    shape, ramp = tiles[0], np.ones(2)
    if kind == "tiles":
        place = place - place.min(axis=0)
        height, width = (place + np.array(tiles)).max(axis=0).tolist()
        shape, ramp = (height, width), _ramp(place, tiles)
    spread = variance * matched[0] ** 2
    usual = float(np.median(spread[spread > 0])) if (spread > 0).any() else 1.0
    weight = usual / np.maximum(spread, 1e-6 * usual)
    return Plan(shape, tiles, place, fraction, *matched, weight, ramp, choice)


def taken(plan: Plan, frame: Frame) -> tuple[tuple[int, int], ...]:
    """Return (stack, frame) of what a frame of joined segments is made from: all, or the one that is chosen."""
    if plan.choice == "average":
        return frame.made_from
    return frame.made_from[:1] if plan.choice == "first" else frame.made_from[-1:]


def require_room(plan: Plan, names: Sequence[str]) -> None:
    """Refuse a stack that lies outside of the joined image, and tiles far apart.

    Raises
    ------
    ValueError
        If data would be lost, or most of the image be empty.
    """
    for k, name in enumerate(names):
        if plan.boxes(k) is None:
            raise ValueError(
                f"{name!r} lies at {plan.place[k].tolist()}, outside of the image of {names[0]!r}, which joined "
                "segments keep; give other positions, in pixels, or kind='tiles'"
            )
    area = sum(height * width for height, width in plan.tiles)
    if plan.shape[0] * plan.shape[1] > _MOST_EMPTY * area:
        raise ValueError(
            f"the tiles lie so far apart that the image would have {plan.shape[0]} x {plan.shape[1]} pixels, most of "
            "them empty; positions are in pixels"
        )


def _ramp(place: IndexArray, tiles: tuple[tuple[int, int], ...]) -> Float64Array:
    """Return the usual width of overlaps, in y of those above each other and in x of those beside each other."""
    widths: tuple[list[int], list[int]] = ([], [])
    for i in range(len(tiles)):
        for j in range(i):
            found = boxes(tiles[i], tiles[j], place[j] - place[i])
            if found is not None:
                size = [s.stop - s.start for s in found[0]]
                share = [n / min(a, b) for n, a, b in zip(size, tiles[i], tiles[j], strict=True)]
                axis = 0 if share[0] < share[1] else 1
                widths[axis].append(size[axis])
    most = np.min(tiles, axis=0) / 2
    return np.array([np.clip(np.median(w), 1, m) if w else 1.0 for w, m in zip(widths, most, strict=True)])


def joined_data(plan: Plan, stacks: Sequence[SpectralStack], frames: Sequence[Frame], progress: Progress | None) -> Any:
    """Return the data of the joined stack, float32; lazily, frame by frame, if one of the stacks is lazy."""
    inner = (*stacks[0].shape[1:-2], *plan.shape)
    if any(stack.is_lazy for stack in stacks):
        return _lazily(plan, stacks, frames, inner)
    out = np.empty((len(frames), *inner), np.float32)

    def join(e: int) -> float:
        out[e] = joined_frame(plan, frames[e].made_from, *(stacks[k].data[m] for k, m in frames[e].made_from))
        return (e + 1) / len(frames)

    on_threads(join, range(len(frames)), progress=progress, message="joining frames")
    return out


def _lazily(plan: Plan, stacks: Sequence[SpectralStack], frames: Sequence[Frame], inner: tuple[int, ...]) -> Any:
    import dask
    import dask.array as da

    whole = [whole_frames(stack.data) if stack.is_lazy else stack.data for stack in stacks]
    join = dask.delayed(partial(joined_frame, plan), pure=False)  # type: ignore[attr-defined]
    parts = []
    for frame in frames:
        # One block per frame: a delayed array would be computed again for each.
        images = [
            image.to_delayed().ravel()[0] if stacks[k].is_lazy else image
            for k, image in ((k, whole[k][m]) for k, m in frame.made_from)
        ]
        parts.append(da.from_delayed(join(frame.made_from, *images), inner, np.float32))  # type: ignore[no-untyped-call]
    return da.stack(parts)  # type: ignore[no-untyped-call]


def joined_frame(plan: Plan, made_from: Sequence[tuple[int, int]], *images: NDArray[Any]) -> Float32Array:
    """Return one frame of the joined stack, NaN where no stack has a value.

    Parameters
    ----------
    plan : Plan
        Where the stacks lie and what they weigh.
    made_from : sequence of (stack, frame)
        Where the images come from.
    *images : ndarray, shape (Y, X) or (Z, Y, X)
        The frames.
    """
    images = tuple(np.asarray(image) for image in images)
    inner = (*images[0].shape[:-2], *plan.shape)
    order = range(len(images)) if plan.choice != "last" else range(len(images))[::-1]
    total, weights = np.zeros(inner), np.zeros(inner)
    for n in order:
        k = made_from[n][0]
        found = plan.boxes(k)
        if found is None:
            continue
        place, part = found
        values = _changed(plan, k, images[n])[(..., *part)]
        weight = plan.weights(k)[part]
        known = np.isfinite(values)
        if plan.choice != "average":
            known &= weights[(..., *place)] == 0
        total[(..., *place)] += np.where(known, values, 0) * weight
        weights[(..., *place)] += np.where(known, weight, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total / weights).astype(np.float32)


def shares(plan: Plan, stacks: Sequence[int], inner: tuple[int, ...]) -> list[Float64Array]:
    """Return the share of each of some stacks, in their order, in each pixel (..., Y, X) of the joined image."""
    weights = [np.zeros(inner) for _ in stacks]
    taken = np.zeros(inner)
    each = list(zip(stacks, weights, strict=True))
    for k, weight in each if plan.choice != "last" else each[::-1]:
        found = plan.boxes(k)
        if found is None:
            continue
        place, part = found
        own: Float64Array = np.broadcast_to(plan.weights(k)[part], weight[(..., *place)].shape)
        if plan.choice != "average":
            own = np.where(taken[(..., *place)] == 0, own, 0)
        weight[(..., *place)] = own
        taken[(..., *place)] += own
    return [weight / np.where(taken > 0, taken, 1) for weight in weights]


def _changed(plan: Plan, k: int, image: NDArray[Any]) -> Float64Array:
    """Return an image of stack k on the common grid, with its values matched."""
    moved = moved_back(image, -plan.fraction[k]) if plan.fraction[k].any() else image
    values = np.asarray(moved, dtype=np.float64)
    if plan.factor[k] != 1 or plan.offset[k] != 0:
        values = values * plan.factor[k] + plan.offset[k]
    return values
