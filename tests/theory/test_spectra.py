"""Spectra on the axis of photon energies: areas, offsets, and purely Lorentzian or Gaussian lines."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import theory
from napari_xanes.theory.multiplet.atomic import find_ion, ions, parse_ion
from napari_xanes.theory.multiplet.broadening import broadened
from napari_xanes.theory.multiplet.spectra import empirical_offset

MNO = {"element": "Mn", "charge": 2, "ten_dq": 0.9}
NOT_THE_HIGHEST = [
    (element, charge) for element, charge in map(parse_ion, ions()) if f"{element}{charge + 1}+" in ions()
]


def test_the_area_is_two_fifths_of_the_holes() -> None:
    energy = np.arange(-2000, 3300, 0.05)
    lost = 2 * 0.3 / (2 * np.pi) / 2600  # fraction of the intensity in the Lorentzian tails outside the axis
    mu = theory.l_edge_spectrum(energy, **MNO, lorentz_l3=0.3, lorentz_l2=0.3)
    assert np.trapezoid(mu, energy) == pytest.approx(2.0 * (1 - lost), rel=2e-5)


def test_the_empirical_offset_is_a_number_like_any_other() -> None:
    energy = np.arange(635, 660, 0.1)
    empirical = theory.l_edge_spectrum(energy, **MNO)
    np.testing.assert_array_equal(empirical, theory.l_edge_spectrum(energy, **MNO, offset=642.47))
    np.testing.assert_allclose(theory.l_edge_spectrum(energy - 642.47, **MNO, offset=0.0), empirical, atol=1e-9)


@pytest.mark.parametrize(("element", "charge"), NOT_THE_HIGHEST)
def test_higher_charges_absorb_at_higher_energies(element: str, charge: int) -> None:
    assert 0 < empirical_offset(find_ion(element, charge + 1)) - empirical_offset(find_ion(element, charge)) < 2


@pytest.mark.parametrize(("lorentz", "gauss"), [(0.4, 0.0), (0.0, 0.4)])
def test_a_line_may_be_all_lorentzian_or_all_gaussian(lorentz: float, gauss: float) -> None:
    grid = np.array([0.0, 0.2, 0.6])
    widths = {"split": 5.0, "lorentz_l3": lorentz, "lorentz_l2": lorentz, "gauss": gauss}
    actual = broadened(grid, np.zeros(1), np.ones(1), **widths)
    shape = np.exp2(-((grid / 0.2) ** 2)) if gauss else 1 / (1 + (grid / 0.2) ** 2)
    np.testing.assert_allclose(actual / actual[0], shape, rtol=1e-9)
    assert actual[0] == pytest.approx(np.sqrt(np.log(2) / np.pi) / 0.2 if gauss else 1 / (np.pi * 0.2))
