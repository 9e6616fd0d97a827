"""Counts that a detector missed while it was busy with the photon before."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method, with_warnings
from napari_xanes.stack import SpectralStack

Model = Literal["non-paralyzable", "paralyzable"]

_MOST_BUSY = 0.9
"""A non-paralyzable detector that was busy for a larger share of the time tells next to nothing of the rate."""

_UNCERTAIN = 1.5
"""Counts that grow by more than this factor are told: their error is that of the dead time."""


@method(looks_at="frame")
def correct_dead_time(
    stack: SpectralStack,
    /,
    *,
    dead_time: Annotated[float, Param(ge=0, le=1e6, unit="µs", label="dead time")] = 0.1,
    model: Model = "non-paralyzable",
    exposure: Annotated[float | None, Param(ge=0, unit="s", auto="from the metadata")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Give back the counts that a photon counter missed while it was busy with the photon before.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts of a detector that counts photons one by one, nothing subtracted.
    dead_time : float
        Time in µs for which the detector is busy with a photon.
    model : {"non-paralyzable", "paralyzable"}
        Whether a photon that comes in the dead time is missed, or also begins a new dead time.
    exposure : float, optional
        Time in s in which the counts of a pixel were counted; by default that of the metadata.

    Returns
    -------
    SpectralStack
        float32. Flats in the metadata are corrected in the same way, with their own exposure; a spectrum of I0 is not,
        because another detector may have measured it, and a warning says so. Counts that no rate explains become NaN,
        and a warning says how many (not of a lazy stack).

    Raises
    ------
    ValueError
        If the stack does not hold counts, or no exposure is known.

    Notes
    -----
    With n photons in the exposure T, a dead time t, and m counted: ``m = n / (1 + n t / T)`` if the detector is not
    paralyzable, ``m = n exp(-n t / T)`` if it is; then the smaller of two solutions is taken (Knoll, Radiation
    Detection and Measurement, chapter 4). The noise of the result is larger than that
    of n counted photons, by the root of ``1 + n t / T`` if the detector is not paralyzable (theory of renewals); steps
    that follow take it for that of n photons.

    Examples
    --------
    >>> stack = SpectralStack(np.full((2, 1, 1), 900.0), [700, 710], metadata={"exposure": 0.001})
    >>> correct_dead_time(stack, dead_time=0.1).data.ravel().round(1)
    array([989., 989.], dtype=float32)
    """
    if stack.quantity != "counts":
        raise ValueError(
            f"correct_dead_time needs counts, but {stack.name!r} holds {stack.quantity.replace('_', ' ')}: "
            "run it before optical_depth"
        )
    seconds = stack.corrections.exposure if exposure is None else exposure
    if seconds is None or not np.all(np.asarray(seconds) > 0):
        raise ValueError(f"{stack.name!r} has no exposure time; give exposure, in s for each pixel and energy")
    data = _corrected(stack.data, dead_time, model, seconds, progress)
    metadata = dict(stack.metadata)
    flat, flat_seconds = stack.corrections.flat, stack.corrections.flat_exposure
    if flat is not None:
        images = flat if flat.ndim == len(stack.shape) else flat[None]
        times = seconds if flat_seconds is None else flat_seconds
        metadata["flat"] = _corrected(images, dead_time, model, times, None).reshape(flat.shape)
    return stack.with_data(data, metadata=with_warnings(metadata, _told(stack, data)))


def _corrected(images: Any, dead_time: float, model: Model, seconds: Any, progress: Progress | None) -> Any:
    """Return images (F, ...) corrected; lazily where they are lazy."""
    times = np.asarray(seconds, dtype=np.float64)
    share = 1e-6 * dead_time / np.broadcast_to(times if times.shape == images.shape[:1] else times.mean(), len(images))

    def correct(block: Block, frames: slice, pixels: slice) -> Float32Array:
        return _photons(block, share[frames][:, None], model)

    return blocks.transform_frames(correct, images, progress=progress, message="dead time")


def _photons(counts: Any, share: Any, model: Model) -> Float32Array:
    """Return the photons behind counts; `share` is the dead time over the exposure."""
    from scipy.special import lambertw

    counted = np.asarray(counts, dtype=np.float64)
    busy = counted * share
    with np.errstate(divide="ignore", invalid="ignore"):
        if model == "non-paralyzable":
            photons = np.where(busy < _MOST_BUSY, counted / (1 - busy), np.nan)
        else:
            solved = np.where(busy <= np.exp(-1), -lambertw(-busy).real / share, np.nan)
            photons = np.where(share > 0, solved, counted)
    return np.asarray(photons, dtype=np.float32)


def _told(stack: SpectralStack, data: Any) -> list[str]:
    """Say what was not corrected, how many counts no rate explains, and whether much was missed."""
    told = ["I0 in the metadata was not corrected for dead time"] if stack.corrections.i0 is not None else []
    if stack.is_lazy:
        return told
    lost = int(np.count_nonzero(np.isnan(data) & np.isfinite(stack.data)))
    too_many = [f"{lost} counts are larger than this dead time allows and became NaN: is the dead time too long?"]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = float(np.nanmax(data / stack.data, initial=1.0, where=stack.data > 0))
    much = f"the correction of the dead time is up to a factor of {factor:.2g}: its error is that of the dead time"
    return told + (too_many if lost else []) + ([much] if factor > _UNCERTAIN else [])
