"""The dead time of a detector from a scan: the area without sample, while a monitor shows how bright the beam is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.arguments import as_mask, load_region
from napari_xanes.computing import computed
from napari_xanes.dead_time.fit import fit_dead_time, widened
from napari_xanes.dead_time.likelihood import Beam
from napari_xanes.dead_time.missed_counts import Model, photons_of
from napari_xanes.dead_time.result import DeadTime
from napari_xanes.dead_time.search import fit_model
from napari_xanes.ops.beam import transmission
from napari_xanes.ops.dead_time_words import report_of
from napari_xanes.ops.empty_area import empty_area
from napari_xanes.ops.i0_checks import edge_in_i0
from napari_xanes.progress import Progress, part
from napari_xanes.spreading import spread
from napari_xanes.stack import SpectralStack

Monitor = Literal["I0", "ring current"]

_GROUPS, _LEAST_PIXELS = 6, 40
"""Pixels are sorted into so many groups of equal brightness, of at least so many pixels."""

_MOST_FRAMES = 16
"""So many frames show how bright each pixel is."""


def fit_to_scan(
    stack: SpectralStack,
    exposure: Float64Array,
    *,
    model: Model,
    dark_rate: float | None,
    by: Monitor,
    monitor: Any,
    monitor_zero: float | None,
    region: Any,
    gain: float,
    progress: Progress | None = None,
) -> DeadTime:
    """Fit the dead time to the area without sample of a stack of counts.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts.
    exposure : ndarray, shape (E,)
        Exposure of each frame in s.
    model, dark_rate, by, monitor, monitor_zero, region
        As in `correct_dead_time`; a `dark_rate` of None is fitted.
    gain : float
        Counts per photon; 0 if the noise of counting is not known.

    Raises
    ------
    ValueError
        If the dead time can't be told, with the reason.
    """
    beam_seen, name = _monitor_of(stack, exposure, by, monitor)
    zero = 0.0 if monitor_zero is None and monitor is None and by == "ring current" else monitor_zero
    if zero is None and dark_rate is None:
        raise ValueError(
            f"the rate without light and the zero of {name} can't be told from each other: give dark_rate or "
            "monitor_zero"
        )
    area = _area_of(stack, region, part(progress, 0.0, 0.4))
    parts = _parts_of(stack, area)
    counts, pixels, others = _means(stack, parts, part(progress, 0.4, 0.8))
    seen = beam_seen + (zero or 0.0)
    whole = _beam(counts.sum(axis=1), pixels.sum(axis=1), exposure, seen, dark_rate or 0.0, gain)
    free = {"zero_free": zero is None, "dark_free": dark_rate is None}
    rough = fit_model(whole, model, zero_free=any(free.values()))
    _refuse_edge(stack.energy, whole, others, rough.trial.dead_time, model)
    found = fit_dead_time(whole, model, monitor=name, **free)
    apart = []
    for half_counts, half_pixels in _halves(counts, pixels):
        half = _beam(half_counts, half_pixels, exposure, seen, dark_rate or 0.0, gain)
        apart.append(fit_model(half, model, zero_free=any(free.values())))
    found = widened(found, apart)
    if progress is not None:
        progress(1.0, "dead time")
    return replace(found, report="\n".join(report_of(found, model, name)))


def monitor_name(by: Monitor, monitor: Any) -> str:
    """Return what shows the true rate, for sentences."""
    return by if monitor is None else "the monitor"


def _monitor_of(stack: SpectralStack, exposure: Float64Array, by: Monitor, monitor: Any) -> tuple[Float64Array, str]:
    """Return the beam of each frame as a rate, and the name of what showed it."""
    name = monitor_name(by, monitor)
    if monitor is None:
        monitor = stack.corrections.i0 if by == "I0" else stack.corrections.ring_current
    if monitor is None:
        others = {"I0": stack.corrections.i0, "ring current": stack.corrections.ring_current}
        known = [other for other, values in others.items() if values is not None]
        way = f"by={known[0]!r}" if known else "monitor, what another detector saw in each frame, or dead_time"
        raise ValueError(f"{stack.name!r} has no {by} in its metadata to tell the true rate; give {way}")
    values = np.asarray(monitor, dtype=np.float64)
    if values.shape != stack.energy.shape:
        raise ValueError(
            f"{name}: {values.size} numbers for the {stack.energy.size} frames of {stack.name!r}; give one for each"
        )
    return (values if name == "ring current" else values * float(exposure.mean()) / exposure), name


def _area_of(stack: SpectralStack, region: Any, progress: Progress | None) -> BoolArray:
    """Return the area without sample, where the beam itself is seen."""
    if region is not None:
        return as_mask(load_region(region), stack.shape[1:])
    bright = transmission(stack, None) if stack.corrections.flat is not None else stack
    return empty_area(bright, progress=progress)


def _parts_of(stack: SpectralStack, area: BoolArray) -> IndexArray:
    """Return the part of each flattened pixel: its quarter of the area, and its brightness; -1 outside."""
    brightness = np.mean([_frame(stack, i) for i in spread(stack.energy.size, _MOST_FRAMES)], axis=0)
    used = np.flatnonzero(area.ravel() & np.isfinite(brightness))
    if not used.size:
        raise ValueError("the area without sample holds no pixel with counts in all frames; choose another area")
    places = np.array(np.unravel_index(used, stack.shape[1:]))[-2:]
    rows, columns = places > np.median(places, axis=1)[:, None]
    groups = int(np.clip(used.size // _LEAST_PIXELS, 1, _GROUPS))
    order = np.empty(used.size, np.intp)
    order[np.argsort(brightness[used], kind="stable")] = np.arange(used.size) * groups // used.size
    parts = np.full(brightness.size, -1)
    parts[used] = (2 * rows + columns) * _GROUPS + order
    return parts


def _frame(stack: SpectralStack, i: int) -> Float64Array:
    return computed(stack.data[i]).astype(np.float64).ravel()


def _means(
    stack: SpectralStack, parts: IndexArray, progress: Progress | None
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return sums of counts (F, 4, G) and numbers of pixels (F, 4, G) of each part, and means outside (F,)."""
    n_frames, inside = stack.energy.size, parts >= 0
    shape = (n_frames, 4, _GROUPS)
    sums, pixels, others = np.zeros(shape), np.zeros(shape), np.full(n_frames, np.nan)
    for i in range(n_frames):
        values = _frame(stack, i)
        finite = np.isfinite(values)
        chosen, outside = inside & finite, ~inside & finite
        sums[i].flat = np.bincount(parts[chosen], values[chosen], 4 * _GROUPS)
        pixels[i].flat = np.bincount(parts[chosen], minlength=4 * _GROUPS)
        others[i] = values[outside].mean() if outside.any() else np.nan
        if progress is not None:
            progress((i + 1) / n_frames, "area without sample")
    return sums, pixels, others


def _halves(counts: Float64Array, pixels: Float64Array) -> Iterator[tuple[Float64Array, Float64Array]]:
    """Yield the counts and pixels of the upper, lower, left and right half."""
    for quarters in ([0, 1], [2, 3], [0, 2], [1, 3]):
        if pixels[:, quarters].sum(axis=(1, 2)).min() >= _LEAST_PIXELS:
            yield counts[:, quarters].sum(axis=1), pixels[:, quarters].sum(axis=1)


def _beam(
    sums: Float64Array, pixels: Float64Array, exposure: Float64Array, monitor: Float64Array, dark: float, gain: float
) -> Beam:
    """Return counts and monitor of the frames in which both are known and above 0."""
    groups = pixels.max(axis=0) > 0
    sums, pixels = sums[:, groups], pixels[:, groups]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / pixels
        lit = (means > 0).all(axis=1) & (monitor > 0) & np.isfinite(monitor)
    if not lit.any():
        raise ValueError("no frame has counts in the area without sample, and a beam above 0; choose another area")
    number, seen = np.flatnonzero(lit).astype(np.float64), monitor[lit]
    return Beam(means[lit], np.median(pixels, axis=0), exposure[lit], seen / seen.mean(), dark, number, gain)


def _refuse_edge(energy: Float64Array, beam: Beam, others: Float64Array, dead_time: float, model: Model) -> None:
    """Refuse an area that shows the sample's edge, which would be taken for missed counts."""
    frames = beam.number.astype(np.intp)
    means = beam.counts @ beam.pixels / beam.pixels.sum()
    inside, outside = (
        photons_of(values, dead_time / beam.exposure, model) / beam.monitor for values in (means, others[frames])
    )
    found = edge_in_i0(energy[frames], inside, outside)
    if found is not None:
        raise ValueError(
            f"the area shows the sample's edge at {found[0]:.0f} eV, which would be taken for missed counts; give "
            "region, an area without sample"
        )
