"""Misfit beyond noise: noise is no misfit, and does not hide one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.maps.matching.fit_misfit import is_surely_above
from napari_xanes.maps.matching.l_edge_model_error import theory_squares


@pytest.mark.parametrize(("misfit", "least", "most"), [(0.0, 0.0, 0.01), (0.15, 0.0, 0.03), (0.4, 0.97, 1.0)])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_noise_does_not_make_a_misfit(misfit: float, least: float, most: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    n_energies, n_pixels = 100, 4000
    shape = np.sin(np.arange(n_energies) / 5)
    residual = misfit * np.sqrt(n_energies) * shape / np.linalg.norm(shape)
    residual = residual[:, None] + noise * rng.standard_normal((n_energies, n_pixels))
    white = np.full(n_pixels, noise**2)
    beyond = theory_squares(np.sum(residual**2, axis=0), white, n_energies)
    above = is_surely_above(beyond, white, np.full(n_pixels, n_energies * 0.15**2)).mean()
    assert least <= above <= most
