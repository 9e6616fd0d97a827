"""Shifts of volumes: in three dimensions, in the plane of the slices, or of each slice by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.computing import frames_of
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.progress import Progress, part
from napari_xanes.registration.estimation import Estimate
from napari_xanes.registration.reading import prepared
from napari_xanes.registration.report import warnings_of
from napari_xanes.registration.tile_check import DIFFERENT
from napari_xanes.stack import SpectralStack

Box = tuple[int, int, int, int]
"""Rows and columns y0, y1, x0, x1 of a part of the image."""

Find = Callable[[Callable[[], Iterator[Float32Array]], tuple[int, int], Box | None, Progress | None], Estimate]
"""Finds shifts in frames of a shape, in a box."""

Told = Callable[[SpectralStack, Estimate], Alignment]
"""Returns what was found as the state of the step."""

LEAST_DEPTH = 16
"""Slices below which a shift along z can't be found."""

_STILL, _MOST_CHANCE = 0.05, 1.5
"""Root mean square of shifts along z in pixels, and over their errors, below which nothing moves along z."""

_MOST_ROUNDS, _SAME_PLACE = 4, 0.002
"""Rounds of side views and plane, and pixels by which the windows of the views may be off."""

_MOST_NAMED = 3


def images(stack: SpectralStack, axis: int = 0, moves: Float64Array | None = None) -> Iterator[Float32Array]:
    """Return the frames, of a volume their means along an axis (0, 1, 2 for z, y, x), NaN where values are missing.

    With shifts along this axis (E,), the mean is that of a window that moves with the sample and fades out at its ends:
    what moves in and out of a volume is no change of what is seen.
    """
    weights_at = None if moves is None else _window(stack.shape[1 + axis], moves)

    def image(frame: NDArray[Any], move: float = 0.0) -> Float32Array:
        values = np.asarray(frame, dtype=np.float32)
        if not np.isfinite(values).any():
            raise_if_frame_empty(stack)
        if values.ndim == 3:
            weights = np.ones(values.shape[axis], np.float32) if weights_at is None else weights_at(move)
            values = _mean(np.moveaxis(values, axis, -1), weights)
        return values

    frames = frames_of(stack.data)
    return prepared(frames, image) if moves is None else map(image, frames, moves)


def _mean(values: Float32Array, weights: Float32Array) -> Float32Array:
    """Return the weighted mean along the last axis of the values that are not missing."""
    known = np.isfinite(values)
    total = known @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.where(known, values, 0) @ weights) / total
    return np.asarray(np.where(total > 0.01 * weights.sum(), mean, np.nan), dtype=np.float32)


def _window(length: int, moves: Float64Array) -> Callable[[float], Float32Array]:
    """Return what gives the weights of slices where the content has moved; it is within the volume in all frames."""
    lower, upper = max(0.0, -moves.min()), length - 1 - max(0.0, moves.max())
    taper = max(1.0, (upper - lower) / 6)

    def at(move: float) -> Float32Array:
        place = np.arange(length) - move
        inside = np.minimum(place - lower, upper - place) + 0.5
        weights = 0.5 - 0.5 * np.cos(np.pi * np.clip(inside / taper, 0, 1))
        return np.asarray(weights, dtype=np.float32)

    return at


def in_three_dimensions(
    stack: SpectralStack, find: Find, told: Told, flat: Alignment, box: Box | None, progress: Progress | None
) -> Alignment:
    """Return shifts (dz, dy, dx) of a volume from those in the plane and from its side views.

    Of each frame, the means along y and along x show z. Both find dz, from different Fourier coefficients of the
    volume, so that their errors are independent. Then the shifts in the plane are found again, in slices that follow
    dz. What the windows of the views cut depends on the shifts that they follow: both are found again until these
    shifts change by less than their errors.
    """
    shape, again = (stack.shape[2], stack.shape[3]), flat
    for i in range(_MOST_ROUNDS):
        rest = part(progress, i / _MOST_ROUNDS, (i + 1) / _MOST_ROUNDS)
        along_z = _along_z(stack, find, again, box, part(rest, 0.0, 0.6))
        if along_z is None:
            return _with_line(flat, "the side views show no shift along z: slices are moved in their plane only")
        dz, sigma = along_z
        seen = np.isfinite(sigma)
        size, error = float(np.sqrt((dz[seen] ** 2).mean())), float(np.sqrt((sigma[seen] ** 2).mean()))
        if size < max(_STILL, _MOST_CHANCE * error):
            # To move slices by nothing but noise would cost the first and the last one.
            line = f"they do not move along z: {size:.3f} pixels in the root mean square, with errors of {error:.3f}"
            return _with_line(flat, line)
        followed = again
        again = told(stack, find(lambda by=dz: images(stack, 0, by), shape, box, part(rest, 0.6, 1.0)))  # type: ignore[misc]
        if _same_place(again, followed):
            break
    doubts = [line for line in warnings_of(flat.report) if line.startswith(DIFFERENT)]
    again = replace(again, report="\n".join([again.report or "", *doubts]))
    usual = float(np.median(sigma[seen]))
    line = f"they drift over {np.ptp(dz[seen]):.2f} pixels in z, with errors of {usual:.3f} in the median"
    both: dict[str, Any] = {"shifts": np.column_stack([dz, again.shifts])}
    both["sigma"] = np.column_stack([sigma, np.asarray(again.sigma)])
    return _with_line(replace(again, **both, outliers=~seen | np.asarray(again.outliers)), line)


def _same_place(found: Alignment, before: Alignment) -> bool:
    """Return whether the windows of the side views were in the right place: off by less than the errors of shifts."""
    sigma = np.asarray(found.sigma)
    seen = np.isfinite(sigma)
    off = (found.shifts - before.shifts)[seen]
    return bool(np.sqrt((off**2).mean()) < max(_SAME_PLACE, float(np.sqrt((sigma[seen] ** 2).mean()))))


def _along_z(
    stack: SpectralStack, find: Find, flat: Alignment, box: Box | None, progress: Progress | None
) -> tuple[Float64Array, Float64Array] | None:
    """Return dz with its errors, from the two side views of a part of a volume; None if they show nothing."""
    y0, y1, x0, x1 = box or (0, stack.shape[2], 0, stack.shape[3])
    of_box = stack.isel(box=(slice(None), slice(y0, y1), slice(x0, x1)))
    views = []
    for axis in (1, 2):
        size = of_box.shape[1:]
        shape = (size[0], size[2 if axis == 1 else 1])

        def frames(axis: int = axis) -> Iterator[Float32Array]:
            return images(of_box, axis, flat.shifts[:, axis - 1])

        try:
            views.append(find(frames, shape, None, part(progress, 0.5 * (axis - 1), 0.5 * axis)))
        except ValueError:
            # A view may show nothing: what is the same in all slices tells no shift along z.
            continue
    if not views:
        return None
    return _combined([view.shifts[:, 0] for view in views], [view.sigma[:, 0] for view in views])


def _combined(values: list[Float64Array], sigmas: list[Float64Array]) -> tuple[Float64Array, Float64Array]:
    """Return weighted means (E,) of values that are known up to a constant, with errors; NaN where none has one.

    How many errors two views share is told by how much less they differ than their errors say.
    """
    known = np.isfinite(sigmas)
    both = known.all(axis=0)
    shared = both if both.any() else known.any(axis=0)
    values = [value - value[shared].mean() for value in values]
    weights = np.where(known, 1 / np.square(np.where(known, sigmas, 1.0)), 0.0)
    total = weights.sum(axis=0)
    mean = (weights * values).sum(axis=0) / np.where(total > 0, total, 1.0)
    numbers = np.arange(total.size)
    mean = np.interp(numbers, numbers[total > 0], mean[total > 0])
    sigma = np.where(total > 0, 1 / np.sqrt(np.where(total > 0, total, 1.0)), np.nan)
    if both.sum() > 1 and len(values) == 2:
        ratio = _differ(values[0][both] - values[1][both], *(np.asarray(s)[both] for s in sigmas))
        # What two errors share is lacking in their difference: the variance of the mean grows by as much. Where views
        # differ more than their errors say, so does the mean.
        sigma[both] *= np.sqrt(1 + abs(1 - ratio))
    return mean - mean[total > 0].mean(), sigma


def _differ(difference: Float64Array, first: Float64Array, second: Float64Array) -> float:
    """Return by how much values (E,) differ beyond a constant, squared, over the squares of their errors."""
    weight = 1 / (first**2 + second**2)
    difference = difference - (weight * difference).sum() / weight.sum()
    return float((weight * difference**2).sum() / (difference.size - 1))


def slice_by_slice(
    stack: SpectralStack, find: Find, told: Told, box: Box | None, progress: Progress | None
) -> Alignment:
    """Return shifts (E, Z, 2) of a volume, found in each slice alone; slices that show nothing move as those beside.

    Raises
    ------
    ValueError
        If no slice shows anything.
    """
    count, shape = stack.shape[1], (stack.shape[2], stack.shape[3])
    found: dict[int, Alignment] = {}
    for z in range(count):
        one = stack.isel(box=(z, slice(None), slice(None)))
        try:
            estimate = find(lambda of=one: images(of), shape, box, part(progress, z / count, (z + 1) / count))  # type: ignore[misc]
        except ValueError as error:
            reason = error
            continue
        found[z] = told(one, estimate)
    if not found:
        raise ValueError(f"in no slice of {stack.name!r}: {reason}")
    known, energies = np.array(sorted(found)), stack.energy.size
    shifts = np.empty((energies, count, 2))
    for frame in range(energies):
        for axis in (0, 1):
            of_known = [found[z].shifts[frame, axis] for z in known]
            shifts[frame, :, axis] = np.interp(np.arange(count), known, of_known)
    sigma, residual = np.full(shifts.shape, np.nan), np.full((energies, count), np.nan)
    outliers = np.ones((energies, count), dtype=bool)
    for z, alone in found.items():
        sigma[:, z], residual[:, z], outliers[:, z] = alone.sigma, alone.residual, alone.outliers
    return Alignment(shifts, sigma, residual, outliers, stack.energy, report=_report(found, count, shifts, sigma))


def _report(found: dict[int, Alignment], count: int, shifts: Float64Array, sigma: Float64Array) -> str:
    """Return what was found in all slices, and what the first of them doubt."""
    span = np.ptp(shifts, axis=0).max(axis=0)
    lines = [
        f"{len(found)} of {count} slices are aligned, each by itself; they drift over up to {span[0]:.2f} pixels in y "
        f"and {span[1]:.2f} in x",
        f"the errors of the shifts are {np.nanmedian(sigma):.3f} pixels in the median, and {np.nanmax(sigma):.3f} at "
        "most",
    ]
    nothing = [z for z in range(count) if z not in found]
    if nothing:
        names = ", ".join(str(z) for z in nothing[:_MOST_NAMED]) + (", ..." if len(nothing) > _MOST_NAMED else "")
        lines.append(f"slices {names} ({len(nothing)} of {count}) show no shifts: they move as those beside them")
    doubts = {z: warnings_of(one.report) for z, one in found.items() if warnings_of(one.report)}
    lines += [f"slice {z}: {texts[0]}" for z, texts in list(doubts.items())[:_MOST_NAMED]]
    if len(doubts) > _MOST_NAMED:
        lines.append(f"{len(doubts) - _MOST_NAMED} more slices have reasons to doubt their shifts")
    return "\n".join(lines)


def _with_line(found: Alignment, line: str) -> Alignment:
    """Return an alignment with a sentence added to the first line of its report."""
    first, *others = (found.report or "").splitlines() or [""]
    return replace(found, report="\n".join([f"{first}; {line}", *others]))
