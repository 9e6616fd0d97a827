"""What was found about the shifts of a stack, in words."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.registration.estimation import Estimate

_MOST_NAMED = 12


def sentences(energy: Float64Array, found: Estimate, outliers: BoolArray) -> str:
    """Return a line on the drift, one on the errors and, if there are any, one on the outliers."""
    seen = found.found
    span = np.ptp(found.shifts[seen], axis=0)
    sigma = found.sigma[seen]
    lines = [
        f"{int(seen.sum())} of {seen.size} frames are aligned; they drift over {span[0]:.2f} pixels in y and "
        f"{span[1]:.2f} in x",
        f"the errors of the shifts are {np.median(sigma):.3f} pixels in the median and at most {sigma.max():.3f}",
    ]
    if outliers.any():
        lines.append(
            f"{_named(energy, np.flatnonzero(outliers & ~seen))} show nothing of what the others show: their place is "
            "that of their neighbours"
            if (outliers & ~seen).any()
            else f"{_named(energy, np.flatnonzero(outliers))} hold something else than the others"
        )
    return "\n".join(lines)


def _named(energy: Float64Array, frames: np.ndarray) -> str:
    names = ", ".join(f"{energy[i]:g}" for i in frames[:_MOST_NAMED])
    more = f" and {frames.size - _MOST_NAMED} more" if frames.size > _MOST_NAMED else ""
    return f"the frames at {names} eV{more}"
