"""Errors of edge energies hold on counted photons; smoothing; rivals of a maximum."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import MapSet, SpectralStack
from napari_xanes.edge.local_quadratic import local_quadratic
from napari_xanes.maps import edge_energy
from napari_xanes.maps.fitting.edge_rivals import Rivals
from napari_xanes.noise import AmountNoise
from napari_xanes.ops import normalize_edge, optical_depth

E0 = 8343.0
ENERGIES = ("edge_energy", "derivative_maximum", "white_line")
N = 900


def axis_of(step: float) -> np.ndarray:
    return np.concatenate(
        [np.arange(E0 - 60, E0 - 10, 8), np.arange(E0 - 10, E0 + 30, step), np.arange(E0 + 30, E0 + 120, 5)]
    )


def per_atom(energy: np.ndarray, e0: float = E0) -> np.ndarray:
    offset = energy - e0
    return 0.5 + np.arctan(offset / 1.2) / np.pi + 0.7 * np.exp(-(((offset - 4) / 2.8) ** 2))


def counted(step: float, photons: float, n_flat: int, gain: bool) -> tuple[SpectralStack, MapSet]:
    """Pixels of one depth, counted, and the energies that they have without noise and smoothing."""
    rng, axis = np.random.default_rng(int(photons + 10 * step)), axis_of(step)
    depth = np.repeat((0.3 + 0.9 * per_atom(axis))[:, None, None], N, axis=1)
    flat = (rng.poisson(photons * n_flat, depth.shape) / n_flat).astype(np.float32)
    counts = rng.poisson(photons * np.exp(-depth)).astype(np.float32)
    metadata = {"flat": flat, "n_flat": n_flat} | ({"gain": 1.0} if gain else {})
    stack = optical_depth(SpectralStack(counts, axis, "counts", metadata=metadata))
    truth = edge_energy(SpectralStack(depth[:, :1].astype(np.float32), axis, "optical_depth"), smooth=0)
    return stack, truth


def within(maps: MapSet, truth: MapSet, name: str, n_sigma: float) -> float:
    """Share of the trusted pixels within some sigma of the truth."""
    one = maps[name]
    assert one.sigma is not None
    deviation = np.abs(one.data - truth[name].data[0, 0]) / one.sigma
    return float(np.mean(deviation[one.mask] < n_sigma))


@pytest.mark.parametrize("gain", [True, False])
@pytest.mark.parametrize(
    ("step", "photons", "n_flat"), [(0.5, 2000, 1), (1.0, 500, 10), (1.0, 20000, 1), (2.0, 2000, 1)]
)
def test_errors_hold_on_counted_photons(step: float, photons: float, n_flat: int, gain: bool) -> None:
    stack, truth = counted(step, photons, n_flat, gain)
    maps = edge_energy(stack, line_error=0)
    for name in ("edge_energy", "edge_jump"):
        assert 0.63 < within(maps, truth, name, 1) < 0.75, name
        assert 0.91 < within(maps, truth, name, 2) < 0.985, name
    for name in ("derivative_maximum", "white_line"):
        assert within(maps, truth, name, 2) > 0.85, name
        one = maps[name]
        assert one.sigma is not None
        scatter = np.std(one.data[one.mask] - truth[name].data[0, 0])
        assert np.median(one.sigma[one.mask]) < 1.8 * scatter, name
    for name in (*ENERGIES, "edge_jump"):
        assert maps[name].mask.mean() > 0.98, name
    assert not [text for text in maps.metadata["warnings"] if "edge jump is uncertain" not in text]


def test_smoothing_lowers_the_errors_where_there_is_noise_and_is_none_where_there_is_not() -> None:
    stack, truth = counted(0.5, 500, 1, True)
    auto, plain = edge_energy(stack), edge_energy(stack, smooth=0)
    for name in ("derivative_maximum", "white_line"):
        errors = [np.abs(maps[name].data - truth[name].data[0, 0])[maps[name].mask] for maps in (auto, plain)]
        assert np.median(errors[0]) < 0.6 * np.median(errors[1]), name
    axis = axis_of(0.5)
    quiet = SpectralStack(np.tile(per_atom(axis)[:, None, None], (1, 3, 3)), axis, "optical_depth")
    state = edge_energy(quiet).history[-1].state
    assert state is not None
    assert state["smooth"] == 0
    assert state["shift"] == [0] * 6


def test_noise_that_is_not_of_photons_is_seen() -> None:
    stack, _ = counted(1.0, 20000, 1, True)
    rough = stack.with_data(
        stack.data + 0.03 * np.random.default_rng(1).standard_normal(stack.shape).astype(np.float32)
    )
    state = edge_energy(rough).history[-1].state
    assert state is not None
    known = np.sqrt(0.03**2 + np.exp(0.3) / 20000 + 1 / 20000) / np.sqrt(np.exp(0.3) / 20000 + 1 / 20000)
    assert state["noise"] == pytest.approx(known, rel=0.1)


def test_fluorescence_is_noisier_above_its_edge() -> None:
    rng, axis = np.random.default_rng(2), axis_of(1.0)
    clean = np.repeat((0.1 + per_atom(axis))[:, None, None], N, axis=1)
    truth = edge_energy(SpectralStack(clean[:, :1], axis, "fluorescence"), smooth=0)
    maps = edge_energy(
        SpectralStack((rng.poisson(2000 * clean) / 2000).astype(np.float32), axis, "fluorescence"), line_error=0
    )
    for name in ("edge_energy", "edge_jump"):
        assert 0.62 < within(maps, truth, name, 1) < 0.75, name
        assert 0.91 < within(maps, truth, name, 2) < 0.985, name


def test_normalized_optical_depth_has_the_noise_of_its_photons() -> None:
    stack, truth = counted(1.0, 2000, 1, False)
    maps = edge_energy(normalize_edge(stack), line_error=0)
    assert 0.62 < within(maps, truth, "edge_energy", 1) < 0.75
    assert 0.91 < within(maps, truth, "edge_energy", 2) < 0.985


def test_amounts_carry_the_noise_of_a_cleaned_stack() -> None:
    """Spectra that were put together from an edge and a constant: only the amount of the edge moves the jump."""
    rng, axis = np.random.default_rng(4), axis_of(1.0)
    columns = np.stack([per_atom(axis), per_atom(axis, E0 + 2)], axis=1)
    factors = np.zeros((2, 2, N, 1), np.float32)
    factors[0, 0], factors[1, 1] = 0.02, 0.03
    amounts = np.array([0.5, 0.4])[:, None] + np.array([0.02, 0.03])[:, None] * rng.standard_normal((2, N))
    data = (columns @ amounts)[:, :, None].astype(np.float32)
    noise = AmountNoise(columns, factors)
    maps = edge_energy(SpectralStack(data, axis, "optical_depth", metadata={"noise": noise}), smooth=0, line_error=0)
    true = edge_energy(SpectralStack((columns @ [[0.5], [0.4]])[:, :, None], axis, "optical_depth"), smooth=0)
    for name in ("edge_energy", "edge_jump"):
        one = maps[name]
        assert one.sigma is not None
        scatter = np.std(one.data - true[name].data[0, 0])
        assert np.median(one.sigma) == pytest.approx(scatter, rel=0.1), name


def test_a_parabola_comes_back_exactly_and_noise_is_averaged() -> None:
    axis = np.concatenate([np.arange(0, 10, 1.0), np.arange(10, 20, 0.5)])
    searched = slice(4, 26)
    matrices = local_quadratic(axis, searched, 2.0)
    curve = 3 - 2 * axis + 0.5 * axis**2
    np.testing.assert_allclose(matrices.value @ curve[matrices.frames], curve[searched], atol=1e-9)
    np.testing.assert_allclose(matrices.slope @ curve[matrices.frames], axis[searched] - 2, atol=1e-9)
    assert (np.sum(matrices.value**2, axis=1) < 0.75).all()
    plain = local_quadratic(axis, searched, 0.0)
    np.testing.assert_allclose(plain.value, np.eye(22), atol=1e-9)


def test_a_rival_far_away_is_doubt_and_one_nearby_is_spread() -> None:
    axis = np.arange(60.0)
    ones = np.ones(60)
    peaks = np.zeros((60, 3), np.float32)
    peaks[10] = 1
    peaks[14, 1], peaks[50, 2] = 1, 1
    top = np.full(3, 10)
    spread, doubt = Rivals(axis, ones, ones, 2.5 * ones).of(peaks, top, np.full(3, 0.05))
    assert spread[0] == doubt[0] == 0
    assert spread[1] == pytest.approx(4**2 / 2)
    assert doubt[1] == pytest.approx(0)
    assert doubt[2] == pytest.approx(0.5)


def test_a_maximum_that_noise_makes_is_no_value() -> None:
    axis = axis_of(2.0)
    rng = np.random.default_rng(6)
    flat_top = 0.5 + np.arctan((axis - E0) / 1.2) / np.pi
    data = 0.3 + 0.9 * flat_top[:, None, None] + 0.1 * rng.standard_normal((axis.size, N, 1))
    maps = edge_energy(SpectralStack(data.astype(np.float32), axis, "optical_depth"))
    white_line = maps["white_line"]
    assert white_line.sigma is not None
    assert white_line.mask.mean() < 0.8
    assert (white_line.sigma[white_line.mask] > 2).all()
    assert maps["edge_energy"].mask.mean() > 0.8
