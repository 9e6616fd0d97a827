"""The dead time comes back from scans whose beam changes, with an error that holds; what can't be told is refused."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from benchmarks.dead_time import DEAD_TIME, EXPOSURE, WHOLE, missed, scan

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.dead_time.likelihood import Beam
from napari_xanes.dead_time.missed_counts import Model, growth_of, photons_of
from napari_xanes.dead_time.result import DeadTime
from napari_xanes.dead_time.search import fit_model
from napari_xanes.ops import correct_dead_time, optical_depth


def fitted(stack: SpectralStack, monitor: np.ndarray, **how: Any) -> DeadTime:
    return nx.fit_dead_time(stack, monitor=monitor, **{"monitor_zero": 0.0, "region": WHOLE, **how})


@pytest.mark.parametrize("model", ["non-paralyzable", "paralyzable"])
def test_formulas_are_those_of_knoll(model: Model) -> None:
    rate = np.array([1e3, 1e6, 5e6])
    np.testing.assert_allclose(photons_of(missed(rate, model), 1e-7, model), rate, rtol=1e-9)
    little = 1e-5
    slope = np.log(missed(rate * (1 + little), model) / missed(rate * (1 - little), model)) / (2 * little)
    np.testing.assert_allclose(growth_of(rate, 1e-7, model), 1 / slope, rtol=1e-6)


@pytest.mark.parametrize("model", ["non-paralyzable", "paralyzable"])
def test_counts_without_noise_give_the_dead_time_back(model: Model) -> None:
    rate = 1e6 * np.exp(0.3 * np.sin(np.arange(30.0)))
    beam = Beam(
        EXPOSURE * missed(rate, model)[:, None], np.ones(1), np.full(30, EXPOSURE), rate / rate.mean(), 0.0,
        np.arange(30.0), gain=0.0,
    )  # fmt: skip
    found = fit_model(beam, model, zero_free=False)
    assert 1e6 * found.trial.dead_time == pytest.approx(DEAD_TIME, rel=1e-4)
    assert 1e6 * found.sigma < 1e-4


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"model": "paralyzable"},
        {"noise": 0.02},
        {"drift": 0.03 * np.sin(np.linspace(0, 6, 40))},
        {"wanders": 0.002},
    ],
)
def test_errors_hold(how: dict[str, Any]) -> None:
    """Of 12 scans, two standard errors hold at least 10 results (95 % in the long run), and there is little bias."""
    model: Model = how.get("model", "non-paralyzable")
    pulls = []
    for seed in range(12):
        stack, monitor = scan(seed, **how)
        counts = np.asarray(stack.data).mean(axis=(1, 2), dtype=np.float64)[:, None]
        n = stack.energy.size
        beam = Beam(counts, np.full(1, 144.0), np.full(n, EXPOSURE), monitor / monitor.mean(), 0.0, np.arange(float(n)))
        found = fit_model(beam, model, zero_free=False)
        pulls.append((1e6 * found.trial.dead_time - DEAD_TIME) / (1e6 * found.sigma))
    assert np.mean(np.abs(pulls) < 2) >= 0.8
    assert 0.4 <= np.mean(np.abs(pulls) < 1) <= 0.95
    assert abs(np.mean(pulls)) < 0.7


@pytest.mark.parametrize("lazy", [False, True])
def test_a_step_fits_and_a_replay_takes_the_same(lazy: bool) -> None:
    stack, monitor = scan(rate=3e6, i0=None)
    stack = stack.with_data(stack.data.astype(np.int32), metadata={"i0": 500 * monitor})
    if lazy:
        stack = stack.with_data(da.from_array(stack.data, chunks=(7, 12, 12)))
    done = nx.run([nx.Step("correct_dead_time", {"dead_time": "fit", "monitor_zero": 0.0, "region": WHOLE})], stack)
    found = done.metadata["dead_time"]
    assert abs(found.dead_time - DEAD_TIME) < 3 * found.sigma < 0.02
    assert "dead time of a non-paralyzable detector from I0" in found.report
    state = done.history[-1].state
    assert state["dead_time"] == found.dead_time
    assert done.data.__class__ is stack.data.__class__
    again = nx.run(done.history, stack.with_data(stack.data, metadata={"i0": None}))
    np.testing.assert_array_equal(np.asarray(again.data), np.asarray(done.data))
    assert again.metadata["dead_time"].report == found.report
    given = correct_dead_time(stack, dead_time=found.dead_time)
    np.testing.assert_array_equal(np.asarray(given.data), np.asarray(done.data))


def test_optical_depth_is_right_behind_a_fit() -> None:
    """The sample lets half of the beam through, so that fewer of its counts are missed than of the flats'."""
    rng = np.random.default_rng(3)
    beam = 4e6 * np.exp(0.3 * rng.standard_normal(40))
    through = np.full((12, 12), 0.5)
    through[:, :6] = 1.0
    counts = rng.poisson(missed(beam[:, None, None] * through, "non-paralyzable") * EXPOSURE)
    stack = SpectralStack(counts, np.arange(700.0, 740.0), metadata={"exposure": EXPOSURE, "i0": beam})
    done = correct_dead_time(stack, dead_time=None, monitor_zero=0.0)
    depth = optical_depth(done, i0=(0, 12, 0, 6)).data[..., 6:].mean()
    assert depth == pytest.approx(np.log(2), abs=0.01)
    assert optical_depth(stack, i0=(0, 12, 0, 6)).data[..., 6:].mean() < np.log(2) - 0.1


def test_uneven_light_does_not_pull() -> None:
    """The mean of an uneven area misses 1.12 times what its mean rate tells."""
    found = [fitted(*scan(seed, uneven=0.6, rate=2e6, noise=0.001)) for seed in range(2)]
    mean = np.mean([value.dead_time for value in found])
    assert abs(mean - DEAD_TIME) < 2 * np.mean([value.sigma for value in found])
    assert np.mean([value.sigma for value in found]) < 0.004


def test_the_ring_current_and_exposures_are_rates() -> None:
    times = np.where(np.arange(40) % 2, 1.0, 2.0)
    stack, monitor = scan(rate=3e6)
    metadata = {"exposure": EXPOSURE * times, "ring_current": 400 * monitor}
    stack = stack.with_data(np.round(stack.data * times[:, None, None]), metadata=metadata)
    by_current = nx.fit_dead_time(stack, by="ring current", region=WHOLE)
    assert abs(by_current.dead_time - DEAD_TIME) < 3 * by_current.sigma
    assert np.isnan(by_current.zero)
    by_counts = fitted(stack, monitor * times)
    assert by_counts.dead_time == pytest.approx(by_current.dead_time, rel=1e-6)


def test_a_zero_and_counts_without_light_are_found() -> None:
    stack, monitor = scan(rate=4e6, noise=0.001, frames=60)
    known = fitted(stack, monitor)
    found = fitted(stack, monitor - 0.1, monitor_zero=None)
    assert abs(found.dead_time - DEAD_TIME) < 2.5 * found.sigma
    assert abs(found.zero * np.mean(monitor - 0.1) - 0.1) < 2.5 * found.zero_sigma
    assert found.sigma > 2 * known.sigma
    wrong = fitted(stack, monitor - 0.1)
    assert abs(wrong.dead_time - DEAD_TIME) > 5 * wrong.sigma
    stack, monitor = scan(rate=4e6, noise=0.001, frames=60, dark=4e5)
    dark = fitted(stack, monitor, dark_rate=None)
    assert abs(dark.dark_rate - 4e5) < 2.5 * dark.dark_sigma
    done = correct_dead_time(
        stack, dead_time="fit", dark_rate="fit", monitor=monitor.tolist(), monitor_zero=0.0, region=WHOLE
    )
    assert done.history[-1].state["dark_rate"] == pytest.approx(dark.dark_rate)
    with pytest.raises(ValueError, match="can't be told from each other: give dark_rate or monitor_zero"):
        fitted(stack, monitor, dark_rate=None, monitor_zero=None)
    with pytest.raises(ValueError, match="fitted together with the dead time: give dark_rate"):
        correct_dead_time(stack, dead_time=0.1, dark_rate="fit")


@pytest.mark.parametrize(
    ("how", "asked", "message"),
    [
        ({"dead_time": 0.0}, {}, "no dead time is seen: it is below .* µs, so that at most .*% of the counts"),
        ({"varies": 0.002}, {}, "by the monitor, the beam varied by no more than 0.[2-4]% .*; give dead_time"),
        ({"noise": 0.3}, {}, "the counts do not follow the monitor: they scatter about it by"),
        (
            {"rate": 2e5, "noise": 0.005, "frames": 30},
            {"monitor_zero": None},
            "the zero of the monitor is not known; give monitor_zero",
        ),
        ({"frames": 9}, {}, "fitted to at least 10 frames, not to 9"),
    ],
)
def test_what_can_not_be_told_is_refused(how: dict[str, Any], asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted(*scan(4, **how), **asked)


def test_a_monitor_of_the_same_detector_is_refused() -> None:
    stack, _ = scan(rate=3e6)
    with pytest.raises(ValueError, match="more closely than their photons allow: it comes from the same detector"):
        fitted(stack, np.asarray(stack.data).mean(axis=(1, 2)))


def test_a_drift_that_hides_it_is_named() -> None:
    drift = np.cumsum(np.random.default_rng(2).normal(0, 0.05, 40))
    stack, monitor = scan(5, drift=drift, varies=0.1, noise=0.0005)
    with pytest.raises(ValueError, match="the ratio of the counts to the monitor drifts by"):
        fitted(stack, monitor)


def test_an_area_with_the_edge_of_the_sample_is_refused() -> None:
    stack, monitor = scan(1, rate=3e6, noise=0.001, shape=(12, 24))
    edge = 0.2 * (0.5 + np.arctan((stack.energy - 720) / 1.5) / np.pi)
    counts = np.array(stack.data)
    counts[:, :, :12] *= np.exp(-edge)[:, None, None]
    counts[:, :, 12:] *= np.exp(-3 * edge)[:, None, None]
    with pytest.raises(ValueError, match="the area shows the sample's edge at 7.* eV"):
        fitted(stack.with_data(np.round(counts)), monitor)


def test_halves_that_disagree_are_told() -> None:
    """The beam moves as it becomes brighter: one half gains what the other loses."""
    stack, monitor = scan(2, rate=5e6, noise=0.001)
    moves = 0.1 * np.log(monitor)[:, None, None] * np.linspace(-1, 1, 12)
    found = fitted(stack.with_data(np.round(stack.data * np.exp(moves))), monitor)
    assert found.halves > 0.005
    assert found.sigma > found.halves
    assert "halves of the area without sample give dead times that differ" in found.report


def test_the_wrong_model_is_told_and_alike_ones_are() -> None:
    stack, monitor = scan(6, rate=4e6, noise=0.0005, model="paralyzable", dead_time=0.05)
    report = fitted(stack, monitor).report
    assert "a paralyzable detector fits better, with a dead time of 0.05" in report
    assert "fits" not in fitted(stack, monitor, model="paralyzable").report
    report = fitted(*scan(6)).report
    assert "the other model fits alike" in report
    assert "counts do not tell whether the detector is non-paralyzable or paralyzable" in report


def test_frames_that_do_not_fit_are_left_out() -> None:
    stack, monitor = scan(7, rate=3e6)
    counts = np.array(stack.data)
    counts[[5, 20]] *= 0.7
    counts[11] = 0
    found = fitted(stack.with_data(np.round(counts)), monitor)
    assert (found.frames, found.left_out) == (37, 2)
    assert abs(found.dead_time - DEAD_TIME) < 3 * found.sigma
    assert "2 frames that do not fit were left out" in found.report


def test_metadata_and_values_that_lack_something() -> None:
    stack, monitor = scan()
    with pytest.raises(ValueError, match="has no I0 in its metadata to tell the true rate; give monitor"):
        nx.fit_dead_time(stack)
    with pytest.raises(ValueError, match="give by='ring current'"):
        nx.fit_dead_time(stack.with_data(stack.data, metadata={"ring_current": monitor}))
    with pytest.raises(ValueError, match="3 numbers for the 40 frames"):
        fitted(stack, monitor[:3])
    with pytest.raises(ValueError, match="numbers of a fit of the dead time are 15, not 2"):
        correct_dead_time(stack, dead_time=0.1, found=[1.0, 2.0])
    found = fitted(*scan(rate=3e6))
    assert DeadTime.from_numbers(found.numbers()).numbers() == pytest.approx(found.numbers(), nan_ok=True)
    with pytest.raises(ValueError, match="no frame has counts in the area without sample, and a beam above 0"):
        fitted(stack, 0 * monitor)
