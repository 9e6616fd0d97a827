"""The limits of the search are those at which single spots are found."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.denoising.novelty.faint_features import find_faint_features
from napari_xanes.denoising.novelty.half_sums import CELL, HalfSums
from napari_xanes.denoising.novelty.plausible import PlausibleSpectra
from napari_xanes.denoising.novelty.spot_limits import WIDTHS, spot_limits

R, SIZE = 6, 96


def model() -> PlausibleSpectra:
    rng = np.random.default_rng(0)
    candidates = rng.standard_normal((R, 20))
    candidates *= 2 / np.linalg.norm(candidates, axis=0)
    return PlausibleSpectra(np.linalg.qr(rng.standard_normal((20, R)))[0], candidates)


def noise(seed: int, precision: float = 100.0) -> HalfSums:
    rng = np.random.default_rng(seed)
    sums = np.sqrt(0.5 * precision) * rng.standard_normal((2, R, SIZE, SIZE)).astype(np.float32)
    return HalfSums(sums, 0.5 * np.stack([np.eye(R)] * 2), np.full((SIZE, SIZE), precision, np.float32))


def with_spot(halves: HalfSums, amount: float, width: float) -> HalfSums:
    y, x = np.indices((SIZE * 4, SIZE * 4)) / 4 - SIZE / 2
    cells = (np.hypot(y - 0.3, x + 4.1) < width / CELL / 2).reshape(SIZE, 4, SIZE, 4).mean(axis=(1, 3))
    added = 0.5 * amount * model().candidates[:, 3][:, None, None] * cells * halves.precision
    return HalfSums(halves.sums + added.astype(np.float32), halves.gram, halves.precision)


@pytest.mark.parametrize("number", range(len(WIDTHS)))
def test_spots_at_the_limit_are_found_and_at_a_third_of_it_are_not(number):
    found = dict.fromkeys((0.33, 1.0), 0)
    for seed in range(6):
        halves = noise(seed)
        limit = spot_limits(halves, model())[number]
        for factor in found:
            spotted = with_spot(halves, factor * limit, WIDTHS[number])
            spotted.subtract_surroundings(np.ones((SIZE, SIZE), np.float32))
            found[factor] += find_faint_features(spotted, model(), most=1).new.shape[1]
    assert found[0.33] == 0
    assert found[1.0] >= 4


def test_limits_fall_with_the_root_of_the_precision_and_with_the_size_of_the_spot():
    limits, better = (spot_limits(noise(1, precision), model()) for precision in (100.0, 400.0))
    np.testing.assert_allclose(np.divide(limits, better), 2, rtol=0.1)
    assert limits == sorted(limits, reverse=True)


def test_nothing_measured_has_no_limit():
    empty = HalfSums(np.zeros((2, R, 4, 4), np.float32), np.stack([np.eye(R)] * 2), np.zeros((4, 4), np.float32))
    assert spot_limits(empty, model()) == [np.inf] * len(WIDTHS)
