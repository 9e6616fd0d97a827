"""Whether the spectra fit a library of theory better at another place on the energy axis, with another valence.

An error of 1 eV of the axis moves a valence by about 0.35, and no residual of one pixel tells it. But a library that
fits much better elsewhere shows that its calibration belongs to another axis, or to another kind of compound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.computing import computed
from napari_xanes.maps.matching.k_edge_calibration import fit_mixture
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

_LARGEST_SHIFT, _STEP = 4.0, 0.5
"""Energy axes of beamlines differ by up to 4 eV; steps in eV."""

_MUCH_BETTER = 0.7
"""Misfit elsewhere over misfit here. Right axes of measured oxides give 0.9 to 1 where the valence would differ; axes
that are 3 eV off give 0.5 to 0.6 (Ni(OH)2 and Ni2O3, calibrated by NiO of another beamline)."""

_TIED, _UNTIED = 0.15, 0.5
"""Standard error in eV of the axis against the calibration's: a monochromator comes back to 0.1 or 0.2 eV within a
beamtime; between scans that nothing ties together, 0.5 to 1 eV are usual."""

_SAMPLE = 1 << 12
"""Pixels whose mean is looked at."""

AXIS_UNKNOWN = (
    "the error of the energy axis is not in sigma of the valence: it needs a valence of each member, and at "
    "least four more energies than members, 4 eV inside the library or more; measure more energies near the edge"
)
"""What is told where `axis_trial` can't be made."""


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


class AxisTrial(NamedTuple):
    """The mean spectrum of a stack, to be fitted with a library at several places on the energy axis.

    ``energy`` and ``mean`` (E,) are the energies that the library covers at each place, ``background`` (E, F) is what
    is fitted beside the members. ``offset`` and ``broadening`` are those of the calibration, in eV.
    """

    library: Library
    energy: Float64Array
    mean: Float64Array
    background: Float64Array
    offset: float
    broadening: float

    def fit(self, shift: float) -> tuple[float, float]:
        """The misfit of the best non-negative mixture, as a share of its edge jump, and its valence."""
        members = self.library.at(self.energy, broadening=self.broadening, shift=self.offset + shift)
        amounts, norm = fit_mixture(members, self.mean, self.background)
        jump = float(amounts.sum())
        if not jump > 0:
            return np.inf, np.nan
        return norm / np.sqrt(self.mean.size) / jump, float(amounts @ self.library.table["charge"]) / jump


def axis_trial(
    library: Library, stack: SpectralStack, good: BoolArray, *, offset: float, broadening: float, background: str
) -> AxisTrial | None:
    """Return the mean of good pixels (P,) to be fitted at several places; None where it can tell nothing.

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
    """
    low, high = library.span
    inside = (stack.energy >= low + offset + _LARGEST_SHIFT) & (stack.energy <= high + offset - _LARGEST_SHIFT)
    charges = library.table["charge"]
    if not good.any() or inside.sum() <= charges.size + 3 or not np.isfinite(charges).all():
        return None
    energy, mean = stack.energy[inside], _mean_spectrum(stack, good)[inside]
    return AxisTrial(library, energy, mean, background_columns(energy, background), offset, broadening)


def better_place(trial: AxisTrial, error: float) -> BetterPlace | None:
    """Return where the mean spectrum fits a library much better, with a valence that is surely another; else None.

    ``error`` is the standard error of a valence: another one is surely different if it is more than two of them away.
    """
    shifts = np.arange(-_LARGEST_SHIFT, _LARGEST_SHIFT + _STEP / 2, _STEP).tolist()
    fits = [trial.fit(shift) for shift in shifts]
    here, there = fits[int(np.argmin(np.abs(shifts)))], min(range(len(fits)), key=lambda i: fits[i][0])
    misfit, valence = fits[there]
    if not misfit < _MUCH_BETTER * here[0] or abs(valence - here[1]) <= 2 * error:
        return None
    return BetterPlace(shifts[there], (here[1], valence), (here[0], misfit))


def axis_error(stack: SpectralStack, calibration: Spectrum | None) -> float:
    """Return by how many eV the axes of a stack and its calibration may differ, as a standard error.

    Parameters
    ----------
    stack : SpectralStack
        Its ``metadata["calibrate_energy"]`` says whether the axis was calibrated.
    calibration : Spectrum, optional
        A spectrum at the very energies of the stack was measured as the stack was.

    Examples
    --------
    >>> stack = SpectralStack(np.ones((2, 1, 1)), [8330, 8340], "optical_depth")
    >>> axis_error(stack, Spectrum("standard", [8330, 8335, 8340], [0, 0, 1]))
    0.5
    >>> axis_error(stack, Spectrum("region", [8330, 8340], [0, 1]))
    0.15
    """
    known = stack.metadata.get("calibrate_energy")
    if isinstance(known, Mapping):
        return float(np.hypot(_TIED, known.get("offset_sigma", 0.0)))
    same = calibration is not None and np.isin(calibration.energy, stack.energy).all()
    return _TIED if same else _UNTIED


def axis_part(trial: AxisTrial, error: float) -> float:
    """Return the standard error of the valence that an error of the axis in eV makes."""
    here = trial.fit(0.0)[1]
    changes = np.abs([trial.fit(shift)[1] - here for shift in (-error, error)])
    return float(changes[np.isfinite(changes)].max(initial=0.0))


def _mean_spectrum(stack: SpectralStack, good: BoolArray) -> Float64Array:
    """The mean (E,) of good pixels on every n-th image row, so that little of a lazy stack is read."""
    grid = good.reshape(stack.shape[1:])
    rows = np.flatnonzero(grid.any(axis=tuple(i for i in range(grid.ndim) if i != grid.ndim - 2)))
    chosen = rows[:: max(1, int(good.sum()) // _SAMPLE)]
    spectra = np.asarray(computed(stack.data[..., chosen, :]), dtype=np.float64)[:, grid[..., chosen, :]]
    mean: Float64Array = spectra.mean(axis=1)
    return mean
