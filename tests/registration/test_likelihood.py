"""The likelihood of shifts: its derivative is that by finite differences, whatever is in the frames."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.registration.fourier import band_of, phases
from napari_xanes.registration.likelihood import Model, Moved, Projection, gradient, log_likelihood, posterior

SHAPE = (40, 52)


@pytest.mark.parametrize("pattern", [0.0, 3.0])
def test_the_gradient_is_half_the_derivative_of_the_likelihood(pattern: float) -> None:
    rng = np.random.default_rng(0)
    band = band_of(SHAPE)
    spectra = np.linalg.qr(rng.standard_normal((6, 2)))[0]
    shifts = rng.normal(0, 0.5, (6, 2))

    def field(count: int) -> np.ndarray:
        return rng.standard_normal((count, band.row.size)) + 1j * rng.standard_normal((count, band.row.size))

    moving = (spectra @ (4 * field(2))) * phases(band, -shifts)
    data = (moving + pattern * field(1) + field(6) / np.sqrt(2)).astype(np.complex64)
    power = np.tile(32 * np.eye(2), (band.n_rings, 1, 1))
    strength = np.full(band.n_rings, 2 * pattern**2)
    model = Model(spectra, power, strength, np.linspace(0.8, 1.2, 6), strength)

    def value(where: np.ndarray) -> float:
        return log_likelihood(band, Projection.of(Moved.by(band, data, where), spectra, model.pattern), model)

    start = shifts + rng.normal(0, 0.1, (6, 2))
    moved = Moved.by(band, data, start)
    found = posterior(band, Projection.of(moved, spectra, model.pattern), model)
    expected, step = np.empty((6, 2)), 0.01
    for i in np.ndindex(6, 2):
        aside = np.zeros((6, 2))
        aside[i] = step
        expected[i] = (value(start + aside) - value(start - aside)) / (4 * step)
    np.testing.assert_allclose(gradient(moved, model, found), expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())
