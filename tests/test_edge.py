"""Finding the edge and normalizing one spectrum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_xanes import SpectralStack, Spectrum, read_spectra
from napari_xanes.edge import (
    EdgeLines,
    default_ranges,
    find_e0,
    fit_edge,
    normalize_mu,
    normalize_spectrum,
    tabulated_e0,
    three_point_slope,
)


def step(energy: np.ndarray, e0: float, width: float = 1.5) -> np.ndarray:
    return 0.5 + np.arctan((energy - e0) / width) / np.pi


def peak(energy: np.ndarray, at: float, height: float, fwhm: float) -> np.ndarray:
    return height / (1 + (2 * (energy - at) / fwhm) ** 2)


K_AXIS = np.concatenate([np.arange(8270, 8330, 6.0), np.arange(8330, 8362, 1.0), np.arange(8362, 8461, 3.0)])


@pytest.mark.parametrize("e0", [8339.0, 8343.3, 8348.7])
def test_the_steepest_rise_is_found_between_the_points(e0: float) -> None:
    assert find_e0(K_AXIS, step(K_AXIS, e0, 2.0)) == pytest.approx(e0, abs=0.15)


def test_noise_moves_the_edge_only_a_little(rng: np.random.Generator) -> None:
    positions = [find_e0(K_AXIS, step(K_AXIS, 8343.3) + rng.normal(0, 0.05, K_AXIS.size)) for _ in range(50)]
    assert np.abs(np.array(positions) - 8343.3).max() < 2.0


def test_a_strong_narrow_pre_edge_peak_is_not_the_edge() -> None:
    axis = np.arange(5920.0, 6100.0, 0.5)  # chromate: a line of 0.8 at 5993 eV before an edge 8 eV wide
    mu = step(axis, 6006.0, 2.5) + peak(axis, 5993.0, 0.8, 2.2)
    assert find_e0(axis, mu) == pytest.approx(6006, abs=3)


def test_an_l3_edge_is_the_rise_of_its_white_line() -> None:
    axis = np.arange(700.0, 730.0, 0.2)
    mu = 0.1 * step(axis, 709.0) + peak(axis, 709.5, 1.5, 1.2) + peak(axis, 722.0, 0.7, 1.8)
    assert 708.0 < find_e0(axis, mu) < 709.5


def test_a_known_element_limits_the_search_range() -> None:
    axis = np.arange(7000.0, 7300.0, 2.0)
    mu = 0.5 * step(axis, 7112.0, 3) + 1.5 * step(axis, 7250.0, 3)
    assert find_e0(axis, mu) == pytest.approx(7250, abs=2)
    assert find_e0(axis, mu, near=tabulated_e0("Fe")) == pytest.approx(7112, abs=2)
    assert tabulated_e0("Xx") is None
    assert tabulated_e0(None) is None


@pytest.mark.parametrize(
    ("file", "element"),
    [("fe_k/Fe_metal_rt_01.xdi", "Fe"), ("ni_k/Ni_metal_rt_01.xdi", "Ni"), ("co_k/co_metal_rt.xdi", "Co")],
)
def test_metal_foils_have_the_tabulated_edge(real_data: Path, file: str, element: str) -> None:
    foil = read_spectra(real_data / "references" / file)[0]
    assert normalize_mu(foil.energy, foil.mu).e0 == pytest.approx(tabulated_e0(element), abs=2)


def test_a_white_line_above_the_post_edge_is_part_of_the_edge(real_data: Path) -> None:
    oxide = read_spectra(real_data / "references" / "ni_k" / "ref_LiNiO2.txt")[0]  # it has a shoulder at 8339 eV
    assert find_e0(oxide.energy, oxide.mu) == pytest.approx(8347, abs=1)


def test_values_that_are_not_numbers_are_left_out() -> None:
    mu = step(K_AXIS, 8343.3, 2.0)
    mu[[0, 30]] = np.nan
    assert find_e0(K_AXIS, mu) == pytest.approx(8343.3, abs=0.5)


def test_spectra_without_an_edge_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the absorption does not rise between 8270 and 8458 eV.*give e0"):
        find_e0(K_AXIS, -K_AXIS)
    with pytest.raises(ValueError, match="4 finite values"):
        find_e0(K_AXIS[:4], np.arange(4))


def test_slopes_are_exact_for_parabolas_on_any_axis(rng: np.random.Generator) -> None:
    axis = np.sort(rng.uniform(0, 10, 20))
    left, middle, right = three_point_slope(axis)
    mu = 3 * axis**2 - axis
    slope = left * mu[:-2] + middle * mu[1:-1] + right * mu[2:]
    np.testing.assert_allclose(slope, 6 * axis[1:-1] - 1, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("axis", "e0"),
    [
        (K_AXIS, 8345.0),
        (np.arange(630, 668, 0.3), 641.0),
        (np.array([8320.0, 8333, 8340, 8345, 8350, 8360, 8375]), 8342.0),
        (np.array([8320.0, 8330, 8345, 8360, 8370]), 8340.0),
        (np.arange(7000.0, 8200.0, 10.0), 7112.0),
    ],
)
def test_default_ranges_contain_points_on_their_side_of_the_edge(axis: np.ndarray, e0: float) -> None:
    pre, post = default_ranges(axis, e0)
    assert pre[1] < 0 < post[0]
    for low, high in (pre, post):
        assert np.sum((axis - e0 >= low - 1e-9) & (axis - e0 <= high + 1e-9)) >= 2
    EdgeLines(axis, e0, pre, post)


def test_error_for_a_range_without_points_names_the_energies() -> None:
    with pytest.raises(ValueError, match=r"E0 = 8000 eV lies outside the energies 8270 to 8458"):
        default_ranges(K_AXIS, 8000)
    with pytest.raises(ValueError, match=r"1 of the energies 8340 to 8460 eV lie below E0 = 8342"):
        default_ranges(np.array([8340.0, 8345, 8400, 8460]), 8342)
    with pytest.raises(ValueError, match=r"pre = -5 to -1 eV from E0 = 8300 eV holds 0"):
        EdgeLines(K_AXIS, 8300.0, (-5, -1), (30, 100))


def test_normalization_removes_added_lines() -> None:
    e0 = 8343.0
    offset = K_AXIS - e0
    pure = (e0 < K_AXIS) * 1.0
    mu = 0.3 - 0.001 * offset + 0.7 * pure + 0.0004 * offset * pure
    result = normalize_mu(K_AXIS, mu, e0)
    assert result.jump == pytest.approx(0.7)
    np.testing.assert_allclose(result.mu[offset < 0], 0, atol=1e-9)
    flat = normalize_mu(K_AXIS, mu, e0, flatten=True)
    np.testing.assert_allclose(flat.mu, pure, atol=1e-9)


def test_one_spectrum_and_a_block_give_the_same_result(rng: np.random.Generator) -> None:
    spectra = (step(K_AXIS, 8343)[:, None] + 0.01 * rng.standard_normal((K_AXIS.size, 5))).astype(np.float32)
    edge = EdgeLines(K_AXIS, 8343.0, (-60, -15), (30, 110))
    for flatten in (False, True):
        block = edge.normalize(spectra, edge.measure(spectra), flatten=flatten)
        assert block.dtype == np.float32
        for i in range(5):
            single = normalize_mu(K_AXIS, spectra[:, i], 8343.0, edge.pre, edge.post, flatten=flatten)
            np.testing.assert_allclose(block[:, i], single.mu, atol=2e-6)


def test_the_error_of_the_jump_covers_it(rng: np.random.Generator) -> None:
    edge = EdgeLines(K_AXIS, 8343.0, (-73, -5), (10, 110))
    spectra = (K_AXIS > 8343)[:, None] + 0.02 * rng.standard_normal((K_AXIS.size, 20000))
    lines = edge.measure(spectra)
    assert np.mean(lines.noise**2) == pytest.approx(0.02**2, rel=0.03)
    assert np.std(lines.jump) == pytest.approx(np.sqrt(np.mean(lines.sigma**2)), rel=0.03)


def test_two_points_on_each_side_leave_the_noise_unknown() -> None:
    axis = np.array([8300.0, 8310, 8345, 8400, 8410])
    lines = EdgeLines(axis, 8340.0, (-40, -30), (60, 70)).measure(np.array([[0.0], [0], [1], [2], [2]]))
    assert lines.jump[0] == pytest.approx(2)
    assert np.isnan(lines.sigma[0])


def test_normalization_keeps_metadata_and_records_its_values() -> None:
    raw = Spectrum("NiO", K_AXIS, 2 + 3 * step(K_AXIS, 8343, 0.2), 2.0, np.ones(K_AXIS.size), {"normalized": False})
    result = normalize_spectrum(raw)
    assert (result.name, result.valence, result.metadata["normalized"]) == ("NiO", 2.0, True)
    assert result.metadata["edge_jump"] == pytest.approx(3, rel=0.01)
    assert result.sigma is not None
    np.testing.assert_allclose(result.sigma, 1 / result.metadata["edge_jump"])
    with pytest.raises(ValueError, match="spectrum 'flat'"):
        normalize_spectrum(Spectrum("flat", K_AXIS, np.ones(K_AXIS.size)))
    with pytest.raises(ValueError, match=r"the step at E0 = 8343 eV is -1"):
        normalize_mu(K_AXIS, -1.0 * (K_AXIS > 8343), 8343)


def test_the_edge_is_found_from_a_small_particle_in_a_large_field(rng: np.random.Generator) -> None:
    data = (0.01 * rng.standard_normal((K_AXIS.size, 300, 300))).astype(np.float32)
    data[:, 100:104, 200:240] += step(K_AXIS, 8343)[:, None, None].astype(np.float32)
    edge, least = fit_edge(SpectralStack(data, K_AXIS, "optical_depth"), None, None, None)
    assert edge.e0 == pytest.approx(8343, abs=1.5)
    assert 0.01 < least < 0.2
