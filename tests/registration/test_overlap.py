"""Where one image lies on another."""

from __future__ import annotations

import numpy as np
import pytest
from tests.mosaics import sample, texture

from napari_xanes.registration.overlap import find_overlap
from napari_xanes.registration.placement import placed

SAMPLE = sample(seed=5, frames=1)


def seen(place: tuple[float, float], size: tuple[int, int] = (64, 64), sign: float = 1.0) -> np.ndarray:
    image = SAMPLE.at(place, size)
    return sign * image + np.random.default_rng(int(sum(place) * 7)).normal(0, 0.01, image.shape)


@pytest.mark.parametrize("place", [(0.3, 40.6), (-30.2, 35.0), (44.5, -3.7), (1.25, 46.5)])
def test_an_overlap_is_found_from_nothing(place: tuple[float, float]) -> None:
    start = (32.0, 8.0)
    found = find_overlap(seen(start), seen((start[0] + place[0], start[1] + place[1])))
    assert found is not None
    assert not found.why_not
    assert (np.abs(found.position - place) < np.maximum(3.5 * found.sigma, 0.01)).all()
    assert (found.sigma < 0.05).all()


def test_images_of_another_size_and_pixels_without_a_value() -> None:
    first, second = seen((0, 0), (80, 50)), seen((20.4, 10.2), (40, 64))
    first[0, 25:35, 20:30] = np.nan
    found = find_overlap(first, second)
    assert found is not None
    np.testing.assert_allclose(found.position, (20.4, 10.2), atol=0.05)


def test_an_inverted_image_is_found_if_that_is_allowed() -> None:
    first, second = seen((0, 0)), seen((2.5, 30.25), sign=-1)
    found = find_overlap(first, second, any_sign=True)
    assert found is not None
    np.testing.assert_allclose(found.position, (2.5, 30.25), atol=0.03)
    wrong = find_overlap(first, second)
    assert wrong is None or wrong.why_not


def test_what_is_not_there_is_not_found() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        found = find_overlap(texture(rng, 64, 2.0)[None], texture(rng, 64, 2.0)[None])
        assert found is None or found.why_not
    assert find_overlap(seen((0, 0)), seen((0, 60)), near=np.array([0.0, 300.0]), reach=10) is None


@pytest.mark.parametrize("near", [None, (0.0, 0.0)])
def test_a_repeating_pattern_is_not_taken(near: tuple[float, float] | None) -> None:
    """Lines 20 pixels apart, and noise."""
    rng = np.random.default_rng(0)
    lines = 0.5 + 0.4 * np.sin(np.mgrid[:96, :96][0] * 2 * np.pi / 20) * np.sin(np.mgrid[:96, :96][1] * 2 * np.pi / 20)
    images = [lines[None] + rng.normal(0, 0.05, (1, 96, 96)) for _ in range(2)]
    reach = None if near is None else 30.0
    found = find_overlap(*images, near=None if near is None else np.array(near), reach=reach)
    assert found is not None
    assert found.why_not


def test_positions_of_a_chain_have_errors_that_grow() -> None:
    pairs = np.array([(0, 1), (1, 2), (2, 3)])
    offset = np.array([(0.0, 10.0), (0.0, 11.0), (10.0, 0.0)])
    result = placed(4, pairs, offset, np.full((3, 2), 0.1), np.ones(3))
    np.testing.assert_allclose(result.position, [(0, 0), (0, 10), (0, 21), (10, 21)], atol=1e-4)
    np.testing.assert_allclose(result.sigma[:, 0], 0.1005 * np.sqrt([0, 1, 2, 3]), rtol=0.01)


def test_pairs_that_disagree_widen_the_errors() -> None:
    pairs = np.array([(0, 1), (1, 2), (0, 2)])
    agree = np.array([(0.0, 10.0), (0.0, 10.0), (0.0, 20.0)])
    off = agree + np.array([(0, 0), (0, 0), (0, 1.0)])
    sigma, score = np.full((3, 2), 0.05), np.ones(3)
    widened = placed(3, pairs, off, sigma, score)
    assert widened.agrees.all()
    assert (widened.sigma[1:] > 3 * placed(3, pairs, agree, sigma, score).sigma[1:]).all()


def test_what_no_pair_ties_keeps_its_start() -> None:
    start = np.array([(0.0, 0.0), (0.0, 50.0), (50.0, 0.0)])
    result = placed(3, np.array([(0, 1)]), np.array([(1.0, 52.0)]), np.full((1, 2), 0.1), np.ones(1), start)
    assert result.tied.tolist() == [True, True, False]
    np.testing.assert_allclose(result.position, [(0, 0), (1, 52), (50, 0)], atol=1e-3)
    assert np.isnan(result.sigma[2]).all()
