"""Align the frames of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Float32Array
from napari_xanes.alignment import Alignment
from napari_xanes.alignment_grid import binning_of
from napari_xanes.arguments import Region, Shifts, as_mask
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.ops.alignment_choices import fitting_shifts, frame_at, require_own, spectra_of
from napari_xanes.ops.alignment_models import with_model
from napari_xanes.ops.alignment_volumes import LEAST_DEPTH, Box, images, in_three_dimensions, slice_by_slice
from napari_xanes.ops.moved_frames import gains, moved, resampled
from napari_xanes.ops.moved_lines import gains_of_lines, moved_lines, with_lines
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.reference_arguments import load_references
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.registration.estimation import Estimate, Frames
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.methods import estimate_by
from napari_xanes.registration.report import sentences, warnings_of
from napari_xanes.registration.spoiled_pixels import Fill, estimate_around
from napari_xanes.registry import estimated
from napari_xanes.registry import method as operation
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_LEAST_SIZE = 16
"""Height and width, in pixels, below which an image shows too little."""

_NORMALIZED = (
    "the stack is normalized: frames below the edge hold noise only, those above it the same everywhere, so shifts can "
    "be off by many times their errors; align before normalizing"
)

OptionalReferences = Annotated[
    Any,
    BeforeValidator(lambda value: None if value is None else load_references(value)),
    # Spectra that describe another sample give shifts that look right: the user must mean them.
    Param(kind="references", files=True, auto="leading spectra of the stack", on_request=True),
]
"""A list of Spectrum, or None."""


# All cores work on blocks of frames or of frequencies: threads of matrix products would wait for each other.
@single_threaded_blas()
def _fit(
    stack: SpectralStack, *, shifts: Alignment | None, progress: Progress | None = None, **given: Any
) -> Mapping[str, Any]:
    """Find the shifts, unless they are given, and keep which pixels they are counted in."""
    _require_absorption(stack)
    if shifts is None:
        found = _found(stack, **given, progress=progress)
        found = replace(found, report=f"{found.report}\n{_NORMALIZED}") if stack.quantity == "normalized" else found
    else:
        found = fitting_shifts(stack, shifts)
    pixel_size, binning = stack.pixel_size or found.pixel_size, binning_of(stack.metadata)
    shape = (stack.shape[-2], stack.shape[-1])
    return {"shifts": replace(found, image_shape=shape, pixel_size=pixel_size, binning=binning)}


def _found(
    stack: SpectralStack,
    *,
    method: str,
    model: str,
    volume: str,
    references: list[Spectrum] | None,
    reference_energy: float | None,
    scan_lines: str,
    farthest_move: float | None,
    region: Any,
    progress: Progress | None = None,
) -> Alignment:
    """Find the shifts."""
    shape = stack.shape[-2:]
    if stack.energy.size < 2:
        raise ValueError(f"{stack.name!r} has a single frame; there is nothing to align it to")
    box = _box(region, stack)
    size = min(box[1] - box[0], box[3] - box[2]) if box else min(shape)
    if size < _LEAST_SIZE:
        raise ValueError(
            f"shifts can't be found in {'a region' if box else 'images'} {size} pixels wide; "
            f"{_LEAST_SIZE} are the least: give them by shifts=..."
        )
    columns = scan_lines == "columns"
    own = {"references": references, "reference_energy": reference_energy, "farthest_move": farthest_move}
    require_own(method, **own, scan_lines=scan_lines)
    spectra = None if references is None else spectra_of(stack, references)
    frame = None if reference_energy is None else frame_at(stack, reference_energy)

    by_method = partial(estimate_by, method, spectra=spectra, frame=frame, columns=columns)

    def find_with_fill(
        frames: Frames, shape: tuple[int, int], box: Box | None, progress: Progress | None
    ) -> tuple[Estimate, Fill]:
        def once(whole: Frames, inside: Box | None = None) -> Estimate:
            return by_method(whole, stack.energy.size, shape, box=box or inside, progress=progress)[0]

        return estimate_around(frames, once)

    def find(frames: Frames, shape: tuple[int, int], box: Box | None, progress: Progress | None) -> Estimate:
        return find_with_fill(frames, shape, box, progress)[0]

    if method in ("lines", "tracked region"):
        if model != "translation" or volume == "slice by slice":
            raise ValueError(f"method={method!r} finds shifts in the plane only: leave out model and volume")
        flat_shape = (shape[0], shape[1])
        whole = by_method(
            lambda: map(filled, images(stack)),
            stack.energy.size,
            flat_shape,
            box=box,
            read=lambda i: filled(next(iter(images(stack.isel(slice(i, i + 1)))))),
            farthest=farthest_move,
            progress=progress,
        )
        return with_lines(_alignment(stack, whole[0]), whole[1], columns=columns)
    is_volume = len(stack.shape) == 4
    if is_volume and volume == "slice by slice":
        if model != "translation":
            raise ValueError(f"slice by slice, shifts are found only: model={model!r} needs volume='in the plane'")
        return slice_by_slice(stack, find, _alignment, box, progress)
    deep = is_volume and volume == "as a whole" and model == "translation" and stack.shape[1] >= LEAST_DEPTH
    share = 0.4 if deep or model != "translation" else 1.0
    found, fill = find_with_fill(lambda: images(stack), (shape[0], shape[1]), box, part(progress, 0.0, share))
    rest = part(progress, share, 1.0)

    def whole_images(some: SpectralStack) -> Iterator[Float32Array]:
        return fill.into(images(some), np.searchsorted(stack.energy, some.energy).tolist())

    flat = with_model(stack, found, model, _alignment, whole_images, spectra=spectra, box=box, progress=rest)
    return in_three_dimensions(stack, find, _alignment, flat, box, rest) if deep else flat


def _require_absorption(stack: SpectralStack) -> None:
    if stack.quantity in ("counts", "transmission"):
        raise ValueError(
            f"align needs optical depth, but {stack.name!r} holds {stack.quantity}: run optical_depth first, because "
            "flats and bad pixels stay with the detector when the sample moves"
        )


def _box(region: Any, stack: SpectralStack) -> tuple[int, int, int, int] | None:
    """Return the smallest box around a region."""
    if region is None:
        return None
    where = np.argwhere(as_mask(region, stack.shape[1:]))[:, -2:]
    (y0, x0), (y1, x1) = where.min(axis=0).tolist(), where.max(axis=0).tolist()
    return y0, y1 + 1, x0, x1 + 1


def _alignment(stack: SpectralStack, found: Estimate) -> Alignment:
    """Return what was found as the state of the step."""
    usual = np.nanmedian(found.residual)
    outliers = ~found.found | (np.nan_to_num(found.residual, nan=np.inf) > 2 * max(usual, 1.0))
    if found.copies is not None:
        outliers |= found.copies
    return Alignment(
        found.shifts,
        found.sigma,
        found.residual,
        outliers,
        stack.energy,
        report=sentences(stack.energy, found, outliers, stack.shape[-2:]),
    )


@operation(looks_at="neighbours", fit=_fit)
def align(
    stack: SpectralStack,
    /,
    *,
    method: Literal["joint", "pairwise", "reference", "tracked region", "lines"] = "joint",
    model: Literal["translation", "translation + magnification", "affine"] = "translation",
    volume: Literal["as a whole", "in the plane", "slice by slice"] = "as a whole",
    references: OptionalReferences = None,
    reference_energy: Annotated[float | None, Param(unit="eV", auto="the frame that tells most")] = None,
    scan_lines: Literal["rows", "columns"] = "rows",
    farthest_move: Annotated[float | None, Param(unit="pixels", ge=1, auto="a quarter of the region")] = None,
    region: Region = None,
    shifts: Shifts = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Align the frames of a sample that drifts, with an error for each shift.

    By default all shifts are found at once: the stack is taken as a few spectra times maps that move, and a pattern
    that stays with the detector. So frames of inverted or of weak contrast are aligned, too.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized. Counts become optical depth first, because flats stay with the
        detector.
    method : {"joint", "pairwise", "reference", "tracked region", "lines"}
        How the shifts are found. "joint": all at once, as above. "pairwise": by correlations of all pairs of frames and
        least squares, for samples that change so much that no few spectra describe them. "reference": by correlation of
        each frame with one of them, which is quick, and plain where all frames look alike. "tracked region": a region
        is followed from frame to frame, while other things move elsewhere. Patterns that stay with the detector hold
        frames in these three. "lines": as "joint", and then each scan line is shifted along itself by up to 3 pixels,
        on top of its frame, where lines jitter.
    model : {"translation", "translation + magnification", "affine"}
        What frames do: they are shifted; they are magnified, too, each by a factor of its own, as by a zone plate; or
        they are also turned and sheared. A warning says if shifts alone do not do.
    volume : {"as a whole", "in the plane", "slice by slice"}
        How a volume (E, Z, Y, X) moves: along z, too, where it has 16 slices or more and a shift along z is seen (with
        the model "translation"); all slices by the same (dy, dx); or each slice by its own.
    references : list of Spectrum, optional
        For "joint" and "lines": spectra of what the sample holds; a constant is added. By default the leading spectra
        of the stack.
    reference_energy : float, optional
        For "reference": the energy in eV of the frame with which the others are compared; for "tracked region": of
        the one in which the region was drawn. By default the one whose
        structures stand out most from its noise, unless it shows something else than most frames do.
    scan_lines : {"rows", "columns"}
        For "lines": what the scan runs along. A line tells its shift along itself only.
    farthest_move : float, optional
        For "tracked region": by how many pixels the region may move from one frame to the next.
    region : box (y0, y1, x0, x1) in pixels, or mask of shape (Y, X), optional
        Part of the image in which the shifts are found, or which is followed: the smallest box around it. By default
        the whole image.
    shifts : list of pairs (dy, dx), Alignment, or path of a CSV file, optional
        Known shifts in pixels: where the content of each frame lies relative to the common grid. An Alignment and a
        CSV file may also hold magnifications or matrices.

    Returns
    -------
    SpectralStack
        float32; NaN where a frame does not reach, and around pixels without a value. ``metadata["align"]`` holds
        `shifts`, `sigma`, `residual`, `outliers`, a `report`; `magnification` or `matrix` where the model has them, and
        `line_shifts` if lines jitter (see `Alignment`);
        ``metadata["covariance_length_pixels"]`` says over how many pixels noise is shared after resampling.

    Raises
    ------
    ValueError
        If the stack holds counts or transmission, has a single frame, a frame without a finite value, or images of
        fewer than 16 pixels; if no two frames show the same; if a parameter is missing, or belongs to another method;
        or if the given shifts do not fit the frames or are larger than the image.

    Examples
    --------
    >>> data = np.tile(np.arange(5, dtype=np.float32), (2, 4, 1))
    >>> aligned = align(SpectralStack(data, [700, 710], "optical_depth"), shifts=[(0, 0), (0, 1)])
    >>> aligned.data[:, 0].tolist()
    [[0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, nan]]
    """
    _require_absorption(stack)
    found = fitting_shifts(stack, estimated("shifts", shifts))
    shape = (stack.shape[-2], stack.shape[-1])
    if found.stretches:
        center = (np.array(shape) - 1) / 2 if found.center is None else found.center
        found = replace(found, center=center)
    by_line = found.line_shifts is not None
    data = (moved_lines if by_line else moved)(stack.data, found, progress)
    gain = gains_of_lines(found) if by_line else gains(found, shape)
    length = float(np.hypot(np.sqrt(np.mean(1 / gain)), float(stack.metadata.get(COVARIANCE_LENGTH, 1.0)) - 1.0))
    found = replace(found, energy=stack.energy, correlation=length, image_shape=shape)
    told = [*stack.metadata.get("warnings", ())]
    told += [text for text in (f"align: {line}" for line in warnings_of(found.report)) if text not in told]
    metadata: dict[str, Any] = {"align": found, COVARIANCE_LENGTH: length, "warnings": told}
    noise, filled = stack.noise, stack.filled
    if filled is not None:
        metadata["filled"] = filled.moved(found.shifts)
    if isinstance(noise, PhotonNoise):
        metadata["noise"] = resampled(noise, gain, found, shape)
    if isinstance(noise, AmountNoise):
        metadata["noise"] = None
    return stack.with_data(data, metadata=metadata)
