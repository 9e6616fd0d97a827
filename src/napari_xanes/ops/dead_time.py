"""Counts that a detector missed while it was busy with the photon before, and those that it has without light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array, Float64Array
from napari_xanes.arguments import Region
from napari_xanes.dead_time.missed_counts import Model, most_busy, photons_of
from napari_xanes.dead_time.result import DeadTime
from napari_xanes.ops.dead_time_fitting import Monitor, fit_to_scan, monitor_name
from napari_xanes.ops.dead_time_words import doubts, report_of, uncertain_by
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import estimated, method, with_warnings
from napari_xanes.stack import SpectralStack

_UNCERTAIN = 1.5
"""Counts that grow by more than this factor are told: their error is that of the dead time."""


def fit_dead_time(
    stack: SpectralStack,
    *,
    model: Model = "non-paralyzable",
    exposure: float | None = None,
    dark_rate: float | None = 0.0,
    by: Monitor = "I0",
    monitor: Any = None,
    monitor_zero: float | None = None,
    region: Any = None,
    progress: Progress | None = None,
) -> DeadTime:
    """Find the dead time of a detector from a scan, in an area without sample where the beam changes.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts; also those of flats, with the whole image as `region`.
    model, exposure, dark_rate, by, monitor, monitor_zero, region
        As in `correct_dead_time`; a `dark_rate` of None is fitted.

    Returns
    -------
    DeadTime
        Dead time and its error in µs; its `report` says the same in words, with reasons to doubt it.

    Raises
    ------
    ValueError
        If the stack holds no counts, no exposure is known, or the dead time can't be told, with the reason.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rate = 1e6 * np.exp(0.3 * rng.standard_normal(40))
    >>> counts = rng.poisson(0.01 * rate / (1 + 1e-7 * rate), (8, 8, 40)).T
    >>> stack = SpectralStack(counts, np.arange(700.0, 740.0), metadata={"exposure": 0.01})
    >>> found = fit_dead_time(stack, monitor=rate, monitor_zero=0.0, region=(0, 8, 0, 8))
    >>> abs(found.dead_time - 0.1) < 3 * found.sigma < 0.03
    True
    """
    seconds = _checked_exposure(stack, exposure, dark_rate or 0.0)
    known = stack.corrections.gain is not None or _are_whole_numbers(stack)
    return fit_to_scan(
        stack,
        np.broadcast_to(np.asarray(seconds, dtype=np.float64), stack.energy.shape),
        model=model,
        dark_rate=dark_rate,
        by=by,
        monitor=monitor,
        monitor_zero=monitor_zero,
        region=region,
        gain=float(stack.corrections.gain or 1.0) if known else 0.0,
        progress=progress,
    )


def _fit(
    stack: SpectralStack,
    *,
    dead_time: float | None,
    dark_rate: float | None,
    found: list[float] | None,
    progress: Progress | None = None,
    **how: Any,
) -> Mapping[str, Any]:
    """Fit the dead time where it is not given."""
    if dead_time is not None and dark_rate is not None:
        return {}
    if dead_time is not None:
        raise ValueError("counts without light are fitted together with the dead time: give dark_rate, or no dead_time")
    result = fit_dead_time(stack, dark_rate=dark_rate, progress=progress, **how)
    return {"dead_time": result.dead_time, "dark_rate": max(result.dark_rate, 0.0), "found": result.numbers()}


@method(looks_at="frame", fit=_fit)
def correct_dead_time(
    stack: SpectralStack,
    /,
    *,
    dead_time: Annotated[
        float | None, Param(ge=0, le=1e6, unit="µs", label="dead time", auto="fitted where the beam changes")
    ] = 0.1,
    model: Model = "non-paralyzable",
    exposure: Annotated[float | None, Param(ge=0, unit="s", auto="from the metadata")] = None,
    dark_rate: Annotated[
        float | None, Param(ge=0, unit="counts/s", label="counts without light", auto="fitted with the dead time")
    ] = 0.0,
    by: Annotated[Monitor, Param(label="true rate from")] = "I0",
    monitor: Annotated[list[float] | None, Param(label="beam per frame", unit="1", auto="I0 or ring current")] = None,
    monitor_zero: Annotated[float | None, Param(label="I0 without beam", auto="fitted with the dead time")] = None,
    region: Annotated[Region, Param(kind="region", label="area without sample", auto="the brightest part")] = None,
    found: Annotated[list[float] | None, Param(label="numbers of the fit", unit="1", auto="from the fit")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Give back counts that a photon counter missed while it was busy, and take off those that it has without light.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts of a detector that counts photons one by one, nothing subtracted.
    dead_time : float or "fit"
        Time in µs for which the detector is busy with a photon. With "fit" it is found from the scan.
    model : {"non-paralyzable", "paralyzable"}
        Whether a photon that comes in the dead time is missed, or also begins a new dead time.
    exposure : float, optional
        Time in s in which the counts of a pixel were counted; by default that of the metadata.
    dark_rate : float or "fit"
        Rate without light, in counts/s. Where counts are known instead, they are the ``dark`` of the metadata (a
        number, one per frame, or images), which `optical_depth` subtracts.
    by : {"I0", "ring current"}
        For a fit: which of the metadata shows how the true rate changes.
    monitor : list of float, optional
        For a fit: what another detector saw of the beam in each frame, in any unit, instead of `by`.
    monitor_zero : float, optional
        For a fit: what I0 or `monitor` shows without beam, in its unit. If it is not given, it is fitted, too; that of
        the ring current is 0.
    region : mask or box (y0, y1, x0, x1), optional
        For a fit: the area without sample; by default the brightest pixels.
    found : list of float, optional
        Numbers of an earlier fit, which are kept with the step: `DeadTime.numbers`.

    Returns
    -------
    SpectralStack
        float32. Flats in the metadata are corrected in the same way, with their own exposure; a spectrum of I0 is not,
        because another detector may have measured it, and a warning says so. Counts that no rate explains become NaN,
        and a warning says how many (of a lazy stack, from which number of counts on). ``metadata["busy"]`` (dead time
        over exposure), ``gain`` and ``read_noise`` tell `optical_depth` the noise, if the counts are whole numbers.

    Raises
    ------
    ValueError
        If the stack does not hold counts, no exposure is known, the counts were corrected already, or there is a dark
        in the metadata besides `dark_rate`.

    Notes
    -----
    With n photons in the exposure T, a dead time t, and m counted: ``m = n / (1 + n t / T)`` if the detector is not
    paralyzable, ``m = n exp(-n t / T)`` if it is; then the smaller of two solutions is taken (Knoll, Radiation
    Detection and Measurement, chapter 4). The noise of the result is larger than that of n counted photons, by the root
    of ``1 + n t / T`` if the detector is not paralyzable (theory of renewals): see `missed_variance`. Counts without
    light have their own noise, that of as many photons. A longer exposure does not change the share that is missed: a
    fit needs a beam whose brightness changes, and another detector that shows how (`fit_dead_time`). The error of the
    dead time is in no error of a map.

    Examples
    --------
    >>> stack = SpectralStack(np.full((2, 1, 1), 900.0), [700, 710], metadata={"exposure": 0.001})
    >>> correct_dead_time(stack, dead_time=0.1).data.ravel().round(1)
    array([989., 989.], dtype=float32)
    """
    dead_time, dark_rate = estimated("dead_time", dead_time), estimated("dark_rate", dark_rate)
    seconds = _checked_exposure(stack, exposure, dark_rate)
    data = _corrected(stack.data, dead_time, model, seconds, dark_rate, progress)
    metadata = dict(stack.metadata)
    flat, flat_seconds = stack.corrections.flat, stack.corrections.flat_exposure
    if flat is not None:
        images = flat if flat.ndim == len(stack.shape) else flat[None]
        times = seconds if flat_seconds is None else flat_seconds
        metadata["flat"] = _corrected(images, dead_time, model, times, dark_rate, None).reshape(flat.shape)
    metadata |= _noise(stack, 1e-6 * dead_time / np.asarray(seconds), model, dark_rate * float(np.mean(seconds)))
    told = _told(stack, data, dead_time, model, seconds)
    if found is not None:
        fitted = DeadTime.from_numbers(found)
        seen = monitor_name(by, monitor)
        metadata["dead_time"] = replace(fitted, report="\n".join(report_of(fitted, model, seen)))
        told = [*doubts(fitted, model, seen), *uncertain_by(fitted, model), *told]
    return stack.with_data(data, metadata=with_warnings(metadata, told))


def _checked_exposure(stack: SpectralStack, exposure: float | None, dark_rate: float) -> Any:
    """Return the exposure in s, a number or (E,), of a stack whose counts can be corrected."""
    if stack.quantity != "counts":
        raise ValueError(
            f"correct_dead_time needs counts, but {stack.name!r} holds {stack.quantity.replace('_', ' ')}: "
            "run it before optical_depth"
        )
    if stack.corrections.busy is not None:
        raise ValueError(f"{stack.name!r} was corrected for dead time already; take the counts as they were measured")
    if dark_rate and stack.corrections.dark is not None:
        raise ValueError(
            f"{stack.name!r} has a dark in its metadata, which optical_depth subtracts: leave dark_rate={dark_rate:g} "
            "out, or remove the dark"
        )
    seconds = stack.corrections.exposure if exposure is None else exposure
    if seconds is None or not np.all(np.asarray(seconds) > 0):
        raise ValueError(f"{stack.name!r} has no exposure time; give exposure, in s for each pixel and energy")
    return seconds


def _noise(stack: SpectralStack, busy: Float64Array, model: Model, dark: float) -> dict[str, Any]:
    """Return the metadata that tell the noise of the corrected counts: whole numbers are those of single photons."""
    if stack.corrections.gain is None and not _are_whole_numbers(stack):
        unknown = "counts are not known to be whole numbers, so their noise is not known: give the gain in the metadata"
        return {"notes": [*stack.metadata.get("notes", ()), unknown]}
    gain = stack.corrections.gain or 1.0
    read_noise = np.sqrt((stack.corrections.read_noise or 0.0) ** 2 + gain * dark)
    return {"busy": busy, "paralyzable": model == "paralyzable", "gain": gain, "read_noise": float(read_noise)}


def _are_whole_numbers(stack: SpectralStack) -> bool:
    """Return whether counts are whole numbers; of a lazy stack the type must say so."""
    if stack.is_lazy or stack.data.dtype.kind in "iu":
        return bool(stack.data.dtype.kind in "iu")
    some = stack.data[len(stack.data) // 2]
    return np.array_equal(some, np.round(some), equal_nan=True)


def _corrected(
    images: Any, dead_time: float, model: Model, seconds: Any, dark_rate: float, progress: Progress | None
) -> Any:
    """Return images (F, ...) corrected; lazily where they are lazy."""
    times = np.asarray(seconds, dtype=np.float64)
    times = np.broadcast_to(times if times.shape == images.shape[:1] else times.mean(), len(images))

    def correct(block: Block, frames: slice, pixels: slice) -> Float32Array:
        own = times[frames][:, None]
        return np.asarray(photons_of(block, 1e-6 * dead_time / own, model) - dark_rate * own, dtype=np.float32)

    return blocks.transform_frames(correct, images, progress=progress, message="dead time")


def _told(stack: SpectralStack, data: Any, dead_time: float, model: Model, seconds: Any) -> list[str]:
    """Say what was not corrected, how many counts no rate explains, and whether much was missed."""
    told = ["I0 in the metadata was not corrected for dead time"] if stack.corrections.i0 is not None else []
    if stack.is_lazy:
        limit = most_busy(model) * float(np.min(seconds)) / max(1e-6 * dead_time, 1e-300)
        above = (
            f"counts above {limit:.4g} in a pixel are more than this dead time allows and become NaN when they are read"
        )
        return [*told, above] if dead_time else told
    lost = int(np.count_nonzero(np.isnan(data) & np.isfinite(stack.data)))
    too_many = [f"{lost} counts are larger than this dead time allows and became NaN: is the dead time too long?"]
    share = 1e-6 * dead_time / np.asarray(seconds, dtype=np.float64)
    share = np.broadcast_to(share if share.shape == stack.energy.shape else share.mean(), stack.energy.shape)
    with np.errstate(invalid="ignore"):
        busiest = max(
            float(np.nanmax(frame, initial=0.0)) * part for frame, part in zip(stack.data, share, strict=True)
        )
    limited = np.array([min(busiest, most_busy(model) - 1e-6)])
    factor = float((photons_of(limited, 1.0, model) / np.maximum(limited, 1e-300))[0]) if busiest > 0 else 1.0
    much = f"the correction of the dead time is up to a factor of {factor:.2g}: its error is that of the dead time"
    return told + (too_many if lost else []) + ([much] if factor > _UNCERTAIN else [])
