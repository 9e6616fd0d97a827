"""Pixels as points of a plane."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.exploring.pixel_map import place_among

ENERGY = np.linspace(8300.0, 8400.0, 40)

needs_umap = pytest.mark.skipif(
    find_spec("umap") is None, reason="umap-learn is not installed; it is in the extra umap"
)


def sample() -> tuple[SpectralStack, np.ndarray]:
    """Return a stack of three spectra in stripes, with empty rows and a gap, and the numbers of the spectra."""
    rng = np.random.default_rng(0)
    numbers = np.arange(36) // 12 * np.ones((30, 1), int)
    spectra = np.stack([1.6 + np.arctan((ENERGY - 8340 - 4 * i) / (1 + 0.4 * i)) for i in range(3)])
    data = spectra[numbers].transpose(2, 0, 1) * rng.uniform(0.5, 1.5, (30, 36))
    data[:, :3] = 0
    data += 0.02 * rng.standard_normal(data.shape)
    data[4, 20, 20] = np.nan
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth", 0.04), numbers


@needs_umap
@pytest.mark.filterwarnings("default")
def test_pixels_of_one_spectrum_are_neighbours() -> None:
    stack, numbers = sample()
    maps = nx.map_pixels(stack)
    assert list(maps) == ["umap_1", "umap_2"]
    places = np.stack([maps[name].data for name in maps])
    mask = maps["umap_1"].mask
    assert not mask[:3].any()
    assert not mask[20, 20]
    assert mask[3:].mean() > 0.99
    assert np.isfinite(maps["umap_2"].sigma[mask]).all()
    points, labels = places[:, mask].T, numbers[mask]
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (labels[apart.argmin(axis=1)] == labels).mean() > 0.99
    again = nx.map_pixels(stack)
    np.testing.assert_array_equal(again["umap_1"].data, maps["umap_1"].data)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"pip install napari-xanes\[umap\]"):
        nx.map_pixels(sample()[0])
    with pytest.raises(ValueError, match="neighbours = 1"):
        nx.map_pixels(sample()[0], neighbours=1)


def test_known_points_keep_their_places_and_strangers_do_not_pull() -> None:
    rng = np.random.default_rng(0)
    known = rng.uniform(0, 1, (400, 2))
    flat, scatter = place_among(np.array([[0.5, 0.5]]), known, known)
    np.testing.assert_allclose(flat[:, 0], 0.5, atol=0.05)
    assert (scatter < 0.1).all()
    # Four neighbours lie at one place, the fifth far away: the geometric median is where the four are.
    points = np.array([[0.0], [0.1], [0.2], [0.3], [0.4]])
    places = np.array([[1.0, 1.0]] * 4 + [[100.0, -50.0]])
    place, spread = place_among(np.array([[0.2]]), points, places)
    np.testing.assert_allclose(place[:, 0], 1.0, atol=0.01)
    assert (spread > 20).all()
