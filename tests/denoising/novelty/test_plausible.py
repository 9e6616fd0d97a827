"""Plausible spectra hold those of real kinds of missing phases in few dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import Spectrum
from napari_xanes.denoising.design_matrix import DesignMatrix, design_from_references
from napari_xanes.denoising.novelty.plausible import edge_width, plausible_spectra, unlike

ENERGY = np.concatenate([np.arange(8280.0, 8330, 5), np.arange(8330.0, 8370, 0.8), np.arange(8370.0, 8480, 5)])


def edge(at: float, line: float, width: float = 1.0, wave: float = 2.0) -> Spectrum:
    energy = np.arange(8250.0, 8510.0, 0.2)
    k = np.sqrt(np.maximum(energy - at - 8, 0) * 0.2625)
    mu = 0.5 + np.arctan((energy - at) / width) / np.pi + line * np.exp(-(((energy - at - 4) / 3) ** 2))
    return Spectrum(f"{at:g}", energy, mu + 0.08 * np.sin(2 * wave * k) * np.exp(-0.06 * k**2))


def design() -> DesignMatrix:
    return design_from_references([edge(8342, 0.6), edge(8344, 0.6)], ENERGY, np.ones(ENERGY.size))


@pytest.mark.parametrize(
    ("at", "line", "width", "wave"),
    [(8335, 0.0, 1.5, 2.4), (8339, 0.2, 1.0, 2.2), (8343, 1.4, 1.0, 2.0), (8347, 0.9, 1.0, 1.8)],
    ids=["metal", "lower", "strong line", "higher"],
)
def test_other_phases_lie_in_the_basis_and_beside_a_candidate(at, line, width, wave):
    model = plausible_spectra(design(), ENERGY)
    assert model.basis.shape[1] <= 16
    assert np.abs(design().basis.T @ model.basis).max() < 1e-9
    other = edge(at, line, width, wave).at(ENERGY)
    other -= design().basis @ (design().basis.T @ other)
    inside = np.linalg.lstsq(model.basis, other, rcond=None)[0]
    assert np.linalg.norm(model.basis @ inside) > 0.97 * np.linalg.norm(other)
    bank = model.basis @ unlike(model.candidates, model.basis.T @ model.basis)
    cosines = (bank.T @ other) / np.linalg.norm(bank, axis=0) / np.linalg.norm(other)
    assert cosines.max() > 0.8


def test_unlike_keeps_one_of_similar_candidates():
    candidates = np.array([[1.0, 0.99, 0.0, -1.0], [0.0, 0.1, 1.0, 0.0]])
    assert unlike(candidates, np.eye(2)).shape == (2, 3)  # the opposite sign is another phase


def test_width_of_a_step_is_its_height_over_its_slope():
    energy = np.linspace(0, 100, 2001)
    assert edge_width(energy, np.tanh((energy - 50) / 3)) == pytest.approx(6, rel=0.01)
