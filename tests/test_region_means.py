"""Means of maps over regions: their errors where pixels share noise or a model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from napari_xanes import MapSet, ParameterMap, region_mean
from napari_xanes.region_means import error_of_mean


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_error_of_a_mean_covers_where_neighbours_share_noise(width: int) -> None:
    """Each pixel is the mean of a square of ``width`` pixels: the mean of a region has the error of the squares."""
    rng = np.random.default_rng(width)
    values = np.stack([uniform_filter(rng.standard_normal((24, 24)), width, mode="wrap") for _ in range(1500)])
    sigma = np.full(24 * 24, 1 / width)
    share = np.mean(np.abs(values.mean(axis=(1, 2))) < error_of_mean(sigma, width))
    assert 0.64 < share < 0.72


def test_what_all_pixels_share_does_not_average_out() -> None:
    assert error_of_mean(np.full(10_000, 0.5), common=0.3) == pytest.approx(np.hypot(0.4 / 100, 0.3))
    assert error_of_mean(np.full(4, 0.5), length=10) == 0.5
    assert np.isnan(error_of_mean([]))


def test_the_mean_of_a_map_takes_trusted_pixels_and_the_metadata() -> None:
    mask = np.ones((4, 5), dtype=bool)
    data = np.full((4, 5), 2.0)
    mask[0], data[0], data[1, 0] = False, 9.0, np.nan
    maps = MapSet(
        {
            "valence": ParameterMap(data, "1", np.full((4, 5), 0.5), mask),
            "valence_model": ParameterMap(np.full((4, 5), 0.3), "1"),
            "dominant": ParameterMap(np.ones((4, 5), dtype=int), labels={1: "NiO"}),
        },
        metadata={"covariance_length_pixels": 2.0},
    )
    mean = region_mean(maps, "valence")
    assert (mean.value, mean.n_pixels) == (2.0, 14)
    assert mean.sigma == pytest.approx(np.sqrt(0.16 / (14 / 4) + 0.09), rel=1e-6)
    region = np.zeros((4, 5), dtype=bool)
    region[2:, :2] = True
    assert region_mean(maps, "valence", region).n_pixels == 4
    with pytest.raises(ValueError, match="no pixel of the region can be trusted"):
        region_mean(maps, "valence", ~mask)
    with pytest.raises(ValueError, match=r"the region has shape \(2, 2\), the map \(4, 5\)"):
        region_mean(maps, "valence", np.ones((2, 2)))
    with pytest.raises(ValueError, match="'dominant' has no standard errors"):
        region_mean(maps, "dominant")
