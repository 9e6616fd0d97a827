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
