"""Whether the spectra fit a library of theory better at another place on the energy axis, with another valence.

An error of 1 eV of the axis moves a valence by about 0.35, and no residual of one pixel tells it. But a library that
fits much better elsewhere shows that its calibration belongs to another axis, or to another kind of compound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.computing import computed
from napari_xanes.maps.matching.k_edge_calibration import fit_mixture
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

_LARGEST_SHIFT, _STEP = 4.0, 0.5
"""Energy axes of beamlines differ by up to 4 eV; steps in eV."""

_MUCH_BETTER = 0.7
"""Misfit elsewhere over misfit here. Right axes of measured oxides give 0.9 to 1 where the valence would differ; axes
that are 3 eV off give 0.5 to 0.6 (Ni(OH)2 and Ni2O3, calibrated by NiO of another beamline)."""

_SAMPLE = 1 << 12
"""Pixels whose mean is looked at."""


class BetterPlace(NamedTuple):
    """A place on the energy axis where the mean spectrum fits better: ``shift`` of the library in eV, and, here and
    there, the mean ``valence`` and the ``misfit`` as a share of the edge jump."""

    shift: float
    valence: tuple[float, float]
    misfit: tuple[float, float]

    @property
    def warning(self) -> str:
        """What a user should know."""
        here, there = self.misfit
        return (
            f"the library fits the mean spectrum to {there:.1%} of the edge jump if it is moved by {self.shift:+.1f} "
            f"eV, and to {here:.1%} where the calibration puts it; its valence would be {self.valence[1]:.2f} instead "
            f"of {self.valence[0]:.2f}, and that difference is part of sigma. Calibrate by a compound like the sample, "
            "measured on the stack's energy axis"
        )


def better_place(
    library: Library,
    stack: SpectralStack,
    good: BoolArray,
    *,
    offset: float,
    broadening: float,
    background: str,
    error: float,
) -> BetterPlace | None:
    """Return where the mean spectrum fits a library much better, with a valence that is surely another; else None.

    Parameters
    ----------
    library : Library
        Spectra of K edges, all with a valence.
    stack : SpectralStack
        The frames that the library covers, shape (E, ...).
    good : ndarray of bool, shape (P,)
        Pixels to take the mean of.
    offset, broadening : float
        Where the calibration puts the library, in eV, and the width that it adds.
    background : {"linear", "constant", "none"}
        What is fitted beside the members.
    error : float
        Standard error of a valence. Another one is surely different if it is more than two of them away.
    """
    shifts = np.arange(-_LARGEST_SHIFT, _LARGEST_SHIFT + _STEP / 2, _STEP)
    low, high = library.span
    inside = (stack.energy >= low + offset + _LARGEST_SHIFT) & (stack.energy <= high + offset - _LARGEST_SHIFT)
    charges = library.table["charge"]
    if not good.any() or inside.sum() <= charges.size + 3 or not np.isfinite(charges).all():
        return None
    energy, mean = stack.energy[inside], _mean_spectrum(stack, good)[inside]
    free = background_columns(energy, background)
    fits = [_fit(library.at(energy, broadening=broadening, shift=offset + s), mean, free, charges) for s in shifts]
    here, there = fits[int(np.argmin(np.abs(shifts)))], min(range(len(fits)), key=lambda i: fits[i][0])
    misfit, valence = fits[there]
    if not misfit < _MUCH_BETTER * here[0] or abs(valence - here[1]) <= 2 * error:
        return None
    return BetterPlace(float(shifts[there]), (here[1], valence), (here[0], misfit))


def _mean_spectrum(stack: SpectralStack, good: BoolArray) -> Float64Array:
    """The mean (E,) of good pixels on every n-th image row, so that little of a lazy stack is read."""
    grid = good.reshape(stack.shape[1:])
    rows = np.flatnonzero(grid.any(axis=tuple(i for i in range(grid.ndim) if i != grid.ndim - 2)))
    chosen = rows[:: max(1, int(good.sum()) // _SAMPLE)]
    spectra = np.asarray(computed(stack.data[..., chosen, :]), dtype=np.float64)[:, grid[..., chosen, :]]
    mean: Float64Array = spectra.mean(axis=1)
    return mean


def _fit(
    members: Float64Array, mean: Float64Array, background: Float64Array, charges: Float64Array
) -> tuple[float, float]:
    """The misfit of the best non-negative mixture of members (M, E), as a share of its edge jump, and its valence."""
    amounts, norm = fit_mixture(members, mean, background)
    jump = float(amounts.sum())
    if not jump > 0:
        return np.inf, np.nan
    return norm / np.sqrt(mean.size) / jump, float(amounts @ charges) / jump
