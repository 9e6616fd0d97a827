"""Errors from components that cannot be separated, compared with simulated scatter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_xanes import Spectrum
from napari_xanes.denoising.binning import BinnedStack
from napari_xanes.denoising.design_matrix import design_from_references
from napari_xanes.denoising.energy_offset import offset_uncertainty
from napari_xanes.denoising.fractions.estimate import unexplained_fraction_variance, unexplained_variance

ENERGY = np.linspace(8300.0, 8400.0, 60)


def edge(name: str, at: float) -> Spectrum:
    energy = np.linspace(8290.0, 8410.0, 600)
    return Spectrum(name, energy, 0.5 + np.arctan(energy - at) / np.pi + 0.4 * np.exp(-(((energy - at - 4) / 3) ** 2)))


REFERENCES = [edge("low", 8342.0), edge("high", 8345.0)]


def binned(hidden: float, noise: float = 0.01) -> BinnedStack:
    """Return bins of a mixture with noise, and with unexplained changes of the given size."""
    rng = np.random.default_rng(0)
    design = design_from_references(REFERENCES, ENERGY, np.ones(ENERGY.size))
    amounts = np.concatenate([rng.uniform(0.1, 0.3, (2, 40, 40)), rng.uniform(0, 0.1, (2, 40, 40))])
    values = np.tensordot(design.columns, amounts, 1)
    values += rng.standard_normal(values.shape) * np.hypot(noise, hidden)
    no_air = np.zeros_like(values, dtype=np.float32)
    precision = np.full((40, 40), noise**-2, np.float32)
    return BinnedStack(no_air, np.zeros_like(precision), values.astype(np.float32), precision)


@pytest.mark.parametrize("hidden", [0.0, 0.005, 0.02])
def test_the_unexplained_variance_is_measured(hidden: float) -> None:
    design = design_from_references(REFERENCES, ENERGY, np.ones(ENERGY.size))
    assert np.sqrt(unexplained_variance(binned(hidden), design, None)) == pytest.approx(hidden, abs=0.0012)


def test_a_large_mean_hides_no_unexplained_variance() -> None:
    design = design_from_references(REFERENCES, ENERGY, np.ones(ENERGY.size))
    raised = replace(binned(0.02), sample=binned(0.02).sample + np.float32(1000))
    assert np.sqrt(unexplained_variance(raised, design, None)) == pytest.approx(0.02, abs=0.0012)


def test_an_unexplained_variance_scatters_fractions_as_predicted() -> None:
    rng = np.random.default_rng(1)
    design = design_from_references(REFERENCES, ENERGY, np.ones(ENERGY.size))
    jump, hidden = 0.2, 0.004
    spectra = design.references @ np.array([0.3, 0.7]) * jump
    measured = spectra[:, None] + hidden * rng.standard_normal((ENERGY.size, 4000))
    amounts = (np.linalg.pinv(design.columns) @ measured)[:2]
    predicted = np.sqrt(unexplained_fraction_variance(hidden**2, np.full((1, 1), jump, np.float32), design))[:, 0, 0]
    # The edge jump has a much smaller error than the fractions, so they scatter as if the jump were exact.
    np.testing.assert_allclose((amounts / amounts.sum(axis=0)).std(axis=1), predicted, rtol=0.15)


def test_an_energy_offset_changes_fractions_as_predicted() -> None:
    energy_error = 0.07
    right = design_from_references(REFERENCES, ENERGY, np.ones(ENERGY.size), 0.5)
    wrong = design_from_references(REFERENCES, ENERGY, np.ones(ENERGY.size), 0.5 + energy_error)
    fractions = np.array([0.4, 0.6])
    amounts = (np.linalg.pinv(wrong.columns) @ (right.references @ fractions))[:2]
    predicted = offset_uncertainty(fractions[:, None, None], REFERENCES, right, ENERGY, 0.5)[:, 0, 0]
    np.testing.assert_allclose(np.abs(amounts / amounts.sum() - fractions), predicted, rtol=0.15)
