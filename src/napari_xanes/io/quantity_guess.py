"""What the values of a file are that does not say, told from the values: one rule for all formats."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes.stack import Quantity

_MOST_ABSORBING = 100.0
"""No optical depth is larger: the beam behind it would be weakened by e^100."""

_FRAMES = 8


def guess_quantity(data: Any) -> tuple[Quantity, str]:
    """Counts if the values are whole numbers or too large for an optical depth, else optical depth.

    Parameters
    ----------
    data : numpy or dask array, shape (E, ...)
        Some frames of it are looked at, a single one, in the middle, of a dask array.

    Returns
    -------
    quantity : {"counts", "optical_depth"}
        What the values are.
    source : str
        How that was decided, for ``metadata["quantity_source"]``.

    Examples
    --------
    >>> guess_quantity(np.array([[0.5], [120.0]]))
    ('counts', 'guessed: values up to 120 can be no optical depth')
    """
    if data.dtype.kind in "iu":
        return "counts", "guessed: whole numbers"
    n_frames = data.shape[0]
    if isinstance(data, np.ndarray):
        sample = data[:: max(1, n_frames // _FRAMES)]
    else:
        sample = np.asarray(data[n_frames // 2 : n_frames // 2 + 1])
    largest = np.max(sample, where=np.isfinite(sample), initial=0.0)
    if largest > _MOST_ABSORBING:
        return "counts", f"guessed: values up to {largest:g} can be no optical depth"
    return "optical_depth", "guessed: decimal numbers; pass quantity= if they are something else"
