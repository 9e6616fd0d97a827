"""The background that was removed from a stack, as a lazy stack."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import LAZY_ROWS, lazy_product
from napari_xanes.denoising.design_matrix import DesignMatrix


def removed_background(
    offset: Float64Array, patterns: Background | None, design: DesignMatrix, shape: tuple[int, ...]
) -> Any:
    """Return the offset (E,) and the patterns of the beam as a dask array (E, Y, X), for an image of a shape (Y, X).

    Maps of the patterns stay on bins until a part of the array is asked for.
    """
    import dask.array as da
    from dask.delayed import delayed

    columns = offset[:, None]
    if patterns is not None:
        columns = np.concatenate([columns, patterns.modes / design.root_weight[:, None]], axis=1)
    known = delayed(patterns, traverse=False)
    bands = [slice(start, min(start + LAZY_ROWS, shape[0])) for start in range(0, shape[0], LAZY_ROWS)]
    maps = [
        da.from_delayed(  # type: ignore[no-untyped-call]
            delayed(_maps)(known, shape, rows), (columns.shape[1], rows.stop - rows.start, shape[1]), np.float32
        )
        for rows in bands
    ]
    return lazy_product(columns, da.concatenate(maps, axis=1))  # type: ignore[no-untyped-call]


def _maps(patterns: Background | None, shape: tuple[int, ...], rows: slice) -> Float32Array:
    """Return the maps of the offset, which is the same everywhere, and of the patterns in some rows, (1 + N, R, X)."""
    offset = np.ones((1, rows.stop - rows.start, shape[1]), np.float32)
    if patterns is None:
        return offset
    return np.concatenate([offset, patterns.enlarged(np.eye(patterns.modes.shape[1]), shape, rows)])
