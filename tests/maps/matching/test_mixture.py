"""Pixels as mixtures of members of a library."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maps.l_edge_samples import ENERGY, OH

from napari_xanes import SpectralStack
from napari_xanes.maps import match_library
from napari_xanes.theory import Library, load_library


@pytest.mark.parametrize(("low", "high"), [(2, 3), (2, 4)])
def test_mixtures(truth: Library, low: int, high: int) -> None:
    rng = np.random.default_rng(2)
    ends = [int(np.flatnonzero(truth.table["charge"] == c)[i]) for c, i in ((low, 4), (high, 9))]
    share = rng.uniform(0, 1, 512)
    pure = truth.at(ENERGY, broadening=0.35, rows=ends)
    data = np.outer(share, pure[0]) + np.outer(1 - share, pure[1])
    data += data.max(axis=1, keepdims=True) * rng.standard_normal(data.shape) / 30
    stack = SpectralStack(data.T.reshape(ENERGY.size, -1, 32).astype(np.float32), ENERGY, "optical_depth")
    maps = match_library(stack, library=OH, mixture=True)
    fraction = maps[f"Mn{low}+"]
    assert np.sqrt(np.mean((fraction.data.ravel() - share) ** 2)) < 0.05
    valence = maps["valence"]
    assert valence.sigma is not None
    np.testing.assert_allclose(np.mean(valence.data), np.mean(low * share + high * (1 - share)), atol=0.1)
    rows = [int(row) for row in maps.history[-1].state["endmembers"]]
    assert {low, high} <= set(load_library(OH).table["charge"][rows])
    chosen = match_library(stack, library=OH, mixture=True, endmembers=[9.0, 45.0, 70.0])
    assert {"Mn2+", "Mn3+", "Mn4+", "valence"} <= set(chosen)
    with pytest.raises(ValueError, match="numbers of the library's members, 0 to 77"):
        match_library(stack, library=OH, mixture=True, endmembers=[99.0])


def test_the_width_of_the_instrument_is_that_of_mixtures(truth: Library) -> None:
    rng = np.random.default_rng(3)
    ends = [int(np.flatnonzero(truth.table["charge"] == charge)[i]) for charge, i in ((2, 4), (3, 6), (4, 9))]
    shares = 0.2 + 0.4 * rng.dirichlet([1, 1, 1], 256).T  # no pixel is pure
    data = truth.at(ENERGY, broadening=0.4, rows=ends).T @ shares
    data += data.max(axis=0) * rng.standard_normal(data.shape) / 100
    stack = SpectralStack(data.reshape(ENERGY.size, 16, 16).astype(np.float32), ENERGY, "optical_depth")
    maps = match_library(stack, library=OH, offset=0.0, mixture=True)
    # One member fits a mixture best with 2 eV, the largest width.
    assert maps.history[-1].state["broadening"] == pytest.approx(0.4, abs=0.15)
    valence = maps["valence"]
    assert valence.sigma is not None
    assert valence.mask.all()
    error = valence.data.ravel() - np.array([2.0, 3.0, 4.0]) @ shares
    assert np.sqrt(np.mean(error**2)) < 0.15
    assert np.median(valence.sigma) < 0.4
    assert not any("max_misfit" in text for text in maps.metadata["warnings"])
