"""What every method that explores a stack does first: its measured frames in a range of energies, their components."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import Range, raise_if_frame_empty, require_absorption
from napari_xanes.exploring.basis import ComponentBasis
from napari_xanes.exploring.factors import find_factors
from napari_xanes.exploring.faults import energies_in_words
from napari_xanes.exploring.moments import Moments, moments_of
from napari_xanes.exploring.pure_spectra import PureSpectra
from napari_xanes.noise import AmountNoise
from napari_xanes.progress import Progress
from napari_xanes.region_means import SHARED_ENERGIES
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted, one_or_more

LEAST_ENERGIES = 4
"""Fewer energies leave nothing that would show the noise beside a component."""

_MANY = 0.3
"""Share of the energies from which so many components are no substances."""

NOTHING = "no component stands out from the noise"


def within(stack: SpectralStack, method: str, energy: Range | None = None) -> SpectralStack:
    """Return the measured frames within a range of energies.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        The stack.
    method : str
        Name of the method that takes it, for error messages.
    energy : tuple of float, optional
        Range in eV, both ends included.

    Raises
    ------
    ValueError
        If the stack is no absorption, or too few energies are left.
    """
    require_absorption(stack, method, normalized=True, scaled=True)
    stack = stack.measured()
    if energy is not None:
        inside = np.flatnonzero((stack.energy >= energy[0]) & (stack.energy <= energy[1]))
        if inside.size < LEAST_ENERGIES:
            raise ValueError(
                f"energy = {energy[0]:g} to {energy[1]:g} eV holds {inside.size} energies of {stack.name!r} "
                f"({stack.energy[0]:g} to {stack.energy[-1]:g} eV); {method} needs at least {LEAST_ENERGIES}"
            )
        stack = stack.isel(slice(int(inside[0]), int(inside[-1]) + 1))
    if stack.energy.size < LEAST_ENERGIES:
        raise ValueError(
            f"{stack.name!r} has {counted(stack.energy.size, 'energy', 'energies')}; {method} needs at least "
            f"{LEAST_ENERGIES}"
        )
    return stack


def find_basis(
    stack: SpectralStack,
    method: str,
    count: int | None = None,
    energy: Range | None = None,
    progress: Progress | None = None,
) -> ComponentBasis:
    """Find the components of a stack.

    Parameters
    ----------
    stack, method, energy
        As in `within`.
    count : int, optional
        Number of components; by default those that are larger than noise makes them by chance, at least one.
    progress : callable, optional
        Told the fraction that is done.

    Raises
    ------
    ValueError
        As `within`; if no two pixels hold values at all energies, or all values are 0.
    """
    stack = within(stack, method, energy)
    moments = moments_of(stack, progress)
    if moments.n_pixels < 2:
        raise_if_frame_empty(stack)
    return basis_of(moments, stack.energy, stack.name, count)


def basis_of(moments: Moments, energy: Float64Array, name: str, count: int | None = None) -> ComponentBasis:
    """Return the components, at energies (E,) in eV, of pixels whose sums are known; the name is for messages.

    Raises
    ------
    ValueError
        If no two pixels hold values at all energies, or all values are 0.
    """
    if moments.n_pixels < 2:
        raise ValueError(f"no two pixels of {name!r} hold values at all energies; crop to where they do")
    if not moments.products.any():
        raise ValueError(f"all values of {name!r} are 0; there are no components; choose another stack")
    factors = find_factors(moments.products, moments.n_pixels, moments.sample, moments.noise, count)
    return ComponentBasis.of(energy, factors)


def at_energies_of(basis: ComponentBasis | PureSpectra, stack: SpectralStack) -> SpectralStack:
    """Return the stack; raise an error if components or spectra were found at other energies.

    Raises
    ------
    ValueError
        If the energies differ by more than 0.001 eV.
    """
    if basis.energy.shape != stack.energy.shape or not np.allclose(basis.energy, stack.energy, rtol=0, atol=1e-3):
        (low, high), (first, last) = (axis[[0, -1]] for axis in (basis.energy, stack.energy))
        raise ValueError(
            f"the basis has {basis.energy.size} energies ({low:g} to {high:g} eV), but {stack.name!r} has "
            f"{stack.energy.size} ({first:g} to {last:g} eV): interpolate_energy first, or leave basis out"
        )
    return stack


def doubts_of(stack: SpectralStack, basis: ComponentBasis) -> list[str]:
    """Say in sentences what makes the number of components doubtful."""
    warnings = []
    count = len(basis.spectra)
    if basis.eigenvalues[count - 1] < basis.limit:
        above = int((basis.eigenvalues > basis.limit).sum())
        stand = one_or_more(above, "stands", "stand")
        warnings.append(f"only {above} of the {count} components {stand} out from the noise" if above else NOTHING)
    if stack.metadata.get(SHARED_ENERGIES):
        warnings.append(
            "neighbouring energies share noise after smooth or interpolate_energy, so that noise looks like "
            "components; find them in the stack before that step"
        )
    if count >= max(8, _MANY * basis.energy.size) and basis.eigenvalues[count - 1] >= basis.limit:
        warnings.append(
            f"{count} components stand out at {basis.energy.size} energies: many frames have something of their own, "
            "as with zingers (repair), frames that moved (align) or an unsteady beam"
        )
    warnings += energies_in_words(basis.energy, basis.spectra, basis.noise)
    if isinstance(stack.noise, AmountNoise):
        warnings.append("the stack is denoised: its components are those that the denoiser kept")
    return warnings
