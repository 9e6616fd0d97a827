"""Fits of peaks find the best minimum from starts that are off, and keep that of a start that is right."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.maps import fit_peaks
from napari_xanes.maps.fitting.peak_model import PeakModel
from napari_xanes.maps.fitting.peak_starts import best_start

AXIS = np.arange(7105, 7130, 0.25)
MODEL = PeakModel(AXIS, "gaussian", 2, "arctangent")
MEAN = np.array([7112.6, np.log(0.7), 0.07, 7114.6, np.log(0.7), 0.08, 7121, np.log(1.5), 0.8, 0.02, 0.001])


def curve(parameters: np.ndarray) -> np.ndarray:
    return MODEL.values(parameters[None])[0]


@pytest.mark.parametrize("off", [(0.0, 0.0), (1.0, 1.0), (-1.5, -1.5), (-2.0, 2.0), (1.5, -0.3)])
@pytest.mark.parametrize("width", [0.5, 1.0])
def test_the_best_minimum_is_found(off: tuple[float, float], width: float) -> None:
    found = best_start(MODEL, curve(MEAN), [7112.6 + off[0], 7114.6 + off[1]], width)
    np.testing.assert_allclose(found[:9], MEAN[:9], atol=0.01)


def test_peaks_that_are_not_there_give_back_the_start() -> None:
    centers = [7112.0, 7114.0]
    found = best_start(MODEL, np.zeros(AXIS.size), centers, 1.0)
    np.testing.assert_allclose(found[[0, 3]], centers, atol=0.01)


@pytest.mark.parametrize("off", [1.0, -1.5])
def test_maps_from_a_start_that_is_off_are_right(off: float) -> None:
    """From one start alone, less than half of the pixels had a value, and most of these were wrong, without a word."""
    share = np.tile(np.linspace(0.1, 0.9, 12), (12, 1))
    spectra = np.tile(MEAN, (144, 1))
    spectra[:, 2], spectra[:, 5] = 0.02 + 0.1 * share.ravel(), 0.02 + 0.12 * (1 - share.ravel())
    data = MODEL.values(spectra).T.reshape(-1, 12, 12)
    data = data + 0.002 * np.random.default_rng(0).standard_normal(data.shape)
    stack = SpectralStack(data.astype(np.float32), AXIS, "normalized")
    maps = fit_peaks(stack, centers=[7112.6 + off, 7114.6 + off])
    assert not maps.metadata["warnings"]
    for name, truth in (("p1_center", 7112.6), ("p1_amplitude", spectra[:, 2].reshape(12, 12)), ("p2_center", 7114.6)):
        one = maps[name]
        assert one.mask.mean() > 0.98
        assert np.mean(np.abs(one.data - truth)[one.mask] < 3 * one.sigma[one.mask]) > 0.95
