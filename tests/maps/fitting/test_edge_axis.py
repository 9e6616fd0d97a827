"""`edge_energy`: references on another axis, or that the sample's spectra are no mixtures of, are part of sigma."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps import edge_energy
from napari_xanes.sample import k_edge_curve

AXIS = np.concatenate([np.arange(8245, 8335, 8.0), np.arange(8335, 8375, 1.0), np.arange(8375, 8590, 5.0)])
SHARE = np.tile(np.linspace(0.05, 0.95, 32), (32, 1))


def references(moved: float = 0.0) -> list[Spectrum]:
    grid = np.arange(8100, 8800, 0.25)
    return [
        Spectrum(name, grid + moved, k_edge_curve(grid, e0, white, 0.08), valence, metadata={"normalized": True})
        for name, e0, white, valence in (("two", 8345.0, 0.65, 2.0), ("three", 8347.2, 0.42, 3.0))
    ]


def flattened(mu: np.ndarray, strength: float) -> np.ndarray:
    """Return spectra with a step of 1 as self-absorption of fluorescence flattens them."""
    return mu * (1 + strength) / (1 + strength * mu)


def stack(noise: float = 0.004, strength: float = 0.0) -> SpectralStack:
    low, high = (reference.at(AXIS)[:, None, None] for reference in references())
    data = 0.4 * flattened((1 - SHARE) * low + SHARE * high, strength) + 0.3 * (AXIS[:, None, None] / AXIS[0]) ** -3
    data += noise * np.random.default_rng(2).standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), AXIS, "optical_depth", metadata={"element": "Ni", "edge": "K"})


@pytest.mark.parametrize("moved", [0.5, 1.0, -0.8])
def test_references_of_another_axis_widen_the_valence_and_are_told(moved: float) -> None:
    valence, warnings = (
        (maps := edge_energy(stack(), references=references(moved)))["valence"],
        maps.metadata["warnings"],
    )
    error = (valence.data - 2 - SHARE)[valence.mask]
    assert abs(error.mean()) > 0.2
    assert np.mean(np.abs(error) < 2 * valence.sigma[valence.mask]) > 0.95
    assert any("the stack fits better if the references are shifted by" in text for text in warnings)
    assert maps.history[-1].state["axis_shift"] == pytest.approx(-moved, abs=0.1)


@pytest.mark.parametrize("noise", [0.004, 0.02])
def test_references_of_the_same_axis_raise_no_doubt(noise: float) -> None:
    maps = edge_energy(stack(noise), references=references())
    state = maps.history[-1].state
    assert state["axis_shift"] == 0
    assert abs(state["disagreement"]) < 0.1
    assert not maps.metadata["warnings"]


def test_an_axis_that_is_known_to_agree_is_not_doubted() -> None:
    measured, known = (edge_energy(stack(), references=references(0.5), axis_shift=shift) for shift in (None, 0.0))
    np.testing.assert_array_equal(known["valence"].data, measured["valence"].data)
    assert np.median(known["valence"].sigma) < 0.8 * np.median(measured["valence"].sigma)
    assert not any("fits better" in text for text in known.metadata["warnings"])


def test_a_replay_has_the_same_doubt() -> None:
    maps = edge_energy(stack(), references=references(1.0))
    replayed = edge_energy.apply(stack(), maps.history[-1])
    np.testing.assert_array_equal(replayed["valence"].sigma, maps["valence"].sigma)
    assert replayed.metadata["warnings"] == maps.metadata["warnings"]


def test_references_that_can_not_be_fitted_together_still_calibrate() -> None:
    """A third reference that is a mixture of the others tells no shift, and is no error."""
    low, high = references()
    between = Spectrum("between", low.energy, (low.mu + high.mu) / 2, 2.5, metadata={"normalized": True})
    maps = edge_energy(stack(), references=[low, between, high])
    assert maps.history[-1].state["axis_shift"] == 0


@pytest.mark.parametrize("strength", [0.6, 1.5])
def test_flattened_spectra_widen_the_valence_and_are_told(strength: float) -> None:
    """Their edges lie lower at the same valence, so the edge energy alone reads a wrong valence."""
    maps = edge_energy(stack(strength=strength), references=references())
    valence = maps["valence"]
    error = (valence.data - 2 - SHARE)[valence.mask]
    assert error.mean() < -0.15
    assert np.mean(np.abs(error) < 2 * valence.sigma[valence.mask]) > 0.95
    assert any("below that of a mixture of the references" in text for text in maps.metadata["warnings"])
    state = maps.history[-1].state
    assert state["disagreement"] == pytest.approx(error.mean(), abs=0.25 * abs(error.mean()))
    alone = edge_energy(stack(strength=strength), references=references(), disagreement=0.0)["valence"]
    assert np.mean(np.abs(error) < 2 * alone.sigma[alone.mask]) < 0.9


def few(count: int, noise: float, seed: int, strength: float = 0.0) -> tuple[SpectralStack, np.ndarray]:
    """Return a row of few pixels, and their shares of the higher reference."""
    share = np.linspace(0.3, 0.7, count) if count > 1 else np.array([0.5])
    low, high = (reference.at(AXIS)[:, None, None] for reference in references())
    data = 0.4 * flattened((1 - share) * low + share * high, strength) + 0.3 * (AXIS[:, None, None] / AXIS[0]) ** -3
    data += noise * np.random.default_rng(seed).standard_normal(data.shape)
    metadata = {"element": "Ni", "edge": "K"}
    return SpectralStack(data.astype(np.float32), AXIS, "optical_depth", metadata=metadata), share


@pytest.mark.parametrize("count", [1, 2, 6, 12])
@pytest.mark.parametrize("moved", [0.5, -1.0])
def test_few_pixels_tell_another_axis(count: int, moved: float) -> None:
    pixels, share = few(count, 0.002, seed=count)
    maps = edge_energy(pixels, references=references(moved))
    valence = maps["valence"]
    assert maps.history[-1].state["axis_shift"] == pytest.approx(-moved, abs=0.1)
    assert any("the stack fits better if the references are shifted by" in text for text in maps.metadata["warnings"])
    assert (np.abs(valence.data - 2 - share) < 2 * valence.sigma)[valence.mask].all()


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("noise", [0.0003, 0.004, 0.02])
def test_few_pixels_of_the_same_axis_raise_no_doubt(count: int, noise: float) -> None:
    for seed in range(3):
        state = edge_energy(few(count, noise, seed)[0], references=references()).history[-1].state
        assert state["axis_shift"] == 0
        assert abs(state["disagreement"]) < 0.1


def test_two_pixels_tell_flattened_spectra() -> None:
    pixels, share = few(2, 0.002, seed=3, strength=1.0)
    maps = edge_energy(pixels, references=references())
    valence = maps["valence"]
    assert (np.abs(valence.data - 2 - share) > 0.15).all()
    assert (np.abs(valence.data - 2 - share) < 2 * valence.sigma).all()
    assert any("below that of a mixture of the references" in text for text in maps.metadata["warnings"])
