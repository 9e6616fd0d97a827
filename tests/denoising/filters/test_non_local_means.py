"""Non-local means compared with their definition and with scikit-image."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from skimage.restoration import denoise_nl_means

from napari_xanes.denoising.filters.non_local_means import clean_edge_jump, non_local_means


def noisy_squares(shape: tuple[int, int]) -> np.ndarray:
    y, x = np.indices(shape)
    image = 4.0 * ((y // 9 + x // 14) % 2) + np.random.default_rng(0).standard_normal(shape)
    return image.astype(np.float32)


def mean_of_similar(image: np.ndarray, y: int, x: int) -> float:
    """The definition: patches of 4 x 4 pixels, at most 6 pixels away, weigh exp(-(d - 2) / .875^2), from .0067 on."""
    padded = np.pad(image.astype(float), 8, mode="reflect")
    y, x = y + 8, x + 8
    sums = total = 0.0
    for down, right in product(range(-6, 7), repeat=2):
        here, there = padded[y - 1 : y + 3, x - 1 : x + 3], padded[y + down - 1 :, x + right - 1 :][:4, :4]
        exponent = max(float(np.mean((here - there) ** 2)) - 2, 0.0) / 0.875**2
        if exponent < 5:
            sums += np.exp(-exponent) * padded[y + down, x + right]
            total += np.exp(-exponent)
    return sums / total


@pytest.mark.parametrize("shape", [(20, 30), (9, 9), (1, 25), (3, 2)])
def test_each_pixel_is_the_mean_over_similar_patches(shape: tuple[int, int]) -> None:
    image = noisy_squares(shape)
    expected = [[mean_of_similar(image, y, x) for x in range(shape[1])] for y in range(shape[0])]
    np.testing.assert_allclose(non_local_means(image), expected, atol=1e-5)


def test_scikit_image_gives_nearly_the_same() -> None:
    """Its exponential is wrong by up to some percent, and its patches of 5 x 5 leave out a row and a column."""
    image = noisy_squares((60, 70))
    theirs = denoise_nl_means(image, patch_size=5, patch_distance=6, h=0.7, sigma=1.0, fast_mode=True)
    assert np.abs(non_local_means(image) - theirs).max() < 0.05
    assert np.std(image - theirs) > 0.8


def test_edge_jump_is_cleaned_in_units_of_its_noise_and_stays_positive() -> None:
    image = noisy_squares((30, 40))
    sigma = np.full_like(image, 0.02)
    np.testing.assert_allclose(
        clean_edge_jump(image * sigma, sigma), np.maximum(non_local_means(image) * 0.02, 1e-3), atol=1e-6
    )
