"""`fit_peaks`: a model that is not that of the data is told, and a right one is not doubted."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.maps import fit_peaks

AXIS = np.arange(7105, 7125, 0.25)
SHARE = np.tile(np.linspace(0.1, 0.9, 16), (16, 1))


def stack(distance: float, seed: int = 0, areas: float = 0.14) -> SpectralStack:
    """Return two Gaussian peaks on a line, with noise of .002."""
    at = AXIS[:, None, None]
    data = 0.02 + 0.001 * (at - 7105)
    for share, centre in ((SHARE, 7113.0), (1 - SHARE, 7113.0 + distance)):
        data = data + areas * share / (0.8 * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((at - centre) / 0.8) ** 2)
    data += 0.002 * np.random.default_rng(seed).standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), AXIS, "normalized")


@pytest.mark.parametrize("seed", range(4))
def test_a_model_that_is_right_is_not_doubted(seed: int) -> None:
    maps = fit_peaks(stack(2.5, seed), centers=[7113, 7115.5], step="none")
    assert not maps.metadata["warnings"]
    area = maps["area"]
    assert np.mean(np.abs(area.data - 0.14)[area.mask] < 2 * area.sigma[area.mask]) > 0.92


@pytest.mark.parametrize("distance", [1.5, 2.5])
def test_a_missing_peak_is_told(distance: float) -> None:
    """One peak for two has small errors and a wrong area."""
    (text,) = fit_peaks(stack(distance), centers=[7113 + distance / 2], step="none").metadata["warnings"]
    assert "fits share a residual that is smooth over energies" in text
    assert "change the model and compare" in text


def test_a_wrong_shape_is_told() -> None:
    maps = fit_peaks(stack(2.5), centers=[7113, 7115.5], step="none", shape="lorentzian")
    assert any("fits share a residual" in text for text in maps.metadata["warnings"])


def test_no_value_anywhere_is_told() -> None:
    maps = fit_peaks(stack(0.0, areas=0.0), centers=[7113, 7113.4], step="none")
    assert not maps["area"].mask.any()
    assert any("no pixel has a value" in text for text in maps.metadata["warnings"])
