"""Align the frames of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.arguments import Region, Shifts, as_mask, load_references
from napari_xanes.blocks import on_threads
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.ops.alignment_choices import frame_at, require_own, spectra_of
from napari_xanes.ops.moved_lines import gains_of_lines, moved_lines, require_lines_fit, with_lines
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.registration.estimation import Estimate
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.methods import estimate_by
from napari_xanes.registration.report import sentences, warnings_of
from napari_xanes.registration.resampling import moved_back, noise_gain
from napari_xanes.registry import estimated
from napari_xanes.registry import method as operation
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_LEAST_SIZE = 16
"""Height and width, in pixels, below which an image shows too little."""

_SHARED = 0.5
"""Drift in pixels beyond which the noise of a flat is another one at each energy."""

OptionalReferences = Annotated[
    Any,
    BeforeValidator(lambda value: None if value is None else load_references(value)),
    Param(kind="references", files=True, auto="leading spectra of the stack"),
]
"""A list of Spectrum, or None."""


def _fit(
    stack: SpectralStack,
    *,
    method: str,
    references: list[Spectrum] | None,
    reference_energy: float | None,
    scan_lines: str,
    farthest_move: float | None,
    region: Any,
    shifts: Alignment | None,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """Find the shifts, unless they are given."""
    _require_absorption(stack)
    if shifts is not None:
        return {"shifts": _fitting(stack, shifts)}
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
    found, lines = estimate_by(
        method,
        lambda: _images(stack),
        stack.energy.size,
        (shape[0], shape[1]),
        spectra=None if references is None else spectra_of(stack, references),
        frame=None if reference_energy is None else frame_at(stack, reference_energy),
        columns=columns,
        box=box,
        read=lambda i: _image(stack, stack.data[i]),
        farthest=farthest_move,
        progress=progress,
    )
    return {"shifts": with_lines(_alignment(stack, found), lines, columns=columns)}


def _require_absorption(stack: SpectralStack) -> None:
    if stack.quantity in ("counts", "transmission"):
        raise ValueError(
            f"align needs optical depth, but {stack.name!r} holds {stack.quantity}: run optical_depth first, because "
            "flats and bad pixels stay with the detector when the sample moves"
        )


def _fitting(stack: SpectralStack, shifts: Alignment) -> Alignment:
    """Return given shifts if there is one per frame."""
    if len(shifts.shifts) != stack.energy.size:
        raise ValueError(f"{len(shifts.shifts)} shifts for the {stack.energy.size} frames of {stack.name!r}")
    beyond = (np.abs(shifts.shifts) >= stack.shape[-2:]).any(axis=1)
    if beyond.any():
        i = int(np.argmax(beyond))
        dy, dx = shifts.shifts[i]
        raise ValueError(
            f"the shift of frame {i} is ({dy:g}, {dx:g}) pixels, more than the image of {stack.shape[-2]} x "
            f"{stack.shape[-1]} pixels: nothing would be left of this frame; shifts are pairs (dy, dx) in pixels"
        )
    require_lines_fit(shifts, stack.shape)
    energy = shifts.energy
    if energy is not None and not np.allclose(energy, stack.energy, rtol=0, atol=0.5 * _step(stack.energy)):
        i = int(np.argmax(np.abs(energy - stack.energy)))
        raise ValueError(
            f"the shift of frame {i} was found at {energy[i]:g} eV, but this frame of {stack.name!r} was taken at "
            f"{stack.energy[i]:g} eV"
        )
    return shifts


def _step(energy: Float64Array) -> float:
    return float(np.diff(energy).min()) if energy.size > 1 else np.inf


def _box(region: Any, stack: SpectralStack) -> tuple[int, int, int, int] | None:
    """Return the smallest box around a region."""
    if region is None:
        return None
    where = np.argwhere(as_mask(region, stack.shape[1:]))[:, -2:]
    (y0, x0), (y1, x1) = where.min(axis=0).tolist(), where.max(axis=0).tolist()
    return y0, y1 + 1, x0, x1 + 1


def _images(stack: SpectralStack) -> Iterator[Float32Array]:
    """Yield the frames, of a volume the means of their slices, with missing values replaced."""
    return (_image(stack, frame) for frame in stack.data)


def _image(stack: SpectralStack, frame: Any) -> Float32Array:
    values = np.asarray(frame, dtype=np.float32)
    if not np.isfinite(values).any():
        raise_if_frame_empty(stack)
    if values.ndim == 3:
        with np.errstate(invalid="ignore"):
            count = np.isfinite(values).sum(axis=0)
            values = np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
    return filled(values)


def _alignment(stack: SpectralStack, found: Estimate) -> Alignment:
    """Return what was found as the state of the step."""
    usual = np.nanmedian(found.residual)
    outliers = ~found.found | (np.nan_to_num(found.residual, nan=np.inf) > 2 * max(usual, 1.0))
    return Alignment(
        found.shifts,
        found.sigma,
        found.residual,
        outliers,
        stack.energy,
        report=sentences(stack.energy, found, outliers),
    )


@operation(looks_at="neighbours", fit=_fit)
def align(
    stack: SpectralStack,
    /,
    *,
    method: Literal["joint", "pairwise", "reference", "tracked region", "lines"] = "joint",
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
        detector. All slices of a volume move together.
    method : {"joint", "pairwise", "reference", "tracked region", "lines"}
        How the shifts are found: "joint" all at once, as above; "pairwise" by correlations of all pairs of frames and
        least squares, for samples that change so much that no few spectra describe them; "reference" by correlation of
        each frame with one of them, which is quick, and plain where all frames look alike; "tracked region" follows a
        region from frame to frame, while other things move elsewhere. Patterns that stay with the detector hold frames
        in these three. "lines" as "joint", and then a shift for each scan line along itself, of up
        to 3 pixels, on top of that of its frame, where lines jitter.
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
        Known shifts in pixels: where the content of each frame lies relative to the common grid.

    Returns
    -------
    SpectralStack
        float32; NaN where a frame does not reach, and around pixels without a value. ``metadata["align"]`` holds
        `shifts`, `sigma`, `residual`, `outliers`, a `report`, and `line_shifts` if lines jitter (see `Alignment`);
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
    found = _fitting(stack, estimated("shifts", shifts))
    by_line = found.line_shifts is not None
    data = moved_lines(stack.data, found, progress) if by_line else _moved(stack.data, found.shifts, progress)
    gain = gains_of_lines(found) if by_line else np.array([noise_gain(shift) for shift in found.shifts])
    length = float(np.hypot(np.sqrt(np.mean(1 / gain)), float(stack.metadata.get(COVARIANCE_LENGTH, 1.0)) - 1.0))
    found = replace(found, energy=stack.energy, correlation=length)
    told = [*stack.metadata.get("warnings", ())]
    told += [text for text in (f"align: {line}" for line in warnings_of(found.report)) if text not in told]
    metadata: dict[str, Any] = {"align": found, COVARIANCE_LENGTH: length, "warnings": told}
    noise = stack.noise
    if isinstance(noise, PhotonNoise):
        metadata["noise"] = _resampled(noise, gain, found.shifts)
    if isinstance(noise, AmountNoise):
        metadata["noise"] = None
    return stack.with_data(data, metadata=metadata)


def _resampled(noise: PhotonNoise, gain: Float64Array, shifts: Float64Array) -> PhotonNoise:
    """Return the photon noise of frames whose noise has `gain` (E,) times the variance.

    The noise of a flat that energies share moves over the sample with the drift, so that it is another one at each
    energy.
    """
    changed = replace(noise, variance_factor=gain if noise.variance_factor is None else gain * noise.variance_factor)
    if noise.flats is None or np.sqrt((shifts**2).mean()) < _SHARED:
        return changed
    return replace(
        changed, flats=None, flat_exposure=noise.flat_exposure if noise.beam is None else 1 / np.asarray(noise.beam)
    )


def _moved(data: Any, shifts: Float64Array, progress: Progress | None) -> Any:
    """Return all frames on the common grid; lazily, frame by frame, where the stack is lazy."""
    if not isinstance(data, np.ndarray):
        frames = data.rechunk({0: 1, **dict.fromkeys(range(1, data.ndim), -1)})
        return frames.map_blocks(partial(_moved_block, shifts=shifts), dtype=np.float32)
    out = np.empty(data.shape, np.float32)

    def move(i: int) -> float:
        out[i] = moved_back(data[i], shifts[i])
        return (i + 1) / len(data)

    on_threads(move, range(len(data)), progress=progress, message="moving frames")
    return out


def _moved_block(block: NDArray[Any], shifts: Float64Array, block_info: Any = None) -> Float32Array:
    first, last = block_info[0]["array-location"][0]
    return np.stack([moved_back(frame, shift) for frame, shift in zip(block, shifts[first:last], strict=True)])
