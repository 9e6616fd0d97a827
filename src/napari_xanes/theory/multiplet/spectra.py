"""Simulated L2,3 spectra on a photon energy axis."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import Float64Array
from napari_xanes.edge.elements import tabulated_e0
from napari_xanes.spectrum import Spectrum, check_grid
from napari_xanes.theory.multiplet.atomic import Ion, find_ion
from napari_xanes.theory.multiplet.broadening import between_l3_and_l2, broadened
from napari_xanes.theory.multiplet.l_edge import l_edge_sticks

OFFSETS = {("Mn", 2): 642.47, ("Mn", 3): 643.91, ("Mn", 4): 644.45}
"""Offsets in eV of the relative axis, from measured L3 maxima of MnO (640.47), LaMnO3 (642.3) and SrMnO3 (643.25)."""


def empirical_offset(ion: Ion) -> float:
    """Estimate the energy in eV to add to the relative axis of an ion.

    Multiplet theory does not predict this offset. For Mn it is measured. For other elements it is estimated from the
    tabulated L3 energy (Elam, Ravel & Sieber), the spin-orbit splitting and the chemical shift of Mn
    (0.95 eV per charge). The estimate puts the maxima of Fe2+ and Fe3+ within 0.2 eV of measured maxima (STXM,
    ALS 11.0.2). For other elements, above all Cu, the error can be 3 eV: fit the offset. All offsets hold for the
    crystal field alone: charge transfer lowers the maximum, so Mn4+ needs 0.5 to 1 eV more.

    Examples
    --------
    >>> empirical_offset(find_ion("Mn", 2))
    642.47
    """
    measured = OFFSETS.get((ion.element, ion.charge))
    if measured is not None:
        return measured
    edge = tabulated_e0(ion.element, "L3")
    assert edge is not None
    return edge + 0.5 * ion.final.zeta_2p + 0.35 + 0.95 * (ion.charge - 2)


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
) -> Float64Array:
    """Simulate the L2,3 absorption spectrum of a 3d ion.

    Parameters
    ----------
    energy : array_like, shape (E,)
        Photon energies in eV.
    element, charge, ten_dq
        The ion and its crystal field 10Dq in eV, as in `l_edge_sticks`.
    lorentz_l3, lorentz_l2, gauss : float
        Full widths at half maximum in eV: Lorentzians from the lifetimes of the L3 and L2 holes, and a Gaussian from
        the resolution of the instrument.
    growth : float
        Growth of the Lorentzian's width per eV above the centroid of L3.
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
        As in `l_edge_sticks` and `broadened`, or if the offset is neither "empirical" nor a number.

    Examples
    --------
    >>> energy = np.arange(635.0, 660.0, 0.1)
    >>> mu = l_edge_spectrum(energy, element="Mn", charge=2, ten_dq=0.9)
    >>> round(float(energy[mu.argmax()]), 1)
    640.5
    """
    free_ion = find_ion(element, charge)
    sticks = l_edge_sticks(element, charge, ten_dq, **ion)
    if offset != "empirical" and (isinstance(offset, str) or not np.isfinite(offset)):
        raise ValueError(f'offset is an energy in eV or "empirical", not {offset!r}')
    zero = empirical_offset(free_ion) if offset == "empirical" else float(offset)
    return broadened(
        np.asarray(energy, dtype=np.float64) - zero,
        *sticks,
        split=between_l3_and_l2(*sticks),
        lorentz_l3=lorentz_l3,
        lorentz_l2=lorentz_l2,
        gauss=gauss,
        growth=growth,
    )


def simulated(
    element: str, charge: int, ten_dq: float, *, energy: tuple[float, float] | None = None, **parameters: Any
) -> Spectrum:
    """Simulate a reference spectrum with maximum 1; its valence and parameters are stored with it.

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
        As in `l_edge_spectrum`, or if there is no line in the energy range.

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
    check_grid(low, high, 0.1, what=f"the spectrum of {ion.name}")
    axis = np.arange(low, high + 0.05, 0.1).round(6)
    mu = l_edge_spectrum(axis, element=element, charge=charge, ten_dq=ten_dq, **parameters)
    if not mu.max() > 0:
        raise ValueError(
            f"{ion.name} has no L2,3 line between {low:g} and {high:g} eV; choose an energy range around {centre:g} eV"
        )
    metadata = {"element": element, "edge": "L3", "normalized": True, "simulated": f"{ion.name}, 10Dq {ten_dq:g} eV"}
    return Spectrum(f"{ion.name} 10Dq {ten_dq:g} eV", axis, mu / mu.max(), float(charge), metadata=metadata)
