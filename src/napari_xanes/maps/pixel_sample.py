"""Spectra of some pixels that show an edge, spread over the image."""

from __future__ import annotations

import numpy as np

from napari_xanes.computing import computed
from napari_xanes.spectrum import Spectrum
from napari_xanes.spreading import spread
from napari_xanes.stack import SpectralStack

_END = 5
"""The first and last fifth of the energies tell how much a pixel rises."""

_LEAST_RISE = 0.3
"""Pixels that rise by less than this share of the strongest ones show little but noise."""


def sampled_spectra(stack: SpectralStack, count: int = 30) -> list[Spectrum]:
    """Return spectra of pixels that rise at the edge and have a value at each energy.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    count : int
        Largest number of pixels; they are spread evenly over those that qualify, in the order of the image.

    Raises
    ------
    ValueError
        If no pixel qualifies.

    Examples
    --------
    >>> rise = np.arange(10.0)[:, None, None] * np.array([[0, 1, 1, 2]])
    >>> [spectrum.name for spectrum in sampled_spectra(SpectralStack(rise, np.arange(700, 710)), 2)]
    ['pixel (0, 1)', 'pixel (0, 3)']
    """
    ends = max(1, stack.energy.size // _END)
    first, last = (np.asarray(computed(stack.data[cut]), np.float64) for cut in (slice(ends), slice(-ends, None)))
    rise = (last.mean(axis=0) - first.mean(axis=0)).ravel()
    known = np.isfinite(rise)
    if not known.any():
        raise ValueError(f"no pixel of {stack.name!r} has values at both ends of the scan: drop empty frames first")
    strong = np.flatnonzero(known & (rise > _LEAST_RISE * np.quantile(rise[known], 0.95)) & (np.nan_to_num(rise) > 0))
    spectra = []
    for number in strong[spread(strong.size, count)] if strong.size else ():
        place = tuple(int(i) for i in np.unravel_index(number, stack.shape[1:]))
        values = np.asarray(computed(stack.data[(slice(None), *place)]), np.float64)
        if np.isfinite(values).all():
            facts = {"normalized": stack.quantity == "normalized"}
            spectra.append(Spectrum(f"pixel {place}", stack.energy, values, metadata=facts))
    if not spectra:
        raise ValueError(
            f"no pixel of {stack.name!r} rises at an edge and has a value at each energy: "
            "crop to the sample, or bin pixels"
        )
    return spectra
