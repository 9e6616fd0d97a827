"""L2,3 absorption of a 3d ion: energies and intensities of all transitions from 2p to 3d."""

from __future__ import annotations

import numpy as np

from napari_xanes.theory.multiplet.atomic import find_ion
from napari_xanes.theory.multiplet.charge_transfer import ChargeTransfer, charge_transfer_sticks
from napari_xanes.theory.multiplet.crystal_field import Field, Polarization, Sticks, crystal_field_sticks


def l_edge_sticks(
    element: str = "Mn",
    charge: int = 2,
    ten_dq: float = 0.9,
    *,
    slater_scale: float = 0.8,
    spin_orbit_scale: float = 1.0,
    ds: float = 0.0,
    dt: float = 0.0,
    temperature: float = 300.0,
    polarization: Polarization = "isotropic",
    charge_transfer: ChargeTransfer | None = None,
) -> Sticks:
    """Energies and intensities of the 2p to 3d transitions of a 3d ion.

    Parameters
    ----------
    element : str
        Sc to Cu.
    charge : int
        Charge of the ion; it must have a hole in 3d.
    ten_dq : float
        Cubic crystal field splitting 10Dq in eV, positive for octahedra.
    slater_scale : float
        Factor on the Hartree-Fock Slater integrals; 0.8 is the free ion.
    spin_orbit_scale : float
        Factor on the spin-orbit constant of 2p.
    ds, dt : float
        Tetragonal crystal field in eV (D4h, z along the fourfold axis).
    temperature : float
        In K; populates the initial states.
    polarization : {"isotropic", "x", "y", "z"}
        Direction of the electric field. Isotropic is the mean of x, y and z.
    charge_transfer : ChargeTransfer, optional
        Adds the configuration with an electron from the ligands.

    Returns
    -------
    energy : ndarray, shape (N,)
        eV, increasing; 0 is the difference of the configuration averages.
    intensity : ndarray, shape (N,)
        The isotropic ones add up to 0.4 per hole in 3d, where there is no charge transfer.

    Raises
    ------
    ValueError
        If the ion is unknown or has no 3d hole, a parameter is not a finite number in its range, or charge transfer
        fills the 3d shell of the ground state completely.

    Examples
    --------
    >>> energy, intensity = l_edge_sticks("Ni", 2, 1.0)
    >>> round(float(intensity.sum()), 6)
    0.8
    """
    ion = find_ion(element, charge)
    _check(polarization, temperature, ten_dq=ten_dq, ds=ds, dt=dt)
    _check_scales(slater_scale=slater_scale, spin_orbit_scale=spin_orbit_scale)
    field = Field(ten_dq, ds, dt, slater_scale, spin_orbit_scale)
    if charge_transfer is not None:
        return charge_transfer_sticks(ion, field, charge_transfer, temperature, polarization)
    return crystal_field_sticks(ion, field, temperature, polarization)


def _check(polarization: str, temperature: float, **numbers: float) -> None:
    if polarization not in ("isotropic", "x", "y", "z"):
        raise ValueError(f"polarization must be isotropic, x, y or z, not {polarization!r}")
    if not (np.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"the temperature must be at least 0 K, not {temperature!r}")
    for name, value in numbers.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} must be a number, not {value!r}")


def _check_scales(**scales: float) -> None:
    for name, value in scales.items():
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a factor of at least 0, not {value!r}")
