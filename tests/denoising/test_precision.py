"""The noise of a stack whose photons are not known, against simulated noise."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.denoising.precision import estimate_precision

ENERGY = np.linspace(8300.0, 8400.0, 60)


def noisy(per_energy: np.ndarray, per_pixel: np.ndarray) -> SpectralStack:
    """Return a stack with an edge, whose noise is a product of an energy's and a pixel's."""
    rng = np.random.default_rng(0)
    height = 0.3 + 0.1 * np.sin(np.indices(per_pixel.shape)[1] / 7)
    edge = 0.5 + np.arctan(ENERGY - 8345) / np.pi + 0.5 * np.exp(-(((ENERGY - 8348) / 2) ** 2))
    data = edge[:, None, None] * height + rng.standard_normal((60, *per_pixel.shape)) * np.multiply.outer(
        per_energy, per_pixel
    )
    return SpectralStack(data.astype(np.float32), ENERGY, "fluorescence")


def test_noise_that_differs_between_energies_and_pixels_is_found() -> None:
    per_energy = np.where(ENERGY > 8345, 1.5, 0.7)
    per_pixel = 0.02 * (1 + np.linspace(0, 1, 64)[:, None] * np.ones(64))
    weighted = estimate_precision(noisy(per_energy, per_pixel))
    expected = per_energy**-2 / np.mean(per_energy**-2)
    away = np.abs(ENERGY - 8345) > 4  # second differences across the step average both sides
    np.testing.assert_allclose(weighted.weight[away], expected[away], rtol=0.15)
    relative = weighted.precision * per_pixel**2
    assert np.std(relative) < 0.12 * np.mean(relative), "the noise of single pixels' estimates is averaged out"
    assert np.median(relative) == pytest.approx(np.mean(per_energy**-2), rel=0.3)


def test_a_bad_pixel_keeps_its_own_noise_and_spoils_no_neighbour() -> None:
    per_pixel = np.full((48, 48), 0.02)
    per_pixel[20, 20] *= 10
    weighted = estimate_precision(noisy(np.ones(60), per_pixel))
    assert weighted.precision[20, 20] < 0.05 * np.median(weighted.precision)
    near = weighted.precision[18:23, 18:23] / np.median(weighted.precision)
    near[2, 2] = 1
    assert near.min() > 0.7
