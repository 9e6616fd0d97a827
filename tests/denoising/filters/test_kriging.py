"""Kriging of maps whose best estimate is known."""

from __future__ import annotations

import numpy as np
import torch

from napari_xanes.denoising.filters.kriging import krige


def test_kriging_without_noise_gives_the_data() -> None:
    y, x = np.indices((48, 48))
    truth = 0.5 + 0.2 * np.sin(x / 9) + 0.2 * (y > 24)
    exact = torch.from_numpy(truth.astype(np.float32))[None]
    information = torch.full_like(exact, 1e6)
    filtered = krige(exact * information, information, torch.zeros_like(exact), torch.tensor([0.5]))
    assert (filtered - exact).abs().max() < 0.02


def test_kriging_follows_the_guide_where_the_map_does() -> None:
    rng = np.random.default_rng(1)
    guide = torch.from_numpy(0.2 * rng.standard_normal((1, 64, 64)).astype(np.float32))
    truth = 0.5 + guide
    information = torch.full_like(guide, 4.0)
    weighted_estimate = (
        truth + torch.from_numpy(rng.standard_normal(guide.shape).astype(np.float32)) / 2
    ) * information
    filtered = krige(weighted_estimate, information, guide, torch.tensor([0.5]))
    assert ((filtered - truth) ** 2).mean().sqrt() < 0.4 * guide.std()


def test_kriging_without_information_gives_the_mean() -> None:
    nothing = torch.zeros(1, 32, 32)
    filtered = krige(nothing, nothing, nothing, torch.tensor([0.3]))
    torch.testing.assert_close(filtered, torch.full_like(nothing, 0.3))


def test_maps_of_a_batch_do_not_influence_each_other() -> None:
    torch.manual_seed(0)
    information = 20 * torch.rand(2, 40, 44)
    weighted_estimate = information * torch.rand(2, 40, 44)
    guide, mean = torch.rand(2, 40, 44) - 0.5, torch.tensor([0.4, 0.6])
    both = krige(weighted_estimate, information, guide, mean)
    for i in (0, 1):
        one = slice(i, i + 1)
        alone = krige(weighted_estimate[one], information[one], guide[one], mean[one])
        torch.testing.assert_close(both[one], alone, atol=1e-5, rtol=0)
