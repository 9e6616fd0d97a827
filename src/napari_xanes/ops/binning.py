"""Average neighbouring pixels and energies."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.alignment_grid import BINNING, binned, binning_of
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.filled_values import KEY as FILLED
from napari_xanes.noise import AmountNoise, Noise, PhotonNoise
from napari_xanes.ops.spectral_matrix import multiply_spectra
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.region_means import COVARIANCE_LENGTH, independent_pixels
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted


@method(looks_at="neighbours")
def bin(
    stack: SpectralStack,
    /,
    *,
    pixels: Annotated[int, Param(ge=1)] = 2,
    energies: Annotated[int, Param(ge=1)] = 1,
    progress: Progress | None = None,
) -> SpectralStack:
    """Average squares of pixels and groups of energies.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity. Counts are averaged with their flats and darks: that is better than averaging optical depth,
        because the logarithm of few counts is biased. Slices of a volume stay apart.
    pixels : int
        Width of a square in pixels. Pixels at the lower and right border that fill no square are left out, and the
        warnings say so.
    energies : int
        Number of neighbouring energies in a group; the last group may be smaller. The energy of a group is the mean.
        Frames that were interpolated are left out, except of groups that hold no others.

    Returns
    -------
    SpectralStack
        float32. The photons of a pixel, by which errors are known, grow with the number of values averaged.

    Raises
    ------
    ValueError
        If the image is smaller than a square, a frame holds no finite value, or energies of counts are to be averaged:
        each has its own I0.

    Examples
    --------
    >>> stack = SpectralStack(np.arange(16.0).reshape(1, 4, 4), [700], "optical_depth", pixel_size=0.1)
    >>> binned = bin(stack, pixels=2)
    >>> binned.data.tolist(), binned.pixel_size
    ([[[2.5, 4.5], [10.5, 12.5]]], (0.2, 0.2))
    """
    height, width = stack.shape[-2:]
    if pixels > min(height, width):
        raise ValueError(f"an image of {height} x {width} pixels holds no square of {pixels} pixels; bin fewer")
    if not stack.is_lazy:
        raise_if_frame_empty(stack)
    binned = _bin_pixels(stack, pixels, part(progress, 0.0, 0.5)) if pixels > 1 else stack
    return _bin_energies(binned, energies, part(progress, 0.5, 1.0)) if energies > 1 else _as_float32(binned)


def _as_float32(stack: SpectralStack) -> SpectralStack:
    return stack.with_data(stack.data.astype(np.float32, copy=False))


def _bin_pixels(stack: SpectralStack, size: int, progress: Progress | None) -> SpectralStack:
    """Return the stack with the means of squares, and everything that has pixels with it."""
    shape = stack.shape
    data = _mean_of_frames(stack.data, size, progress)
    corrections = {name: _mean_of_images(value, shape, size) for name, value in stack.corrections.items()}
    if stack.corrections.gain is not None:
        corrections["gain"] = stack.corrections.gain / size**2
    if stack.corrections.read_noise is not None:
        corrections["read_noise"] = stack.corrections.read_noise / size
    length = float(stack.metadata.get(COVARIANCE_LENGTH, 1.0))
    height, width = (n // size * size for n in shape[-2:])
    notes = list(stack.metadata.get("warnings", ()))
    if (height, width) != shape[-2:]:
        rows, columns = shape[-2] - height, shape[-1] - width
        border = f"{counted(rows, 'row', 'rows')} and {counted(columns, 'column', 'columns')}"
        notes.append(f"{border} at the border fill no square of {size} and are left out")
    kept = {name: value for name, value in stack.metadata.items() if not hasattr(value, "isel")}
    noise = _noise_of_squares(stack.noise, size, length)
    metadata = {**kept, **corrections, "noise": noise, "warnings": notes, COVARIANCE_LENGTH: max(1.0, length / size)}
    if stack.filled is not None:
        metadata[FILLED] = stack.filled.binned(size)
    metadata[BINNING] = size * binning_of(stack.metadata)
    if isinstance(found := stack.metadata.get("align"), Alignment):
        metadata["align"] = binned(found, size)
    pixel = stack.pixel_size
    pixel_size = None if pixel is None else (*pixel[:-2], *(size * length for length in pixel[-2:]))
    return replace(stack, data=data, pixel_size=pixel_size, metadata=metadata)


def _noise_of_squares(noise: Noise | None, size: int, length: float) -> Noise | None:
    """Return the noise of means of squares; pixels in a square of width `length` share the errors of amounts."""
    if isinstance(noise, AmountNoise):
        factors = np.asarray(noise.factors)
        *outer, height, width = factors.shape
        cut = factors[..., : height // size * size, : width // size * size]
        squares = cut.reshape(*outer, height // size, size, width // size, size)
        # Each pixel's sources become sources of the square, so that its covariance is the mean of theirs.
        sources = np.moveaxis(squares, (-3, -1), (2, 3)).reshape(
            outer[0], outer[1] * size**2, *outer[2:], height // size, width // size
        )
        return replace(noise, factors=sources / (size * np.sqrt(independent_pixels(size**2, length))))
    if not isinstance(noise, PhotonNoise):
        return None
    busy = None if noise.busy is None else np.asarray(noise.busy) / size**2
    scaled = replace(noise, read_noise=noise.read_noise * size, busy=busy)
    if noise.i0.shape[-1] == 1:
        # All pixels share an I0 that is a spectrum: its own error does not become smaller.
        return replace(scaled, i0=noise.i0 * size**2, n_flat=np.asarray(noise.n_flat) / size**2)
    return replace(scaled, i0=_mean_of_squares(noise.i0, size) * size**2)


def _mean_of_frames(data: Any, size: int, progress: Progress | None) -> Any:
    """Return the means of squares, frame by frame; lazily where the data are."""
    if not isinstance(data, np.ndarray):
        return _mean_of_squares(data.astype(np.float32), size)
    height, width = data.shape[-2:]
    out = np.empty((*data.shape[:-2], height // size, width // size), dtype=np.float32)
    for i, frame in enumerate(data):
        out[i] = _mean_of_squares(frame, size)
        if progress is not None:
            progress((i + 1) / len(out), "binning pixels")
    return out


def _mean_of_squares(images: Any, size: int) -> Any:
    """Return the means of squares of images (..., Y, X)."""
    height, width = (n // size for n in images.shape[-2:])
    cut = images[..., : height * size, : width * size]
    squares = cut.reshape(*images.shape[:-2], height, size, width, size)
    return squares.mean(axis=(-3, -1), dtype=np.float64).astype(np.float32)


def _mean_of_images(value: Any, shape: tuple[int, ...], size: int) -> Any:
    """Return a correction with the means of squares, if it has pixels."""
    has_pixels = np.ndim(value) in (len(shape) - 1, len(shape)) and tuple(value.shape[-2:]) == shape[-2:]
    return _mean_of_squares(value, size) if has_pixels else value


def _bin_energies(stack: SpectralStack, size: int, progress: Progress | None) -> SpectralStack:
    """Return the stack with the means of groups of energies."""
    if stack.quantity == "counts":
        raise ValueError(f"{stack.name!r} holds counts, and each energy has its own I0: run optical_depth first")
    starts = np.arange(0, stack.energy.size, size)
    matrix = np.zeros((starts.size, stack.energy.size))
    for row, start in zip(matrix, starts, strict=True):
        group = np.zeros(stack.energy.size, dtype=bool)
        group[start : start + size] = True
        measured = group & ~stack.interpolated
        group = measured if measured.any() else group
        row[group] = 1 / group.sum()
    binned = multiply_spectra(stack, matrix, matrix @ stack.energy, progress=progress, message="binning energies")
    noise = stack.noise
    if not isinstance(noise, PhotonNoise):
        return binned
    return binned.with_data(binned.data, metadata={"noise": _noise_of_groups(noise, matrix)})


def _noise_of_groups(noise: PhotonNoise, matrix: Float64Array) -> PhotonNoise:
    """Return the noise of means of groups: that of as many photons as give their variance."""
    count = (matrix > 0).sum(axis=1)
    changes: dict[str, Any] = {"variance_factor": None}
    if noise.variance_factor is not None:
        beam = 1.0 if noise.beam is None else np.asarray(noise.beam, dtype=np.float64)
        noise = replace(noise, beam=beam / np.asarray(noise.variance_factor))
    if noise.flats is None:
        changes |= _flats_of_groups(noise, matrix)
    else:
        changes["n_flat"] = float(np.mean(noise.n_flat))
        changes["flats"] = matrix @ np.asarray(noise.flats) if len(noise.flats) > 1 else noise.flats
    if noise.i0.shape[0] == 1:
        beam = np.ones(matrix.shape[1]) if noise.beam is None else np.asarray(noise.beam, dtype=np.float64)
        changes["beam"] = count / (matrix @ (1 / beam))
    else:
        inverse = np.tensordot(matrix, 1 / np.asarray(noise.i0, dtype=np.float64), 1)
        changes["i0"] = (count.reshape(-1, *(1,) * (inverse.ndim - 1)) / inverse).astype(np.float32)
        if noise.flats is not None:  # they are relative to a flat of so many photons, and no mean makes them smaller
            changes["flats"] = changes["flats"] * np.sqrt(np.nanmean(changes["i0"]) / np.nanmean(noise.i0))
        if noise.beam is not None:
            changes["beam"] = matrix @ np.asarray(noise.beam)
    if noise.busy is not None:
        changes["busy"] = matrix @ np.broadcast_to(noise.busy, matrix.shape[1]) / count
    return replace(noise, read_noise=noise.read_noise * float(np.sqrt(np.median(count))), **changes)


def _flats_of_groups(noise: PhotonNoise, matrix: Float64Array) -> dict[str, Any]:
    """Return exposure and number of the flats of groups, which give the variance of the mean of their own flats."""
    n_flat, exposure = noise.n_flat, noise.flat_exposure
    if not np.ndim(n_flat) and not np.ndim(exposure):
        return {}
    photons = np.ones(matrix.shape[1]) if noise.beam is None else np.asarray(noise.beam, dtype=np.float64)
    if noise.i0.shape[0] > 1:
        photons = photons * np.nanmean(np.asarray(noise.i0).reshape(photons.size, -1), axis=1)
    with np.errstate(divide="ignore"):
        of_flats = 1 / (photons * exposure)
        once = matrix @ of_flats
        return {"flat_exposure": matrix @ (1 / photons) / once, "n_flat": once / (matrix @ (of_flats / n_flat))}
