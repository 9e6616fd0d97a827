"""Errors of edge energies are learned from trials: they cover in spectra of any shape, or there is no value."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import MapSet, SpectralStack
from napari_xanes.maps import edge_energy
from napari_xanes.maps.fitting.edge_trials import NAMES, Trials
from napari_xanes.ops import optical_depth
from napari_xanes.sample import k_edge_curve

E0 = 8345.0
AXIS = np.concatenate([np.arange(E0 - 100, E0 - 10, 8), np.arange(E0 - 10, E0 + 30), np.arange(E0 + 30, E0 + 250, 5)])
SIZE = 32


def mixtures() -> np.ndarray:
    """Mixtures (E, P) of two unlike edges, whose rise has a shoulder, with an edge jump of 0.4."""
    share = np.random.default_rng(3).uniform(0.1, 0.9, SIZE**2)
    low, high = k_edge_curve(AXIS, E0 - 2, 0.6, 0.1), k_edge_curve(AXIS, E0 + 3, 0.4, 0.07)
    result: np.ndarray = 0.3 + 0.4 * (np.outer(low, 1 - share) + np.outer(high, share))
    return result


def counted(photons: float, gain: bool = True) -> tuple[SpectralStack, MapSet]:
    """The mixtures, counted, and the energies that they have without noise and smoothing."""
    rng, depth = np.random.default_rng(int(photons)), mixtures().reshape(-1, SIZE, SIZE)
    flat = (rng.poisson(10 * photons, depth.shape) / 10).astype(np.float32)
    counts = rng.poisson(photons * np.exp(-depth)).astype(np.float32)
    metadata = {"flat": flat, "n_flat": 10} | ({"gain": 1.0} if gain else {})
    stack = optical_depth(SpectralStack(counts, AXIS, "counts", metadata=metadata))
    return stack, edge_energy(SpectralStack(depth.astype(np.float32), AXIS, "optical_depth"), smooth=0, trials=[])


@pytest.mark.parametrize("gain", [True, False])
@pytest.mark.parametrize("photons", [1500, 5000, 30000])
def test_errors_cover_in_edges_with_a_shoulder_and_are_not_wide(photons: int, gain: bool) -> None:
    stack, truth = counted(photons, gain)
    maps = edge_energy(stack, line_error=0)
    for name in NAMES:
        one = maps[name]
        assert one.sigma is not None
        assert one.mask.mean() > 0.8, name
        known = one.mask & np.isfinite(truth[name].data)
        error, sigma = (one.data - truth[name].data)[known], one.sigma[known]
        assert np.mean(np.abs(error) < sigma) > 0.6, name
        assert 0.91 < np.mean(np.abs(error) < 2 * sigma) < 0.99, name
        assert np.median(sigma) < 1.5 * np.std(error), name
    assert maps.metadata["warnings"] == []


def test_an_energy_that_can_not_be_placed_has_no_value_and_that_is_told() -> None:
    stack, _ = counted(60)
    maps = edge_energy(stack)
    without = [name for name in NAMES if not maps[name].mask.any()]
    assert "derivative_maximum" in without
    for name in without:
        assert [text for text in maps.metadata["warnings"] if text.startswith(f"{name} can't be placed in")], name


def test_no_noise_needs_no_trials_and_a_replay_uses_those_of_the_first_run() -> None:
    step = np.clip((AXIS - E0 + 3) / 6, 0, 1) + 0.3 * np.exp(-(((AXIS - E0 - 4) / 2) ** 2))
    quiet = SpectralStack(np.tile(step[:, None, None], (1, 4, 4)).astype(np.float32), AXIS, "optical_depth")
    state = edge_energy(quiet).history[-1].state
    assert state is not None
    assert state["trials"] == []
    stack, _ = counted(5000)
    whole = edge_energy(stack)
    tile = edge_energy.apply(stack.isel(box=(slice(0, 4), slice(None))), whole.history[-1])
    for name in NAMES:
        np.testing.assert_allclose(tile[name].sigma, whole[name].sigma[:4], rtol=1e-5, err_msg=name)


def test_the_table_is_read_as_it_was_written() -> None:
    rng = np.random.default_rng(0)
    trials = Trials(np.array([0.1, 0.2]), *rng.uniform(0.5, 1, (3, 3, 2)))
    numbers = trials.to_numbers()
    assert len(numbers) == 20
    for one, other in zip(Trials.from_numbers(numbers), trials, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)
    with pytest.raises(ValueError, match="trials holds 7 numbers, but 10 belong to each level"):
        Trials.from_numbers([0.1] * 7)


def test_noise_from_the_first_level_on_at_which_nothing_is_placed_has_no_value() -> None:
    placed = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    trials = Trials(np.array([0.1, 0.4]), np.zeros((3, 2)), np.zeros((3, 2)), placed)
    noise, sigma = np.array([0.01, 0.19, 0.21, 1.0]), np.full(4, 0.3)
    for name, known in zip(NAMES, (4, 2, 0), strict=True):
        _, errors = trials.of(name, noise, sigma)
        assert np.isfinite(errors).sum() == known, name
        np.testing.assert_allclose(errors[:known], 0.3)
    assert [trials.most_noise(name) for name in NAMES] == [np.inf, pytest.approx(0.2), 0.0]
