"""Where images lie that share a narrow strip."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tests.mosaics import sample, texture

from napari_xanes.registration.strips import match_strip

SAMPLE = sample(seed=5, frames=1)


def seen(
    place: tuple[float, float], size: tuple[int, int] = (64, 64), noise: float = 0.01, seed: int = 0
) -> np.ndarray:
    image = SAMPLE.at(place, size)
    return image + np.random.default_rng([seed, int(place[0] * 7), int(place[1] * 7)]).normal(0, noise, image.shape)


@pytest.mark.parametrize("place", [(1.3, 59.6), (58.2, -2.7), (-59.5, 3.1), (0.4, -55.8), (20.3, 57.5)])
def test_a_narrow_strip_at_any_border_is_found_from_nothing(place: tuple[float, float]) -> None:
    start = (70.0, 70.0)
    found = match_strip(seen(start), seen((start[0] + place[0], start[1] + place[1])))
    assert found is not None
    assert not found.why_not
    assert (np.abs(found.position - place) < np.maximum(3.5 * found.sigma, 0.01)).all()
    assert (found.sigma < 0.15).all()
    assert min(found.size) in (4, 5, 6, 7, 8, 9)


def test_the_errors_hold() -> None:
    pulls = []
    for seed in range(16):
        image = texture(np.random.default_rng(seed), 160, 2.0)[None]
        rng = np.random.default_rng(100 + seed)
        first, second = (image[:, 40:104, a : a + 64] + rng.normal(0, 0.1, (1, 64, 64)) for a in (10, 10 + 59))
        moved = ndimage.shift(image, (0, 0.3, -0.4), order=5, mode="wrap")[:, 40:104, 69:133]
        second = moved + (second - image[:, 40:104, 69:133])
        found = match_strip(first, second, near=np.array([0.0, 59.0]), reach=12)
        assert found is not None
        if not found.why_not:
            pulls.append((found.position - (-0.3, 59.4)) / found.sigma)
    assert len(pulls) > 13
    assert 0.85 <= np.mean(np.abs(pulls) < 2) <= 1.0
    assert np.sqrt(np.mean(np.square(pulls))) > 0.5


def test_unrelated_images_do_not_fit() -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        found = match_strip(texture(rng, 64, 2.0)[None], texture(rng, 64, 2.0)[None])
        assert found is None or found.why_not


def test_few_spots_resemble_each_other() -> None:
    rng = np.random.default_rng(2)
    for _ in range(5):
        images = []
        for _ in range(2):
            spots = np.zeros((96, 96))
            spots[rng.integers(0, 96, 40), rng.integers(0, 96, 40)] = 1
            images.append(ndimage.gaussian_filter(spots, 1.5)[None] * 10 + rng.normal(0, 0.02, (1, 96, 96)))
        found = match_strip(*images)
        assert found is None or found.why_not


def test_a_pattern_that_repeats_along_the_strip_is_not_taken() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    lines = np.sin(2 * np.pi * y / 12) * (1 + 0.3 * np.sin(2 * np.pi * x / 9))
    found = match_strip(*(lines[None] + rng.normal(0, 0.05, (1, 96, 96)) for _ in range(2)))
    assert found is None or found.why_not


def test_pixels_without_a_value_and_images_without_noise() -> None:
    first, second = (seen(place, noise=0.0) for place in ((70.0, 70.0), (71.0, 128.0)))
    first[0, 20:24, 60:] = np.nan
    found = match_strip(first, second)
    assert found is not None
    assert not found.why_not
    np.testing.assert_allclose(found.position, (1, 58), atol=0.05)


def test_images_that_are_too_small_or_flat_share_nothing() -> None:
    assert match_strip(np.zeros((1, 2, 2)), np.zeros((1, 2, 2))) is None
    assert match_strip(np.ones((1, 40, 40)), np.ones((1, 40, 40))) is None
