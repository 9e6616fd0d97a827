"""The classical ways to clean a map: against closed forms, dense algebra and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_xanes.denoising.filters.kriging import kriged
from napari_xanes.denoising.network.candidates import (
    KRIGED,
    N_CANDIDATES,
    N_FEATURES,
    Evidence,
    blurred,
    candidates,
    cut,
    least_variation,
    overview,
)


def noisy_map(size: int, noise: float = 0.2, seed: int = 0, wave: float = 9.0) -> tuple[np.ndarray, Evidence]:
    """A map with a step and a wave, and what is measured of it."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size))
    truth = 0.5 + 0.2 * np.sin(x / wave) + 0.2 * (y > size / 2)
    den = np.full((size, size), noise**-2) * rng.uniform(0.5, 1.5, (size, size))
    measured = truth + rng.standard_normal(truth.shape) / np.sqrt(den)
    total = 0.5 + 0.1 * (y > size / 2)
    images = [torch.from_numpy(one.astype(np.float32))[None] for one in (measured * den, den, total, total)]
    sigma = torch.full_like(images[0], 0.01)
    return truth, Evidence(*images, sigma, torch.tensor([0.5]))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0])
def test_a_blur_is_that_of_scipy(sigma: float) -> None:
    image = np.random.default_rng(0).standard_normal((40, 50)).astype(np.float32)
    expected = gaussian_filter(image, sigma, mode="nearest", radius=int(3 * sigma + 0.5))
    np.testing.assert_allclose(blurred(torch.from_numpy(image)[None], sigma)[0].numpy(), expected, atol=1e-5)


def test_a_wide_blur_on_the_coarse_grid_is_nearly_that_of_scipy() -> None:
    image = gaussian_filter(np.random.default_rng(0).standard_normal((96, 96)), 3).astype(np.float32)
    expected = gaussian_filter(image, 8.0, mode="nearest", radius=24)
    found = blurred(torch.from_numpy(image)[None], 8.0)[0].numpy()
    inside = (slice(28, -28), slice(28, -28))
    assert np.abs(found - expected)[inside].max() < 0.1 * expected.std()


def test_total_variation_of_a_step_only_lowers_it() -> None:
    """For a clean step between halves of n columns, each side moves by strength / n towards the other."""
    n, strength = 8, 0.4
    image = torch.zeros(1, 16, 2 * n)
    image[..., n:] = 1
    found = least_variation(image, torch.ones_like(image), torch.tensor([strength]), iterations=4000)
    expected = torch.zeros_like(image) + strength / n
    expected[..., n:] = 1 - strength / n
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_total_variation_is_free_where_it_counts_nothing() -> None:
    image = torch.zeros(1, 16, 16)
    image[..., 8:] = 1
    weight = torch.ones_like(image)
    weight[..., 7] = 1e-4  # the step lies between columns 7 and 8
    found = least_variation(image, torch.ones_like(image), torch.tensor([0.4]), weight, iterations=2000)
    torch.testing.assert_close(found, image, atol=2e-3, rtol=0)


def test_kriging_without_noise_gives_the_data() -> None:
    truth, _ = noisy_map(48)
    exact = torch.from_numpy(truth.astype(np.float32))[None]
    den = torch.full_like(exact, 1e6)
    found = kriged(exact * den, den, torch.zeros_like(exact), torch.tensor([0.5]))
    assert (found - exact).abs().max() < 0.02


@pytest.mark.parametrize("wave", [3.0, 9.0, 40.0])
def test_kriging_finds_by_itself_how_far_to_pool(wave: float) -> None:
    truth, seen = noisy_map(128, noise=0.5, wave=wave)
    found, _ = candidates(seen, overview(seen))
    errors = ((found[0] - torch.from_numpy(truth)) ** 2).mean((1, 2)).sqrt()
    assert errors[KRIGED] < 1.5 * errors[:5].min()


def test_kriging_follows_the_guide_where_the_map_does() -> None:
    rng = np.random.default_rng(1)
    guide = torch.from_numpy(0.2 * rng.standard_normal((1, 64, 64)).astype(np.float32))
    truth = 0.5 + guide
    den = torch.full_like(guide, 4.0)
    num = (truth + torch.from_numpy(rng.standard_normal(guide.shape).astype(np.float32)) / 2) * den
    found = kriged(num, den, guide, torch.tensor([0.5]))
    assert ((found - truth) ** 2).mean().sqrt() < 0.4 * guide.std()


def test_nothing_known_leaves_the_mean() -> None:
    nothing = torch.zeros(1, 32, 32)
    found = kriged(nothing, nothing, nothing, torch.tensor([0.3]))
    torch.testing.assert_close(found, torch.full_like(nothing, 0.3))


def test_maps_are_cleaned_each_by_itself() -> None:
    pair = [noisy_map(48, seed=seed)[1] for seed in (0, 1)]
    both = Evidence(*(torch.cat([getattr(one, name) for one in pair]) for name in Evidence.__dataclass_fields__))
    together = candidates(both, overview(both))
    for i, one in enumerate(pair):
        for found, alone in zip(together, candidates(one, overview(one)), strict=True):
            torch.testing.assert_close(found[i : i + 1], alone, atol=2e-5, rtol=1e-4)
    assert together[0].shape[1] == N_CANDIDATES
    assert together[1].shape[1] == N_FEATURES


def test_of_two_fractions_one_tells_the_other() -> None:
    _, seen = noisy_map(64)
    other = Evidence(seen.den - seen.num, seen.den, seen.jump, seen.total, seen.total_sigma, 1 - seen.mean)
    found, mirrored = (candidates(one, overview(one))[0] for one in (seen, other))
    torch.testing.assert_close(found, 1 - mirrored, atol=2e-4, rtol=0)


def test_a_part_is_cleaned_as_in_the_whole() -> None:
    _, seen = noisy_map(256)
    over = overview(seen)
    whole = candidates(seen, over)[0]
    part = candidates(*cut(seen, over, slice(0, 192), slice(0, 192)))[0]
    torch.testing.assert_close(part[..., :96, :96], whole[..., :96, :96], atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", range(6))
def test_noise_alone_is_no_structure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    den = rng.uniform(5, 50, (1, 96, 96)) * (np.indices((96, 96)).sum(axis=0) > 60)
    num = den * 0.4 + np.sqrt(den) * rng.standard_normal(den.shape)
    images = [torch.from_numpy(one.astype(np.float32)) for one in (num, den, den, den, den)]
    assert overview(Evidence(*images, torch.tensor([float(num.sum() / den.sum())]))).seen.item() < 0.2


def test_faint_structure_is_seen() -> None:
    _, seen = noisy_map(96, noise=1.5)
    assert overview(seen).seen.item() == 1
