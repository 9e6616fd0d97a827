"""Smooth images and spectra."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.edge.local_quadratic import local_quadratic
from napari_xanes.frames import map_frames
from napari_xanes.ops.spectral_matrix import multiply_spectra
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack


@method(looks_at="neighbours")
def smooth(
    stack: SpectralStack,
    /,
    *,
    pixels: Annotated[float, Param(ge=0, le=100, unit="pixels")] = 1.0,
    energies: Annotated[float, Param(ge=0, unit="eV", label="energies, half width")] = 0.0,
    progress: Progress | None = None,
) -> SpectralStack:
    """Smooth images by a Gaussian, and spectra by parabolas.

    It is quick and easy to understand, but blurs borders and white lines; `denoise` does not.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized. Slices of a volume are smoothed one by one.
    pixels : float
        Standard deviation of the Gaussian in pixels; 0 leaves the images as they are.
    energies : float
        Half width in eV of the range of energies to which a parabola is fitted around each energy (Savitzky and
        Golay); 0 leaves the spectra as they are.

    Returns
    -------
    SpectralStack
        float32; pixels without a value stay so, and spread along their spectrum only. Errors from photon counting are
        not carried along, because neighbours share their noise now: ``metadata["covariance_length_pixels"]`` says over
        how many pixels. The errors of a denoised stack stay: neighbours share them already.

    Raises
    ------
    ValueError
        If the stack holds counts or transmission, a frame holds no finite value, or spectra of fewer than three
        energies are to be smoothed.

    Examples
    --------
    >>> data = np.zeros((3, 5, 5), np.float32)
    >>> data[:, 2, 2] = 1
    >>> smoothed = smooth(SpectralStack(data, [700, 710, 720], "optical_depth"), pixels=1.0)
    >>> round(float(smoothed.data[0, 2, 2]), 3)
    0.162
    """
    if energies and stack.energy.size < 3:
        raise ValueError(
            f"{stack.name!r} has {stack.energy.size} energies; a parabola needs at least 3: set energies to 0"
        )
    identity = np.eye(stack.energy.size)
    weights = local_quadratic(stack.energy, slice(0, stack.energy.size), energies).value if energies else identity
    smoothed = multiply_spectra(
        stack, weights, stack.energy, progress=part(progress, 0.0, 0.5), message="smoothing spectra"
    )
    if not pixels:
        return smoothed
    length = float(np.hypot(_shared_width(pixels), float(stack.metadata.get(COVARIANCE_LENGTH, 1.0)) - 1.0))
    blur, rest = partial(_blurred, pixels=pixels), part(progress, 0.5, 1.0)
    data = map_frames(blur, smoothed.data, progress=rest, message="smoothing images")
    return smoothed.with_data(data, metadata={COVARIANCE_LENGTH: length})


def _shared_width(pixels: float) -> float:
    """Return the width of the square of pixels that share their noise after a Gaussian: one over the sum of squares."""
    reach = int(np.ceil(5 * pixels))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / pixels) ** 2)
    return float(weights.sum() ** 2 / (weights**2).sum())


def _blurred(images: Float32Array, _number: int, pixels: float) -> Float32Array:
    """Return images (..., Y, X) blurred; values that are not finite have no weight and stay."""
    from scipy.ndimage import gaussian_filter

    finite = np.isfinite(images)
    widths = (*(0,) * (images.ndim - 2), pixels, pixels)
    blurred: Float32Array = gaussian_filter(np.where(finite, images, np.float32(0)), widths, mode="constant")
    with np.errstate(divide="ignore", invalid="ignore"):
        blurred /= gaussian_filter(finite.astype(np.float32), widths, mode="constant")
    return np.where(finite, blurred, images)
