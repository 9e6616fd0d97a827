"""The multiplet engine compared with exact solutions, and with a few stored numbers of another program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_xanes import theory
from napari_xanes.theory.multiplet import lanczos
from napari_xanes.theory.multiplet.atomic import Integrals, Ion, find_ion, parse_ion
from napari_xanes.theory.multiplet.charge_transfer import charge_transfer_sticks
from napari_xanes.theory.multiplet.crystal_field import Field, crystal_field_sticks
from napari_xanes.theory.multiplet.l_edge import l_edge_sticks
from napari_xanes.theory.multiplet.operators import configuration

FIELDS = {"ten_dq": st.floats(-2, 3), "ds": st.floats(-0.4, 0.4), "dt": st.floats(-0.2, 0.2)}

COPPER = replace(
    find_ion("Cu", 2),
    initial=replace(find_ion("Cu", 2).initial, zeta_3d=0.0),
    final=replace(find_ion("Cu", 2).final, zeta_3d=0.0),
)
"""Cu2+ without 3d spin-orbit coupling: problems with two levels and an exact solution."""

EDRIXS = {
    ("Ti4+", 1.3): (
        Ion("Ti", 4, 0, Integrals(8.245, 5.133, 0.019), Integrals(10.343, 6.499, 0.032, 6.302, 4.628, 2.633, 3.776)),
        [0.0017084, 0.0106903, 0.0125374, 0.0704056, 0.034709, 0.0075665, 0.0735638, 0.3820263, 0.0051019, 0.0015198],
    ),
    ("Mn2+", 0.6): (
        Ion("Mn", 2, 5, Integrals(10.316, 6.414, 0.04), Integrals(11.155, 6.943, 0.053, 6.321, 4.606, 2.618, 6.846)),
        [0.0169398, 0.9183008, 0.2620278, 0.0452369, 0.0356921, 0.0510832, 0.0174792, 0.0043784, 0.1266432, 0.2024405],
    ),
    ("Mn3+", 1.3): (
        Ion("Mn", 3, 4, Integrals(11.415, 7.148, 0.046), Integrals(12.21, 7.649, 0.059, 6.988, 5.179, 2.945, 6.845)),
        [0.2281434, 0.9034214, 0.6848877, 0.4949025, 0.2703465, 0.1100605, 0.0564815, 0.4118512, 0.1309249, 0.3616038],
    ),
    ("Mn4+", 1.3): (
        Ion("Mn", 4, 3, Integrals(12.416, 7.82, 0.052), Integrals(13.177, 8.299, 0.066, 7.658, 5.776, 3.288, 6.845)),
        [0.100561, 0.8143121, 0.8579596, 0.4515171, 0.3289598, 0.1200135, 0.041598, 0.2601798, 0.2767326, 0.4725074],
    ),
}
"""Spectrum of edrixs 0.2.0 at `AT`, maximum 1: half width 0.15 eV, Slater integrals x 0.8, 300 K."""

AT = np.array([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0])


def lorentzians(grid: np.ndarray, energy: np.ndarray, intensity: np.ndarray, half: float = 0.15) -> np.ndarray:
    return (intensity * (half / np.pi) / ((grid[:, None] - energy) ** 2 + half**2)).sum(axis=1)


@pytest.mark.parametrize("key", EDRIXS, ids=str)
def test_stored_numbers_of_edrixs_are_reproduced(key: tuple[str, float]) -> None:
    ion, expected = EDRIXS[key]
    grid = np.arange(800) * 0.05 - 15
    actual = lorentzians(grid, *crystal_field_sticks(ion, Field(key[1], 0, 0, 0.8, 1.0), 300.0, "isotropic"))
    at = np.rint((AT + 15) / 0.05).astype(int)
    np.testing.assert_allclose(actual[at] / actual.max(), expected, atol=1e-6)


@settings(max_examples=15)
@given(name=st.sampled_from(["Sc3+", "Ti4+", "V5+"]), slater=st.floats(0, 1), **FIELDS)
def test_the_centroid_of_a_d0_ion_is_that_of_1p(name: str, slater: float, **field: float) -> None:
    # Light excites 1S of 2p6 to 1P of 2p5 3d. Its mean energy above the configuration average, with coefficients from
    # Cowan's book (1981), is -F2/5 + (4/3 - 1/15) G1 - 3/70 G3. Crystal field and spin-orbit coupling do not change it.
    element, charge = parse_ion(name)
    final = find_ion(element, charge).final
    energy, intensity = l_edge_sticks(element, charge, slater_scale=slater, **field)
    expected = slater * (-final.F2_pd / 5 + 19 / 15 * final.G1_pd - 3 / 70 * final.G3_pd)
    assert np.average(energy, weights=intensity) == pytest.approx(expected, abs=1e-7)


@settings(max_examples=15)
@given(name=st.sampled_from(["Sc3+", "Ti4+", "V5+"]), **FIELDS)
def test_without_repulsion_the_edges_of_d0_are_two_to_one(name: str, **field: float) -> None:
    # With a strong 2p spin-orbit coupling the edges stay separate in any field. The statistical weights are 4 : 2.
    element, charge = parse_ion(name)
    energy, intensity = l_edge_sticks(element, charge, slater_scale=0.0, spin_orbit_scale=10.0, **field)
    gap = np.diff(energy).argmax()
    assert intensity[: gap + 1].sum() / intensity.sum() == pytest.approx(2 / 3, abs=1e-8)


def test_a_d9_ion_has_two_lines_two_to_one() -> None:
    energy, intensity = crystal_field_sticks(COPPER, Field(1.3, 0, 0, 0.8, 1.05), 300.0, "isotropic")
    zeta, ground = 1.05 * COPPER.final.zeta_2p, -0.6 * 1.3  # a hole in e_g
    np.testing.assert_allclose(energy[intensity > 1e-6], np.array([-zeta / 2, zeta])[:2] - ground, atol=1e-9)
    np.testing.assert_allclose(intensity[intensity > 1e-6], [0.4 * 2 / 3, 0.4 / 3], atol=1e-9)


def test_z_is_the_fourfold_axis() -> None:
    def strength(ds: float, polarization: str) -> float:
        return float(crystal_field_sticks(COPPER, Field(1.5, ds, 0.0, 0.8, 1.0), 300.0, polarization)[1].sum())

    # With Ds > 0 (an elongated octahedron) the hole is in x2 - y2, and light along z has no transition to it.
    assert strength(0.3, "z") == pytest.approx(0.0, abs=1e-9)
    assert strength(0.3, "x") == pytest.approx(0.6)
    # With Ds < 0 the hole is in 3z2 - r2: the intensities of z and x are 4 : 1.
    assert strength(-0.3, "z") == pytest.approx(0.8)
    assert strength(-0.3, "x") == pytest.approx(0.2)


def test_the_tetragonal_levels_of_one_electron() -> None:
    operators = configuration(6, 1).operators
    ten_dq, ds, dt = 1.7, 0.21, 0.08
    levels = np.linalg.eigvalsh((ten_dq * operators["ten_dq"] + ds * operators["ds"] + dt * operators["dt"]).toarray())
    # Ballhausen, Introduction to Ligand Field Theory (1962): b1g, a1g, b2g, e_g
    expected = [0.6 * ten_dq + 2 * ds - dt, 0.6 * ten_dq - 2 * ds - 6 * dt, -0.4 * ten_dq + 2 * ds - dt]
    expected += [-0.4 * ten_dq - ds + 4 * dt] * 2
    np.testing.assert_allclose(levels[::2], np.sort(expected), atol=1e-12)
    np.testing.assert_allclose(levels[1::2], levels[::2], atol=1e-12)


@settings(max_examples=10)
@given(st.floats(-3, 8), st.floats(0.1, 3), st.floats(0.5, 2))
def test_charge_transfer_of_a_d9_ion_is_a_two_level_problem(delta: float, v_eg: float, ten_dq: float) -> None:
    # d9 (hole in e_g, at -0.6 10Dq) and d10 with a ligand hole (at Delta), mixed by V_eg; only d9 absorbs.
    transfer = theory.ChargeTransfer(delta, v_eg, 0.0)
    energy, intensity = charge_transfer_sticks(COPPER, Field(ten_dq, 0, 0, 0.8, 1.0), transfer, 0.0, "isotropic")
    levels, states = np.linalg.eigh([[-0.6 * ten_dq, v_eg], [v_eg, delta]])
    assert intensity.sum() == pytest.approx(0.4 * states[0, 0] ** 2, abs=1e-9)
    if states[0, 0] ** 2 > 1e-3:
        lines = np.average(energy[energy < energy.mean()]), np.average(energy[energy > energy.mean()])
        zeta = COPPER.final.zeta_2p
        np.testing.assert_allclose(lines, np.array([-zeta / 2, zeta]) - levels[0], atol=1e-8)


def test_a_full_3d_shell_cannot_absorb() -> None:
    with pytest.raises(ValueError, match="3d shell is full"):
        l_edge_sticks("Cu", 2, 1.0, charge_transfer=theory.ChargeTransfer(-3.0, 0.0, 0.0))


@pytest.mark.parametrize("name", ["Ni2+", "Ti4+"])
def test_charge_transfer_in_a_tetragonal_field(name: str) -> None:
    element, charge = parse_ion(name)
    grid = np.arange(-10, 15, 0.05)
    transfer = theory.ChargeTransfer(4.0, 2.0)

    def spectrum(ds: float, polarization: str) -> np.ndarray:
        return lorentzians(
            grid, *l_edge_sticks(element, charge, 1.0, ds=ds, charge_transfer=transfer, polarization=polarization)
        )

    cubic = spectrum(0.0, "isotropic")
    assert np.abs(spectrum(1e-13, "isotropic") - cubic).max() < 1e-6 * cubic.max()
    x, y, z, mean = (spectrum(0.2, polarization) for polarization in ("x", "y", "z", "isotropic"))
    np.testing.assert_allclose(mean, (x + y + z) / 3, atol=1e-9)
    assert np.abs(x - z).max() > 0.05 * mean.max()


def test_hot_ions_have_all_their_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    # Many levels are populated, and the first search in a block does not find all of them.
    transfer = theory.ChargeTransfer(5.0, 1.5)
    grid = np.arange(-10, 15, 0.05)
    actual = []
    for first, dense in ((2, 50), (8, 10**6)):
        monkeypatch.setattr(lanczos, "N_LOWEST", first)
        monkeypatch.setattr(lanczos, "DENSE_SIZE", dense)
        actual.append(
            lorentzians(grid, *l_edge_sticks("Co", 2, 0.9, temperature=3000.0, charge_transfer=transfer), half=0.3)
        )
    assert np.abs(actual[0] - actual[1]).max() < 1e-4 * actual[1].max()
    assert actual[1].sum() * 0.05 == pytest.approx(1.2, rel=0.1)


@pytest.mark.parametrize(
    ("element", "charge", "more", "text"),
    [
        ("Cu", 1, {}, "full 3d shell"),
        ("Ni", 0, {}, "full 3d shell"),
        ("Ti", 5, {}, "available ions of Ti: "),
        ("Mn", 2, {"slater_scale": -0.1}, "slater_scale must be a factor"),
        ("Mn", 2, {"spin_orbit_scale": float("inf")}, "spin_orbit_scale must be a factor"),
        ("Mn", 2, {"ds": float("nan")}, "ds must be a number"),
        ("Mn", 2, {"temperature": float("inf")}, "at least 0 K"),
    ],
)
def test_errors_explain_impossible_ions_and_scales(
    element: str, charge: int, more: dict[str, float], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        l_edge_sticks(element, charge, 1.0, **more)


def test_charges_may_come_from_a_table_of_floats() -> None:
    assert find_ion("Mn", np.float64(3.0)) == find_ion("Mn", 3)
    with pytest.raises(ValueError, match="Mn2.5"):
        find_ion("Mn", 2.5)
