"""edge_energy: closed forms, errors, calibration, messages."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps import edge_energy
from napari_xanes.ops import normalize_edge

AXIS = np.concatenate([np.arange(8270, 8330, 6.0), np.arange(8330, 8362, 0.5), np.arange(8362, 8461, 3.0)])


def edge(energy: np.ndarray, e0: float, white_line: float = 0.6, width: float = 1.5) -> np.ndarray:
    """Return an error function with a Gaussian white line: 0 before the edge and 1 after it."""
    from scipy.special import erf

    return 0.5 * (1 + erf((energy - e0) / width)) + white_line * np.exp(-(((energy - e0 - 4) / 2.5) ** 2))


def shifted(shifts: np.ndarray, noise: float = 0.0, jump: float = 0.8) -> SpectralStack:
    rng = np.random.default_rng(5)
    flat = np.stack([edge(AXIS, 8343 + s) for s in shifts.ravel()], axis=1)
    data = 0.2 + jump * flat - 0.001 * (AXIS - 8343)[:, None] + noise * rng.standard_normal(flat.shape)
    return SpectralStack(data.reshape(AXIS.size, *shifts.shape).astype(np.float32), AXIS, "optical_depth", 0.04)


def test_energy_shifts_are_found() -> None:
    shifts = np.linspace(-2, 2, 12).reshape(3, 4)
    maps = edge_energy(shifted(shifts))
    assert list(maps) == ["edge_energy", "derivative_maximum", "white_line", "edge_jump"]
    for name in ("edge_energy", "derivative_maximum", "white_line"):
        estimate = maps[name]
        assert estimate.unit == "eV"
        np.testing.assert_allclose(estimate.data - estimate.data.mean(), shifts, atol=0.08, err_msg=name)
    grid = np.arange(8330, 8360, 0.001)
    pure = edge(grid, 8343)
    centre = {name: maps[name].data.mean() for name in maps}
    assert centre["edge_energy"] == pytest.approx(grid[np.argmax(pure > 0.5)], abs=0.05)
    assert centre["derivative_maximum"] == pytest.approx(grid[np.argmax(np.gradient(pure))], abs=0.1)
    assert centre["white_line"] == pytest.approx(grid[np.argmax(pure)], abs=0.05)
    np.testing.assert_allclose(maps["edge_jump"].data, 0.8, atol=0.01)


def test_crossing_is_exact_between_two_points_at_any_level() -> None:
    axis = np.array([8270.0, 8280, 8300, 8320, 8340, 8344, 8346, 8350, 8360, 8380, 8400, 8420])
    mu = np.array([0.0, 0, 0, 0, 0, 0.4, 0.8, 1.2, 1.0, 1.0, 1.0, 1.0])
    stack = SpectralStack(mu[:, None, None], axis, "normalized")
    for level, expected in ((0.5, 8344.5), (0.2, 8342.0), (0.8, 8346.0)):
        maps = edge_energy(stack, level=level, e0=8344.0, pre=(-74, -20), post=(30, 80), energy=(8320, 8400))
        assert maps["edge_energy"].data[0, 0] == pytest.approx(expected, abs=2e-3)


def test_normalization_before_or_during_the_map_is_the_same() -> None:
    stack = shifted(np.linspace(-1, 1, 12).reshape(3, 4), 0.005)
    direct, after = edge_energy(stack), edge_energy(normalize_edge(stack))
    for name in ("edge_energy", "derivative_maximum", "white_line"):
        np.testing.assert_allclose(after[name].data, direct[name].data, atol=0.02, err_msg=name)
    np.testing.assert_allclose(after["edge_jump"].data, 1, atol=1e-4)
    direct, after = (edge_energy(one, trials=[], line_error=0) for one in (stack, normalize_edge(stack)))
    for name in ("edge_energy", "derivative_maximum", "white_line"):
        np.testing.assert_allclose(after[name].sigma, direct[name].sigma, rtol=0.03, err_msg=name)


def test_errors_cover_small_noise() -> None:
    stack = shifted(np.zeros((40, 40)), 0.004)
    maps, clean = edge_energy(stack, line_error=0), edge_energy(shifted(np.zeros((1, 1))))
    for name in ("edge_energy", "derivative_maximum", "white_line"):
        parameter_map = maps[name]
        assert parameter_map.sigma is not None
        scatter = np.std(parameter_map.data - clean[name].data[0, 0])
        typical = np.sqrt(np.mean(parameter_map.sigma.astype(float) ** 2))
        # As many errors as of a normal variable lie within one and two sigma, so sigma is the wider of two.
        assert 0.8 * scatter < typical < (1.3 if name == "edge_energy" else 1.6) * scatter, name


def test_references_calibrate_the_valence() -> None:
    refs = [
        Spectrum(f"v{v}", AXIS, 2 * edge(AXIS, e0) + 1, v, metadata={"normalized": False})
        for v, e0 in ((2, 8342.0), (3, 8343.5), (4, 8345.0))
    ]
    shifts = np.linspace(-0.8, 1.8, 12).reshape(3, 4)
    maps = edge_energy(shifted(shifts, 0.002), references=refs, line_error=0)
    valence = maps["valence"]
    np.testing.assert_allclose(valence.data, 2 + (shifts + 1) / 1.5, atol=0.06)
    assert valence.sigma is not None
    assert (valence.sigma >= 0.8 * maps["edge_energy"].sigma / 1.5).all()
    assert (np.abs(valence.data - (2 + (shifts + 1) / 1.5)) < 2 * valence.sigma).all()
    assert maps.metadata["calibration"]["per_eV"] == pytest.approx(1 / 1.5, rel=0.03)
    # Lines that are wrong move pixels and references alike.
    wrong = edge_energy(shifted(shifts, 0.002), references=refs, line_error=0.1)
    np.testing.assert_array_equal(wrong["valence"].sigma, valence.sigma)
    assert (wrong["edge_energy"].sigma > 2 * maps["edge_energy"].sigma).all()
    replayed = edge_energy.apply(shifted(shifts, 0.002), maps.history[-1])
    np.testing.assert_array_equal(replayed["valence"].data, valence.data)


def test_empty_and_spoilt_pixels_are_masked() -> None:
    stack = shifted(np.zeros((4, 5)), 0.005)
    data = stack.data.copy()
    data[:, 0, 0], data[3, 1, 1], data[:, 2, 2] = np.nan, np.nan, 0.2
    maps = edge_energy(stack.with_data(data))
    for name, parameter_map in maps.items():
        assert not parameter_map.mask[[0, 1, 2], [0, 1, 2]].any(), name
        assert parameter_map.mask.sum() == 17, name
    assert np.isnan(maps["edge_energy"].data[2, 2])


def test_tiles_and_lazy_agree_with_the_whole() -> None:
    stack = shifted(np.linspace(-1, 1, 42).reshape(6, 7), 0.01)
    whole = edge_energy(stack)
    tile = edge_energy.apply(stack.with_data(stack.data[:, 2:4]), whole.history[-1])
    lazy = edge_energy(stack.with_data(da.from_array(stack.data, chunks=(9, 2, 3))))
    for name, parameter_map in whole.items():
        np.testing.assert_allclose(tile[name].data, parameter_map.data[2:4], rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(lazy[name].data, parameter_map.data, rtol=1e-6, err_msg=name)


def test_no_white_line_in_a_rising_edge_is_no_value() -> None:
    mu = 0.5 + np.arctan((AXIS - 8343) / 1.5) / np.pi
    maps = edge_energy(SpectralStack(np.tile(mu[:, None, None], (1, 2, 2)), AXIS, "optical_depth"))
    assert maps["edge_energy"].mask.all()
    assert not maps["white_line"].mask.any()


def test_a_long_search_range_works() -> None:
    axis = np.arange(8270.0, 8460.0, 0.4)
    stack = SpectralStack(np.tile(edge(axis, 8343)[:, None, None], (1, 2, 2)), axis, "optical_depth")
    whole, default = edge_energy(stack, energy=(8271, 8459)), edge_energy(stack)
    for name in ("edge_energy", "derivative_maximum", "white_line"):
        np.testing.assert_allclose(whole[name].data, default[name].data, atol=1e-3)


def test_messages_say_what_to_do() -> None:
    stack = shifted(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="run optical_depth first"):
        edge_energy(SpectralStack(stack.data, AXIS, "counts"))
    with pytest.raises(ValueError, match=r"2 energies lie in the search range 8340 to 8340.6 eV"):
        edge_energy(stack, energy=(8340, 8340.6))
    nickel_oxide = Spectrum("NiO", AXIS, edge(AXIS, 8342), 2)
    with pytest.raises(ValueError, match="at least two references with valences, but 1 of 2 have one"):
        edge_energy(stack, references=[nickel_oxide, Spectrum("x", AXIS, edge(AXIS, 8344))])
    with pytest.raises(ValueError, match="lie at the same energy"):
        edge_energy(stack, references=[nickel_oxide, Spectrum("x", AXIS, edge(AXIS, 8342), 3)])
    with pytest.raises(ValueError, match="'far' has no step between the lines of the stack"):
        edge_energy(stack, references=[nickel_oxide, Spectrum("far", AXIS, edge(AXIS, 8410), 3)])
    with pytest.raises(ValueError, match=r"'NiO' does not cross 0.5 of its edge step between 8350 and 8380 eV"):
        edge_energy(stack, references=[nickel_oxide, Spectrum("x", AXIS, edge(AXIS, 8344), 3)], energy=(8350, 8380))
    empty = stack.data.copy()
    empty[12] = np.nan
    with pytest.raises(ValueError, match="frame 12 "):
        edge_energy(stack.with_data(empty))
    crossed = edge_energy(stack, energy=(8350, 8380))
    assert "do not cross the level between" in crossed.metadata["warnings"][0]


@pytest.mark.parametrize("gap", [2e-4, 0.05])
def test_segments_that_share_an_energy_do_not_move_the_steepest_rise(gap: float) -> None:
    """Between two energies that are next to each other, a slope is noise over next to nothing."""
    rng = np.random.default_rng(0)
    before, behind = np.arange(8330, 8342.01, 1.0), np.arange(8342 + gap, 8360, 0.5)
    axis = np.concatenate([np.arange(8250, 8330, 5.0), before, behind, np.arange(8360, 8450, 5.0)])
    mu = 0.5 + np.arctan((axis - 8343) / 1.5) / np.pi + 0.4 * np.exp(-0.5 * ((axis - 8346) / 2.5) ** 2)
    data = mu[:, None, None] + rng.normal(0, 0.01, (axis.size, 8, 8))
    apart = np.append(True, np.diff(axis) > 0.1)
    maps = edge_energy(SpectralStack(data.astype(np.float32), axis, "optical_depth"))
    alone = edge_energy(SpectralStack(data[apart].astype(np.float32), axis[apart], "optical_depth"))
    for name in ("edge_energy", "derivative_maximum", "white_line"):
        np.testing.assert_array_equal(maps[name].data, alone[name].data, err_msg=name)
    assert "1 of 83 energies is nearer to the one before" in maps.metadata["warnings"][0]
