"""Find the area without sample, which shows I0."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray
from napari_xanes.computing import frames_of
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack


def empty_area(stack: SpectralStack, *, progress: Progress | None = None) -> BoolArray:
    """Find the pixels without sample: the brightest pixels, as far as they agree with each other.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts without flats, so that the empty area shows I0 itself.
    progress : callable, optional
        Called with the fraction done and a text.

    Returns
    -------
    ndarray of bool, shape (Y, X) or (Z, Y, X)
        True where the mean over all energies lies within 0.05 optical depth of the brightest 3 %.

    Raises
    ------
    ValueError
        If no pixel is lit.

    Notes
    -----
    A stack without an empty area looks the same as one that is covered by a uniform film: check the mask.
    """
    from scipy.ndimage import gaussian_filter

    total = np.zeros(stack.shape[1:])
    for i, frame in enumerate(frames_of(stack.data)):
        values = frame.astype(np.float64, copy=False)
        total += np.where(np.isfinite(values), values, 0)
        if progress is not None:
            progress((i + 1) / stack.shape[0], "empty area")
    # Each slice of a volume is smoothed alone.
    total = gaussian_filter(total / stack.shape[0], 1.0, axes=(-2, -1))
    is_lit = total > 0
    if not is_lit.any():
        raise ValueError("no pixel has counts above zero, so there is no empty area to take I0 from")
    depth = np.full(total.shape, np.inf)
    depth[is_lit] = -np.log(total[is_lit])
    empty: BoolArray = depth <= np.percentile(depth[is_lit], 3) + 0.05
    return empty
