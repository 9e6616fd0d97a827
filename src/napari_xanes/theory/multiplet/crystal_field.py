"""2p to 3d absorption of an ion in a crystal field: energies and intensities of all transitions.

The Hamiltonian is diagonalized in blocks of M_J modulo 4, which a field with a fourfold axis conserves; of blocks that
time reversal maps onto each other only one is computed. Source of the model: de Groot & Kotani, Core Level
Spectroscopy of Solids (2008), ch. 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.theory.multiplet.atomic import Ion, find_ion
from napari_xanes.theory.multiplet.charge_transfer import ChargeTransfer
from napari_xanes.theory.multiplet.operators import configuration, dipole

Polarization = Literal["isotropic", "x", "y", "z"]
Sticks = tuple[Float64Array, Float64Array]

BOLTZMANN = 8.617333262e-5
"""eV/K"""

_POPULATED = 1e-7
"""Initial states with less population are left out."""


@dataclass(frozen=True)
class Field:
    """Crystal field and scales of an ion, all in eV but the two factors."""

    ten_dq: float
    ds: float
    dt: float
    slater_scale: float
    spin_orbit_scale: float

    @property
    def cubic(self) -> bool:
        """Whether x, y and z are equal."""
        return self.ds == 0 and self.dt == 0

    def parameters(self, integrals: Any) -> dict[str, float]:
        """The factor of each operator."""
        scaled: dict[str, float] = integrals.scaled(self.slater_scale, self.spin_orbit_scale)
        return scaled | {"ten_dq": self.ten_dq, "ds": self.ds, "dt": self.dt}


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
        fills 3d for good.

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
        from napari_xanes.theory.multiplet.ligand_states import charge_transfer_sticks

        return charge_transfer_sticks(ion, field, charge_transfer, temperature, polarization)
    return crystal_field_sticks(ion, field, temperature, polarization)


def _check(polarization: str, temperature: float, **numbers: float) -> None:
    if polarization not in ("isotropic", "x", "y", "z"):
        raise ValueError(f"polarization {polarization!r} is none of isotropic, x, y, z")
    if not (np.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"the temperature must be at least 0 K, not {temperature!r}")
    for name, value in numbers.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} must be a number, not {value!r}")


def _check_scales(**scales: float) -> None:
    for name, value in scales.items():
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a factor of at least 0, not {value!r}")


def weights_of(polarization: Polarization, cubic: bool) -> dict[int, float]:
    """How much the spherical components q of the dipole operator count."""
    if polarization == "z" or (cubic and polarization != "isotropic"):
        return {0: 3.0}
    if polarization == "isotropic":
        return {0: 3.0} if cubic else {-1: 1.0, 0: 1.0, 1: 1.0}
    return {-1: 1.5, 1: 1.5}


def representatives(n_3d: int) -> dict[int, int]:
    """Blocks, as 2 M_J modulo 8, of which one stands for itself and its time-reversed partner; and how many it is."""
    return {1: 2, 3: 2} if n_3d % 2 else {0: 1, 2: 2, 4: 1}


def populations(levels: dict[int, Float64Array], shares: dict[int, int], temperature: float) -> dict[int, Float64Array]:
    """The Boltzmann population of each level of each block, partners included, adding up to 1."""
    lowest = min(float(w[0]) for w in levels.values() if w.size)
    if temperature == 0:
        raw = {c: (w - lowest < 1e-7).astype(float) for c, w in levels.items()}
    else:
        raw = {c: np.exp(-(w - lowest) / (BOLTZMANN * temperature)) for c, w in levels.items()}
    total = sum(shares[c] * float(p.sum()) for c, p in raw.items())
    return {c: shares[c] * p / total for c, p in raw.items()}


def crystal_field_sticks(ion: Ion, field: Field, temperature: float, polarization: Polarization) -> Sticks:
    """The sticks without charge transfer; see `l_edge_sticks`."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # the matrices are small: more threads only wait for each other
        return _solve(ion, field, temperature, polarization)


def _solve(ion: Ion, field: Field, temperature: float, polarization: Polarization) -> Sticks:
    initial, final = configuration(6, ion.n_3d), configuration(5, ion.n_3d + 1)
    shares = representatives(ion.n_3d)
    before = {c: _eigen(initial, c, field.parameters(ion.initial)) for c in shares}
    before = {c: found for c, found in before.items() if found[0].size}
    occupied = populations({c: w for c, (_, w, _) in before.items()}, shares, temperature)
    after: dict[int, tuple[NDArray[np.intp], Float64Array, Float64Array]] = {}
    energies, intensities = [], []
    for c, (rows, levels, states) in before.items():
        kept = occupied[c] > _POPULATED
        for q, weight in weights_of(polarization, field.cubic).items():
            target = (c + 2 * q) % 8
            if target not in after:
                after[target] = _eigen(final, target, field.parameters(ion.final))
            columns, ends, end_states = after[target]
            moved = dipole(ion.n_3d, q)[columns][:, rows] @ states[:, kept]
            strength = (end_states.T @ moved) ** 2 * (weight * occupied[c][kept])
            energies.append((ends[:, None] - levels[None, kept]).ravel())
            intensities.append(strength.ravel())
    return ordered_sticks(np.concatenate(energies), np.concatenate(intensities))


def _eigen(of: Any, block: int, parameters: dict[str, float]) -> tuple[NDArray[np.intp], Float64Array, Float64Array]:
    """The determinants of a block, its energies and its states."""
    rows = np.flatnonzero(of.mj2 % 8 == block)
    matrix = np.zeros((rows.size, rows.size))
    for name, operator in of.blocks(block).items():
        if parameters[name]:
            matrix[operator.row, operator.col] += parameters[name] * operator.data
    levels, states = np.linalg.eigh(matrix) if rows.size else (np.zeros(0), matrix)
    return rows, levels, states


def ordered_sticks(energy: Float64Array, intensity: Float64Array) -> Sticks:
    """Sticks by increasing energy, those without intensity left out."""
    seen = intensity > 1e-10 * intensity.max(initial=0.0)
    order = np.argsort(energy[seen], kind="stable")
    return energy[seen][order], intensity[seen][order]
