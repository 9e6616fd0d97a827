"""Moments that grow frame by frame are those of the whole stack."""

from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.exploring.moments import moments_of
from napari_xanes.live.running.spectra import RunningMoments


@pytest.mark.parametrize("n_parts", [1, 3])
def test_products_and_number_of_spectra(n_parts: int) -> None:
    random = np.random.default_rng(n_parts)
    energy = np.arange(700.0, 730)
    spectra = [np.exp(-((energy - centre) ** 2) / 8) for centre in (706, 713, 720)[:n_parts]]
    amounts = random.uniform(0.2, 1, (n_parts, 64, 128))
    data = np.tensordot(np.array(spectra), amounts, (0, 0)) + 0.02 * random.standard_normal((30, 64, 128))
    data = data.astype(np.float32)
    moments = RunningMoments(64 * 128)
    for i in random.permutation(30):
        moments.add(float(energy[i]), data[i])
    products, runs = moments.products()
    direct = moments_of(nx.SpectralStack(data, energy, "optical_depth"))
    np.testing.assert_allclose(products, direct.products, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(runs, direct.sample)
    assert moments.count() == n_parts


def test_too_little_says_nothing() -> None:
    moments = RunningMoments(40)
    for energy in range(8):
        assert moments.count() is None
        moments.add(float(energy), np.full(40, np.nan))
    assert moments.count() is None
