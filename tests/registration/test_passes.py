"""Windows do not hold frames back: small images of very little noise are found as well as their errors say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_xanes.registration import estimation
from napari_xanes.registration.estimation import estimate
from napari_xanes.registration.fourier import Window, taper_of
from napari_xanes.registration.passes import held_share, in_place
from napari_xanes.registration.start import rematched


def blobs(shifts: NDArray[np.float64], size: int, noise: float, seed: int) -> NDArray[np.float32]:
    """Return images (E, size, size) of Gaussian blobs, rendered exactly, the contrast of which doubles at an edge."""
    rng = np.random.default_rng(seed)
    places, widths = rng.uniform(-4, size + 4, (int(0.15 * size**2), 2)), rng.uniform(1.3, 2.5, int(0.15 * size**2))
    edge = 0.5 + 1 / (1 + np.exp(-(np.linspace(0, 100, len(shifts)) - 45) / 3))
    pixels = np.arange(size)[:, None]
    images = []
    for height, shift in zip(edge, shifts, strict=True):
        along = [np.exp(-((pixels - shift[a] - places[:, a]) ** 2) / (2 * widths**2)) for a in (0, 1)]
        images.append(0.1 * height * along[0] @ along[1].T + rng.normal(0, noise, (size, size)))
    return np.array(images, np.float32)


@pytest.mark.parametrize("noise", [0.01, 0.001, 0.0001])
def test_errors_are_true_at_any_noise(noise: float) -> None:
    inside = []
    for seed in (0, 1):
        shifts = np.cumsum(np.random.default_rng(seed).normal(0, 0.3, (10, 2)), axis=0)
        images = blobs(shifts, 40, noise, seed + 10)

        def frames(images: NDArray[np.float32] = images) -> Iterator[NDArray[np.float32]]:
            return iter(images)

        found = estimate(frames, 10, (40, 40))
        errors = found.shifts - shifts
        errors -= errors.mean(axis=0)
        inside.append(np.abs(errors) < 2 * found.sigma)
        assert np.sqrt((errors**2).mean()) < max(noise, 0.002)
    assert np.mean(inside) > 0.85


def test_a_window_holds_a_frame_less_the_larger_it_is() -> None:
    shares = [held_share(Window((0, 0), (n - 1, n - 1), taper_of((n, n)))) for n in (16, 40, 96, 512)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] <= 0.8
    assert shares[-1] < 0.01


def test_passes_end_when_the_window_no_longer_holds() -> None:
    step, sigma = np.full((3, 2), 0.004), np.full((3, 2), 0.002)
    assert in_place(step, sigma, held=0.01)
    assert not in_place(step, sigma, held=0.5)
    assert in_place(step, 10 * sigma, held=0.5)
    assert in_place(10 * step, sigma, held=0.01)
    assert not in_place(100 * step, sigma, held=0.01)


def test_weak_frames_are_compared_with_the_maps_where_these_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    # The strong frames, behind the edge, drift far from the weak ones; the start finds all of them.
    shifts = np.outer(np.linspace(-4, 4, 24), [1.0, -0.5])
    images = blobs(shifts, 64, 0.005, 3)
    moved: list[int] = []

    def counted(*arguments: Any) -> Any:
        result = rematched(*arguments)
        moved.append(int(result[1].sum()))
        return result

    monkeypatch.setattr(estimation, "rematched", counted)
    found = estimate(lambda: iter(images), 24, (64, 64))
    assert moved == [0, 0]
    np.testing.assert_allclose(found.shifts, shifts, atol=0.02)
