"""A phase in a small part of a sample: told, and in sigma where residuals show it; noise alone is neither."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from tests.maps.reference_samples import AXIS, REFS, curve

from napari_xanes import SpectralStack
from napari_xanes.maps import fit_references
from napari_xanes.maps.fitting.local_misfit import local_misfit, mean_square
from napari_xanes.residual_tests import tile_numbers

N = 64
TWO = REFS[:2]
SHARE = np.tile(np.linspace(0.1, 0.9, N), (N, 1))


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_no_phase(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((30, N * N)) * rng.uniform(0.5, 2, N * N)
    found = local_misfit(noise, np.ones((30, N * N)), tile_numbers((N, N), 8, 2), rng.uniform(0.5, 1, N * N))
    assert found.share == 0
    assert not found.spectrum.any()


def test_the_spectrum_and_the_share_of_a_part_are_found() -> None:
    rng = np.random.default_rng(1)
    phase = np.sin(np.arange(30) / 4) * 0.8
    inside = np.arange(N * N) < 8 * N
    residual = rng.standard_normal((30, N * N)) + phase[:, None] * inside
    found = local_misfit(residual, np.ones((30, N * N)), tile_numbers((N, N), 8, 2), np.ones(N * N))
    assert found.share == pytest.approx(1 / 8)
    np.testing.assert_allclose(found.spectrum, phase, atol=0.2)
    assert np.linalg.norm(found.spectrum) == pytest.approx(np.linalg.norm(phase), rel=0.05)


@pytest.mark.parametrize("measured", [0.0, 0.3, 1.2])
def test_the_square_of_an_amount_is_that_of_its_distribution(measured: float) -> None:
    share, sigma = 0.2, 0.3

    def likely(amount: float) -> float:
        return share * float(norm.pdf(amount) * norm.pdf(measured, amount, sigma))

    known = quad(likely, -6, 6)[0] + (1 - share) * float(norm.pdf(measured, 0, sigma))
    expected = quad(lambda amount: amount**2 * likely(amount), -6, 6)[0] / known
    assert mean_square(np.array([measured]), np.array([sigma**2]), share)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("gain", [True, False])
@pytest.mark.parametrize("part", [0.07, 0.15])
def test_a_phase_that_single_pixels_do_not_show_is_told(part: float, gain: bool) -> None:
    """A tenth of another phase, of valence 0, in a small part of the sample."""
    rng = np.random.default_rng(3)
    first, second, metal = (mu[:, None, None] for mu in (TWO[0].at(AXIS), TWO[1].at(AXIS), curve(AXIS, 8338, 0.0)))
    inside = np.arange(N)[:, None] + 0 * SHARE < part * N
    mu = 0.6 * ((1 - 0.1 * inside) * ((1 - SHARE) * first + SHARE * second) + 0.1 * inside * metal) + 0.3
    ratio = rng.poisson(20_000 * np.exp(-mu)) / (rng.poisson(200_000, mu.shape) / 10)
    noise = {"kind": "poisson", "i0": np.full(AXIS.size, 20_000), "n_flat": 10}
    stack = SpectralStack(-np.log(ratio).astype("f4"), AXIS, "optical_depth", metadata={"noise": noise} if gain else {})
    maps = fit_references(stack, references=TWO)
    assert "a phase without a reference in a part of the sample" in " ".join(maps.metadata["warnings"])
    valence = maps["valence"]
    assert valence.sigma is not None
    within = np.abs(valence.data - (2 + SHARE) * (1 - 0.1 * inside)) < 2 * valence.sigma
    assert np.mean(within[inside]) > 0.85
    assert np.mean(within[~inside]) > 0.92
    assert np.median(valence.sigma[inside]) > 2.5 * np.median(valence.sigma[~inside])
    basis, _ = np.linalg.qr(maps.metadata["fit"].design)
    left = metal.ravel() - basis @ (basis.T @ metal.ravel())
    assert np.corrcoef(maps.metadata["residual_spectrum"]["mu"], left)[0, 1] > 0.9
