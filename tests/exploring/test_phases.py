"""Small phases: found where they are, not found where there are none, told from what looks like them."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.explore.small_phases import f1, scene

import napari_xanes as nx
from napari_xanes.exploring.leftover import Residuals, leftover_of, main_factors


def phases_of(stack: nx.SpectralStack) -> np.ndarray:
    return np.asarray(nx.maps.small_phases(stack)["phase"].data)


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_a_phase_of_a_thousandth_of_the_area_is_found(share: float) -> None:
    for seed in range(3):
        stack, truth = scene(seed, size=160, area=0.0015, share=share)
        assert f1(phases_of(stack) > 0, truth) > 0.9


def test_nothing_is_found_where_there_is_nothing() -> None:
    for seed in range(6):
        stack, _ = scene(seed, size=120, area=0.0)
        maps = nx.maps.small_phases(stack)
        assert not maps["phase"].data.any()
        assert maps.metadata["spectra"] == []


def test_spectra_are_means_of_the_data_and_leftovers_their_difference_to_the_rest() -> None:
    stack, _ = scene(0, size=120, area=0.002)
    maps = nx.maps.small_phases(stack)
    inside = maps["phase"].data == 1
    (spectrum,) = maps.metadata["spectra"]
    np.testing.assert_allclose(spectrum.mu, stack.data[:, inside].mean(axis=1), rtol=1e-5)
    assert maps.metadata["significance"][0] > 20
    leftover = np.array(maps.metadata["leftover"][0])
    basis = maps.history[-1].state["phases"]["vectors"]
    noise = np.array(maps.history[-1].state["phases"]["noise"])
    np.testing.assert_allclose(np.array(basis) @ (leftover / noise), 0, atol=1e-4)


def test_a_small_phase_is_no_main_component() -> None:
    """Strong and small, it has a component of its own, which does not count."""
    stack, truth = scene(1, size=120, area=0.002, snr=200)
    rest, _ = scene(1, size=120, area=0.0, snr=200)
    assert nx.maps.components(stack).metadata["eigenvalues"][3] > 1.5
    assert main_factors(stack, truth).vectors.shape[1] == main_factors(rest).vectors.shape[1] == 3
    assert f1(phases_of(stack) > 0, truth) > 0.95


def test_two_phases_have_two_labels() -> None:
    stack, _ = scene(2, size=120, area=0.0)
    data = stack.data.copy()
    for rows, centre in ((slice(30, 34), 8335), (slice(80, 84), 8400)):
        data[:, rows, 50:54] += 0.3 * np.exp(-0.5 * ((stack.energy - centre) / 3) ** 2)[:, None, None]
    numbers = phases_of(stack.with_data(data))
    inside = numbers[30:34, 50:54], numbers[80:84, 50:54]
    assert sorted(np.unique(block).tolist() for block in inside) == [[1], [2]]
    assert (numbers > 0).sum() < 40


def test_hot_pixels_and_zingers_are_no_phases() -> None:
    for seed in range(4):
        stack, _ = scene(seed, size=120, area=0.0)
        data = stack.data.copy()
        data[:, 50, 60] += 0.5
        data[30, 100, 100] += 5
        maps = nx.maps.small_phases(stack.with_data(data))
        assert not maps["phase"].data.any()
        assert any("faulty pixels" in text for text in maps.metadata["warnings"])


def test_frames_that_moved_make_no_phase() -> None:
    from scipy.ndimage import gaussian_filter, shift

    rng = np.random.default_rng(0)
    energy = np.linspace(8320, 8420, 60)
    grains = np.where(gaussian_filter(rng.standard_normal((100, 100)), 4) > 0, 1.0, 0.2)
    clean = grains * (0.5 + np.arctan((energy - 8343) / 1.2) / np.pi)[:, None, None]
    moved = np.stack([shift(frame, rng.normal(0, 0.3, 2), order=1, mode="nearest") for frame in clean])
    noisy = (moved + 0.02 * rng.standard_normal(moved.shape)).astype(np.float32)
    assert (phases_of(nx.SpectralStack(noisy, energy, "optical_depth")) > 0).mean() < 0.002


def test_noise_that_differs_over_the_image_raises_no_alarm() -> None:
    for seed in range(3):
        stack, _ = scene(seed, size=120, area=0.0, snr=1e6)
        rng = np.random.default_rng(seed)
        counts = rng.poisson(500 * np.exp(-2 * stack.data))
        noisy = -np.log(np.maximum(counts, 0.5) / 500).astype(np.float32)
        assert not phases_of(stack.with_data(noisy)).any()


def test_pooled_squares_of_noise_have_the_tail_of_chi_square() -> None:
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((40, 200, 200)).astype(np.float32)
    stack = nx.SpectralStack(noise + 1, np.linspace(8300, 8400, 40), "optical_depth")
    found = leftover_of(stack, Residuals(np.ones((40, 1)) / np.sqrt(40), np.ones(40)), 40_000)
    assert (found.excess.max(axis=(1, 2)) < 1.05).all()
    assert (found.excess.max(axis=(1, 2)) > 0.75).all()


def test_phases_of_one_stack_are_looked_for_in_another() -> None:
    first, _ = scene(0, size=120, area=0.002)
    second, truth = scene(5, size=120, area=0.002)
    known = nx.maps.small_phases(first).history[-1].state["phases"]
    assert f1(np.asarray(nx.maps.small_phases(second, phases=known)["phase"].data) > 0, truth) > 0.9
    with pytest.raises(ValueError, match="leave phases out"):
        nx.maps.small_phases(second.isel(slice(5, 60)), phases=known)


def test_stacks_that_can_not_tell_are_refused() -> None:
    stack, _ = scene(0, size=40)
    with pytest.raises(ValueError, match="needs at least 8"):
        nx.maps.small_phases(stack.isel(slice(0, 6)))
    with pytest.raises(ValueError, match="all values of .* are 0|are 0"):
        nx.maps.small_phases(stack.with_data(np.zeros_like(stack.data)))
