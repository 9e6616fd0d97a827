"""The step that a stack needs next, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes.computing import computed
from napari_xanes.history import Step
from napari_xanes.io.spectra.edge_contrast import SHOWS_AN_EDGE, edge_contrast
from napari_xanes.ops import OPERATIONS
from napari_xanes.spreading import spread
from napari_xanes.stack import SpectralStack

_FRAMES, _SIZE = 12, 256
"""Frames, and pixels along each side, in which a drift is looked for: about half a second."""

_MOST_READ = 48
"""Frames of a stack in a file in which an edge is looked for: it may be larger than the memory."""

_LEAST_DRIFT = 0.1
"""Pixels: a smaller drift changes spectra at sharp borders only, by less than the noise of most scans."""

_CLEAR = 4.0
"""A drift is told if it is so many times its error."""


@dataclass(frozen=True)
class Suggestion:
    """A step, with the reason for it in a few words."""

    step: Step
    reason: str


def suggested_step(stack: SpectralStack) -> Suggestion | None:
    """Return the step of the usual order that is still to be done: optical depth, align, normalize the edge.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        A stack at any stage. Of a stack in a file, at most 60 frames are read.

    Returns
    -------
    Suggestion or None
        None if nothing is missing, or if it can't be told.

    Examples
    --------
    >>> from napari_xanes import sample
    >>> suggested_step(sample.nmc_ni_k(size=24).stack).step.name
    'optical_depth'
    """
    if stack.quantity in ("counts", "transmission"):
        return Suggestion(Step("optical_depth"), f"{stack.quantity}, maps need absorption")
    if stack.quantity != "optical_depth":
        return None
    names = [step.name for step in stack.history]
    if "align" not in names and (drift := measured_drift(stack)) is not None:
        return Suggestion(Step("align"), f"drift of {drift[0]:.1f} ± {drift[1]:.1f} pixels")
    return _normalization(stack)


def measured_drift(stack: SpectralStack) -> tuple[float, float] | None:
    """Return how far two frames clearly lie apart in pixels, with its standard error; None if none do, or who knows.

    A few frames of the middle of the image are looked at; `align` looks at all of them.
    """
    frames = spread(stack.energy.size, _FRAMES)
    height, width = stack.shape[-2:]
    middle = tuple(slice(max(0, (n - _SIZE) // 2), max(0, (n - _SIZE) // 2) + _SIZE) for n in (height, width))
    depth = tuple(n // 2 for n in stack.shape[1:-2])
    part = stack.isel(frames, (*depth, *middle))
    part = part.with_data(computed(part.data))
    try:
        found = OPERATIONS["align"](part).metadata["align"]
    except ValueError:
        return None
    known = ~found.outliers & np.isfinite(found.sigma).all(axis=1)
    if known.sum() < 2:
        return None
    # Of all pairs of frames: those that lie farthest apart may be the least certain.
    apart = found.shifts[known][:, None] - found.shifts[known][None]
    error = np.hypot(found.sigma[known][:, None], found.sigma[known][None])
    clear = np.where(apart > np.maximum(_LEAST_DRIFT, _CLEAR * error), apart, 0.0)
    farthest = int(np.argmax(clear))
    return (float(apart.flat[farthest]), float(error.flat[farthest])) if clear.flat[farthest] else None


def _normalization(stack: SpectralStack) -> Suggestion | None:
    """Suggest to normalize the edge if the mean spectrum shows one, with ranges on both sides."""
    count = _MOST_READ if stack.is_lazy else stack.energy.size
    frames = spread(stack.energy.size, count)
    sample = stack.isel(frames, tuple(slice(None, None, max(1, n // 64)) for n in stack.shape[1:]))
    sample = sample.with_data(computed(sample.data))
    values = sample.data.reshape(sample.energy.size, -1).astype(np.float64)
    if np.isnan(values).all(axis=1).any():
        return None
    mean = np.nanmean(values, axis=1)
    if not np.isfinite(mean).all() or edge_contrast(sample.energy, mean) <= SHOWS_AN_EDGE:
        return None
    try:
        state = OPERATIONS["normalize_edge"](sample).history[-1].state or {}
    except ValueError:
        return None
    return Suggestion(Step("normalize_edge"), f"edge at {state['e0']:.1f} eV")
