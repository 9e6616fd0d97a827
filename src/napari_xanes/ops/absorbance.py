"""Optical depth from counts or transmission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.arguments import I0, as_mask
from napari_xanes.beam_jumps import told_about_jumps
from napari_xanes.computing import frames_of
from napari_xanes.ops.detector_gain import detector_gain
from napari_xanes.ops.empty_area import empty_area
from napari_xanes.ops.flats import dark_counts, incident
from napari_xanes.ops.i0_checks import told_about_empty_values, told_about_i0, told_about_region
from napari_xanes.ops.photon_noise import photon_noise
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_MOST_PIXELS = 4096
"""Number of pixels that the noise of a mean is taken from."""


def _fit(
    stack: SpectralStack,
    *,
    i0: Any,
    gain: float | None,
    read_noise: float | None,
    progress: Progress | None = None,
) -> Mapping[str, Any]:
    """Return I0 as "flat", a stack of flats, or a spectrum on the stack's energies; and the detector's gain."""
    i0 = _fit_i0(stack, i0, progress)
    known = stack.corrections
    gain = known.gain if gain is None else gain
    read_noise = known.read_noise if read_noise is None else read_noise
    if gain is None and stack.quantity == "counts":
        found = detector_gain(stack, i0)
        if not found.reason:
            gain, read_noise = found.gain, found.read_noise
    return {"i0": i0, "gain": gain, "read_noise": read_noise}


def _fit_i0(stack: SpectralStack, i0: Any, progress: Progress | None) -> Any:
    """Return I0 as "flat", a stack of flats, or a spectrum on the stack's energies."""
    if stack.quantity not in ("counts", "transmission"):
        raise ValueError(
            f"optical_depth needs counts or transmission, but {stack.name!r} holds {stack.quantity.replace('_', ' ')}"
        )
    if isinstance(i0, str) and i0 == "auto":
        i0 = _automatic_i0(stack)
    if isinstance(i0, str) and i0 == "flat" and stack.corrections.flat is None:
        raise ValueError(
            f"{stack.name!r} has no flat frames; give I0 as a spectrum file, a stack of flats, "
            "a brushed region, or 'empty'"
        )
    if isinstance(i0, str) and i0 == "empty":
        i0 = empty_area(stack, progress=part(progress, 0.0, 0.5))
    if isinstance(i0, np.ndarray | tuple):
        i0 = _mean_in(stack, as_mask(i0, stack.shape[1:]), part(progress, 0.5, 1.0))
    if isinstance(i0, Spectrum):
        i0 = _at_energies_of(stack, i0)
    return i0


def _automatic_i0(stack: SpectralStack) -> Any:
    """Choose I0: 1 for transmission, else the flats, the I0 spectrum of the file, or the empty area."""
    if stack.quantity == "transmission":
        return Spectrum("I0", stack.energy, np.ones(stack.energy.size))
    if stack.corrections.flat is not None:
        return "flat"
    if stack.corrections.i0 is not None:
        return Spectrum("I0", stack.energy, stack.corrections.i0)
    return "empty"


def _at_energies_of(stack: SpectralStack, i0: Spectrum) -> Spectrum:
    """Interpolate an I0 spectrum to the stack's energies."""
    values = i0.at(stack.energy)
    if np.isnan(values).any():
        raise ValueError(
            f"I0 {i0.name!r} covers {i0.energy[0]:g} to {i0.energy[-1]:g} eV, the stack {stack.energy[0]:g} to "
            f"{stack.energy[-1]:g} eV; measure I0 over the whole range or crop the stack"
        )
    if (values <= 0).any():
        first = stack.energy[int(np.argmax(values <= 0))]
        raise ValueError(f"I0 {i0.name!r} is not positive at {first:g} eV; choose another I0, or crop the energies")
    sigma = None if i0.sigma is None else np.interp(stack.energy, i0.energy, i0.sigma)
    told = {"warnings": i0.metadata["warnings"]} if "warnings" in i0.metadata else {}
    return Spectrum(i0.name, stack.energy, values, sigma=sigma, metadata=told)


def _mean_in(stack: SpectralStack, mask: BoolArray, progress: Progress | None) -> Spectrum:
    """Average the dark-corrected counts inside a mask, frame by frame; the error is that of the noise.

    The metadata say if the mask holds sample.
    """
    dark = dark_counts(stack)
    flat = mask.ravel()
    n_pixels, n_frames = int(flat.sum()), stack.energy.size
    step = -(-n_pixels // _MOST_PIXELS)
    means, others, relative = np.empty(n_frames), np.empty(n_frames), np.empty((n_frames, -(-n_pixels // step)))
    for i, image in enumerate(frames_of(stack.data)):
        frame = image.ravel().astype(np.float64) - dark(i, slice(None))
        outside = frame[~flat]
        outside = outside[np.isfinite(outside)]
        others[i] = outside.mean() if outside.size else np.nan
        values = frame[flat]
        finite = np.isfinite(values)
        if not finite.any():
            raise ValueError(
                f"the I0 region holds no finite value in frame {i} ({stack.energy[i]:.1f} eV); "
                "choose another region, or drop the frame with drop_frames"
            )
        means[i] = values[finite].mean()
        relative[i] = values[::step]
        if progress is not None:
            progress((i + 1) / n_frames, "I0")
    with np.errstate(all="ignore"):
        relative /= means[:, None]
    sigma = np.abs(means) * _scatter(relative) / np.sqrt(n_pixels)
    told = told_about_region(stack.energy, means, others)
    return Spectrum("I0", stack.energy, means, sigma=sigma, metadata={"warnings": told} if told else {})


def _scatter(relative: Float64Array) -> Float64Array:
    """Return the relative noise (E,) of pixels, from their differences to their own mean over all energies (E, P)."""
    relative = relative[:, np.isfinite(relative).all(axis=0)]
    n_frames, n_pixels = relative.shape
    if n_frames < 2 or n_pixels < 2:
        return np.zeros(n_frames)
    deviations = relative - relative.mean(axis=0)
    result: Float64Array = deviations.std(axis=1, ddof=1) * np.sqrt(n_frames / (n_frames - 1))
    return result


@method(looks_at="frame", fit=_fit)
def optical_depth(
    stack: SpectralStack,
    /,
    *,
    i0: I0 = "auto",
    gain: Annotated[float | None, Param(unit="counts per photon", ge=0, auto="from the counts")] = None,
    read_noise: Annotated[float | None, Param(unit="counts", ge=0, auto="from the counts")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Optical depth, -ln((I - dark) / (I0 - dark)).

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts or transmission, with flats, darks and exposures in its metadata.
    i0 : "auto", "flat", "empty", spectrum, file, stack of flats, mask or box (y0, y1, x0, x1)
        Incident intensity: the flats, an I0 spectrum (in counts, dark subtracted), flats of another file (interpolated
        between their energies, divided by the exposure times where both files have them), or the mean over a region
        without sample. "empty" finds this region. "auto" takes the flats, else the I0 spectrum of the file, else
        "empty"; transmission needs no I0.
    gain : float, optional
        Gain of the detector in counts per photon; by default that of the metadata, else measured by the noise of the
        counts, where it can be. With 0, photons are not counted.
    read_noise : float, optional
        Standard deviation of a frame without light, in counts; by default like `gain`.

    Returns
    -------
    SpectralStack
        float32, quantity "optical_depth"; NaN where the intensity or I0 is not positive. If the gain is known,
        ``metadata["noise"]`` is the `PhotonNoise`, from which estimators compute errors. If the metadata have no
        ``gain``, a line in ``metadata["notes"]`` says which one was used. ``metadata["warnings"]`` say what is wrong
        with I0: an edge of the sample in it, another unit, saturation, jumps of the beam that it does not follow; and
        how many values are NaN.

    Raises
    ------
    ValueError
        If the stack holds neither counts nor transmission; if I0 is absent, not positive or does not cover the
        energies; or if flats and stack differ in shape.

    Examples
    --------
    >>> counts = np.full((2, 1, 1), 50, np.uint16)
    >>> stack = SpectralStack(counts, [8330, 8340], "counts", metadata={"flat": 2 * counts})
    >>> optical_depth(stack).data.ravel().round(3)
    array([0.693, 0.693], dtype=float32)
    """
    dark, i0_of = dark_counts(stack), incident(stack, i0)
    counting, n_empty = not stack.is_lazy, list[IndexArray]()

    def absorb(block: NDArray[Any], frames: slice, pixels: slice) -> Float32Array:
        values = block.astype(np.float32)
        values -= dark(frames, pixels)
        with np.errstate(all="ignore"):
            values /= i0_of(frames, pixels)
            empty = ~(values > 0) | np.isinf(values)
            values[empty] = np.nan
            if counting:
                n_empty.append(np.count_nonzero(empty & np.isfinite(block), axis=1))
            np.log(values, out=values)
        return np.negative(values, out=values)

    data = blocks.transform_frames(absorb, stack.data, progress=progress, message="optical depth")
    told = told_about_i0(stack, i0, data) + told_about_jumps(stack, i0, data)
    told += told_about_empty_values(stack, np.sum(n_empty, axis=0)) if counting else []
    warnings = {"warnings": [*stack.metadata.get("warnings", ()), *told]} if told else {}
    return stack.with_data(data, quantity="optical_depth", metadata=warnings | _noise(stack, i0, gain, read_noise))


def _noise(stack: SpectralStack, i0: Any, gain: float | None, read_noise: float | None) -> dict[str, Any]:
    """Return the metadata that describe the noise of the optical depth."""
    known = stack.corrections
    used = known.gain if gain is None else gain
    read = (known.read_noise if read_noise is None else read_noise) or 0.0
    if not used or stack.quantity != "counts":
        return {}
    noise = {"noise": photon_noise(stack, i0, used, read)}
    if known.gain is not None:
        return noise
    note = f"errors count photons: {used:.3g} counts per photon, read noise {read:.3g} counts"
    return noise | {"notes": [*stack.metadata.get("notes", ()), note]}
