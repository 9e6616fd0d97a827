"""A beam that jumps from frame to frame is divided out; absorption stays."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.ops import correct_beam, optical_depth
from napari_xanes.sample import nmc_ni_k

PHOTONS = 2000.0


@pytest.fixture(scope="module")
def still() -> SpectralStack:
    return nmc_ni_k(size=48, photons=PHOTONS).stack


@pytest.fixture(scope="module")
def beam(still: SpectralStack) -> np.ndarray:
    factors = 1 + 0.02 * np.random.default_rng(3).standard_normal(still.energy.size)
    factors[30] = 0.6
    return factors


def flickering(still: SpectralStack, beam: np.ndarray, **metadata: Any) -> SpectralStack:
    dark = np.asarray(still.metadata["dark"])
    data = dark + (still.data - dark) * beam[:, None, None]
    return still.with_data(data.astype(np.float32), metadata=metadata)


@pytest.mark.parametrize("lazy", [False, True])
def test_the_empty_area_shows_the_beam(still: SpectralStack, beam: np.ndarray, lazy: bool) -> None:
    stack = flickering(still, beam)
    if lazy:
        stack = stack.with_data(da.from_array(stack.data, chunks=(10, 48, 48)))
    done = nx.run([nx.Step("correct_beam")], stack)
    found = np.array(done.history[-1].state["factors"])
    assert np.std(found / found.mean() * beam.mean() / beam) < 0.005
    error = np.asarray(done.data) / still.data - 1
    assert np.std(error.mean(axis=(1, 2))) < 0.005
    place, _, change = done.metadata["notes"][-1].partition("most at ")[2].partition(" eV (")
    assert float(place) == pytest.approx(still.energy[30])
    assert float(change.partition("%")[0]) == pytest.approx(-40, abs=0.5)


def test_absorption_is_not_changed(still: SpectralStack, beam: np.ndarray) -> None:
    truth = optical_depth(still).data.mean(axis=(1, 2))
    before = optical_depth(flickering(still, beam)).data.mean(axis=(1, 2))
    after = optical_depth(correct_beam(flickering(still, beam))).data.mean(axis=(1, 2))
    assert np.std(before - truth) > 0.05
    assert np.std(after - truth) < 0.006


def test_a_steady_beam_is_left_alone(still: SpectralStack) -> None:
    done = correct_beam(still)
    np.testing.assert_allclose(done.data, still.data, rtol=1e-6)
    assert "steady within the noise" in done.metadata["notes"][-1]


def test_the_ring_current_is_taken_when_asked(still: SpectralStack, beam: np.ndarray) -> None:
    stack = flickering(still, beam, ring_current=400 * beam)
    done = correct_beam(stack, by="ring current")
    np.testing.assert_allclose(
        done.data, still.data * np.median(beam) + (1 - np.median(beam)) * _dark(still), rtol=1e-4
    )
    with pytest.raises(ValueError, match="has no ring current in its metadata; take by='empty area'"):
        correct_beam(still, by="ring current")
    current = 400 * beam
    current[7] = 0
    with pytest.raises(ValueError, match=f"the ring current at {still.energy[7]:g} eV is 0: there was no beam"):
        correct_beam(flickering(still, beam, ring_current=current), by="ring current")


def _dark(stack: SpectralStack) -> np.ndarray:
    return np.asarray(stack.metadata["dark"])


def test_an_area_with_sample_is_refused(still: SpectralStack) -> None:
    for region in ((20, 28, 20, 28), (0, 48, 0, 48)):
        with pytest.raises(ValueError, match="the area is not brighter than the rest of the image"):
            correct_beam(still, region=region)
    depth = optical_depth(still)
    thin = optical_depth(still).data[:, 20:28, 20:28].mean(axis=(1, 2))
    film = SpectralStack(np.exp(-np.stack([0.3 * thin, thin], 1))[:, None].repeat(9, 1), depth.energy, "transmission")
    with pytest.raises(ValueError, match="the area shows the sample's edge at 83"):
        correct_beam(film, region=(0, 9, 0, 1))
    with pytest.raises(ValueError, match="transmits [1-8].%, so it may hold sample; give region"):
        correct_beam(nx.ops.crop(still, region=(18, 30, 18, 30)))


def test_without_flats_the_empty_area_is_the_i0_already(still: SpectralStack) -> None:
    bare = SpectralStack(still.data, still.energy, "counts", metadata={"name": "bare"})
    with pytest.raises(ValueError, match="'bare' has neither flats nor an I0"):
        correct_beam(bare)
    with pytest.raises(ValueError, match="run it before optical_depth"):
        correct_beam(optical_depth(still))


@pytest.mark.parametrize(("factors", "reason"), [([1.0], "1 numbers for the 6"), ([0.0] * 62, "must be above 0")])
def test_wrong_factors_are_refused(still: SpectralStack, factors: list[float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        correct_beam(still, factors=factors)
