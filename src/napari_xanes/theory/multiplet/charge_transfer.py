"""Multiplets with charge transfer: parameters and absorption lines of the Anderson impurity model.

The ion exchanges electrons with its ligands: configurations d^n and d^(n+1) with a ligand hole are mixed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.theory.multiplet import crystal_field
from napari_xanes.theory.multiplet.atomic import Ion
from napari_xanes.theory.multiplet.configuration_space import configuration_space, dipole
from napari_xanes.theory.multiplet.crystal_field import Field, Polarization, Sticks
from napari_xanes.theory.multiplet.lanczos import absorption_lines, lowest_states

_POPULATED = 1e-4
"""Initial states with less population are left out; each costs a Lanczos run."""


@dataclass(frozen=True)
class ChargeTransfer:
    """Charge transfer as in the Anderson impurity model with one ligand hole, all in eV.

    Parameters
    ----------
    delta : float
        Energy of d^(n+1) L above d^n in the initial state, between configuration averages. Negative ones are allowed.
    v_eg : float
        Hopping to the e_g orbitals.
    v_t2g : float, optional
        Hopping to the t_2g orbitals; half of v_eg by default.
    u_dd : float
        Repulsion of two 3d electrons.
    u_pd : float
        Attraction of a 3d electron by the 2p hole: in the final state the two configurations are delta + u_dd - u_pd
        apart.

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> ChargeTransfer(4.7, 2.06).v_t2g
    1.03
    """

    delta: float
    v_eg: float
    v_t2g: float | None = None
    u_dd: float = 6.0
    u_pd: float = 7.2

    def __post_init__(self) -> None:
        if self.v_t2g is None:
            object.__setattr__(self, "v_t2g", self.v_eg / 2)
        for field in fields(self):
            if not np.isfinite(getattr(self, field.name)):
                raise ValueError(f"{field.name} must be a number, not {getattr(self, field.name)!r}")

    def parameters(self, *, core_hole: bool) -> dict[str, float]:
        """Return the factors of the operators ``v_eg``, ``v_t2g`` and ``ligand``, before or after absorption."""
        shift = self.u_dd - self.u_pd if core_hole else 0.0
        return {"v_eg": self.v_eg, "v_t2g": float(self.v_t2g or 0.0), "ligand": self.delta + shift}


@dataclass(frozen=True)
class _Excitation:
    """An initial state after the dipole operator: a vector of final states, and the initial level in eV."""

    block: int
    vector: Float64Array
    level: float


def charge_transfer_sticks(
    ion: Ion, field: Field, transfer: ChargeTransfer, temperature: float, polarization: Polarization
) -> Sticks:
    """Compute the sticks with charge transfer; see `napari_xanes.theory.l_edge_sticks`.

    Raises
    ------
    ValueError
        If the ground state does not absorb.
    """
    from threadpoolctl import threadpool_limits

    final = configuration_space(5, ion.n_3d + 1)
    parameters = field.parameters(ion.final) | transfer.parameters(core_hole=True)
    energies, intensities = [], []
    with threadpool_limits(1, "blas"):  # the matrices are small: more threads only wait for each other
        excitations = _excitations(ion, field, transfer, temperature, polarization)
        for block in dict.fromkeys(excitation.block for excitation in excitations):
            members = [excitation for excitation in excitations if excitation.block == block]
            starts = np.stack([excitation.vector for excitation in members], axis=1)
            lines = absorption_lines(final.hamiltonian(block, parameters), starts)
            energies += [energy - start.level for (energy, _), start in zip(lines, members, strict=True)]
            intensities += [intensity for _, intensity in lines]
    return crystal_field.ordered_sticks(np.concatenate(energies), np.concatenate(intensities))


def _excitations(
    ion: Ion, field: Field, transfer: ChargeTransfer, temperature: float, polarization: Polarization
) -> list[_Excitation]:
    """Apply the dipole operator to every populated initial state; squared norms include population and polarization."""
    levels, states, populations = _initial_states(ion, field, transfer, temperature)
    initial, final = configuration_space(6, ion.n_3d), configuration_space(5, ion.n_3d + 1)
    excitations = []
    for block, population in populations.items():
        populated = np.flatnonzero(population > _POPULATED)
        for q, weight in crystal_field.weights_of(polarization, field.cubic).items():
            target = (block + 2 * q) % 8
            operator = dipole(ion.n_3d, q)[final.rows(target)][:, initial.rows(block)]
            for k, vector in zip(populated, (operator @ states[block][:, populated]).T, strict=True):
                if vector @ vector > 1e-12:
                    scaled = vector * np.sqrt(weight * population[k])
                    excitations.append(_Excitation(target, scaled, float(levels[block][k])))
    if not excitations:
        raise ValueError(
            f"the ground state of {ion.name} with this charge transfer does not absorb: its 3d shell is full, and "
            "nothing mixes it with others; raise delta or the hopping"
        )
    return excitations


def _initial_states(
    ion: Ion, field: Field, transfer: ChargeTransfer, temperature: float
) -> tuple[dict[int, Float64Array], dict[int, Float64Array], dict[int, Float64Array]]:
    """Return levels, states and populations of each block."""
    initial = configuration_space(6, ion.n_3d)
    parameters = field.parameters(ion.initial) | transfer.parameters(core_hole=False)
    reach = -np.log(_POPULATED) * crystal_field.BOLTZMANN * temperature
    multiplicities = crystal_field.representatives(ion.n_3d)
    solved = {
        block: lowest_states(initial.hamiltonian(block, parameters), reach)
        for block in multiplicities
        if initial.rows(block).size
    }
    levels = {block: energies for block, (energies, _) in solved.items()}
    states = {block: vectors for block, (_, vectors) in solved.items()}
    return levels, states, crystal_field.populations(levels, multiplicities, temperature)
