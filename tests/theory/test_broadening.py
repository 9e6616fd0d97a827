"""Lines and their widths: exact areas, exact shapes, and separation of the two edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import voigt_profile

from napari_xanes import theory
from napari_xanes.theory.multiplet.atomic import ions, parse_ion
from napari_xanes.theory.multiplet.broadening import between_l3_and_l2, broadened, merged

WIDTHS = {"split": 5.0, "lorentz_l3": 0.2, "lorentz_l2": 0.4, "gauss": 0.3}


def voigt_sum(
    grid: np.ndarray, energy: np.ndarray, intensity: np.ndarray, lorentz: np.ndarray, gauss: float
) -> np.ndarray:
    return voigt_profile(grid[:, None] - energy, gauss / np.sqrt(8 * np.log(2)), lorentz / 2) @ intensity


@settings(max_examples=20)
@given(
    st.floats(0.02, 1.0), st.floats(0.02, 1.0), st.one_of(st.just(0.0), st.floats(0.01, 1.0)), st.sampled_from([0, 0.1])
)
def test_the_fast_way_equals_the_sum_over_lines(l3: float, l2: float, gauss: float, growth: float) -> None:
    rng = np.random.default_rng(7)
    energy, intensity = rng.uniform(-6, 14, 700), rng.uniform(0, 1, 700) ** 8
    grid = np.sort(rng.uniform(-15, 30, 120))
    below = energy < 5
    above_l3 = np.maximum(energy - np.average(energy[below], weights=intensity[below]), 0)
    expected = voigt_sum(grid, energy, intensity, np.where(below, l3, l2) + growth * above_l3, gauss)
    actual = broadened(grid, energy, intensity, split=5.0, lorentz_l3=l3, lorentz_l2=l2, gauss=gauss, growth=growth)
    assert np.abs(actual - expected).max() < 1e-6 * expected.max()


def test_areas_are_those_of_the_sticks() -> None:
    grid = np.arange(-400, 400, 0.02)
    actual = broadened(grid, np.array([-2.0, 8.0]), np.array([2.0, 1.0]), **WIDTHS)
    lost = (2 * 0.2 + 0.4) / (2 * np.pi) * 2 / 400  # in the Lorentzian tails outside the axis
    assert np.trapezoid(actual, grid) == pytest.approx(3 - lost, rel=1e-5)


def test_a_growing_width_leaves_l3_and_spreads_l2() -> None:
    grid = np.arange(-20, 30, 0.02)
    sticks = np.array([-2.0, 8.0]), np.array([2.0, 1.0])
    narrow, wide = broadened(grid, *sticks, **WIDTHS), broadened(grid, *sticks, **WIDTHS, growth=0.1)
    near = np.abs(grid + 2) < 0.5
    np.testing.assert_allclose(narrow[near], wide[near], rtol=2e-2)
    assert wide[np.abs(grid - 8) < 0.03].max() < 0.7 * narrow[np.abs(grid - 8) < 0.03].max()


def test_any_energy_grid_is_accepted() -> None:
    sticks = np.linspace(-2, 9, 300), np.ones(300)
    grid = np.array([3.0, -1e6, 8.0, 8.0, 1e6])
    actual = broadened(grid, *sticks, **WIDTHS)
    np.testing.assert_allclose(actual[[0, 2]], broadened(np.array([3.0, 8.0]), *sticks, **WIDTHS), rtol=1e-6)
    assert actual[2] == actual[3]
    assert broadened(np.zeros(0), *sticks, **WIDTHS).size == 0


def test_merging_keeps_intensity_and_centroid() -> None:
    rng = np.random.default_rng(3)
    energy, intensity = rng.uniform(-5, 5, 500), rng.uniform(0, 1, 500)
    centre, height = merged(energy, intensity, 0.05)
    assert centre.size < 250
    assert (np.diff(centre) > 0).all()
    assert height.sum() == pytest.approx(intensity.sum())
    assert centre @ height == pytest.approx(energy @ intensity)


@pytest.mark.parametrize("name", ions())
def test_l3_and_l2_are_separated(name: str) -> None:
    # With a large 2p spin-orbit coupling there is a gap between the edges.
    for ten_dq in (0.5, 1.5, 2.5):
        energy, intensity = theory.l_edge_sticks(*parse_ion(name), ten_dq, spin_orbit_scale=8.0)
        gap = np.diff(energy).argmax()
        assert energy[gap] < between_l3_and_l2(energy, intensity) < energy[gap + 1]
        # With the real coupling the edges of light elements overlap, and L2 has up to two thirds of the intensity.
        energy, intensity = theory.l_edge_sticks(*parse_ion(name), ten_dq)
        l3 = intensity[energy < between_l3_and_l2(energy, intensity)].sum() / intensity.sum()
        assert 0.3 < l3 < 0.85


def test_the_split_does_not_jump_where_the_strongest_line_changes_edge() -> None:
    # The strongest line of Mn3+ belongs to L2 at 10Dq 1.5 eV, and to L3 at 0.5 and 2.5 eV.
    at = [between_l3_and_l2(*theory.l_edge_sticks("Mn", 3, ten_dq)) for ten_dq in np.arange(0.4, 2.6, 0.1)]
    assert np.ptp(at) < 0.6
    assert np.abs(np.diff(at)).max() < 0.15


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"gauss": -1.0}, "widths must be positive"),
        ({"lorentz_l2": float("nan")}, "widths must be positive"),
        ({"lorentz_l3": 0.0, "gauss": 0.0}, "widths must be positive"),
        ({"growth": -0.1}, "widths must be positive"),
    ],
)
def test_errors_explain_impossible_widths(change: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        broadened([0.0], np.zeros(1), np.ones(1), **{**WIDTHS, **change})


def test_errors_explain_impossible_axes() -> None:
    mn = {"element": "Mn", "charge": 2, "ten_dq": 0.9}
    with pytest.raises(ValueError, match="must all be numbers"):
        theory.l_edge_spectrum([640.0, np.nan], **mn)
    for offset in ("empiric", float("nan")):
        with pytest.raises(ValueError, match="offset is an energy in eV"):
            theory.l_edge_spectrum([640.0], **mn, offset=offset)
