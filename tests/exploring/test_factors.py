"""The number of spectra in a stack and its noise, on samples whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_xanes import SpectralStack
from napari_xanes.exploring.factors import Factors, find_factors, mean_noise, noise_of_neighbours
from napari_xanes.exploring.moments import RUN, moments_of

ENERGY = np.linspace(8290.0, 8460.0, 60)
SIZE = 80


def pure_spectra(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return edges (E, K) at different energies, each with peaks of its own."""
    spectra = []
    for number in range(count):
        e0 = 8335 + 5 * number
        mu = 0.5 + np.arctan((ENERGY - e0) / rng.uniform(1, 3)) / np.pi
        for _ in range(3):
            mu += rng.uniform(-0.3, 0.6) * np.exp(-0.5 * ((ENERGY - e0 - rng.uniform(0, 50)) / rng.uniform(3, 9)) ** 2)
        spectra.append(mu)
    return np.array(spectra).T


def smooth_maps(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return amounts (K, SIZE, SIZE) of patches that overlap; their sum has a mean of 1."""
    maps = np.array([gaussian_filter(rng.standard_normal((SIZE, SIZE)), 4) for _ in range(count)])
    maps = np.maximum(maps / maps.std(axis=(1, 2), keepdims=True) + 0.5, 0)
    return maps / maps.sum(axis=0).mean()


def sample_of(count: int, snr: float, seed: int, unit_noise: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the data of a sample of several spectra, and the noise of each energy, which differs up to threefold."""
    rng = np.random.default_rng(seed)
    data = np.tensordot(pure_spectra(count, rng), smooth_maps(count, rng), 1)
    noise = np.exp(rng.uniform(-0.55, 0.55, ENERGY.size)) / snr
    unit = rng.standard_normal(data.shape) if unit_noise is None else unit_noise
    return data + noise[:, None, None] * unit, noise


def factors_of(data: np.ndarray, **parameters: object) -> Factors:
    moments = moments_of(SpectralStack(data.astype(np.float32), ENERGY, "optical_depth"))
    return find_factors(moments.products, moments.n_pixels, moments.sample, **parameters)


@pytest.mark.parametrize(("count", "snr"), [(c, s) for c in range(2, 7) for s in (5, 20, 100) if (c, s) != (6, 5)])
def test_the_number_of_spectra_is_found(count: int, snr: float) -> None:
    # The sixth spectrum drowns in noise at a ratio of 5: known noise does not show it either.
    data, noise = sample_of(count, snr, seed=100 * count + int(snr))
    found = factors_of(data)
    assert found.vectors.shape[1] == count
    np.testing.assert_allclose(found.noise, noise, rtol=0.15)


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_has_no_second_component(seed: int) -> None:
    data, _ = sample_of(1, 20, seed)
    assert factors_of(data).vectors.shape[1] == 1


def test_known_noise_is_taken_as_it_is() -> None:
    data, noise = sample_of(3, 10, seed=5)
    found = factors_of(data, noise=noise)
    assert found.vectors.shape[1] == 3
    np.testing.assert_array_equal(found.noise, noise)


def test_noise_that_neighbours_share_is_no_component() -> None:
    rng = np.random.default_rng(8)
    unit = gaussian_filter(rng.standard_normal((ENERGY.size, SIZE, SIZE)), (0, 0.7, 0.7), mode="wrap")
    unit /= unit.std()
    data, _ = sample_of(2, 10, 8, unit)
    found = factors_of(data)
    assert found.vectors.shape[1] == 2
    # Correlations of a Gaussian of width s fall as exp(-d^2/4s^2): their squares sum to 2 pi s^2 over all distances.
    assert SIZE**2 / found.n_effective == pytest.approx(2 * np.pi * 0.7**2, rel=0.25)


def test_pixels_of_unequal_noise_count_less() -> None:
    rng = np.random.default_rng(2)
    scale = np.where(rng.random((SIZE, SIZE)) < 0.5, 1.0, 3.0)
    data, _ = sample_of(2, 20, 2, scale * rng.standard_normal((ENERGY.size, SIZE, SIZE)))
    # Mean of the squared variance over the square of its mean: ((1 + 81) / 2) / 5^2.
    assert SIZE**2 / factors_of(data).n_effective == pytest.approx(41 / 25, rel=0.1)


def test_a_number_that_is_given_is_kept() -> None:
    data, _ = sample_of(2, 20, 0)
    found = factors_of(data, count=5)
    assert found.vectors.shape == (ENERGY.size, 5)
    assert (found.eigenvalues[2:5] < found.limit).all()


def test_vectors_are_orthonormal_with_their_largest_value_positive() -> None:
    vectors = factors_of(sample_of(4, 50, 1)[0]).vectors
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-10)
    assert (vectors.max(axis=0) == np.abs(vectors).max(axis=0)).all()


def test_components_span_the_true_spectra() -> None:
    rng = np.random.default_rng(300)
    spectra = pure_spectra(3, rng)
    data = np.tensordot(spectra, smooth_maps(3, rng), 1) + 0.01 * rng.standard_normal((ENERGY.size, SIZE, SIZE))
    found = factors_of(data)
    basis = found.noise[:, None] * found.vectors
    left = spectra - basis @ np.linalg.lstsq(basis, spectra, rcond=None)[0]
    assert np.abs(left).max() < 0.01


def test_mean_noise_is_that_of_white_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, (40, 20000))
    assert mean_noise(noise @ noise.T / 20000) == pytest.approx(0.09, rel=0.03)


def test_a_sample_of_few_runs_says_nothing() -> None:
    assert noise_of_neighbours(np.zeros((1, 5, RUN), np.float32), np.eye(5), np.ones(5)) == (1.0, None)
