"""The part of a stack that plausible spectra of a missing phase can explain, from each half of the energies.

The noise of even and odd energies is independent, also if pixels were smoothed or resampled. The noise of a pixel's
projection on R spectra is described by their scalar products, so R numbers per half stand for all energies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import apply_matrix, outside, over_bands
from napari_xanes.denoising.binning import BIN
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.precision import WeightedStack
from napari_xanes.progress import Progress

CELL = 2
"""Side of a cell in pixels, over which projections are summed."""

_LOCAL = 11
"""Cells whose mean, taken twice, counts as the surroundings."""


@dataclass(frozen=True)
class HalfSums:
    """Projections on R spectra, times the precision and summed over cells.

    ``sums`` (2, R, y, x) from even and odd energies; ``gram`` (2, R, R), scalar products of the spectra outside the
    design matrix, which are the covariance of the sums for unit precision; ``precision`` (y, x), summed.
    """

    sums: Float32Array
    gram: Float64Array
    precision: Float32Array

    def without(self, coefficients: Float64Array, *, in_place: bool = False) -> HalfSums:
        """Return what is left outside one spectrum, given by its coefficients (R,); perhaps in place of these sums."""
        images = np.einsum("hrs,s->hr", self.gram, coefficients)
        squares = images @ coefficients
        amounts = np.einsum("r,hryx->hyx", coefficients.astype(np.float32), self.sums)
        factors = (images / squares[:, None]).astype(np.float32)
        sums = self.sums if in_place else np.empty_like(self.sums)
        for half, amount in enumerate(amounts):
            for out, image, factor in zip(sums[half], self.sums[half], factors[half], strict=True):
                np.subtract(image, factor * amount, out=out)
        gram = self.gram - np.einsum("hr,hs,h->hrs", images, images, 1 / squares)
        return replace(self, sums=sums, gram=gram)

    def subtract_surroundings(self, height: Float32Array) -> None:
        """Subtract from the sums what the surroundings share, in proportion to a height (y, x).

        That are wrong references and slow patterns.
        """
        weight = surroundings(self.precision * height**2)
        known = weight > 1e-6 * weight.max()
        factor = np.where(known, self.precision * height / np.where(known, weight, 1), 0).astype(np.float32)
        for half in self.sums:
            for image in half:
                image -= factor * surroundings(image * height)


def surroundings(image: Float32Array) -> Float32Array:
    """Return the mean of an image (y, x) around each cell; there is nothing beyond the image."""
    from scipy.ndimage import uniform_filter

    twice = uniform_filter(uniform_filter(image, _LOCAL, mode="constant"), _LOCAL, mode="constant")
    return np.asarray(twice, np.float32)


def cell_sums(images: Float32Array) -> Float32Array:
    """Sum images (..., Y, X) over cells; the result is (..., y, x). Cells at the last rows and columns may be smaller.

    Examples
    --------
    >>> cell_sums(np.ones((3, 4), np.float32))
    array([[4., 4.],
           [2., 2.]], dtype=float32)
    """
    height, width = images.shape[-2:]
    if height % CELL or width % CELL:
        images = np.pad(images, [(0, 0)] * (images.ndim - 2) + [(0, -height % CELL), (0, -width % CELL)])
    rows = images[..., 0::CELL, :] + images[..., 1::CELL, :]
    sums: Float32Array = rows[..., 0::CELL] + rows[..., 1::CELL]
    return sums


def half_sums(
    weighted: WeightedStack,
    design: DesignMatrix,
    spectra: Float64Array,
    offset: Float64Array,
    background: Background | None,
    precision: Float32Array,
    progress: Progress | None = None,
) -> HalfSums:
    """Project all pixels, without offset and background, on spectra outside the design matrix.

    Parameters
    ----------
    weighted, design
        The stack and the columns of the fit, which are removed from each half by itself.
    spectra : ndarray, shape (E, R)
        Spectra, divided by the noise of each energy.
    offset : ndarray, shape (E,)
        Spectrum of every pixel.
    background : Background or None
        Patterns of the beam.
    precision : ndarray, shape (Y, X)
        Precision of the pixels at an average energy, 0 for those that are left out.
    """
    halves = [_outside_half(design, spectra, first) for first in (0, 1)]
    matrix = np.concatenate(halves, axis=1).T
    projection = (matrix * design.root_weight).astype(np.float32)
    total = cell_sums(precision)
    sums = np.empty((len(matrix), *total.shape), np.float32)

    def add(band: Float32Array, rows: slice) -> None:
        values = apply_matrix(projection, weighted.unbiased(band, rows))
        values *= precision[rows]
        cells = cell_sums(values)
        first = rows.start // CELL
        sums[:, first : first + cells.shape[1]] = cells

    over_bands(add, weighted.stack.data, multiple=BIN, progress=progress, message="new features")
    for image, shift in zip(sums, projection @ offset.astype(np.float32), strict=True):
        image -= shift * total
    if background is not None:
        modes = matrix @ background.modes
        for image, amounts in zip(sums, modes, strict=True):
            image -= _on_cells(np.tensordot(amounts, background.maps, 1), total.shape) * total
    gram = np.stack([half.T @ half for half in halves])
    return HalfSums(sums.reshape(2, -1, *total.shape), gram, total)


def _outside_half(design: DesignMatrix, spectra: Float64Array, first: int) -> Float64Array:
    """Return spectra (E, R) at every second energy, outside the design at these energies; 0 at the others."""
    used = (np.arange(len(spectra)) % 2 == first).astype(np.float64)[:, None]
    basis = np.linalg.qr(design.columns * used)[0]
    result: Float64Array = outside(basis, spectra * used)
    return result


def _on_cells(image: Float64Array, shape: tuple[int, ...]) -> Float32Array:
    """Interpolate a map on bins to cells."""
    from scipy.ndimage import zoom

    large = zoom(image.astype(np.float32), BIN // CELL, order=1, mode="nearest", grid_mode=True)
    return np.asarray(large[: shape[0], : shape[1]], np.float32)
