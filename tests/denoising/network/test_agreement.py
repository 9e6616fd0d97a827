"""Cleaned maps that agree with the measurement on average."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_xanes.denoising.network.agreement import agreeing
from napari_xanes.denoising.network.candidates import MapStatistics, NoisyMaps, map_statistics

Images = tuple[np.ndarray, NoisyMaps, MapStatistics]


def measured(truth: np.ndarray, jump: np.ndarray, noise: float, seed: int = 0) -> Images:
    """Return a truth, a measurement of it whose noise grows in thin parts, and its statistics."""
    rng = np.random.default_rng(seed)
    information = (jump / noise) ** 2
    estimate = truth + rng.standard_normal(truth.shape) / np.sqrt(information)
    images = [
        torch.from_numpy(image.astype(np.float32))[None]
        for image in (estimate * information, information, jump, jump, np.full_like(jump, 0.01))
    ]
    mean = float(images[0].sum() / images[1].sum())
    maps = NoisyMaps(*images, torch.tensor([mean]))
    return truth, maps, map_statistics(maps)


@pytest.fixture
def core_and_shell() -> Images:
    """Return a round particle whose composition follows the thickness, of noisy pixels."""
    y, x = np.indices((96, 96)) / 48 - 1
    jump = 0.05 + np.sqrt(np.clip(1 - y**2 - x**2, 0, None))
    return measured(0.2 + 0.5 * (1 - jump) ** 2, jump, noise=0.3)


def errors(cleaned: torch.Tensor, truth: np.ndarray) -> np.ndarray:
    return (cleaned[0].numpy() - truth)[truth < 0.6]


def test_thin_parts_that_were_drawn_to_thick_ones_come_back(core_and_shell: Images) -> None:
    truth, maps, statistics = core_and_shell
    cleaned = maps.mean[:, None, None].expand(1, 96, 96).clone()
    before, after = (errors(image, truth) for image in (cleaned, agreeing(cleaned, maps, statistics)))
    assert after.std() < 0.5 * before.std()
    assert abs(after.mean()) < 0.5 * abs(before.mean())


def test_the_trend_is_that_of_ridge_regression(core_and_shell: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the local step, the same as an augmented least-squares problem that numpy solves."""
    from napari_xanes.denoising.network import agreement

    monkeypatch.setattr(agreement, "_LOCAL_SPREAD", 1e-6)
    _, maps, statistics = core_and_shell
    cleaned = torch.full((1, 96, 96), 0.3)
    correction = (agreeing(cleaned, maps, statistics) - cleaned)[0].numpy()
    information, weighted, jump = (
        image[0].numpy().ravel().astype(float) for image in (maps.information, maps.weighted_estimate, maps.jump)
    )
    columns = np.vander(np.clip(jump / statistics.guide.jump_scale.item(), 0, 1) - 0.5, 4, increasing=True)
    root = np.sqrt(information)
    augmented = np.vstack([columns * root[:, None], np.eye(4) / 0.2])
    target = np.concatenate([(weighted / information - 0.3) * root, np.zeros(4)])
    expected = columns @ np.linalg.lstsq(augmented, target, rcond=None)[0]
    np.testing.assert_allclose(correction.ravel(), statistics.structure.item() * expected, atol=1e-5)


def test_a_neighbourhood_that_was_missed_comes_back() -> None:
    y, x = np.indices((128, 128))
    truth = 0.5 + 0.2 * np.exp(-((y - 40.0) ** 2 + (x - 80.0) ** 2) / (2 * 14**2))
    truth, maps, statistics = measured(truth, np.ones((128, 128)), noise=0.2)
    flat = torch.full((1, 128, 128), 0.5)
    found = agreeing(flat, maps, statistics)[0].numpy() - 0.5
    assert 0.1 < found[40, 80] < 0.2
    assert np.abs(found[90:, :40]).max() < 0.02


def test_flat_maps_stay_flat(core_and_shell: Images) -> None:
    _, maps, statistics = core_and_shell
    flat = torch.full((1, 96, 96), 0.3)
    nothing = replace(statistics, structure=torch.zeros(1, 1, 1))
    torch.testing.assert_close(agreeing(flat, maps, nothing), flat, atol=0, rtol=0)


def test_a_right_map_is_hardly_changed(core_and_shell: Images) -> None:
    truth, maps, statistics = core_and_shell
    right = torch.from_numpy(truth.astype(np.float32))[None]
    change = (agreeing(right, maps, statistics) - right)[0].numpy()[truth < 0.6]
    assert np.sqrt(np.mean(change**2)) < 0.02


def test_maps_of_a_batch_are_corrected_independently() -> None:
    y, _ = np.indices((64, 64)) / 64
    parts = [measured(0.3 + 0.3 * y, 0.2 + y, noise=0.3, seed=seed)[1] for seed in (0, 1)]
    both = NoisyMaps(*(torch.cat([getattr(maps, name) for maps in parts]) for name in NoisyMaps.__dataclass_fields__))
    flat = torch.full((2, 64, 64), 0.4)
    together = agreeing(flat, both, map_statistics(both))
    for i, maps in enumerate(parts):
        alone = agreeing(flat[:1], maps, map_statistics(maps))
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=0)
