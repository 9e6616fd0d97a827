"""Sums over many coefficients as products of real matrices, in blocks.

The real part of a product of complex matrices is the product of their real and imaginary parts side by side: half of
the work, and the result is symmetric where it must be. Each block is summed in float32, all blocks in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.blocks import on_threads, single_threaded_blas
from napari_xanes.registration.fourier import Band, Coefficients

_COLUMNS = 8192
"""Numbers of a block: those of 100 frames are a few megabytes."""

COEFFICIENTS = _COLUMNS // 2
"""Complex coefficients of a block."""

_WORTH = 10_000_000
"""Products of numbers below which threads cost more time than they save."""


def over_columns(kernel: Callable[[slice], None], blocks: list[slice], work: int) -> None:
    """Call a kernel for all blocks of coefficients, on several threads if the work, in products, is worth it."""
    if len(blocks) == 1 or work < _WORTH:
        for block in blocks:
            kernel(block)
        return

    def on_thread(block: slice) -> float:
        kernel(block)
        return 0.0

    with single_threaded_blas():
        on_threads(on_thread, blocks)


def column_blocks(count: int, size: int = _COLUMNS) -> list[slice]:
    """Return slices that cover so many columns, a few thousand each."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def as_real(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return complex values (..., K) as real numbers (..., 2K)."""
    return np.ascontiguousarray(values, np.complex64).view(np.float32)


def inner(left: NDArray[Any], right: NDArray[Any]) -> Float64Array:
    """Return the real parts (A, B) of the inner products of rows (A, K) and rows (B, K).

    Those of ``inner(left, 1j * right)`` are the imaginary parts of the sums of ``left * right.conj()``.

    Examples
    --------
    >>> rows = np.array([[1, 1j], [2, 2]], np.complex64)
    >>> inner(rows, rows).tolist()
    [[2.0, 2.0], [2.0, 8.0]]
    """
    one = as_real(left)
    # Of a product with its own transpose, numpy computes only half.
    other = one if left is right else as_real(right)
    blocks = column_blocks(one.shape[1])
    parts = np.empty((len(blocks), len(one), len(other)), np.float32)

    def multiply(block: slice) -> None:
        np.matmul(one[:, block], other[:, block].T, out=parts[block.start // _COLUMNS])

    over_columns(multiply, blocks, one.size * len(other))
    total: Float64Array = parts.sum(axis=0, dtype=np.float64)
    return total


def combined(weights: Float64Array, rows: NDArray[Any]) -> Coefficients:
    """Return combinations (A, K) of rows (B, K) with real weights (A, B)."""
    single, real = weights.astype(np.float32), as_real(rows)
    result = np.empty((len(single), real.shape[1]), np.float32)

    def multiply(block: slice) -> None:
        np.matmul(single, real[:, block], out=result[:, block])

    over_columns(multiply, column_blocks(real.shape[1]), single.size * real.shape[1])
    combination: Coefficients = result.view(np.complex64)
    return combination


def energy(rows: NDArray[Any]) -> Float64Array:
    """Return the sum of squares (E,) of each row (E, K)."""
    real = as_real(rows)
    return np.asarray(np.vecdot(real, real), dtype=np.float64)


def products_by_ring(band: Band, matrices: Float64Array, rows: Coefficients) -> Coefficients:
    """Return the products (R, K) of the matrix of each ring, (n_rings, R, R), and the vectors (R, K) in it."""
    real = as_real(rows)
    result = np.empty_like(real)
    for matrix, ring in zip(matrices.astype(np.float32), band.rings, strict=True):
        some = slice(2 * ring.start, 2 * ring.stop)
        np.matmul(matrix, real[:, some], out=result[:, some])
    products: Coefficients = result.view(np.complex64)
    return products


def inner_by_ring(band: Band, rows: NDArray[Any]) -> Float64Array:
    """Return the real parts (n_rings, R, R) of the inner products of rows (R, K) with each other, of each ring."""
    real = as_real(rows)
    result = np.empty((band.n_rings, len(real), len(real)), np.float32)
    for product, ring in zip(result, band.rings, strict=True):
        part = real[:, 2 * ring.start : 2 * ring.stop]
        np.matmul(part, part.T, out=product)
    return result.astype(np.float64)


def energy_by_ring(band: Band, rows: NDArray[Any]) -> Float64Array:
    """Return the sum of squares (n_rings,) of all rows (E, K) in each ring."""
    real = as_real(rows)
    squares = np.einsum("ek,ek->k", real, real).reshape(-1, 2).sum(axis=1, dtype=np.float64)
    return np.asarray(band.ring_sums(squares))
