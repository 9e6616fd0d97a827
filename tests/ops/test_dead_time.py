"""Missed counts come back: the formulas are inverted exactly, and what they can't know is told."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.noise import PhotonNoise, missed_variance
from napari_xanes.ops import correct_dead_time, optical_depth

ENERGY = np.array([700.0, 705.0, 710.0])
TRUE = np.array([[[0.0, 50.0, 2000.0]], [[10.0, 500.0, 4000.0]], [[1.0, 900.0, 6000.0]]])


def missed(photons: np.ndarray, share: float, model: str) -> np.ndarray:
    return photons / (1 + photons * share) if model == "non-paralyzable" else photons * np.exp(-photons * share)


@pytest.mark.parametrize("model", ["non-paralyzable", "paralyzable"])
def test_the_photons_come_back(model: str) -> None:
    share = 0.1e-6 / 0.001
    stack = SpectralStack(missed(TRUE, share, model), ENERGY, metadata={"exposure": 0.001})
    corrected = correct_dead_time(stack, dead_time=0.1, model=model)
    np.testing.assert_allclose(corrected.data, TRUE, rtol=2e-6)
    assert "up to a factor of 1." in corrected.metadata["warnings"][0]


def test_a_counter_that_misses_photons_at_random_is_corrected() -> None:
    rng = np.random.default_rng(5)
    arrivals = np.cumsum(rng.exponential(1 / 3e6, 3_000_000))  # three million a second, for about a second
    seconds, dead_time, counted, free = 0.9, 0.1e-6, 0, 0.0
    for arrival in arrivals[arrivals < seconds].tolist():
        if arrival >= free:
            counted, free = counted + 1, arrival + dead_time
    stack = SpectralStack(np.full((2, 1, 1), float(counted)), ENERGY[:2], metadata={"exposure": seconds})
    photons = correct_dead_time(stack, dead_time=0.1).data.ravel()[0]
    assert photons == pytest.approx((arrivals < seconds).sum(), rel=0.002)
    assert counted < 0.8 * photons


def test_every_frame_has_its_exposure_and_flats_have_theirs() -> None:
    times = np.array([0.001, 0.002, 0.004])
    counts = np.stack([missed(frame, 1e-7 / t, "non-paralyzable") for frame, t in zip(TRUE, times, strict=True)])
    flat = missed(np.full((1, 3), 8000.0), 1e-7 / 0.01, "non-paralyzable")
    metadata = {"exposure": times, "flat": flat, "flat_exposure": 0.01, "i0": np.ones(3)}
    corrected = correct_dead_time(SpectralStack(counts, ENERGY, metadata=metadata), dead_time=0.1)
    np.testing.assert_allclose(corrected.data, TRUE, rtol=2e-6)
    np.testing.assert_allclose(corrected.metadata["flat"], 8000, rtol=1e-6)
    assert "I0 in the metadata was not corrected for dead time" in corrected.metadata["warnings"]


@pytest.mark.parametrize(("model", "most"), [("non-paralyzable", 8999), ("paralyzable", 3678)])
def test_counts_that_no_rate_explains_become_nan(model: str, most: float) -> None:
    data = np.full((2, 1, 2), float(most))
    data[1, 0, 1] = most + 2
    stack = SpectralStack(data, ENERGY[:2], metadata={"exposure": 0.001})
    corrected = correct_dead_time(stack, dead_time=0.1, model=model)
    assert np.isnan(corrected.data[1, 0, 1])
    assert np.isfinite(corrected.data[0]).all()
    assert any("larger than this dead time allows" in text for text in corrected.metadata["warnings"])


def test_without_dead_time_nothing_changes() -> None:
    for model in ("non-paralyzable", "paralyzable"):
        stack = SpectralStack(TRUE, ENERGY, metadata={"exposure": 1.0})
        np.testing.assert_array_equal(correct_dead_time(stack, dead_time=0.0, model=model).data, TRUE)


def test_an_exposure_is_needed() -> None:
    with pytest.raises(ValueError, match="has no exposure time; give exposure"):
        correct_dead_time(SpectralStack(TRUE, ENERGY))
    with pytest.raises(ValueError, match="needs counts, but 'stack' holds optical depth: run it before optical_depth"):
        correct_dead_time(SpectralStack(TRUE, ENERGY, "optical_depth"), exposure=1.0)


def counted(arrivals: np.ndarray, dead_time: float, model: str) -> np.ndarray:
    """Return the arrivals that a detector counts."""
    if model == "paralyzable":
        return arrivals[np.diff(arrivals, prepend=-np.inf) > dead_time]
    kept, free = [], -np.inf
    for arrival in arrivals.tolist():
        if arrival >= free:
            kept.append(arrival)
            free = arrival + dead_time
    return np.array(kept)


@pytest.mark.parametrize("model", ["non-paralyzable", "paralyzable"])
@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_the_noise_of_corrected_counts_is_that_of_a_simulated_detector(rate: float, model: str) -> None:
    """Times in units of the dead time; windows are so long that what happens at their ends does not matter."""
    rng, exposure, n_windows = np.random.default_rng(8), 1000.0, 1500
    arrivals = np.cumsum(rng.exponential(1 / rate, int(1.02 * rate * exposure * n_windows)))
    kept = counted(arrivals, 1.0, model)
    counts = np.bincount((kept // exposure).astype(int), minlength=n_windows)[:n_windows].astype(float)
    stack = SpectralStack(counts.reshape(1, 1, -1).repeat(2, 0), ENERGY[:2], metadata={"exposure": 1e-3})
    photons = correct_dead_time(stack, dead_time=1e-3 * 1e6 / exposure, model=model).data[0].ravel().astype(float)
    n = rate * exposure
    assert photons.mean() == pytest.approx(n, rel=0.01)
    expected = 1 / n + missed_variance(1 / n, 1 / exposure, paralyzable=model == "paralyzable")
    assert photons.var() / n**2 == pytest.approx(expected, rel=0.1)
    assert expected > 1.09 / n


def scan(**metadata: Any) -> SpectralStack:
    """Return whole counts at two exposures, with a flat of its own exposure."""
    counts = np.round(missed(TRUE, 1e-7 / 0.001, "non-paralyzable"))
    flat = np.full((3, 1, 3), round(missed(np.float64(8000), 1e-7 / 0.002, "non-paralyzable")))
    known = {"exposure": np.array([0.001, 0.001, 0.001]), "flat": flat, "flat_exposure": 0.002}
    return SpectralStack(counts, ENERGY, metadata=known | metadata)


def test_optical_depth_knows_the_noise_of_counts_that_were_missed() -> None:
    depth = optical_depth(correct_dead_time(scan(), dead_time=0.1))
    assert isinstance(depth.noise, PhotonNoise)
    assert depth.metadata["gain"] == 1
    photons = np.maximum(TRUE[:, 0, 1:], 1)
    found = depth.noise.variance(depth.data.reshape(3, -1), slice(None))[:, 1:]
    np.testing.assert_allclose(found, 1 / photons + 1e-4 + 1 / 8000 + 5e-5, rtol=0.02)
    plain = optical_depth(scan(gain=1.0))
    assert isinstance(plain.noise, PhotonNoise)
    assert plain.noise.busy is None


def test_the_noise_is_cut_and_binned_with_the_stack() -> None:
    busy = np.array([1e-4, 2e-4, 4e-4])
    stack = SpectralStack(
        np.full((3, 4, 4), 100, np.int32),
        ENERGY,
        metadata={"gain": 1.0, "busy": busy, "paralyzable": True, "flat": np.full((3, 4, 4), 200, np.int32)},
    )
    depth = optical_depth(stack)
    assert isinstance(depth.noise, PhotonNoise)
    np.testing.assert_allclose(depth.isel(slice(1, 3)).noise.busy, busy[1:])  # type: ignore[union-attr]
    before = nx.ops.bin(stack, pixels=2)
    for noise in (optical_depth(before).noise, nx.ops.bin(depth, pixels=2).noise):
        assert isinstance(noise, PhotonNoise)
        assert noise.paralyzable
        expected = depth.noise.variance(depth.data.reshape(3, -1), slice(None))[:, :4] / 4
        np.testing.assert_allclose(noise.variance(np.full((3, 4), np.log(2)), slice(None)), expected, rtol=1e-5)
    grouped = nx.ops.bin(depth, pixels=1, energies=3).noise
    assert isinstance(grouped, PhotonNoise)
    np.testing.assert_allclose(grouped.busy, [busy.mean() / 3])


def test_the_noise_of_a_spectrum_of_i0_stays_its_own() -> None:
    i0 = Spectrum("I0", ENERGY, np.full(3, 8000.0), sigma=np.full(3, 4.0))
    depth = optical_depth(correct_dead_time(scan(), dead_time=0.1), i0=i0)
    assert isinstance(depth.noise, PhotonNoise)
    flat = depth.noise.variance(np.full((3, 3), -50.0), slice(None)) - 1e-4
    np.testing.assert_allclose(flat, (4 / 8000) ** 2, rtol=1e-4)


def test_counts_without_light_are_taken_off_with_their_noise() -> None:
    total = TRUE + 20_000 * 0.001
    flat = np.full((3, 1, 3), 8000.0 + 20_000 * 0.002)
    share = 1e-7 / 0.001
    metadata = {
        "exposure": np.full(3, 0.001),
        "flat": missed(flat, share / 2, "non-paralyzable"),
        "flat_exposure": 0.002,
        "gain": 1.0,
    }
    stack = SpectralStack(missed(total, share, "non-paralyzable"), ENERGY, metadata=metadata)
    done = correct_dead_time(stack, dead_time=0.1, dark_rate=20_000)
    np.testing.assert_allclose(done.data, TRUE, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(done.metadata["flat"], 8000, rtol=1e-6)
    assert done.metadata["read_noise"] == pytest.approx(np.sqrt(20))
    with pytest.raises(ValueError, match="has a dark in its metadata, which optical_depth subtracts: leave dark_rate"):
        correct_dead_time(scan(dark=3.0), dark_rate=1.0)


@pytest.mark.parametrize("dark", [7.0, [7.0, 8.0, 9.0]])
def test_darks_may_be_a_number_or_one_for_each_frame(dark: Any) -> None:
    per_frame = np.broadcast_to(dark, 3).reshape(3, 1, 1)
    flat = np.full((3, 4, 5), 100.0)
    stack = SpectralStack(
        50.0 + per_frame + np.zeros((3, 4, 5)), ENERGY, metadata={"flat": flat + per_frame, "dark": dark}
    )
    np.testing.assert_allclose(optical_depth(stack).data, np.log(2), rtol=1e-6)
    lazy = stack.with_data(da.from_array(stack.data, chunks=(2, 4, 5)))
    np.testing.assert_allclose(np.asarray(optical_depth(lazy).data), np.log(2), rtol=1e-6)
    part = optical_depth(stack.isel(slice(1, 3), (slice(0, 2), slice(1, 4))))
    np.testing.assert_allclose(part.data, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(nx.ops.correct_beam(stack, factors=[0.5, 0.5, 0.5]).data - per_frame, 100, rtol=1e-6)


def test_lazy_stacks_say_from_which_counts_on_values_are_lost() -> None:
    lazy = scan().with_data(da.from_array(scan().data, chunks=(1, 1, 3)))
    done = correct_dead_time(lazy, dead_time=0.1)
    assert done.metadata["warnings"] == [
        "counts above 9000 in a pixel are more than this dead time allows and become NaN when they are read"
    ]
    np.testing.assert_allclose(np.asarray(done.data), correct_dead_time(scan(), dead_time=0.1).data)


def test_nothing_is_corrected_twice_and_means_have_no_known_noise() -> None:
    with pytest.raises(ValueError, match="was corrected for dead time already"):
        correct_dead_time(correct_dead_time(scan()))
    means = scan().with_data(scan().data + 0.25)
    done = correct_dead_time(means)
    assert "busy" not in done.metadata
    assert done.metadata["notes"][0].startswith("counts are not known to be whole numbers, so their noise is not known")
    for dtype, known in ((np.float32, False), (np.int32, True)):
        lazy = scan().with_data(da.from_array(scan().data.astype(dtype), chunks=(1, 1, 3)))
        assert ("busy" in correct_dead_time(lazy).metadata) == known
