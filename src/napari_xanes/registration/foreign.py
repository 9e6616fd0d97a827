"""Frames that have an image of their own: noise of a beam dump, or another place of the sample."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.registration.fourier import Coefficients
from napari_xanes.registration.products import inner

_LEAST_FRAMES = 12
_ALONE = 0.6
"""Share of a map that a single frame determines."""

_ALIKE = 0.1
"""Share of this map that the other maps make up, if it is of the same sample: also one that inverts does."""


def frames_of_their_own(spectra: Float64Array, maps: Coefficients) -> BoolArray:
    """Return which frames have a map that they alone determine and that is unlike all others.

    Parameters
    ----------
    spectra : ndarray, shape (E, R)
        Orthonormal spectra.
    maps : ndarray, shape (R, K)
        Their maps.
    """
    alone = np.zeros(len(spectra), dtype=bool)
    if len(spectra) < _LEAST_FRAMES or len(maps) < 2:
        return alone
    gram = inner(maps, maps)
    share = (spectra**2).sum(axis=1)
    for e in np.flatnonzero(share > _ALONE):
        turned = np.linalg.qr(np.column_stack([spectra[e], np.eye(len(maps))]))[0]
        both = turned.T @ gram @ turned
        alike = both[0, 1:] @ np.linalg.pinv(both[1:, 1:]) @ both[1:, 0]
        alone[e] = alike < _ALIKE * both[0, 0]
    return alone
