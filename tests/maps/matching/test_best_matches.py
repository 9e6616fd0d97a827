"""Library spectra that are drawn over the spectrum of a pixel."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maps.l_edge_samples import ENERGY, OH, stack_of

from napari_xanes import Spectrum
from napari_xanes.maps import match_library
from napari_xanes.maps.matching.best_matches import best_matches
from napari_xanes.theory import Library


def test_best_and_second_best_matches(truth: Library) -> None:
    stack, charge, ten_dq = stack_of(truth, 100, 128)
    maps = match_library(stack, library=OH)
    matches = best_matches(maps, Spectrum("pixel", ENERGY, stack.data[:, 0, 0]))
    assert matches[0].metadata["parameters"]["charge"] == charge[0, 0]
    assert matches[0].metadata["parameters"]["ten_dq"] == pytest.approx(ten_dq[0, 0], abs=0.06)
    assert matches[0].metadata["misfit"] < matches[1].metadata["misfit"]
    assert np.abs(matches[0].mu - stack.data[:, 0, 0]).max() < 0.2
    with pytest.raises(ValueError, match="run match_library first"):
        best_matches(type(maps)({}), Spectrum("pixel", ENERGY, ENERGY))
