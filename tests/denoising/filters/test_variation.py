"""Total variation compared with exact solutions."""

from __future__ import annotations

import torch

from napari_xanes.denoising.filters.variation import total_variation


def test_total_variation_lowers_a_step_by_the_known_amount() -> None:
    """For a step without noise between halves of n columns, each side moves towards the other by strength / n."""
    n, strength = 8, 0.4
    image = torch.zeros(1, 16, 2 * n)
    image[..., n:] = 1
    filtered = total_variation(image, torch.ones_like(image), torch.tensor([strength]), iterations=4000)
    expected = torch.zeros_like(image) + strength / n
    expected[..., n:] = 1 - strength / n
    torch.testing.assert_close(filtered, expected, atol=1e-3, rtol=0)


def test_step_at_pixels_without_weight_is_kept() -> None:
    image = torch.zeros(1, 16, 16)
    image[..., 8:] = 1
    weight = torch.ones_like(image)
    weight[..., 7] = 1e-4  # the step lies between columns 7 and 8
    filtered = total_variation(image, torch.ones_like(image), torch.tensor([0.4]), weight, iterations=2000)
    torch.testing.assert_close(filtered, image, atol=2e-3, rtol=0)
