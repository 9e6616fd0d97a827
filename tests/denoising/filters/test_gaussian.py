"""Gaussian blur compared with scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_xanes.denoising.filters.gaussian import gaussian_blur


@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0])
def test_blur_equals_scipy(sigma: float) -> None:
    image = np.random.default_rng(0).standard_normal((40, 50)).astype(np.float32)
    expected = gaussian_filter(image, sigma, mode="nearest", radius=int(3 * sigma + 0.5))
    np.testing.assert_allclose(gaussian_blur(torch.from_numpy(image)[None], sigma)[0].numpy(), expected, atol=1e-5)


def test_wide_blur_on_the_coarse_grid_is_close_to_scipy() -> None:
    image = gaussian_filter(np.random.default_rng(0).standard_normal((96, 96)), 3).astype(np.float32)
    expected = gaussian_filter(image, 8.0, mode="nearest", radius=24)
    filtered = gaussian_blur(torch.from_numpy(image)[None], 8.0)[0].numpy()
    inside = (slice(28, -28), slice(28, -28))
    assert np.abs(filtered - expected)[inside].max() < 0.1 * expected.std()
