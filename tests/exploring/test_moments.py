"""Sums over the pixels of a stack."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_xanes import SpectralStack, limits
from napari_xanes.exploring.moments import RUN, moments_of

ENERGY = np.linspace(8300.0, 8400.0, 12)


def stack_of(data: object, **metadata: object) -> SpectralStack:
    return SpectralStack(data, ENERGY, "optical_depth", metadata=metadata)


def test_products_are_those_of_double_precision(rng: np.random.Generator) -> None:
    data = (100 + rng.standard_normal((12, 40, 50))).astype(np.float32)
    values = data.reshape(12, -1).astype(np.float64)
    found = moments_of(stack_of(data))
    np.testing.assert_allclose(found.products, values @ values.T / 2000, rtol=1e-13)
    assert found.n_pixels == 2000


@pytest.mark.parametrize("mean", [0.0, 1.0, 20.0, 50.0, 3000.0])
def test_rounding_is_far_below_the_noise(mean: float, rng: np.random.Generator) -> None:
    data = (mean + rng.standard_normal((12, 64, 300))).astype(np.float32)
    values = data.reshape(12, -1).astype(np.float64)
    np.testing.assert_allclose(moments_of(stack_of(data)).products, values @ values.T / values.shape[1], atol=1e-3)


def test_results_do_not_depend_on_blocks(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    # In the lower half the values are too large for single precision.
    mu = np.concatenate([rng.standard_normal((12, 150, 400)), 500 + rng.standard_normal((12, 150, 400))], axis=1)
    noise = {"kind": "poisson", "i0": np.full((12, 1, 1), 1000.0), "n_flat": np.inf}
    stack = stack_of((mu / 1000).astype(np.float32), noise=noise)
    first = moments_of(stack)
    monkeypatch.setattr(limits, "threads", lambda: 1)
    monkeypatch.setattr("napari_xanes.denoising.bands.CACHE_BYTES", 1 << 16)
    for other in (moments_of(stack), moments_of(stack.with_data(da.from_array(stack.data, chunks=(5, 70, 400))))):
        for one, two in zip(first, other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-12)


def test_known_noise_is_none_without_photons(rng: np.random.Generator) -> None:
    found = moments_of(stack_of(rng.standard_normal((12, 8, 8)).astype(np.float32)))
    assert found.noise is None


def test_pixels_with_a_gap_are_left_out(rng: np.random.Generator) -> None:
    data = rng.standard_normal((12, 20, 40)).astype(np.float32)
    data[3, 5] = np.nan
    values = np.delete(data, 5, axis=1).reshape(12, -1).astype(np.float64)
    found = moments_of(stack_of(data))
    np.testing.assert_allclose(found.products, values @ values.T / values.shape[1], rtol=1e-12)
    assert np.isfinite(found.sample).all()


def test_lazy_stacks_give_the_same(rng: np.random.Generator) -> None:
    data = rng.standard_normal((12, 30, 40)).astype(np.float32)
    found = moments_of(stack_of(da.from_array(data, chunks=(5, 7, 40))))
    np.testing.assert_allclose(found.products, moments_of(stack_of(data)).products, rtol=1e-13)


def test_the_sample_holds_runs_of_neighbours() -> None:
    numbers = np.broadcast_to(np.arange(64 * 64, dtype=np.float32).reshape(64, 64), (12, 64, 64))
    sample = moments_of(stack_of(numbers)).sample
    assert sample.shape == (128, 12, RUN)
    assert (np.diff(sample, axis=2) == 1).all()


def test_the_noise_of_photons_is_the_mean_over_the_image() -> None:
    mu = np.zeros((12, 64, 64), np.float32)
    mu[:, 32:] = np.log(3)
    i0 = np.full((12, 1, 1), 1000.0)
    found = moments_of(stack_of(mu, noise={"kind": "poisson", "i0": i0, "n_flat": np.inf}))
    # The variance is exp(mu) / i0: .001 in one half, .003 in the other.
    assert found.noise == pytest.approx(np.full(12, np.sqrt(0.002)), rel=1e-3)
