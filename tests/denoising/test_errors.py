"""What can't be separated goes into the errors: against simulated scatter."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import Spectrum
from napari_xanes.denoising.binning import Squares
from napari_xanes.denoising.design_matrix import design_of
from napari_xanes.denoising.energy_offset import spread_of_offset
from napari_xanes.denoising.fractions.estimate import left_over, spread_of_left_over

ENERGY = np.linspace(8300.0, 8400.0, 60)


def edge(name: str, at: float) -> Spectrum:
    energy = np.linspace(8290.0, 8410.0, 600)
    return Spectrum(name, energy, 0.5 + np.arctan(energy - at) / np.pi + 0.4 * np.exp(-(((energy - at - 4) / 3) ** 2)))


REFERENCES = [edge("low", 8342.0), edge("high", 8345.0)]


def squares(hidden: float, noise: float = 0.01) -> Squares:
    """Squares of a mixture with noise, and with changes of the given size that are no noise."""
    rng = np.random.default_rng(0)
    design = design_of(REFERENCES, ENERGY, np.ones(ENERGY.size))
    amounts = np.concatenate([rng.uniform(0.1, 0.3, (2, 40, 40)), rng.uniform(0, 0.1, (2, 40, 40))])
    values = np.tensordot(design.all, amounts, 1)
    values += rng.standard_normal(values.shape) * np.hypot(noise, hidden)
    nothing = np.zeros_like(values, dtype=np.float32)
    precision = np.full((40, 40), noise**-2, np.float32)
    return Squares(nothing, np.zeros_like(precision), values.astype(np.float32), precision)


@pytest.mark.parametrize("hidden", [0.0, 0.005, 0.02])
def test_what_is_left_over_is_measured(hidden: float) -> None:
    design = design_of(REFERENCES, ENERGY, np.ones(ENERGY.size))
    assert np.sqrt(left_over(squares(hidden), design, None)) == pytest.approx(hidden, abs=0.0012)


def test_what_is_left_over_scatters_fractions_as_said() -> None:
    rng = np.random.default_rng(1)
    design = design_of(REFERENCES, ENERGY, np.ones(ENERGY.size))
    jump, hidden = 0.2, 0.004
    spectra = design.references @ np.array([0.3, 0.7]) * jump
    measured = spectra[:, None] + hidden * rng.standard_normal((ENERGY.size, 4000))
    amounts = (np.linalg.pinv(design.all) @ measured)[:2]
    told = np.sqrt(spread_of_left_over(hidden**2, np.full((1, 1), jump, np.float32), design))[:, 0, 0]
    # The edge jump is known much better than the share, so the share scatters as if the jump were known.
    np.testing.assert_allclose((amounts / amounts.sum(axis=0)).std(axis=1), told, rtol=0.15)


def test_an_offset_moves_fractions_as_said() -> None:
    energy_error = 0.07
    right = design_of(REFERENCES, ENERGY, np.ones(ENERGY.size), 0.5)
    wrong = design_of(REFERENCES, ENERGY, np.ones(ENERGY.size), 0.5 + energy_error)
    fractions = np.array([0.4, 0.6])
    amounts = (np.linalg.pinv(wrong.all) @ (right.references @ fractions))[:2]
    told = spread_of_offset(fractions[:, None, None], REFERENCES, right, ENERGY, 0.5)[:, 0, 0]
    np.testing.assert_allclose(np.abs(amounts / amounts.sum() - fractions), told, rtol=0.15)
