"""A beam whose brightness changes from frame to frame, as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, BoolArray, Float32Array, Float64Array
from napari_xanes.arguments import Region, as_mask
from napari_xanes.computing import frames_of
from napari_xanes.ops.empty_area import empty_area
from napari_xanes.ops.flats import dark_counts, incident
from napari_xanes.ops.i0_checks import edge_in_i0
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import estimated, method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

By = Literal["empty area", "ring current"]

_MOST_ABSORBED = 0.1
"""An area that transmits this much less, or more, than all is not taken for empty unasked."""

_CLEAR = 2.0
"""The beam changed if its values scatter so many times more than their noise."""


def _fit(
    stack: SpectralStack, *, by: By, region: Any, factors: Any, progress: Progress | None = None
) -> Mapping[str, Any]:
    """Measure the brightness of the beam in each frame."""
    _require_counts(stack)
    if factors is not None:
        return {"factors": _checked(stack, factors)}
    if by == "ring current":
        return {"factors": _of_ring_current(stack).tolist()}
    return {"factors": _of_empty_area(stack, region, progress).tolist()}


def _require_counts(stack: SpectralStack) -> None:
    if stack.quantity not in ("counts", "transmission"):
        raise ValueError(
            f"correct_beam needs counts or transmission, but {stack.name!r} holds {stack.quantity.replace('_', ' ')}: "
            "run it before optical_depth"
        )


def _checked(stack: SpectralStack, factors: Any) -> list[float]:
    """Return given factors if they are positive, and one per frame."""
    values = np.asarray(factors, dtype=np.float64)
    if values.shape != stack.energy.shape:
        raise ValueError(
            f"factors: {values.size} numbers for the {stack.energy.size} frames of {stack.name!r}; give one for each"
        )
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"factors: {values[~(values > 0)][:1]} is no brightness of a beam; all must be above 0")
    return values.tolist()  # type: ignore[no-any-return]


def _of_ring_current(stack: SpectralStack) -> Float64Array:
    """Return the ring current over its median."""
    current = stack.corrections.ring_current
    if current is None:
        raise ValueError(f"{stack.name!r} has no ring current in its metadata; take by='empty area'")
    values = np.broadcast_to(np.asarray(current, dtype=np.float64), stack.energy.shape)
    dead = ~(values > 0)
    if dead.any():
        i = int(np.argmax(dead))
        raise ValueError(
            f"the ring current at {stack.energy[i]:g} eV is {values[i]:g}: there was no beam, or it was not recorded; "
            "drop this frame with drop_frames, or take by='empty area'"
        )
    return np.asarray(values / np.median(values))


def _of_empty_area(stack: SpectralStack, region: Any, progress: Progress | None) -> Float64Array:
    """Return the transmission of an area without sample over its median; 1 where it is steady within its noise."""
    transmitted = transmission(stack, part(progress, 0.0, 0.4))
    if region is None:
        empty = empty_area(transmitted, progress=part(progress, 0.4, 0.7))
    else:
        empty = as_mask(region, stack.shape[1:])
    means, noise, others = _means(transmitted, empty)
    level = float(np.median(means))
    if region is None and stack.corrections.flat is not None and abs(level - 1) > _MOST_ABSORBED:
        raise ValueError(
            f"{stack.name!r}: the brightest part of the image transmits {level:.0%}, so it may hold sample; give "
            "region, an area without sample"
        )
    if not np.median(means) > np.median(others):
        raise ValueError(
            f"{stack.name!r}: the area is not brighter than the rest of the image, so it holds sample, and dividing by "
            "it would remove absorption; give region, an area without sample"
        )
    edge = edge_in_i0(stack.energy, means, others)
    if edge is not None:
        raise ValueError(
            f"{stack.name!r}: the area shows the sample's edge at {edge[0]:.0f} eV, and dividing by it would remove "
            "absorption; give region, an area without sample"
        )
    factors = means / level
    return factors if factors.std() > _CLEAR * noise / level else np.ones_like(factors)


def transmission(stack: SpectralStack, progress: Progress | None) -> SpectralStack:
    """Return the counts over the incident ones, of the flats or of an I0."""
    if stack.quantity == "transmission":
        return stack
    corrections = stack.corrections
    if corrections.flat is None and corrections.i0 is None:
        raise ValueError(
            f"{stack.name!r} has neither flats nor an I0: optical_depth takes I0 from the empty area, frame by frame, "
            "and needs no correction of the beam"
        )
    i0 = "flat" if corrections.flat is not None else Spectrum("I0", stack.energy, corrections.i0)
    dark, i0_of = dark_counts(stack), incident(stack, i0)

    def divide(block: Block, frames: slice, pixels: slice) -> Float32Array:
        with np.errstate(all="ignore"):
            return np.asarray((block - dark(frames, pixels)) / i0_of(frames, pixels), dtype=np.float32)

    data = blocks.transform_frames(divide, stack.data, progress=progress, message="transmission")
    return SpectralStack(data, stack.energy, "transmission", metadata={"name": stack.name})


def _means(stack: SpectralStack, empty: BoolArray) -> tuple[Float64Array, float, Float64Array]:
    """Return the means (E,) inside a mask, their usual noise, and the means outside."""
    inside, noise, outside = np.empty(stack.energy.size), np.empty(stack.energy.size), np.empty(stack.energy.size)
    for i, frame in enumerate(frames_of(stack.data)):
        values = frame.astype(np.float64, copy=False)
        finite = np.isfinite(values)
        chosen, others = values[empty & finite], values[~empty & finite]
        if not chosen.size:
            raise ValueError(
                f"the area without sample holds no finite value in frame {i} ({stack.energy[i]:.1f} eV); "
                "choose another area, or drop the frame with drop_frames"
            )
        inside[i], noise[i] = chosen.mean(), chosen.std() / np.sqrt(chosen.size)
        outside[i] = others.mean() if others.size else np.nan
    return inside, float(np.median(noise)), outside


@method(looks_at="frame", fit=_fit)
def correct_beam(
    stack: SpectralStack,
    /,
    *,
    by: By = "empty area",
    region: Annotated[Region, Param(kind="region", label="area without sample", auto="the brightest part")] = None,
    factors: Annotated[list[float] | None, Param(label="beam per frame", unit="1", auto="measured")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Divide each frame by the brightness of the beam while it was taken, where flats or I0 do not know it.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts with flats or an I0, or transmission.
    by : {"empty area", "ring current"}
        What shows the beam: the transmission of an area without sample, or the ring current of the metadata.
    region : mask or box (y0, y1, x0, x1), optional
        The area without sample; by default the brightest pixels, if these transmit 90 to 110 %.
    factors : list of float, optional
        Known brightness of the beam in each frame, in any unit.

    Returns
    -------
    SpectralStack
        float32, the same quantity; counts above the dark are divided by the brightness, which is 1 in the median.
        ``metadata["notes"]`` says how much the beam varied.

    Raises
    ------
    ValueError
        If the stack holds something else, or has no flats, I0 or ring current where they are needed; if the area shows
        the sample's edge or absorbs; or if a brightness is not positive.

    Notes
    -----
    Absorption stays: an area that shows the edge is refused, and a beam that is steady within the noise of its mean is
    left alone. Flats that were taken one by one have a beam of their own; the ring current of the metadata is that of
    the sample, so prefer the empty area then. The noise of the factors and the change of the gain by them are not
    carried on; both are small where the area is large and the beam changes by percents.

    Examples
    --------
    >>> stack = SpectralStack(np.array([[[90.0]], [[110.0]], [[100.0]]]), [700, 710, 720], "counts")
    >>> correct_beam(stack, factors=[0.9, 1.1, 1.0]).data.ravel()
    array([100., 100., 100.], dtype=float32)
    """
    _require_counts(stack)
    beam = np.asarray(_checked(stack, estimated("factors", factors)), dtype=np.float32)
    dark = dark_counts(stack) if stack.quantity == "counts" else lambda frames, pixels: np.float32(0)

    def divide(block: Block, frames: slice, pixels: slice) -> Float32Array:
        none = dark(frames, pixels)
        return np.asarray(none + (block - none) / beam[frames][:, None], dtype=np.float32)

    data = blocks.transform_frames(divide, stack.data, progress=progress, message="beam")
    return stack.with_data(data, metadata={"notes": [*stack.metadata.get("notes", ()), _words(stack, beam)]})


def _words(stack: SpectralStack, beam: Float32Array) -> str:
    """Say how much the beam varied."""
    away = np.abs(beam / np.median(beam) - 1)
    if not away.any():
        return "the beam was steady within the noise of its brightness: no frame was changed"
    i = int(np.argmax(away))
    return (
        f"the beam varied by {np.sqrt(np.mean(away**2)):.2%} (root mean square), most at {stack.energy[i]:g} eV "
        f"({beam[i] / np.median(beam) - 1:+.1%}): frames were divided by it"
    )
