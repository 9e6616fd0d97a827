"""Maps of the first frames, before anything can be fitted: the newest contrast, with the noise that neighbours show."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.stack import SpectralStack

DIFFERENCE = "difference_so_far"
SINGLE = "frame_so_far"

_MAD = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""

_EACH = 4
"""Every so many rows are enough for the noise."""


def quick_maps(first: SpectralStack, last: SpectralStack | None) -> MapSet:
    """Return what one or two frames show.

    Parameters
    ----------
    first, last : SpectralStack, shape (1, Y, X) or (1, Z, Y, X)
        The frames of the lowest and of the highest energy so far, after the steps of the recipe that frames can take
        alone; `last` is None if there is one frame only.

    Returns
    -------
    MapSet
        ``difference_so_far``, highest minus lowest energy, or ``frame_so_far``. Sigma is one number: that of the
        differences of neighbouring pixels over the square root of 2, by their median absolute deviation. Fine
        structure of the sample counts as noise in it.
    """
    one = np.asarray(first.data[0], np.float32)
    values = one if last is None else np.asarray(last.data[0], np.float32) - one
    name = SINGLE if last is None else DIFFERENCE
    text = f"{first.energy[0]:g} eV" if last is None else f"{last.energy[0]:g} eV minus {first.energy[0]:g} eV"
    sigma = np.full(values.shape, _noise(values), np.float32)
    found = ParameterMap(values, first.unit, sigma, np.isfinite(values))
    return MapSet({name: found}, pixel_size=first.pixel_size, metadata={"warnings": [f"{name}: {text}"]})


def _noise(values: Float32Array) -> float:
    rows: Any = values.reshape(-1, values.shape[-1])
    steps = np.diff(rows[:: min(_EACH, len(rows))], axis=1)
    steps = steps[np.isfinite(steps)]
    return float(_MAD * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2)) if steps.size else float("nan")
