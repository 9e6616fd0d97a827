"""Fit the design matrix to every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import apply_matrix, over_bands
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.precision import WeightedStack
from napari_xanes.progress import Progress


@dataclass(frozen=True)
class PixelFit:
    """Amount of each column in each pixel (K + F, Y, X), and the mean squared residual (Y, X).

    ``neighbour_ratio`` tests whether the noise of neighbouring pixels is independent: the mean squared difference of
    residuals one pixel apart, over that two pixels apart. It is 1 for independent noise and smaller after smoothing.
    """

    amounts: Float32Array
    mean_square: Float32Array
    neighbour_ratio: float


def fit_pixels(
    weighted: WeightedStack, design: DesignMatrix, offset: Float64Array, progress: Progress | None = None
) -> PixelFit:
    """Fit the design matrix to each pixel by least squares.

    Parameters
    ----------
    weighted : WeightedStack
        The stack.
    design : DesignMatrix
        Columns of the fit.
    offset : ndarray, shape (E,)
        Spectrum to subtract from every pixel.
    """
    stack, solver = weighted.stack, design.solver()
    amounts = np.empty((solver.shape[0], *stack.shape[1:]), np.float32)
    mean_square = np.empty(stack.shape[1:], np.float32)
    squared_differences = np.zeros((stack.shape[1], 2))
    basis = design.basis.astype(np.float32)
    root = design.root_weight.astype(np.float32)[:, None, None]
    offset_amounts = (solver @ offset).astype(np.float32)[:, None, None]
    offset_frame = offset.astype(np.float32)[:, None, None]
    degrees_of_freedom = stack.energy.size - solver.shape[0]

    def fit(band: Float32Array, rows: slice) -> None:
        values = weighted.unbiased(band, rows)
        amounts[:, rows] = apply_matrix(solver, values) - offset_amounts
        values -= offset_frame
        values *= root
        explained = apply_matrix(basis.T, values)
        values -= apply_matrix(basis, explained)
        mean_square[rows] = np.einsum("eyx,eyx->yx", values, values) / degrees_of_freedom
        # The first row of each band is enough to compare neighbours.
        residual = values[:, :1] * np.sqrt(weighted.precision[rows][:1])
        used = weighted.precision[rows][0] > 0
        for distance in (1, 2):
            pairs = used[distance:] & used[:-distance]
            difference = residual[:, 0, distance:] - residual[:, 0, :-distance]
            squared_differences[rows.start, distance - 1] = np.sum(difference[:, pairs] ** 2)

    over_bands(fit, stack.data, progress=progress, message="fit of the references")
    near, far = squared_differences.sum(axis=0)
    return PixelFit(amounts, mean_square, float(near / far) if far > 0 else 1.0)


def subtract_background(amounts: Float32Array, background: Background | None, design: DesignMatrix) -> Float32Array:
    """Subtract the amounts that patterns of the beam add to each column."""
    if background is None:
        return amounts
    result: Float32Array = background.enlarged(np.linalg.pinv(design.columns) @ background.modes, amounts.shape[1:])
    return np.subtract(amounts, result, out=result)
