"""From sticks to spectra: lifetime and instrument broadening, and the place on the energy axis."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.atomic import Ion, find_ion
from napari_xanes.theory.sticks import l_edge_sticks

Floats = NDArray[np.float64]

BIN = 0.02
"""Width of the bins that sticks are collected in, in eV: a tenth of the narrowest line."""

OFFSETS = {("Mn", 2): 642.47, ("Mn", 3): 643.91, ("Mn", 4): 644.45}
"""Energy in eV to add to the relative axis, from the L3 maxima of MnO (640.47), LaMnO3 (642.3) and SrMnO3 (643.25)."""


def empirical_offset(ion: Ion) -> float:
    """The energy to add to the relative axis of an ion, in eV.

    Multiplet theory does not predict it. For Mn it is measured; for others estimated from the tabulated L3 energy, the
    spin-orbit splitting and the chemical shift of Mn (0.95 eV per charge): right to about 2 eV, to be fitted per stack.

    Examples
    --------
    >>> empirical_offset(find_ion("Mn", 2))
    642.47
    """
    known = OFFSETS.get((ion.element, ion.charge))
    if known is not None:
        return known
    import xraydb

    edge = float(xraydb.xray_edge(ion.element, "L3").energy)
    return edge + 0.5 * ion.final.zeta_2p + 0.35 + 0.95 * (ion.charge - 2)


def binned(energy: Floats, intensity: Floats) -> tuple[Floats, Floats]:
    """Sticks collected in bins of `BIN` eV, each shared by its two neighbours so that centroids stay.

    Returns
    -------
    energy, intensity : ndarray
        Bins that hold something, by increasing energy.
    """
    position = energy / BIN
    low = np.floor(position).astype(np.int64)
    share = position - low
    first = int(low.min())
    heights = np.bincount(low - first, intensity * (1 - share), minlength=int(low.max()) - first + 2)
    heights += np.bincount(low - first + 1, intensity * share, minlength=heights.size)
    filled = np.flatnonzero(heights)
    return np.asarray((filled + first) * BIN, dtype=np.float64), np.asarray(heights[filled], dtype=np.float64)


def broadened(
    grid: ArrayLike,
    energy: Floats,
    intensity: Floats,
    *,
    split: float,
    lorentz_l3: float,
    lorentz_l2: float,
    gauss: float,
    growth: float = 0.0,
) -> Floats:
    """Sticks as Voigt lines.

    Parameters
    ----------
    grid : array_like, shape (E,)
        Where to compute the spectrum, in eV, on the axis of the sticks.
    energy, intensity : ndarray, shape (N,)
        The sticks.
    split : float
        Energy in eV between L3 and L2.
    lorentz_l3, lorentz_l2 : float
        Full widths at half maximum of the Lorentzian below and above `split`, in eV.
    gauss : float
        Full width at half maximum of the Gaussian, in eV; 0 for none.
    growth : float
        Growth of the Lorentzian's width per eV above the strongest line.

    Returns
    -------
    ndarray, shape (E,)
        Intensity per eV.

    Raises
    ------
    ValueError
        If a width is negative, or all are 0.

    Examples
    --------
    >>> one = broadened([0.0], np.array([0.0]), np.array([1.0]), split=5, lorentz_l3=0.2, lorentz_l2=0.4, gauss=0)
    >>> round(float(one[0] * np.pi * 0.1), 6)
    1.0
    """
    if min(lorentz_l3, lorentz_l2, gauss, growth) < 0 or (gauss == 0 and min(lorentz_l3, lorentz_l2) == 0):
        raise ValueError(
            f"widths must be positive: Lorentz {lorentz_l3} and {lorentz_l2} eV, Gauss {gauss} eV, growth {growth}"
        )
    axis = np.asarray(grid, dtype=np.float64)
    centre, height = binned(energy, intensity)
    strongest = centre[np.argmax(height)]
    width = np.where(centre < split, lorentz_l3, lorentz_l2) + growth * np.maximum(centre - strongest, 0.0)
    distance = axis[:, None] - centre
    if gauss == 0:
        lines = (width / (2 * np.pi)) / (distance**2 + (width / 2) ** 2)
    else:
        from scipy.special import voigt_profile

        lines = voigt_profile(distance, gauss / np.sqrt(8 * np.log(2)), width / 2)
    result: Floats = lines @ height
    return result


def l_edge_spectrum(
    energy: ArrayLike,
    *,
    element: str,
    charge: int,
    ten_dq: float,
    lorentz_l3: float = 0.2,
    lorentz_l2: float = 0.4,
    gauss: float = 0.25,
    growth: float = 0.0,
    offset: float | Literal["empirical"] = "empirical",
    **ion: Any,
) -> Floats:
    """The L2,3 absorption spectrum of a 3d ion.

    Parameters
    ----------
    energy : array_like, shape (E,)
        Photon energies in eV.
    element, charge, ten_dq
        The ion and its crystal field 10Dq in eV, as in `l_edge_sticks`.
    lorentz_l3, lorentz_l2, gauss : float
        Full widths at half maximum in eV: lifetimes of the L3 and L2 holes, and the instrument's resolution.
    growth : float
        Growth of the Lorentzian's width per eV above the L3 maximum.
    offset : float or "empirical"
        Energy in eV of the zero of the sticks; see `empirical_offset`.
    **ion
        More parameters of `l_edge_sticks`.

    Returns
    -------
    ndarray, shape (E,)
        Intensity per eV; the integral of the isotropic spectrum is 0.4 per 3d hole.

    Raises
    ------
    ValueError
        As in `l_edge_sticks` and `broadened`.

    Examples
    --------
    >>> energy = np.arange(635.0, 660.0, 0.1)
    >>> mu = l_edge_spectrum(energy, element="Mn", charge=2, ten_dq=0.9)
    >>> round(float(energy[mu.argmax()]), 1)
    640.5
    """
    free = find_ion(element, charge)
    sticks = l_edge_sticks(element, charge, ten_dq, **ion)
    zero = empirical_offset(free) if offset == "empirical" else float(offset)
    return broadened(
        np.asarray(energy, dtype=np.float64) - zero,
        *sticks,
        split=between_l3_and_l2(free, *sticks),
        lorentz_l3=lorentz_l3,
        lorentz_l2=lorentz_l2,
        gauss=gauss,
        growth=growth,
    )


def simulated(
    element: str, charge: int, ten_dq: float, *, energy: tuple[float, float] | None = None, **parameters: Any
) -> Spectrum:
    """A simulated spectrum as a reference: highest line 1, valence and parameters with it.

    Parameters
    ----------
    element, charge, ten_dq
        The ion and its crystal field 10Dq in eV.
    energy : tuple of float, optional
        Range in eV; by default 10 eV below the L3 maximum to 12 eV above the L2 edge.
    **parameters
        More parameters of `l_edge_spectrum`.

    Raises
    ------
    ValueError
        As in `l_edge_spectrum`, or if the range holds no line.

    Examples
    --------
    >>> spectrum = simulated("Mn", 2, 0.9)
    >>> spectrum.name, spectrum.valence
    ('Mn2+ 10Dq 0.9 eV', 2.0)
    """
    ion = find_ion(element, charge)
    zero = parameters.get("offset", "empirical")
    centre = empirical_offset(ion) if zero == "empirical" else float(zero)
    low, high = energy or (centre - 12.0, centre + 1.5 * ion.final.zeta_2p + 12.0)
    axis = np.arange(low, high + 0.05, 0.1).round(6)
    mu = l_edge_spectrum(axis, element=element, charge=charge, ten_dq=ten_dq, **parameters)
    if not mu.max() > 0:
        raise ValueError(f"{ion.name} has no L2,3 line between {low:g} and {high:g} eV")
    metadata = {"element": element, "edge": "L3", "normalized": True, "simulated": f"{ion.name}, 10Dq {ten_dq:g} eV"}
    return Spectrum(f"{ion.name} 10Dq {ten_dq:g} eV", axis, mu / mu.max(), float(charge), metadata=metadata)


def between_l3_and_l2(ion: Ion, energy: Floats, intensity: Floats) -> float:
    """An energy between the two edges: half the spin-orbit splitting (3/2 zeta_2p) above the strongest line."""
    centre, height = binned(energy, intensity)
    return float(centre[np.argmax(height)] + 0.75 * ion.final.zeta_2p)
