"""2p to 3d absorption of an ion in a crystal field: energies and intensities of all transitions.

The Hamiltonian is diagonalized in blocks of M_J modulo 4, which a field with a fourfold axis conserves. Time
reversal maps some blocks onto each other; only one block of each such pair is computed. Source of the model: de Groot &
Kotani, Core Level Spectroscopy of Solids (2008), ch. 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.theory.multiplet.atomic import Ion
from napari_xanes.theory.multiplet.operators import Configuration, configuration, dipole

Polarization = Literal["isotropic", "x", "y", "z"]
Sticks = tuple[Float64Array, Float64Array]

BOLTZMANN = 8.617333262e-5
"""Boltzmann constant in eV/K."""

_POPULATED = 1e-7
"""Initial states with a smaller population are left out."""


@dataclass(frozen=True)
class Field:
    """Crystal field parameters in eV, and the two scale factors of an ion's integrals."""

    ten_dq: float
    ds: float
    dt: float
    slater_scale: float
    spin_orbit_scale: float

    @property
    def cubic(self) -> bool:
        """Whether the directions x, y and z are equivalent."""
        return self.ds == 0 and self.dt == 0

    def parameters(self, integrals: Any) -> dict[str, float]:
        """Return the factor of each operator of the Hamiltonian, in eV."""
        scaled: dict[str, float] = integrals.scaled(self.slater_scale, self.spin_orbit_scale)
        return scaled | {"ten_dq": self.ten_dq, "ds": self.ds, "dt": self.dt}


def weights_of(polarization: Polarization, cubic: bool) -> dict[int, float]:
    """Return the weight of each spherical component q of the dipole operator."""
    if polarization == "z" or (cubic and polarization != "isotropic"):
        return {0: 3.0}
    if polarization == "isotropic":
        return {0: 3.0} if cubic else {-1: 1.0, 0: 1.0, 1: 1.0}
    return {-1: 1.5, 1: 1.5}


def representatives(n_3d: int) -> dict[int, int]:
    """Return the blocks to compute (2 M_J modulo 8), each with its multiplicity: 2 with a time-reversed partner."""
    return {1: 2, 3: 2} if n_3d % 2 else {0: 1, 2: 2, 4: 1}


def populations(
    levels: dict[int, Float64Array], multiplicities: dict[int, int], temperature: float
) -> dict[int, Float64Array]:
    """Return the Boltzmann populations of the levels of each block, adding up to 1, time-reversed partners included."""
    lowest = min(float(w[0]) for w in levels.values() if w.size)
    if temperature == 0:
        factors = {c: (w - lowest < 1e-7).astype(float) for c, w in levels.items()}
    else:
        factors = {c: np.exp(-(w - lowest) / (BOLTZMANN * temperature)) for c, w in levels.items()}
    total = sum(multiplicities[c] * float(p.sum()) for c, p in factors.items())
    return {c: multiplicities[c] * p / total for c, p in factors.items()}


def crystal_field_sticks(ion: Ion, field: Field, temperature: float, polarization: Polarization) -> Sticks:
    """Compute the sticks without charge transfer; see `napari_xanes.theory.l_edge_sticks`."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # the matrices are small: more threads only wait for each other
        return _solve(ion, field, temperature, polarization)


def _solve(ion: Ion, field: Field, temperature: float, polarization: Polarization) -> Sticks:
    initial, final = configuration(6, ion.n_3d), configuration(5, ion.n_3d + 1)
    multiplicities = representatives(ion.n_3d)
    before = {c: _eigen(initial, c, field.parameters(ion.initial)) for c in multiplicities}
    before = {c: solution for c, solution in before.items() if solution[0].size}
    population = populations({c: w for c, (_, w, _) in before.items()}, multiplicities, temperature)
    after: dict[int, tuple[NDArray[np.intp], Float64Array, Float64Array]] = {}
    energies, intensities = [], []
    for c, (rows, levels, states) in before.items():
        is_populated = population[c] > _POPULATED
        for q, weight in weights_of(polarization, field.cubic).items():
            target = (c + 2 * q) % 8
            if target not in after:
                after[target] = _eigen(final, target, field.parameters(ion.final))
            columns, final_levels, final_states = after[target]
            excited = dipole(ion.n_3d, q)[columns][:, rows] @ states[:, is_populated]
            strength = (final_states.T @ excited) ** 2 * (weight * population[c][is_populated])
            energies.append((final_levels[:, None] - levels[None, is_populated]).ravel())
            intensities.append(strength.ravel())
    return ordered_sticks(np.concatenate(energies), np.concatenate(intensities))


def _eigen(
    space: Configuration, block: int, parameters: dict[str, float]
) -> tuple[NDArray[np.intp], Float64Array, Float64Array]:
    """Return the indices of the determinants of a block, its levels in eV, and its states as columns."""
    rows = np.flatnonzero(space.mj2 % 8 == block)
    matrix = np.zeros((rows.size, rows.size))
    for name, operator in space.blocks(block).items():
        if parameters[name]:
            matrix[operator.row, operator.col] += parameters[name] * operator.data
    levels, states = np.linalg.eigh(matrix) if rows.size else (np.zeros(0), matrix)
    return rows, levels, states


def ordered_sticks(energy: Float64Array, intensity: Float64Array) -> Sticks:
    """Sort sticks by energy and leave out those without intensity."""
    visible = intensity > 1e-10 * intensity.max(initial=0.0)
    order = np.argsort(energy[visible], kind="stable")
    return energy[visible][order], intensity[visible][order]
