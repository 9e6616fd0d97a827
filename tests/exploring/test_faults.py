"""Faults of a measurement that look like substances are told by every method that explores."""

from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.exploring.faults import are_single, lone_energies

ENERGY = np.linspace(8320.0, 8400.0, 40)
SPECTRA = np.stack([np.arctan(ENERGY - 8343) + 2, np.arctan(ENERGY - 8348) + 2, np.exp(-(((ENERGY - 8352) / 5) ** 2))])


def stack(fault: str = "none") -> nx.SpectralStack:
    """Return three substances in patches with noise, and a fault."""
    rng = np.random.default_rng(0)
    patch = (np.indices((48, 48)) // 16).sum(axis=0) % 3
    amounts = np.eye(3)[patch].transpose(2, 0, 1) * rng.uniform(0.5, 1, (48, 48))
    data = np.tensordot(SPECTRA.T, amounts, 1) + 0.02 * rng.standard_normal((40, 48, 48))
    if fault == "frame":
        data[25] += 0.3
    if fault == "hot pixels":
        data[:, rng.integers(0, 48, 12), rng.integers(0, 48, 12)] = 40
    if fault == "zingers":
        data[rng.random(data.shape) < 5e-4] += 4
    return nx.SpectralStack(data.astype(np.float32), ENERGY, "optical_depth")


@pytest.mark.parametrize("method", ["components", "cluster", "unmix"])
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("frame", f"frame at {ENERGY[25]:g} eV"),
        ("hot pixels", "single pixels"),
        ("zingers", "repair"),
        ("none", None),
    ],
)
def test_faults_are_told(method: str, fault: str, told: str | None) -> None:
    maps = getattr(nx.maps, method)(stack(fault))
    texts = maps.metadata["warnings"]
    assert any(told in text for text in texts) if told else not texts


def test_a_line_that_is_as_narrow_as_the_steps_of_a_short_scan_is_none() -> None:
    assert not lone_energies(np.vstack([SPECTRA[:, ::4], np.eye(10)[4]]), np.ones(10)).size
    assert lone_energies(np.vstack([SPECTRA, np.eye(40)[9]]), np.ones(40)).tolist() == [9]


def test_single_pixels_of_a_volume_are_alone_in_their_slice() -> None:
    image = np.zeros((4, 20, 20), dtype=bool)
    image[:, 5, 5] = True
    assert are_single(image)
    image[:, 5, 6] = True
    assert not are_single(image)
    assert not are_single(np.zeros_like(image))
