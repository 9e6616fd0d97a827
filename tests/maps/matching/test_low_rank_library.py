"""The low-rank form of a library reproduces its members."""

from __future__ import annotations

import numpy as np
from tests.maps.l_edge_samples import ENERGY, FULL

from napari_xanes.maps.matching.low_rank_library import low_rank
from napari_xanes.theory import load_library


def test_weighted_components_reproduce_the_members() -> None:
    library = load_library(FULL)
    reduced = low_rank(library)
    assert reduced.weights.shape[1] < len(library) / 5
    expected = library.at(ENERGY, broadening=0.3, shift=0.45)
    computed = reduced.weights @ reduced.at(ENERGY, np.array([-0.05, 0.0, 0.05]), broadening=0.3, offset=0.4)[2]
    np.testing.assert_allclose(computed, expected, atol=3e-3 * expected.max())
    assert np.sqrt(np.mean((computed - expected) ** 2)) < 3e-4 * expected.max()
    rows = np.arange(40, 60)
    np.testing.assert_allclose(
        reduced.members(rows).at(ENERGY, np.zeros(1), broadening=0.3, offset=0.45)[0], computed[rows], atol=1e-4
    )
