"""Shared slopes: the right model of what makes a slope, and errors that are the scatter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.edge import EdgeLines, notices_of
from napari_xanes.edge.shared_noise import shared_noise
from napari_xanes.edge.shared_slopes import SharedLines, SharedSlopes, SlopeStatistics
from napari_xanes.ops import normalize_edge

ENERGY = np.arange(8280.0, 8450.0, 2.5)
E0 = 8343.0
X = (ENERGY - E0)[:, None]
RANGES: dict[str, Any] = {"e0": E0, "pre": (-63.0, -15.0), "post": (30.0, 107.0)}
EDGE = EdgeLines(ENERGY, E0, RANGES["pre"], RANGES["post"])


def spectra(jump: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return 0.4 * jump + slope * X + (X > 0) * (1 - 4e-4 * X) * jump


def learned(block: np.ndarray) -> SharedSlopes:
    statistics = SlopeStatistics(EDGE, EDGE.measure)
    for part in np.array_split(block, 3, axis=1):
        statistics.add(part)
    return statistics.slopes()


def thicknesses(kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind == "varied":
        return rng.uniform(0.05, 1, 4000)
    if kind == "alike":
        return 0.5 + 0.02 * rng.standard_normal(4000)
    return np.where(rng.random(4000) < 0.5, 0, rng.uniform(0.3, 1, 4000))


@pytest.mark.parametrize("kind", ["varied", "alike", "half empty"])
@pytest.mark.parametrize("own", [0.0, 5e-4])
def test_errors_are_the_scatter(kind: str, own: float, rng: np.random.Generator) -> None:
    jump = thicknesses(kind, rng)
    exact = spectra(jump, 3e-4 - 1.5e-3 * jump + own * rng.standard_normal(jump.size))
    block = exact + 0.02 * rng.standard_normal(exact.shape)
    slopes = learned(block)
    assert slopes.scatter == pytest.approx(own, abs=6e-5)
    if kind == "alike":
        assert slopes.constant == 0
    else:
        assert (slopes.constant, slopes.per_jump) == pytest.approx((3e-4, -1.5e-3), rel=0.1)
    found, free = SharedLines(EDGE, slopes).measure(block), EDGE.measure(block)
    error = found.jump - jump
    assert np.median(found.sigma) == pytest.approx(error.std(), rel=0.1)
    assert abs(error.mean()) < 0.15 * error.std()
    if not own:
        assert error.std() < 0.5 * (free.jump - jump).std()


def test_slopes_that_grow_with_the_jump_are_not_those_of_the_mean() -> None:
    """A slope that were the same for all would make thick and thin pixels wrong."""
    jump = np.array([0.1, 0.5, 1.0])
    block = spectra(jump, -1.5e-3 * jump)
    np.testing.assert_allclose(SharedLines(EDGE, learned(np.tile(block, 3))).measure(block).jump, jump, rtol=1e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_normalize_edge_with_shared_slopes(lazy: bool, rng: np.random.Generator) -> None:
    import dask.array as da

    jump = rng.uniform(0.2, 1, (8, 9))
    exact = spectra(jump.ravel(), (2e-4 - 1e-3 * jump).ravel()).reshape(-1, 8, 9)
    data = (exact + 0.01 * rng.standard_normal(exact.shape)).astype(np.float32)
    stack: Any = SpectralStack(data, ENERGY, "optical_depth")
    if lazy:
        stack = stack.with_data(da.from_array(data, chunks=(30, 4, 9)))
    shared, free = (normalize_edge(stack, slopes=slopes, **RANGES) for slopes in ("shared", "per pixel"))
    error = [normalized.metadata["edge_jump"].data - jump for normalized in (shared, free)]
    assert error[0].std() < 0.6 * error[1].std()
    clean = (exact - 0.4 * jump - (2e-4 - 1e-3 * jump) * X[:, :, None]) / jump
    assert np.abs(np.asarray(shared.data) - clean).std() < 0.8 * np.abs(np.asarray(free.data) - clean).std()
    assert "pre-edge slope = " in shared.metadata["edge_lines"]["slopes"]
    part = stack.isel(box=(slice(0, 4), slice(None)))
    again = nx.run([shared.history[-1]], part)
    np.testing.assert_allclose(np.asarray(again.data), np.asarray(shared.data)[:, :4], atol=2e-6)
    robust = normalize_edge(stack, slopes="shared", robust=True, **RANGES)
    np.testing.assert_allclose(robust.metadata["edge_jump"].data, jump, atol=0.05)


@pytest.mark.parametrize("bad", ["flickers", "steps", "flickers in an empty block"])
def test_a_dead_pixel_does_not_turn_the_slopes_of_all(bad: str, rng: np.random.Generator) -> None:
    jump = rng.uniform(0.3, 1, 900)
    if bad == "flickers in an empty block":
        jump[:300] = 0
    block = spectra(jump, 3e-4 - 1.5e-3 * jump)
    block += 0.01 * rng.standard_normal(block.shape)
    block[:, 7] = (0 if bad.startswith("flickers") else 11 * (X[:, 0] > 0)) + 3 * rng.standard_normal(ENERGY.size)
    slopes = learned(block)
    assert (slopes.constant, slopes.per_jump) == pytest.approx((3e-4, -1.5e-3), rel=0.15)


def test_a_dead_pixel_makes_no_noise_that_all_share(rng: np.random.Generator) -> None:
    jump = rng.uniform(0.2, 1, 576)
    block = spectra(jump, np.zeros(576)) + 0.005 * rng.standard_normal((ENERGY.size, 576))
    block[:, 7] = 5 + 3 * rng.standard_normal(ENERGY.size)
    block[:, 8] = 11 * (X[:, 0] > 0) + 3 * rng.standard_normal(ENERGY.size)
    assert shared_noise(EDGE, block) < 0.001
    normalized = normalize_edge(
        SpectralStack(block.reshape(-1, 24, 24).astype(np.float32), ENERGY, "optical_depth"), **RANGES
    )
    assert normalized.metadata["edge_jump"].mask.ravel()[9:].all()
    assert not normalized.metadata["warnings"]


def test_a_mean_without_a_jump_has_no_notice_of_shared_noise() -> None:
    """One pixel that overflows leaves a mean spectrum in which nothing rises."""
    axis = np.arange(8200.0, 8560, 5.0)
    lines = EdgeLines(axis, E0, (-140, -20), (30, 215), shared_noise=0.1)
    assert notices_of(lines, np.zeros(axis.size), "Ni", "K") == []


def test_a_sample_of_more_noise_than_its_surroundings_counts(rng: np.random.Generator) -> None:
    """The noise of fluorescence is that of the counts, of which empty pixels have hardly any."""
    jump = np.where(np.arange(900) < 800, 0, rng.uniform(300, 1000, 900))
    block = spectra(jump, 0.3 - 1.5e-3 * jump)
    block += np.where(jump > 0, 10, 0.1) * rng.standard_normal(block.shape)
    slopes = learned(block)
    assert (slopes.constant, slopes.per_jump) == pytest.approx((0.3, -1.5e-3), rel=0.15)


def test_pixels_of_other_slopes_are_told(rng: np.random.Generator) -> None:
    jump = rng.uniform(0.3, 1, 100)
    data = spectra(jump, 2e-3 * rng.standard_normal(100)).reshape(-1, 10, 10).astype(np.float32)
    normalized = normalize_edge(SpectralStack(data, ENERGY, "optical_depth"), slopes="shared", min_jump=0.0, **RANGES)
    assert any("the slopes of pixels differ by" in text for text in normalized.metadata["warnings"])


def test_what_has_no_slopes_to_share_is_refused() -> None:
    data = spectra(np.ones(4), -1e-3 * np.ones(4)).reshape(-1, 2, 2).astype(np.float32)
    stack = SpectralStack(data, ENERGY, "optical_depth")
    for options in ({"method": "mback", "absorber": "Ni K"}, {"pre_form": "Victoreen"}):
        with pytest.raises(ValueError, match="slopes = 'shared' are those of lines"):
            normalize_edge(stack, slopes="shared", **options)
    with pytest.raises(ValueError, match="four numbers are needed, constant, per_jump"):
        normalize_edge(stack, slopes="shared", shared_slopes=[1e-3])
    with pytest.raises(ValueError, match="are for slopes = 'shared', not 'per pixel': leave them out"):
        normalize_edge(stack, shared_slopes=[1e-3])
    with pytest.raises(ValueError, match="slopes can't be shared: the mean edge jump of all pixels is"):
        learned(-data.reshape(ENERGY.size, -1))
