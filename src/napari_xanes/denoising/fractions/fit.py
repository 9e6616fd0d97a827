"""From spectra to maps: amounts of the references, the edge jump, and what is known of each fraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import over_bands, times
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.precision import Measured
from napari_xanes.progress import Progress


@dataclass(frozen=True)
class Fit:
    """Amount of each column of a design in each pixel (K + F, Y, X), and the mean squared residual (Y, X).

    ``alike`` tells whether the noise of neighbours is: the mean squared difference of residuals one pixel apart over
    that two pixels apart, 1 for noise of each pixel's own.
    """

    amounts: Float32Array
    squares: Float32Array
    alike: float


def amounts_of(measured: Measured, design: Design, offset: Float64Array, progress: Progress | None = None) -> Fit:
    """Fit the design to each pixel.

    Parameters
    ----------
    measured : Measured
        The stack.
    design : Design
        What is fitted.
    offset : ndarray, shape (E,)
        Spectrum to subtract from every pixel.
    """
    stack, solver = measured.stack, design.solver()
    amounts = np.empty((solver.shape[0], *stack.shape[1:]), np.float32)
    squares = np.empty(stack.shape[1:], np.float32)
    apart = np.zeros((stack.shape[1], 2))
    basis = np.linalg.qr(design.all)[0].astype(np.float32)
    root = design.root.astype(np.float32)[:, None, None]
    shift = (solver @ offset).astype(np.float32)[:, None, None]
    by = offset.astype(np.float32)[:, None, None]
    freedom = stack.energy.size - solver.shape[0]

    def fit(band: Float32Array, rows: slice) -> None:
        values = measured.depth(band, rows)
        amounts[:, rows] = times(solver, values) - shift
        values -= by
        values *= root
        inside = times(basis.T, values)
        left = np.einsum("eyx,eyx->yx", values, values) - np.einsum("kyx,kyx->yx", inside, inside)
        squares[rows] = left / freedom
        row = values[:, :1] - times(basis, inside[:, :1])
        row *= np.sqrt(measured.precision[rows][:1])
        used = measured.precision[rows][0] > 0
        for step in (1, 2):
            both = used[step:] & used[:-step]
            apart[rows.start, step - 1] = np.sum((row[:, 0, step:] - row[:, 0, :-step])[:, both] ** 2)

    over_bands(fit, stack.data, progress=progress, message="fit of the references")
    near, far = apart.sum(axis=0)
    return Fit(amounts, squares, float(near / far) if far > 0 else 1.0)


def without_background(amounts: Float32Array, background: Background | None, design: Design) -> Float32Array:
    """Amounts without what patterns add to them."""
    if background is None:
        return amounts
    solver = np.linalg.pinv(design.all)
    result: Float32Array = amounts - background.enlarged(solver @ background.modes, amounts.shape[1:])
    return result
