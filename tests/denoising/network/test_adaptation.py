"""Adaptation of the network to one stack."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tools.training.examples import example

from napari_xanes.denoising.network import adaptation
from napari_xanes.denoising.network.adaptation import EnergyHalves, adapt
from napari_xanes.denoising.network.cleaning import load_network


@pytest.fixture
def halves() -> EnergyHalves:
    """Return two measurements of one map with independent noise."""
    noisy = example(np.random.default_rng(3), (96, 96))
    rng = np.random.default_rng(4)
    information = np.broadcast_to(noisy.information, (2, 1, 96, 96)).astype(np.float32)
    estimates = noisy.truth + rng.standard_normal(information.shape) / np.sqrt(information)
    images = (noisy.jump, noisy.absorption, noisy.absorption_sigma)
    return EnergyHalves((estimates * information).astype(np.float32), information, images)


def test_the_original_network_is_never_changed(halves: EnergyHalves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "SIZE", 32)
    monkeypatch.setattr(adaptation, "_STEPS", 3)
    monkeypatch.setattr(adaptation, "_MAX_PLACES", 6)
    network = load_network("cpu")
    before = [parameter.detach().clone() for parameter in network.parameters()]
    result = adapt(network, halves, seed=0, device="cpu")
    for parameter, original in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(parameter, original, atol=0, rtol=0)
    assert result.error_ratio != 1, "the copy was trained"
    assert result.accepted == (result.network is not network)
    assert not result.accepted or result.error_ratio < 1


def test_a_copy_that_got_worse_is_dropped(halves: EnergyHalves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "SIZE", 32)
    monkeypatch.setattr(adaptation, "_STEPS", 3)
    monkeypatch.setattr(adaptation, "_MAX_PLACES", 6)
    monkeypatch.setattr(adaptation, "_RATE", 0.1)
    network = load_network("cpu")
    result = adapt(network, halves, seed=0, device="cpu")
    assert result.error_ratio > 1
    assert not result.accepted
    assert result.network is network


def test_a_small_image_is_not_adapted_to(halves: EnergyHalves) -> None:
    network = load_network("cpu")
    result = adapt(network, halves, seed=0, device="cpu")
    assert (result.network is network, result.accepted, result.error_ratio) == (True, False, 1.0)
