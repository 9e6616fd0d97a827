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
from napari_xanes.edge.elements import absorber
from napari_xanes.edge.other_edges import other_edges
from napari_xanes.edge.position import close_groups


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
    axis = np.array([8300.0, 8310, 8345, 8400, 8480])
    lines = EdgeLines(axis, 8340.0, (-40, -30), (60, 140)).measure(np.array([[0.0], [0], [1], [2], [2]]))
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


DIP_AXIS = np.concatenate([np.arange(8250, 8330, 5.0), np.arange(8330, 8360, 1.0), np.arange(8360, 8450, 5.0)])


@pytest.mark.parametrize("frames", [slice(7, 8), slice(1, 2), slice(0, 1), slice(5, 8), slice(50, 51), slice(-1, None)])
@pytest.mark.parametrize("by", [-1.9, -0.6, 0.9])
def test_a_dip_of_the_beam_does_not_move_the_edge(frames: slice, by: float) -> None:
    mu = step(DIP_AXIS, 8343)
    mu[frames] += by
    assert find_e0(DIP_AXIS, mu) == pytest.approx(8343, abs=1)


def test_a_dip_below_an_l3_edge_does_not_move_it() -> None:
    axis = np.arange(695.0, 730.0, 0.25)
    mu = 0.1 * step(axis, 709, 0.3) + peak(axis, 709.5, 1.5, 1.2) + peak(axis, 722.0, 0.7, 1.8)
    mu[20:23] -= 1.9
    assert find_e0(axis, mu) == pytest.approx(709, abs=0.5)


def test_energies_where_two_scans_join_are_one_point_of_the_slope() -> None:
    joined = np.concatenate([np.arange(8250, 8330, 5.0), np.arange(8330, 8342.01), np.arange(8342.0002, 8360, 0.5)])
    groups = close_groups(joined)
    assert groups[-1] == joined.size - 2
    assert np.flatnonzero(np.diff(groups) == 0).tolist() == [28]
    assert close_groups(np.array([8343.0])).tolist() == [0]
    rng = np.random.default_rng(0)
    mu = step(joined, 8343.0, 1.5)[:, None] + 0.01 * rng.standard_normal((joined.size, 20))
    found = [find_e0(joined, column) for column in mu.T]
    assert np.abs(np.array(found) - 8343).max() < 1


def test_jitter_of_the_encoder_does_not_move_the_edge() -> None:
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        axis = np.sort(np.arange(8280, 8420, 0.1) + rng.normal(0, 0.06, 1400))
        found.append(find_e0(axis, step(axis, 8343, 2.0) + rng.normal(0, 0.003, axis.size)))
    assert np.abs(np.array(found) - 8343).max() < 0.25


def test_short_ranges_hold_slopes() -> None:
    axis = np.arange(8300.0, 8400.0, 2.0)
    for pre, expected in (((-20, -7), "constant"), ((-43, -15), "line")):
        lines = EdgeLines(axis, 8343.0, pre, (20, 55)).lines
        assert (lines.pre, lines.post) == (expected, "step")
    whole = EdgeLines(np.arange(8200.0, 8600.0, 2.0), 8343.0, (-140, -20), (30, 200)).lines
    assert (whole.pre, whole.post, whole.error) == ("line", "line", 0.0)


def test_a_step_that_decays_as_cross_sections_do_is_found_exactly() -> None:
    axis = np.arange(8243.0, 8400.0, 2.0)
    offset = axis - 8343.0
    decay = 2.7 / 8343
    mu = 2 - 0.001 * offset + 0.7 * (offset > 0) * (1 - decay * offset)
    lines = EdgeLines(axis, 8343.0, (-100, -15), (15, 55))
    assert lines.lines.post == "step"
    measured = lines.measure(mu[:, None])
    assert measured.jump[0] == pytest.approx(0.7)
    assert measured.high_slope[0] == pytest.approx(-0.001 - 0.7 * decay)
    flat = lines.normalize(mu[:, None], measured, flatten=True)
    np.testing.assert_allclose(flat[:, 0], offset > 0, atol=1e-5)


def test_the_error_of_the_lines_is_part_of_sigma() -> None:
    edge = EdgeLines(K_AXIS, 8343.0, (-73, -5), (10, 110), model_error=0.2)
    lines = edge.measure((0.5 * (K_AXIS > 8343))[:, None])
    assert lines.model[0] == pytest.approx(0.1)
    assert lines.sigma[0] == pytest.approx(0.1)


def test_frames_that_are_left_out_do_not_count() -> None:
    mu = 1.0 * (K_AXIS > 8343)
    mu[[2, -4]] = -3, 7
    edge = EdgeLines(K_AXIS, 8343.0, (-73, -5), (10, 110), left_out=(K_AXIS[2], K_AXIS[-4]))
    lines = edge.measure(mu[:, None])
    assert lines.jump[0] == pytest.approx(1)
    assert lines.noise[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("step_size", [1.0, 5.0])
def test_other_edges_are_found_and_fine_structure_is_none(real_data: Path, step_size: float) -> None:
    for path in ("ni_k/Ni_metal_rt_01.xdi", "fe_k/Fe_metal_rt_01.xdi", "fe_k/Fe2O3_rt_01.xdi", "ni_k/ref_LiNiO2.txt"):
        spectrum = read_spectra(real_data / "references" / path)[0]
        whole = normalize_mu(spectrum.energy, spectrum.mu)
        axis = np.arange(whole.e0 - 140, whole.e0 + 400, step_size)
        mu = np.interp(axis, spectrum.energy, spectrum.mu)
        assert other_edges(axis, mu, whole.e0) == []
        for distance in (-70.0, 130.0):
            second = mu + 0.4 * whole.jump * step(axis, whole.e0 + distance)
            assert other_edges(axis, second, whole.e0) == [pytest.approx(distance, abs=5)]


def test_the_ranges_stop_before_another_edge_and_behind_l2() -> None:
    axis = np.arange(7050.0, 7350.0, 2.0)
    assert default_ranges(axis, 7120.0, others=[123.0])[1][1] <= 123 - 10
    assert default_ranges(axis, 7243.0, others=[-123.0])[0][0] >= -123 + 30
    soft = np.arange(695.0, 745.0, 0.5)
    assert default_ranges(soft, 708.5, own=[13.1, 137.8])[1][0] >= 13.1 + 6
    rare_earth = np.arange(7150.0, 7900.0, 5.0)
    assert default_ranges(rare_earth, 7243.0, own=[687.0])[1] == (30.0, 200.0)


def test_the_absorber_is_named_or_asked_for() -> None:
    assert absorber(8347.0) == ("Ni", "K")
    assert absorber(708.5) == ("Fe", "L3")
    assert absorber(853.0, "Ni") == ("Ni", "L3")
    with pytest.raises(ValueError, match="may belong to V K or La L3: give the absorber"):
        absorber(5482.0)
    with pytest.raises(ValueError, match="no edge 'Q' of 'Ni'"):
        absorber(8347.0, "Ni", "Q")
