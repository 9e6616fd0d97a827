"""`edge_energy`: an energy axis that is not that of the references is told, and is part of sigma."""

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


def stack(noise: float = 0.004) -> SpectralStack:
    low, high = (reference.at(AXIS)[:, None, None] for reference in references())
    data = 0.4 * ((1 - SHARE) * low + SHARE * high) + 0.3 * (AXIS[:, None, None] / AXIS[0]) ** -3
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


def test_references_of_the_same_axis_raise_no_doubt() -> None:
    maps = edge_energy(stack(), references=references())
    assert maps.history[-1].state["axis_shift"] == 0
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
