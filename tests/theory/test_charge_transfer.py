"""Charge transfer: stored satellites, spectra of Quanty, and degenerate states."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_xanes import theory
from napari_xanes.theory.multiplet import lanczos
from napari_xanes.theory.multiplet.atomic import find_ion, parse_ion
from napari_xanes.theory.multiplet.broadening import broadened
from napari_xanes.theory.multiplet.configuration_space import configuration_space
from napari_xanes.theory.multiplet.crystal_field import BOLTZMANN, Field, representatives
from napari_xanes.theory.multiplet.l_edge import l_edge_sticks

NICKEL = theory.ChargeTransfer(4.7, 2.06, 1.21, 7.3, 8.5)


def test_usual_values_are_the_defaults() -> None:
    assert theory.ChargeTransfer(4.0, 2.0) == theory.ChargeTransfer(4.0, 2.0, 1.0, u_dd=6.0, u_pd=7.2)


def test_the_satellite_of_ni_is_2_percent_of_l3() -> None:
    # Without the sign (-1)^N_d in the hopping, the result is 64 %, with the same sum.
    energy, intensity = l_edge_sticks("Ni", 2, 0.56, charge_transfer=NICKEL)
    above = energy - energy[intensity.argmax()]
    satellite = intensity[(above > 4) & (above < 8.5)].sum() / intensity[above < 3.5].sum()
    assert satellite == pytest.approx(0.024523, rel=1e-3)
    assert intensity.sum() == pytest.approx(0.7466173, abs=1e-6)


@pytest.mark.parametrize(("ion", "ten_dq"), [("Mn3+", 0.0), ("Cr3+", 0.0), ("Mn3+", 1.0), ("Mn2+", 1.0)])
@pytest.mark.parametrize(("delta", "v"), [(4.0, 1.8), (-2.0, 1.8), (-8.0, 0.0)])
def test_all_states_of_degenerate_levels_are_found(ion: str, ten_dq: float, delta: float, v: float) -> None:
    # In spherical symmetry, or with a free ligand electron, levels of a block are equal. Lanczos can miss one of them.
    free, side = find_ion(*parse_ion(ion)), configuration_space(6, find_ion(*parse_ion(ion)).n_3d)
    factors = Field(ten_dq, 0, 0, 0.8, 1.0).parameters(free.initial) | {"v_eg": v, "v_t2g": v, "ligand": delta}
    reach = 9.2 * BOLTZMANN * 300
    matrix = side.hamiltonian(next(iter(representatives(free.n_3d))), factors)
    assert matrix.shape[0] > lanczos.DENSE_SIZE
    exact = np.linalg.eigvalsh(matrix.toarray())
    expected = exact[exact < exact[0] + reach]
    levels, _ = lanczos.lowest_states(matrix, reach)
    assert levels.size >= expected.size
    np.testing.assert_allclose(levels[: expected.size], expected, atol=1e-7)


@pytest.mark.parametrize("name", ["ni2_oh_lmct2", "mn3_d4h_cf"])
def test_quanty_spectra_are_reproduced_after_a_shift(real_data: Path, name: str) -> None:
    frozen = np.load(real_data / "oracle" / f"{name}.npz", allow_pickle=False)
    p = json.loads(str(frozen["params"]))
    transfer = NICKEL if "Delta" in p else None
    more = {"ds": p.get("Ds", 0.0), "dt": p.get("Dt", 0.0), "charge_transfer": transfer}
    sticks = l_edge_sticks(str(frozen["element"]), int(str(frozen["charge"])[0]), p["tenDq"], **more)
    energy, expected = frozen["quanty_energy"], frozen["quanty_intensity"]
    grid = np.arange(-25, 25, 0.002)  # Quanty: Lorentzian 0.2 eV, Gaussian 0.25 eV, a sixth of our intensity
    ours = broadened(grid, *sticks, split=0.0, lorentz_l3=0.2, lorentz_l2=0.2, gauss=0.25) / 6
    top = energy[expected.argmax()] - grid[ours.argmax()]
    worst = min(
        np.abs(np.interp(energy, grid + top + step, ours) - expected).max() for step in np.arange(-0.02, 0.02, 0.001)
    )
    assert worst < 7e-3 * expected.max()
