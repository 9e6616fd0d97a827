"""What the references do not explain: spectra that some places share, told from noise and from misregistration.

A direction is learned on one colour of a checkerboard of squares and must be found again on the other, where the noise
is another. A new phase only adds; shifts between frames add here what they take there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import over_bands, times
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.precision import Measured
from napari_xanes.progress import Progress

SLOW = 8.0  # pixels

OWN, AROUND = 0.7, (1.2, 2.0)
"""Radii in pixels over which the significance of a pixel and of its neighbourhood are pooled."""

CLEAR = 4.5
"""Standard errors above which a new feature is kept as it is."""

_NOISE_BESIDE = 0.7
"""Share of a pixel's noise that differs from that of the mean around it."""

_HEAD_START = 3.0
"""Standard errors that a pixel in a clear neighbourhood need not have of its own."""


def amounts_along(
    measured: Measured,
    directions: Float64Array,
    design: Design,
    offset: Float64Array,
    background: Background | None,
    progress: Progress | None = None,
    *,
    has_air: bool,
) -> Float32Array:
    """How much of each direction every pixel holds beside the design and the background, (N, Y, X).

    Without air, what changes slowly is left out, as in `find_directions`.
    """
    row = (directions.T * design.root).astype(np.float32)
    shift = (row @ offset).astype(np.float32)[:, None, None]
    along = np.empty((len(row), *measured.stack.shape[1:]), np.float32)

    def project(band: Float32Array, rows: slice) -> None:
        along[:, rows] = times(row, measured.depth(band, rows)) - shift

    over_bands(project, measured.stack.data, progress=progress, message="new features")
    if background is not None:
        along -= background.enlarged(directions.T @ background.modes, measured.stack.shape[1:])
    if not has_air:
        along = np.stack([quick_part(one, measured.precision, SLOW) for one in along])
    return along


def quick_part(image: Float32Array, precision: Float32Array, radius: float) -> Float32Array:
    """An image without what changes over more than a radius."""
    from scipy.ndimage import gaussian_filter

    slow = gaussian_filter(image * precision, radius) / np.maximum(gaussian_filter(precision, radius), 1e-30)
    return np.asarray(image - slow, np.float32)


def significance(along: Float32Array, precision: Float32Array) -> Float32Array:
    """By how many standard errors each direction stands out, (N, Y, X).

    Where the neighbourhood is clear, a pixel counts for itself, and less is asked of it; elsewhere it is the
    neighbourhood's significance, which is not clear there.
    """
    from scipy.ndimage import gaussian_filter

    out = np.empty_like(along)
    for i, one in enumerate(along):
        usual = max(1.4826 * float(np.median(np.abs(one * np.sqrt(precision))[precision > 0])), 1e-9)

        def pooled(scale: float, one: Float32Array = one, usual: float = usual) -> Float32Array:
            weight = np.maximum(gaussian_filter(precision, scale), 1e-30)
            score = gaussian_filter(one * precision, scale) / np.sqrt(weight)
            return np.asarray(score * np.sqrt(4 * np.pi) * scale / usual, np.float32)

        near = np.max([pooled(scale) for scale in AROUND], axis=0)
        out[i] = np.where(near > CLEAR, pooled(OWN) + _HEAD_START, near)
    return out


def kept_amounts(along: Float32Array, precision: Float32Array, clear: NDArray[np.bool_]) -> Float32Array:
    """Amounts of the new features where they are clear, 0 elsewhere, (N, Y, X).

    Each is a mean of the pixel's own and that of its neighbours; its own counts the more, the more neighbours differ
    beyond noise.
    """
    from scipy.ndimage import gaussian_filter

    kept = np.zeros_like(along)
    for i, one in enumerate(along):
        weight = np.where(clear[i], precision, 0).astype(np.float32)
        there = np.maximum(gaussian_filter(weight, OWN), 1e-30)
        pooled = gaussian_filter(one * weight, OWN) / there
        beyond = gaussian_filter(weight**2 * (one - pooled) ** 2, OWN) / np.maximum(gaussian_filter(weight, OWN), 1e-30)
        gain = np.maximum(beyond - _NOISE_BESIDE, 0) / np.maximum(beyond - _NOISE_BESIDE + 1, 1)
        kept[i] = np.where(clear[i], np.maximum(pooled + gain * (one - pooled), 0), 0)
    return kept
