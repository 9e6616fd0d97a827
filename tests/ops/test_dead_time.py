"""Missed counts come back: the formulas are inverted exactly, and what they can't know is told."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.ops import correct_dead_time

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
