"""`cluster`: labels, mean spectra, their number, and what it says where it can't know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

import napari_xanes as nx
from napari_xanes import SpectralStack, Step, limits
from napari_xanes.exploring.clusters import Clusters, Points, points_of

ENERGY = np.linspace(8300.0, 8400.0, 40)


def sample(count: int = 3, noise: float = 0.02, seed: int = 0, size: int = 48) -> tuple[SpectralStack, np.ndarray]:
    """Return a stack of patches with one spectrum and many thicknesses each, and the numbers of the spectra."""
    rng = np.random.default_rng(seed)
    spectra = np.stack([1.6 + np.arctan((ENERGY - 8340 - 4 * i) / (1 + 0.4 * i)) for i in range(count)])
    numbers = np.repeat(np.repeat(rng.permutation(64) % count, 1).reshape(8, 8), size // 8, axis=0)
    numbers = np.repeat(numbers, size // 8, axis=1)
    data = spectra[numbers].transpose(2, 0, 1) * rng.uniform(0.5, 1.5, (size, size))
    data = data + noise * rng.standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth", 0.04, metadata={"name": "patches"}), numbers


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("algorithm", ["k-means", "gaussian mixture", "hdbscan"])
def test_clusters_and_their_number_are_found(count: int, algorithm: Any) -> None:
    stack, numbers = sample(count)
    maps = nx.maps.cluster(stack, algorithm=algorithm)
    assert maps.metadata["clusters"]["number"] == count
    assert "; stable:" in maps.metadata["clusters"]["words"]
    labels = maps["cluster"].data
    assert (labels > 0).mean() > 0.98
    assert adjusted_rand_score(labels[labels > 0], numbers[labels > 0]) == 1
    assert not maps.metadata["warnings"]


@pytest.mark.parametrize("algorithm", ["k-means", "gaussian mixture", "hdbscan"])
def test_spectra_are_means_of_the_labelled_pixels(algorithm: Any) -> None:
    stack, _ = sample(3, noise=0.3)
    maps = nx.maps.cluster(stack, algorithm=algorithm, **({} if algorithm == "hdbscan" else {"count": 4}))
    labels = maps["cluster"].data
    for spectrum in maps.metadata["spectra"]:
        pixels = stack.data[:, labels == int(spectrum.name.split()[1])].astype(np.float64)
        np.testing.assert_allclose(spectrum.mu, pixels.mean(axis=1), rtol=1e-6)
        # Single precision: to a hundred thousandth of the values.
        spread, allowed = pixels.std(axis=1), {"rtol": 1e-5, "atol": 1e-5 * np.abs(spectrum.mu).max()}
        np.testing.assert_allclose(spectrum.metadata["standard_deviation"], spread, **allowed)
        np.testing.assert_allclose(spectrum.sigma, spread / np.sqrt(pixels.shape[1]), **allowed)
        assert spectrum.metadata["n_pixels"] == pixels.shape[1]
    assert np.array_equal(maps["cluster"].mask, labels > 0)


def test_a_large_mean_does_not_spoil_the_spread() -> None:
    stack, _ = sample(2, noise=0.02)
    shifted = stack.with_data((stack.data + 300).astype(np.float32))
    maps = nx.maps.cluster(shifted, count=2, distance="euclidean")
    for spectrum in maps.metadata["spectra"]:
        pixels = shifted.data[:, maps["cluster"].data == int(spectrum.name.split()[1])].astype(np.float64)
        np.testing.assert_allclose(spectrum.metadata["standard_deviation"], pixels.std(axis=1), rtol=1e-5)


def test_the_largest_cluster_comes_first() -> None:
    stack, _ = sample(3)
    stack = stack.with_data(np.concatenate([stack.data, np.tile(stack.data[:, :6, :6], (1, 4, 8))], axis=1))
    n_pixels = nx.maps.cluster(stack, count=3).metadata["clusters"]["n_pixels"]
    assert n_pixels == sorted(n_pixels, reverse=True)


def test_angle_divides_thickness_out_and_euclidean_does_not() -> None:
    rng = np.random.default_rng(0)
    thickness = np.repeat([0.5, 1.5], 20)[:, None] * np.ones(40)
    data = (1.6 + np.arctan(ENERGY - 8343))[:, None, None] * thickness + 0.02 * rng.standard_normal((40, 40, 40))
    stack = SpectralStack(data.astype(np.float32), ENERGY, "optical_depth")
    assert nx.maps.cluster(stack).metadata["clusters"]["number"] == 1
    assert nx.maps.cluster(stack, distance="euclidean").metadata["clusters"]["number"] == 2


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("algorithm", ["k-means", "hdbscan"])
def test_noise_and_continua_are_one_cluster(seed: int, algorithm: Any) -> None:
    rng = np.random.default_rng(seed)
    noise = SpectralStack(rng.standard_normal((40, 32, 32)).astype(np.float32), ENERGY, "optical_depth")
    alone = nx.maps.cluster(noise, algorithm=algorithm)
    assert alone.metadata["clusters"]["number"] == 1
    assert " stands out from the noise" in alone.metadata["clusters"]["words"]
    assert (alone["cluster"].data == 1).all()
    ends = np.stack([1.6 + np.arctan(ENERGY - 8343), 1.6 + np.arctan(ENERGY - 8348)])
    share = rng.uniform(0, 1, (32, 32))
    mixed = np.tensordot(ends.T, np.stack([share, 1 - share]), 1) + 0.02 * rng.standard_normal((40, 32, 32))
    maps = nx.maps.cluster(SpectralStack(mixed.astype(np.float32), ENERGY, "optical_depth"), algorithm=algorithm)
    assert maps.metadata["clusters"]["number"] == 1
    assert "without gaps" in maps.metadata["clusters"]["words"]


def test_a_divided_continuum_says_so_and_leaves_out_pixels_between() -> None:
    ends = np.stack([1.6 + np.arctan(ENERGY - 8343), 1.6 + np.arctan(ENERGY - 8348)])
    share = np.tile(np.linspace(0, 1, 64), (32, 1))
    data = np.tensordot(ends.T, np.stack([share, 1 - share]), 1)
    data += 0.02 * np.random.default_rng(0).standard_normal(data.shape)
    maps = nx.maps.cluster(SpectralStack(data.astype(np.float32), ENERGY, "optical_depth"), count=2)
    assert "without gaps between all of them" in maps.metadata["clusters"]["words"]
    labels, probability = maps["cluster"].data, maps["probability"].data
    between = np.flatnonzero((labels == 0).mean(axis=0) > 0.9)
    assert 4 <= between.size <= 14
    assert (np.diff(between) == 1).all()
    assert (labels[:, [0, 1, -2, -1]] > 0).all()
    assert np.array_equal(labels > 0, probability >= np.float32(0.75))


def test_probabilities_hold() -> None:
    """Of noisy pixels, as many belong to their cluster as the probabilities say."""
    stack, numbers = sample(2, noise=0.4, size=96)
    clean, _ = sample(2, noise=0.02, size=96)
    learned = nx.maps.cluster(clean, count=2).history[-1].state
    noisy = nx.run([Step("components")], stack).history[-1].state["basis"]
    maps = nx.maps.cluster(stack, count=2, min_probability=0.0, basis=noisy)
    assert len(learned["basis"]["spectra"]) == 2
    labels, probability = maps["cluster"].data, maps["probability"].data
    held = labels > 0
    right = labels == np.where(np.mean(labels[held & (numbers == 0)] == 1) > 0.5, [1, 2], [2, 1])[numbers]
    assert np.mean(right[held]) < 0.99
    assert np.mean(right[held]) == pytest.approx(np.mean(probability[held]), abs=0.02)


def test_pixels_that_hold_nothing_have_no_label() -> None:
    stack, _ = sample(2)
    data = stack.data.copy()
    data[:, :12] = 0.02 * np.random.default_rng(5).standard_normal(data[:, :12].shape)
    data[:, 20, 20], data[7, 21, 21] = np.nan, np.inf
    maps = nx.maps.cluster(stack.with_data(data))
    labels = maps["cluster"].data
    assert maps.metadata["clusters"]["number"] == 2
    assert not labels[:12].any()
    assert labels[20, 20] == labels[21, 21] == 0
    assert (labels[12:] > 0).mean() > 0.97
    assert np.isnan(maps["probability"].data[20, 20])
    assert "576 pixels hold no more than noise" in maps.metadata["clusters"]["words"]
    assert not maps.metadata["warnings"]


@pytest.mark.parametrize("algorithm", ["k-means", "gaussian mixture", "hdbscan"])
def test_the_same_seed_gives_the_same_labels(algorithm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, _ = sample(3, noise=0.3, size=96)
    first = nx.maps.cluster(stack, algorithm=algorithm, seed=3)
    monkeypatch.setattr(limits, "threads", lambda: 1)
    monkeypatch.setattr("napari_xanes.denoising.bands.CACHE_BYTES", 1 << 16)
    second = nx.maps.cluster(stack, algorithm=algorithm, seed=3)
    np.testing.assert_array_equal(first["cluster"].data, second["cluster"].data)
    np.testing.assert_allclose(first["probability"].data, second["probability"].data, atol=1e-5)


def test_clusters_of_one_stack_label_another() -> None:
    stack, _ = sample(3)
    first = nx.maps.cluster(stack)
    state = first.history[-1].state
    half = stack.isel(box=(slice(0, 16), slice(None)))
    again = nx.maps.cluster(half, basis=state["basis"], clusters=state["clusters"])
    np.testing.assert_array_equal(again["cluster"].data, first["cluster"].data[:16])
    with pytest.raises(ValueError, match="give both from one run"):
        nx.maps.cluster(stack, clusters=Clusters("angle", [[1.0]], [1], [1], [[[0]]], False, 1, ""))  # type: ignore[arg-type]


def test_few_pixels_and_small_clusters_are_named() -> None:
    stack, _ = sample(2)
    data = stack.data.copy()
    data[:, 5, 5] = 40 * np.random.default_rng(0).standard_normal(40)
    warnings = nx.maps.cluster(stack.with_data(data), count=3, algorithm="k-means").metadata["warnings"]
    assert any("a spot, or faulty pixels" in text for text in warnings)


def test_more_clusters_than_pixels_is_refused() -> None:
    stack, _ = sample(2)
    with pytest.raises(ValueError, match="the sample has only"):
        nx.maps.cluster(stack.isel(box=(slice(10, 12), slice(10, 12))), count=5)
    with pytest.raises(ValueError, match="finds the number of clusters itself"):
        nx.maps.cluster(stack, count=2, algorithm="hdbscan")


def test_densities_are_those_of_scipy() -> None:
    from scipy.stats import multivariate_normal

    covariances = np.array([[[2.0, 0.5], [0.5, 1.0]], [[0.5, 0], [0, 3.0]]])
    centres, weights = np.array([[0.0, 0], [2, 1]]), np.array([0.3, 0.7])
    found = Clusters("euclidean", centres, np.array([1, 2]), weights, covariances, False, 1, "")
    values, variance = np.random.default_rng(0).normal(1, 1, (2, 20)), np.linspace(0.1, 2, 20)
    numbers, probability = found.assign(Points(values, variance, np.ones(20, bool)))
    densities = np.array(
        [
            [
                weight * multivariate_normal(centre, covariance + noise * np.eye(2)).pdf(value)
                for value, noise in zip(values.T, variance, strict=True)
            ]
            for weight, centre, covariance in zip(weights, centres, covariances, strict=True)
        ]
    )
    np.testing.assert_array_equal(numbers, densities.argmax(axis=0) + 1)
    np.testing.assert_allclose(probability, densities.max(axis=0) / densities.sum(axis=0), rtol=1e-9)


def test_points_of_nothing_hold_nothing() -> None:
    points = points_of(np.random.default_rng(0).standard_normal((3, 20000)), np.ones(20000), "angle")
    assert points.holds.sum() <= 1


def test_bad_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="clusters are what an earlier run"):
        nx.maps.cluster(sample(size=8)[0], clusters={"centres": [[1]]})
    with pytest.raises(ValueError, match="one number from 1"):
        Clusters("angle", [[1.0], [2]], [1, 3], [1, 1], [[[0]]], False, 1, "")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one row"):
        Clusters("angle", [], [], [], [], False, 1, "")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weights above 0"):
        Clusters("angle", [[1.0], [2]], [1, 2], [1, 0], [[[0]]], False, 1, "")  # type: ignore[arg-type]
