from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.detector_elements import element_noise

ENERGY = 7100 + np.arange(24.0)
EDGE = 0.1 + 0.9 / (1 + np.exp(7112 - ENERGY))
SIZE = 40
SHARES = np.array([0.4, 0.3, 0.2, 0.1])[:, None, None]


def counted(photons: float, seed: int = 1, shares: np.ndarray = SHARES) -> tuple[np.ndarray, np.ndarray]:
    """Counts (K, E, Y, X) of a sample at an edge, and the expected sum over the elements (E, Y, X)."""
    rng = np.random.default_rng(seed)
    expected = photons * shares[:, None] * EDGE[:, None, None] * rng.gamma(2, 1, (SIZE, SIZE))
    return rng.poisson(expected).astype(np.float32), expected.sum(axis=0)


def stacks(counts: np.ndarray) -> list[SpectralStack]:
    return [SpectralStack(images, ENERGY, "fluorescence") for images in counts]


@pytest.mark.parametrize("photons", [3, 50, 5000])
@pytest.mark.parametrize("scale", [1, 1e-4])
def test_the_noise_is_that_of_counted_photons(photons: float, scale: float) -> None:
    counts, expected = counted(photons)
    found = element_noise(stacks(counts * np.float32(scale)))
    truth = scale**2 * expected.mean(axis=(1, 2))
    assert (abs(found.variance - truth) < 4 * found.sigma).all()
    assert found.variance.sum() == pytest.approx(truth.sum(), rel=0.02)
    assert (found.sigma < 0.2 * found.variance).all()
    np.testing.assert_allclose(found.mean, scale * counts.sum(axis=0).mean(axis=(1, 2)), rtol=1e-5)


def test_it_is_the_noise_between_the_sums_of_two_halves() -> None:
    """Noise to noise: two halves of equal shares differ by the noise of their sum."""
    counts, _ = counted(50, shares=np.full((4, 1, 1), 0.25))
    found = element_noise(stacks(counts))
    difference = counts[::2].sum(axis=0) - counts[1::2].sum(axis=0)
    between = difference.var(axis=(1, 2))
    assert (abs(between - found.variance) < 0.2 * found.variance).all()
    assert found.variance.sum() == pytest.approx(between.sum(), rel=0.03)


def test_shadows_and_busy_elements_are_no_noise() -> None:
    x = np.arange(SIZE) / 9
    shadows = SHARES * (1 + 0.6 * np.cos(x + np.arange(4)[:, None]))[:, None]
    rng = np.random.default_rng(2)
    expected = 500 * shadows[:, None] * EDGE[:, None, None] * rng.gamma(2, 1, (SIZE, SIZE))
    expected[0] *= (1 - 0.3 * EDGE)[:, None, None]
    found = element_noise(stacks(rng.poisson(expected).astype(np.float32)))
    truth = expected.sum(axis=0).mean(axis=(1, 2))
    assert (abs(found.variance - truth) < 4 * found.sigma).all()


def test_a_flickering_beam_is_in_no_difference() -> None:
    rng = np.random.default_rng(3)
    beam = rng.uniform(0.5, 1.5, (ENERGY.size, SIZE, SIZE))
    expected = 200 * np.broadcast_to(SHARES[:, None], (4, 1, 1, 1)) * beam
    found = element_noise(stacks(rng.poisson(expected).astype(np.float32)))
    assert (abs(found.variance - expected.sum(axis=0).mean(axis=(1, 2))) < 4 * found.sigma).all()


def test_lazy_stacks_and_pixels_without_values() -> None:
    counts, _ = counted(50)
    whole = element_noise(stacks(counts))
    lazy = [SpectralStack(da.from_array(c, chunks=(5, 40, 20)), ENERGY, "fluorescence") for c in counts]
    np.testing.assert_allclose(element_noise(lazy).variance, whole.variance, rtol=1e-12)
    counts[2, 7, 3, 4] = np.nan
    assert element_noise(stacks(counts)).n_pixels == SIZE**2 - 1


def test_one_energy_has_shares_of_the_whole_frame() -> None:
    counts, expected = counted(100)
    one = [SpectralStack(images[-1:], ENERGY[-1:], "fluorescence") for images in counts]
    found = element_noise(one)
    assert abs(found.variance[0] - expected[-1].mean()) < 4 * found.sigma[0]


def test_what_is_no_set_of_elements_is_refused() -> None:
    counts, _ = counted(50)
    elements = stacks(counts)
    with pytest.raises(ValueError, match="1 detector element: differences take two or more"):
        element_noise(elements[:1])
    with pytest.raises(ValueError, match="differ in shape or energies; give the elements of one scan"):
        element_noise([elements[0], elements[1].isel(slice(1, None))])
    with pytest.raises(ValueError, match="0 of 1600 pixels have finite values.*crop to where the detector counted"):
        element_noise(stacks(np.full_like(counts, np.nan)))
    with pytest.raises(ValueError, match="with the sum 0; the noise takes 20 pixels and positive values"):
        element_noise(stacks(0 * counts))
