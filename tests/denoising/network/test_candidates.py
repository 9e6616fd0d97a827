"""Candidates and features that are the input of the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_xanes.denoising.network.candidates import (
    KRIGED,
    N_CANDIDATES,
    N_FEATURES,
    NoisyMaps,
    candidates,
    crop_maps,
    map_statistics,
)


def noisy_map(size: int, noise: float = 0.2, seed: int = 0, wave: float = 9.0) -> tuple[np.ndarray, NoisyMaps]:
    """Return a map with a step and a wave, and a noisy measurement of it."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size))
    truth = 0.5 + 0.2 * np.sin(x / wave) + 0.2 * (y > size / 2)
    information = np.full((size, size), noise**-2) * rng.uniform(0.5, 1.5, (size, size))
    measured = truth + rng.standard_normal(truth.shape) / np.sqrt(information)
    absorption = 0.5 + 0.1 * (y > size / 2)
    images = [
        torch.from_numpy(image.astype(np.float32))[None]
        for image in (measured * information, information, absorption, absorption)
    ]
    sigma = torch.full_like(images[0], 0.01)
    return truth, NoisyMaps(*images, sigma, torch.tensor([0.5]))


@pytest.mark.parametrize("wave", [3.0, 9.0, 40.0])
def test_kriging_adapts_to_the_size_of_structures(wave: float) -> None:
    truth, maps = noisy_map(128, noise=0.5, wave=wave)
    filtered, _ = candidates(maps, map_statistics(maps))
    errors = ((filtered[0] - torch.from_numpy(truth)) ** 2).mean((1, 2)).sqrt()
    assert errors[KRIGED] < 1.5 * errors[:5].min()


def test_maps_of_a_batch_are_cleaned_independently() -> None:
    pair = [noisy_map(48, seed=seed)[1] for seed in (0, 1)]
    both = NoisyMaps(*(torch.cat([getattr(maps, name) for maps in pair]) for name in NoisyMaps.__dataclass_fields__))
    together = candidates(both, map_statistics(both))
    for i, maps in enumerate(pair):
        for filtered, alone in zip(together, candidates(maps, map_statistics(maps)), strict=True):
            torch.testing.assert_close(filtered[i : i + 1], alone, atol=2e-5, rtol=1e-4)
    assert together[0].shape[1] == N_CANDIDATES
    assert together[1].shape[1] == N_FEATURES


def test_two_fractions_stay_complementary() -> None:
    _, maps = noisy_map(64)
    other = NoisyMaps(
        maps.information - maps.weighted_estimate,
        maps.information,
        maps.jump,
        maps.absorption,
        maps.absorption_sigma,
        1 - maps.mean,
    )
    filtered, mirrored = (candidates(noisy, map_statistics(noisy))[0] for noisy in (maps, other))
    torch.testing.assert_close(filtered, 1 - mirrored, atol=2e-4, rtol=0)


def test_a_part_of_a_map_is_cleaned_like_the_whole_map() -> None:
    _, maps = noisy_map(256)
    statistics = map_statistics(maps)
    whole = candidates(maps, statistics)[0]
    part = candidates(*crop_maps(maps, statistics, slice(0, 192), slice(0, 192)))[0]
    torch.testing.assert_close(part[..., :96, :96], whole[..., :96, :96], atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", range(6))
def test_no_structure_is_detected_in_pure_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    information = rng.uniform(5, 50, (1, 96, 96)) * (np.indices((96, 96)).sum(axis=0) > 60)
    weighted_estimate = information * 0.4 + np.sqrt(information) * rng.standard_normal(information.shape)
    images = [
        torch.from_numpy(image.astype(np.float32))
        for image in (weighted_estimate, information, information, information, information)
    ]
    assert (
        map_statistics(
            NoisyMaps(*images, torch.tensor([float(weighted_estimate.sum() / information.sum())]))
        ).structure.item()
        < 0.2
    )


def test_faint_structure_is_detected() -> None:
    _, maps = noisy_map(96, noise=1.5)
    assert map_statistics(maps).structure.item() == 1
