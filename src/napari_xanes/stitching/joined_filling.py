"""Which values of a joined stack were filled in by a model, from what its parts know of themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.filled_values import FilledValues
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.blending import Plan, shares
from napari_xanes.stitching.inputs import Frame


def joined_filling(plan: Plan, stacks: Sequence[SpectralStack], frames: Sequence[Frame]) -> FilledValues | None:
    """Return the filled values of a joined stack, each as large a part of it as the variance of its stack is.

    None if no stack has any.
    """
    inner = (*stacks[0].shape[1:-2], *plan.shape)
    shape = (len(frames), *inner)
    found: list[tuple[FilledValues, IndexArray, IndexArray, Float64Array]] = []
    for made_from in sorted({tuple(k for k, _ in frame.made_from) for frame in frames}):
        of_variance = _shares_of_variance(plan, made_from, inner)
        new = [e for e, frame in enumerate(frames) if tuple(k for k, _ in frame.made_from) == made_from]
        for place, k in enumerate(made_from):
            old = np.array([frames[e].made_from[place][1] for e in new])
            record = _placed(plan, k, stacks[k], old, inner)
            if record is not None:
                part = of_variance[place].ravel()[record.pixel]
                found.append((record, np.array(new)[record.frame], record.pixel, part))
    if not found:
        return None
    records, *places = zip(*found, strict=True)
    frame, pixel, part = (np.concatenate(values) for values in places)
    factor, share = (
        np.concatenate([np.broadcast_to(getattr(record, name), record.frame.shape) for record in records])
        for name in ("factor", "share")
    )
    every, taken = FilledValues(shape, frame, pixel, factor, share), np.flatnonzero(part)
    return every.mixed(shape, taken, frame[taken], pixel[taken], part[taken])


def _placed(
    plan: Plan, k: int, stack: SpectralStack, frames: IndexArray, inner: tuple[int, ...]
) -> FilledValues | None:
    """Return the filled values of some frames of stack k, in their pixels of the joined image."""
    boxes = plan.boxes(k)
    if stack.filled is None or boxes is None:
        return None
    place, part = boxes
    outer = (slice(None),) * (len(inner) - 2)
    moved = stack.filled.isel(frames).moved(np.tile(-plan.fraction[k], (frames.size, 1)))
    cut = moved.isel(box=(*outer, *part))
    pixels = np.arange(int(np.prod(inner))).reshape(inner)[(..., *place)].ravel()
    return FilledValues((frames.size, *inner), cut.frame, pixels[cut.pixel], cut.factor, cut.share)


def _shares_of_variance(plan: Plan, made_from: tuple[int, ...], inner: tuple[int, ...]) -> list[Float64Array]:
    """Return the share of each stack in the variance of each pixel of the joined image."""
    # Stacks are weighted by one over their variance.
    variance = [share**2 / plan.weight[k] for share, k in zip(shares(plan, made_from, inner), made_from, strict=True)]
    total = np.sum(variance, axis=0)
    return [part / np.where(total > 0, total, 1) for part in variance]
