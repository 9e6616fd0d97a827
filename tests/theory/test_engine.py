"""The multiplet engine compared with exact solutions, brute force and stored results of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_xanes import theory
from napari_xanes.theory.multiplet import lanczos
from napari_xanes.theory.multiplet.atomic import Integrals, Ion, find_ion, ions, parse_ion
from napari_xanes.theory.multiplet.crystal_field import BOLTZMANN, Field, crystal_field_sticks
from napari_xanes.theory.multiplet.l_edge import l_edge_sticks
from napari_xanes.theory.multiplet.operators import configuration, dipole

HUND = {1: (2, 5), 2: (3, 7), 3: (4, 7), 4: (5, 5), 5: (6, 1), 6: (5, 5), 7: (4, 7), 8: (3, 7), 9: (2, 5)}
"""Ground terms of d^n: spin and orbital multiplicity (2S + 1, 2L + 1)."""


def lorentzians(grid: np.ndarray, energy: np.ndarray, intensity: np.ndarray, half: float = 0.15) -> np.ndarray:
    return (intensity * (half / np.pi) / ((grid[:, None] - energy) ** 2 + half**2)).sum(axis=1)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize("name", ions())
def test_every_ion_obeys_the_sum_rule(name: str) -> None:
    element, charge = parse_ion(name)
    energy, intensity = l_edge_sticks(element, charge, 1.1)
    assert intensity.sum() == pytest.approx(0.4 * (10 - find_ion(element, charge).n_3d), rel=1e-6)
    assert (np.diff(energy) >= 0).all()


@pytest.mark.parametrize("n", HUND)
def test_ground_terms_of_free_ions_are_hunds(n: int) -> None:
    of = configuration(6, n)
    levels = np.linalg.eigvalsh((10.0 * of.operators["F2_dd"] + 6.3 * of.operators["F4_dd"]).toarray())
    spin, orbit = HUND[n]
    assert np.sum(levels < levels[0] + 1e-8) == spin * orbit


def test_one_electron_feels_10dq() -> None:
    levels = np.linalg.eigvalsh(configuration(6, 1).operators["ten_dq"].toarray())
    np.testing.assert_allclose(levels, [-0.4] * 6 + [0.6] * 4, atol=1e-12)


def test_spin_orbit_splits_the_2p_hole_3_to_2() -> None:
    levels = np.linalg.eigvalsh(configuration(5, 10).operators["zeta_2p"].toarray())
    np.testing.assert_allclose(levels, [-0.5] * 4 + [1.0] * 2, atol=1e-12)


@pytest.mark.parametrize("n", range(10))
def test_operators_are_symmetric_and_conserve_mj(n: int) -> None:
    for n_p in (5, 6):
        of = configuration(n_p, n)
        for name, matrix in of.operators.items():
            assert abs(matrix - matrix.T).max() < 1e-12
            step = {"ten_dq": 8}.get(name, 10**6)
            filled = matrix.tocoo()
            strong = np.abs(filled.data) > 1e-10
            change = np.abs(of.mj2[filled.row[strong]] - of.mj2[filled.col[strong]])
            assert set(change.tolist()) <= {0, step}


def brute_force(ion: Ion, field: Field, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute all transitions without blocks and symmetry, summed over the three components of the dipole."""
    before, after = configuration(6, ion.n_3d), configuration(5, ion.n_3d + 1)
    solved = []
    for of, integrals in ((before, ion.initial), (after, ion.final)):
        parameters = field.parameters(integrals)
        solved.append(np.linalg.eigh(sum(parameters[k] * m for k, m in of.operators.items()).toarray()))
    (levels, states), (ends, end_states) = solved
    share = np.exp(-(levels - levels[0]) / (BOLTZMANN * temperature))
    share /= share.sum()
    kept = share > 1e-9
    strength = sum((end_states.T @ (dipole(ion.n_3d, q) @ states[:, kept])) ** 2 * share[kept] for q in (-1, 0, 1))
    return (ends[:, None] - levels[None, kept]).ravel(), strength.ravel()


@settings(max_examples=6)
@given(
    st.sampled_from(["Ti3+", "V3+", "Ni2+", "Cu2+", "Co2+"]),
    st.floats(-1, 2.5),
    st.floats(-0.3, 0.3),
    st.floats(-0.2, 0.2),
)
def test_blocks_and_time_reversal_change_nothing(name: str, ten_dq: float, ds: float, dt: float) -> None:
    ion = find_ion(*parse_ion(name))
    field = Field(ten_dq, ds, dt, 0.8, 1.0)
    grid = np.arange(-15, 20, 0.1)
    actual = lorentzians(grid, *crystal_field_sticks(ion, field, 300.0, "isotropic"))
    assert apart(actual, lorentzians(grid, *brute_force(ion, field, 300.0))) < 1e-5


def test_cubic_is_tetragonal_without_ds_and_dt() -> None:
    grid = np.arange(-10, 15, 0.05)
    cubic = lorentzians(grid, *l_edge_sticks("Mn", 3, 1.5))
    nearly = lorentzians(grid, *l_edge_sticks("Mn", 3, 1.5, ds=1e-13))
    assert apart(nearly, cubic) < 1e-6


def test_isotropic_is_the_mean_of_x_y_and_z() -> None:
    grid = np.arange(-10, 15, 0.05)
    x, y, z, mean = (
        lorentzians(grid, *l_edge_sticks("Cu", 2, 1.3, ds=0.2, dt=0.1, polarization=p))
        for p in ("x", "y", "z", "isotropic")
    )
    np.testing.assert_allclose(mean, (x + y + z) / 3, atol=1e-9)
    assert apart(x, z) > 0.1
    cubic = [lorentzians(grid, *l_edge_sticks("Cu", 2, 1.3, polarization=p)) for p in ("x", "z", "isotropic")]
    np.testing.assert_allclose(cubic[0], cubic[1], atol=1e-12)
    np.testing.assert_allclose(cubic[2], cubic[1], atol=1e-12)


def test_cold_ions_are_in_the_ground_state() -> None:
    grid = np.arange(-10, 15, 0.05)
    zero, cold = (lorentzians(grid, *l_edge_sticks("Co", 2, 0.9, temperature=t)) for t in (0.0, 1.0))
    assert apart(cold, zero) < 1e-6
    assert apart(lorentzians(grid, *l_edge_sticks("Co", 2, 0.9, temperature=1000.0)), zero) > 0.01


@pytest.mark.parametrize("name", ["Ti4+", "Co2+", "Ni2+", "Cu2+"])
def test_without_hopping_charge_transfer_does_nothing(name: str) -> None:
    element, charge = parse_ion(name)
    grid = np.arange(-10, 15, 0.05)
    alone = lorentzians(grid, *l_edge_sticks(element, charge, 1.0))
    idle = theory.ChargeTransfer(30.0, 0.0, 0.0)
    assert apart(lorentzians(grid, *l_edge_sticks(element, charge, 1.0, charge_transfer=idle)), alone) < 1e-9


def test_hopping_has_the_fermion_sign() -> None:
    # The satellite of Ni2+ is 0.75 of the main line without the sign (-1)^N_d, and about 0.03 with it.
    transfer = theory.ChargeTransfer(4.7, 2.06, 1.21, 7.3, 8.5)
    energy, intensity = l_edge_sticks("Ni", 2, 0.56, charge_transfer=transfer)
    grid = np.arange(-10, 20, 0.05)
    spectrum = lorentzians(grid, energy, intensity, 0.3)
    main = grid[spectrum.argmax()]
    satellite = spectrum[(grid > main + 4) & (grid < main + 8)].max() / spectrum.max()
    assert 0.01 < satellite < 0.1


def test_lanczos_is_as_good_as_diagonalizing(monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = theory.ChargeTransfer(3.0, 2.0)
    grid = np.arange(-10, 15, 0.05)
    actual = []
    for size in (10**6, 50):
        monkeypatch.setattr(lanczos, "DENSE_SIZE", size)
        actual.append(lorentzians(grid, *l_edge_sticks("Co", 2, 0.8, charge_transfer=transfer), 0.2))
    assert apart(actual[1], actual[0]) < 1e-5


def test_other_engines_spectra_are_reproduced(real_data: Path) -> None:
    numbers = np.load(real_data / "oracle" / "l23_edrixs.npz", allow_pickle=False)
    grid = numbers["energy"]
    for entry in json.loads((real_data / "oracle" / "l23_edrixs.json").read_text()):
        before, after = dict(entry["slater_i"]), dict(entry["slater_n"])
        ion = Ion(
            entry["element"],
            int(entry["charge"][0]),
            entry["nd"],
            Integrals(before["F2_11"], before["F4_11"], entry["zeta_d_i"]),
            Integrals(
                after["F2_11"],
                after["F4_11"],
                entry["zeta_d_n"],
                after["F2_12"],
                after["G1_12"],
                after["G3_12"],
                entry["zeta_2p"],
            ),
        )
        sticks = crystal_field_sticks(ion, Field(entry["tenDq"], 0, 0, 0.8, 1.0), 300.0, "isotropic")
        actual, expected = lorentzians(grid, *sticks), numbers[entry["key"]]
        actual = actual * (actual @ expected) / (actual @ actual)
        assert apart(actual, expected) < 1e-6, entry["key"]


@pytest.mark.parametrize("name", ["ni2_oh_lmct2", "mn3_d4h_cf"])
def test_ligand_field_spectra_are_reproduced(real_data: Path, name: str) -> None:
    frozen = np.load(real_data / "oracle" / f"{name}.npz", allow_pickle=False)
    p = json.loads(str(frozen["params"]))
    transfer = theory.ChargeTransfer(p["Delta"], p["Veg"], p["Vt2g"], p["Udd"], p["Upd"]) if "Delta" in p else None
    sticks = l_edge_sticks(
        str(frozen["element"]),
        int(str(frozen["charge"])[0]),
        p["tenDq"],
        ds=p.get("Ds", 0.0),
        dt=p.get("Dt", 0.0),
        charge_transfer=transfer,
    )
    grid = np.arange(-12, 20, 0.05)
    expected = lorentzians(grid, frozen["stick_E"], frozen["stick_I"])
    assert apart(lorentzians(grid, *sticks), expected) < 1e-6
    assert sticks[1].sum() == pytest.approx(float(frozen["sum_rule"]), abs=1e-6)


def test_measured_mno_has_its_maximum_where_theory_puts_it(real_data: Path) -> None:
    import napari_xanes as nx

    with_offset = nx.read_spectra(real_data / "mn_l_edge" / "Data2_MnO.csv")[0]
    grid = np.arange(636, 660, 0.05)
    mu = theory.l_edge_spectrum(grid, element="Mn", charge=2, ten_dq=0.9)
    assert grid[mu.argmax()] == pytest.approx(with_offset.energy[with_offset.mu.argmax()], abs=0.3)


@pytest.mark.parametrize(
    ("arguments", "more", "text"),
    [
        (("Mn", 9, 1.0), {}, "available ions of Mn: Mn2"),
        (("Pd", 2, 1.0), {}, "elements: Sc, Ti"),
        (("Mn", 2, float("nan")), {}, "ten_dq must be a number"),
        (("Mn", 2, 1.0), {"temperature": -1.0}, "at least 0 K"),
        (("Mn", 2, 1.0), {"polarization": "left"}, "must be isotropic, x, y or z"),
    ],
)
def test_errors_explain_impossible_requests(arguments: tuple, more: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        l_edge_sticks(*arguments, **more)


def test_errors_explain_impossible_numbers() -> None:
    with pytest.raises(ValueError, match="delta must be a number"):
        theory.ChargeTransfer(float("inf"), 2.0)
    with pytest.raises(ValueError, match="widths must be positive"):
        theory.l_edge_spectrum([640.0], element="Mn", charge=2, ten_dq=1, gauss=-1)
    with pytest.raises(ValueError, match="not the name of an ion; write the element and the charge"):
        parse_ion("manganese")
