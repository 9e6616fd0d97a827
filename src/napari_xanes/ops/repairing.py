"""Replace wrong values of the detector: zingers, and pixels that are dead, stuck or flicker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from napari_xanes._typing import Block, BoolArray, Float32Array
from napari_xanes.arguments import Region, as_mask
from napari_xanes.blocks import on_threads
from napari_xanes.computing import frames_of
from napari_xanes.corrections import INTERPOLATED
from napari_xanes.edge.stacks import raise_if_frame_empty
from napari_xanes.ops.changes import said_about_changes
from napari_xanes.ops.flats import dark_counts, find_flats
from napari_xanes.ops.frame_filling import checked_frames, interpolated, noise_with, told_about_frames
from napari_xanes.ops.low_rank import fill_by_low_rank, told_about_filling
from napari_xanes.ops.spikes import REACH, Compared, PixelSurvey, compared, dead_in
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import estimated, method, with_warnings
from napari_xanes.stack import SpectralStack

Fill = Literal["neighbours", "low rank", "NaN"]

_FRAMES_AT_ONCE = 8
"""Number of frames of a lazy stack that are read at once."""


def _bad_pixels(
    stack: SpectralStack,
    *,
    pixels: Any,
    threshold: float,
    frames: list[int] | None,
    fill: Fill,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """Find the pixels that are wrong in all frames; slices of a volume share their detector."""
    if stack.energy.size < 3:
        raise ValueError(
            f"{stack.name!r} has {stack.energy.size} energies; wrong values stand out among at least 3, so repair "
            "needs more frames"
        )
    _require_memory(stack, fill)
    spoiled = checked_frames(stack, frames)
    raise_if_frame_empty(stack.isel(np.delete(np.arange(stack.energy.size), spoiled)) if spoiled else stack)
    shape = stack.shape[-2:]
    if pixels is not None:
        return {"pixels": as_mask(pixels, shape)}
    flat, dark = _light(stack)
    survey = PixelSurvey(shape, threshold, dark, stack.quantity)
    slices = 1 if len(stack.shape) == 3 else stack.shape[1]
    for z in range(slices):
        images = stack.data if len(stack.shape) == 3 else stack.data[:, z]
        for i, frame in enumerate(compared(image.astype(np.float32, copy=False) for image in frames_of(images))):
            survey.add(frame)
            if progress is not None:
                progress((z + (i + 1) / len(images)) / slices, "looking for bad pixels")
    bad = survey.bad()
    return {"pixels": bad if flat is None else bad | dead_in(flat, threshold)}


def _light(stack: SpectralStack) -> tuple[Float32Array | None, Float32Array | None]:
    """Return the first flat (Y, X) less its dark, and what the frames are without light; None where it is not known.

    Slices of a volume share their detector: those of the first slice.
    """
    if stack.quantity == "transmission":
        return None, np.zeros(stack.shape[-2:], np.float32)
    if stack.quantity != "counts":
        return None, None
    dark = _first_image(stack, dark_counts(stack)(0, slice(None)))
    if stack.corrections.flat is None:
        return None, dark
    flats = find_flats(stack, "flat")
    return _first_image(stack, flats.frames[0]) - _first_image(stack, flats.dark(0, slice(None))), dark


def _first_image(stack: SpectralStack, values: Any) -> Float32Array:
    """Return the values of a frame, or a number, as an image (Y, X); of a volume the first slice."""
    whole = np.asarray(values, dtype=np.float32)
    frame = whole.reshape(stack.shape[1:]) if whole.size > 1 else np.full(stack.shape[1:], whole, np.float32)
    return frame if frame.ndim == 2 else frame[0]


@method(looks_at="stack", fit=_bad_pixels)
def repair(
    stack: SpectralStack,
    /,
    *,
    threshold: Annotated[float, Param(ge=3, le=100, unit="sigma")] = 6.0,
    pixels: Annotated[Region, Param(kind="region", label="bad pixels", auto="dead, stuck, flickering")] = None,
    fill: Fill = "neighbours",
    missing: Annotated[bool, Param(label="fill missing values")] = False,
    frames: Annotated[list[int] | None, Param(label="frames to interpolate", auto="none")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Replace zingers, and pixels that are dead, stuck or flicker.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity, best the counts: before frames are moved or averaged. Slices of a volume share their detector.
    threshold : float
        By how many sigma of the scatter around it a value must stand out in its image to be replaced.
    pixels : mask or box, optional
        Pixels (Y, X) that are replaced in all frames; found if not given.
    fill : {"neighbours", "low rank", "NaN"}
        What replaces a wrong value. "neighbours": the median around it, plus what the pixel differs from that at the
        energies before and behind. "low rank": what a few spectra of the whole stack give, fitted to the values that
        are left in the pixel; this is best for values that are missing at some energies, and not for lazy stacks, and
        pixels that are wrong in all frames become NaN. "NaN": nothing, so that maps mask the pixel.
    missing : bool
        Whether values that are missing (NaN) are filled, too, where enough values are around them.
    frames : list of int, optional
        Numbers of frames that are dead, repeated or spoiled as a whole, the first is 0: they are interpolated from the
        frames beside them, ``stack.noise`` says so, and maps are made without them. Not of counts, because the beam
        changes from frame to frame. Frames that are dead or repeat the one before are named in a warning.

    Returns
    -------
    SpectralStack
        float32; values that are not replaced are the same. ``metadata["repair"]`` is a `Repair`: it says
        what was done, and how many values were changed in each pixel (``changed``) and in each frame (``per_frame``).
        ``metadata["filled"]`` (`FilledValues`) holds values that were filled in by "low rank"; ``stack.noise`` and
        `fit_references` give them the errors of values that were not measured.

    Raises
    ------
    ValueError
        If there are fewer than three energies, a frame holds no value, the region does not fit, or a frame can't be
        interpolated; for "low rank", if the stack is lazy, or too few pixels have values at all energies.

    Notes
    -----
    A value is replaced only if it stands out in space **and** in energy: it must deviate from what is around it three
    times as much as it, or what touches it, does at the two energies before and the two behind, of which one may hold a
    wrong value itself. So a grain of one pixel stays, if its absorption changes by less than that over two frames. A
    pixel with the same excess at all energies stays as well, because a grain may look like this. Small grains, lines
    and cracks are mistaken for zingers where a white line is one frame wide, and where the image moves by more than a
    pixel from frame to frame; a warning names frames that hold most of the values that were replaced (not of a lazy
    stack). A pixel flickers only if it jumps between most frames by more than the noise of its own photons.

    Examples
    --------
    >>> data = np.random.default_rng(0).normal(1.0, 0.01, (5, 16, 16)).astype(np.float32)
    >>> data[2, 8, 9] = 4.0
    >>> repaired = repair(SpectralStack(data, np.arange(700.0, 705), "optical_depth"))
    >>> repaired.metadata["repair"].text
    ['1 value was replaced, of 1280 (0.00078).']
    """
    if not isinstance(estimated("pixels", pixels), np.ndarray):
        pixels = as_mask(pixels, stack.shape[-2:])
    _require_memory(stack, fill)
    by_model, spoiled = fill == "low rank", checked_frames(stack, frames)
    mend = partial(
        _mended, bad=pixels, threshold=threshold, fill="NaN" if by_model else fill, missing=missing and not by_model
    )
    data = _lazily(mend, stack.data) if stack.is_lazy else _now(mend, stack.data, progress)
    metadata, text = dict(stack.metadata), []
    if by_model:
        holes = np.isnan(data)
        if not missing:
            holes &= np.isfinite(stack.data)
        filling = fill_by_low_rank(data, holes, stack, spoiled)
        text += told_about_filling(stack, filling)
        if filling.filled is not None:
            metadata["filled"] = filling.filled.joined(stack.filled)
    found, told = said_about_changes(stack, pixels, _differs(stack.data, data))
    data, of_frames = interpolated(data, stack.energy, spoiled)
    metadata["repair"] = replace(found, text=[*found.text, *text, *of_frames])
    if spoiled:
        metadata["noise"] = noise_with(stack.noise, stack.energy.size, spoiled)
        metadata[INTERPOLATED] = stack.interpolated | np.isin(np.arange(stack.energy.size), spoiled)
    return stack.with_data(data, metadata=with_warnings(metadata, [*told, *told_about_frames(stack, spoiled)]))


def _require_memory(stack: SpectralStack, fill: Fill) -> None:
    """Refuse to fill a lazy stack by a model of all its energies."""
    if fill == "low rank" and stack.is_lazy:
        size = int(np.prod(stack.shape)) * 4 / 2**30
        raise ValueError(
            f"fill='low rank' fits all energies of a pixel together, and {stack.name!r} stays in its file: crop or bin "
            f"it, read it with a memory_limit above its size (as float32 {size:.2g} GiB), or take fill='neighbours'"
        )


def _mended(frames: Block, bad: BoolArray, threshold: float, fill: Fill, missing: bool) -> Float32Array:
    """Return frames (F, Y, X) or (F, Z, Y, X) with their wrong values replaced."""
    if frames.ndim == 4:
        slices = [_mended(frames[:, z], bad, threshold, fill, missing) for z in range(frames.shape[1])]
        return np.stack(slices, axis=1)
    images = (np.where(bad, np.float32(np.nan), np.asarray(frame, dtype=np.float32)) for frame in frames)
    out = np.empty(frames.shape, dtype=np.float32)
    for i, frame in enumerate(compared(images)):
        wrong = frame.spikes(threshold)
        unknown = np.isnan(frame.image) if missing else bad
        out[i] = frame.image
        out[i][wrong] = _expected(frame)[wrong] if fill == "neighbours" else np.nan
        out[i][unknown] = frame.here.level[unknown] if fill == "neighbours" or missing else np.nan
    return out


def _expected(frame: Compared) -> Float32Array:
    """Return the level plus what each pixel differs from it at the energies before and behind."""
    beside = [other.values for other in (*frame.before[-1:], *frame.behind[:1])]
    expected = frame.here.level.copy()
    for values in beside:
        expected += np.nan_to_num(values) / len(beside)
    return expected


def _now(mend: Callable[[Block], Float32Array], data: Block, progress: Progress | None) -> Float32Array:
    """Return all frames mended, some at a time on several threads."""
    out = np.empty(data.shape, dtype=np.float32)
    starts = range(0, len(data), _FRAMES_AT_ONCE)

    def work(start: int) -> float:
        first, stop = max(start - REACH, 0), min(start + _FRAMES_AT_ONCE, len(data))
        out[start:stop] = mend(data[first : stop + REACH])[start - first : stop - first]
        return stop / len(data)

    on_threads(work, starts, progress=progress, message="replacing wrong values")
    return out


def _lazily(mend: Callable[[Block], Float32Array], data: Any) -> Any:
    """Return all frames as a dask array; a chunk needs the frames before and behind it."""
    import dask.array as da

    chunks = {0: _FRAMES_AT_ONCE, **dict.fromkeys(range(1, data.ndim), -1)}
    return da.map_overlap(  # type: ignore[no-untyped-call]
        mend,
        data.rechunk(chunks),
        depth={0: REACH},
        boundary="none",
        dtype=np.float32,
        meta=np.empty((0,) * data.ndim, np.float32),
    )


def _differs(before: Any, after: Any) -> Any:
    """Return which values were changed; NaN equals NaN."""
    return (before != after) & ((before == before) | (after == after))
