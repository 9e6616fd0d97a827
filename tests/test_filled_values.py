"""Values that were filled in keep their places and their larger variance through cuts, moves, files and fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.filled_values import FilledValues, as_filled_values
from napari_xanes.noise import PhotonNoise

SHAPE = (5, 4, 6)
FRAME, PIXEL = np.array([3, 0, 4]), np.array([2, 13, 13])
FACTOR = np.array([2.0, 3.0, 4.0])


def filled() -> FilledValues:
    return FilledValues(SHAPE, FRAME, PIXEL, FACTOR)


def stack(**metadata: Any) -> SpectralStack:
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), 1000.0)}
    metadata = {"noise": noise, "filled": filled()} | metadata
    return SpectralStack(np.zeros(SHAPE, np.float32), np.arange(700.0, 705), "optical_depth", metadata=metadata)


def as_image(found: FilledValues | None) -> np.ndarray:
    """Return the factors in their places, 1 elsewhere."""
    assert found is not None
    image = np.ones((found.shape[0], int(np.prod(found.shape[1:]))))
    return found.widened(image, slice(None)).reshape(found.shape)


def test_variance_is_larger_where_values_were_filled_in() -> None:
    expected = np.ones((5, 24))
    expected[FRAME, PIXEL] = FACTOR
    np.testing.assert_array_equal(as_image(filled()).reshape(5, -1), expected)
    some = np.array([20, 13, 1])
    np.testing.assert_array_equal(filled().widened(np.ones((5, 3)), some), expected[:, some])
    ones = np.ones((5, 9))
    np.testing.assert_array_equal(filled().widened(ones, slice(10, 19)), expected[:, 10:19])
    assert (ones == 1).all()
    np.testing.assert_array_equal(filled().measured_share(slice(12, 15)), [1, 0.6, 1])
    np.testing.assert_array_equal(filled().measured_share(np.array([13, 2])), [0.6, 0.8])


def test_the_noise_of_a_stack_knows_its_filled_values() -> None:
    noise = stack().noise
    assert isinstance(noise, PhotonNoise)
    np.testing.assert_allclose(noise.variance(np.zeros((5, 24)), slice(None)).reshape(SHAPE) * 500, as_image(filled()))
    part = noise.isel(slice(2, 5), (slice(0, 4), 1)).variance(np.zeros((3, 4)), slice(0, 4)) * 500
    np.testing.assert_allclose(part, as_image(filled())[2:, :, 1])
    assert stack(noise=None).noise is None


@pytest.mark.parametrize(
    ("frames", "box"),
    [
        (slice(1, 5), (slice(0, 4), slice(0, 6))),
        (np.array([4, 0]), (slice(None), slice(None, None, -1))),
        (slice(None), (slice(2, 3), slice(1, 6, 2))),
        (slice(None), (2, slice(None))),
    ],
)
def test_cuts_keep_the_places(frames: Any, box: Any) -> None:
    cut = filled().isel(frames, box)
    np.testing.assert_array_equal(as_image(cut), as_image(filled())[frames][(slice(None), *box)])
    assert (np.diff(cut.pixel) >= 0).all()


def test_a_cut_stack_keeps_its_record_and_one_of_another_shape_does_not() -> None:
    part = stack().isel(slice(3, 5), (slice(0, 4), slice(1, 3)))
    np.testing.assert_array_equal(as_image(part.filled), as_image(filled())[3:, :, 1:3])
    assert SpectralStack(stack().data[:, :2], stack().energy, "optical_depth", metadata=stack().metadata).filled is None


def test_means_of_pixels_and_of_energies_take_shares_of_the_variance() -> None:
    excess = as_image(filled()) - 1
    binned = nx.ops.bin(stack(), pixels=2)
    expected = 1 + excess.reshape(5, 2, 2, 3, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(as_image(binned.filled), expected)
    assert binned.filled is not None
    np.testing.assert_allclose(binned.filled.measured_share(slice(None)), [1, 0.95, 1, 0.9, 1, 1])
    groups = nx.ops.bin(stack(), pixels=3, energies=2)
    expected = 1 + excess[:, :3].reshape(5, 1, 3, 2, 3).mean(axis=(2, 4))
    expected = np.stack([expected[:2].mean(axis=0), expected[2:4].mean(axis=0), expected[4]])
    np.testing.assert_allclose(as_image(groups.filled), expected)


def test_new_energies_take_squares_of_their_weights() -> None:
    onto = nx.ops.interpolate_energy(stack(), energies=[700.0, 702.25, 703.0, 703.5])
    excess = as_image(filled()) - 1
    between = (0.75**2 * excess[2] + 0.25**2 * excess[3]) / (0.75**2 + 0.25**2)
    expected = [excess[0], between, excess[3], (excess[3] + excess[4]) / 2]
    np.testing.assert_allclose(as_image(onto.filled), 1 + np.stack(expected))


def test_moved_values_are_part_of_all_pixels_around_them() -> None:
    shifts = np.zeros((5, 2))
    shifts[3], shifts[4] = (0, 1), (0.5, -7)
    moved = as_image(filled().moved(shifts))
    expected = np.ones(SHAPE)
    expected[3, 0, 1], expected[0, 2, 1] = 2, 3  # the third value left the image
    np.testing.assert_array_equal(moved, expected)
    shifts[4] = 0.5, 0
    expected[4, 1:3, 1] = 4
    np.testing.assert_array_equal(as_image(filled().moved(shifts)), expected)


def test_align_moves_the_record() -> None:
    shifts = np.zeros((5, 2))
    shifts[3] = 0, 1
    aligned = nx.ops.align(stack(), shifts=shifts.tolist())
    np.testing.assert_array_equal(as_image(aligned.filled), as_image(filled().moved(shifts)))


def test_volumes_move_slice_by_slice_or_as_a_whole() -> None:
    record = FilledValues((2, 3, 4, 5), np.array([1]), np.array([1 * 20 + 2 * 5 + 3]), np.array([2.0]))
    expected = np.ones((2, 3, 4, 5))
    expected[1, 1, 1, 3] = 2
    shifts = np.zeros((2, 3, 2))
    shifts[1, 1] = 1, 0
    np.testing.assert_array_equal(as_image(record.moved(shifts)), expected)
    np.testing.assert_array_equal(as_image(record.moved([(0, 0, 0), (0, 1, 0)])), expected)
    np.testing.assert_array_equal(as_image(record.moved([(0, 0), (1, 0)])), expected)


def test_records_join_and_the_later_one_counts() -> None:
    later = FilledValues(SHAPE, np.array([0, 1]), np.array([13, 20]), np.array([9.0, 5.0]))
    expected = as_image(filled()).reshape(5, -1)
    expected[0, 13], expected[1, 20] = 9, 5
    np.testing.assert_array_equal(as_image(later.joined(filled())).reshape(5, -1), expected)
    assert later.joined(None) is later


@pytest.mark.parametrize("suffix", [".h5", ".zarr", ".tif"])
def test_the_record_survives_a_file(tmp_path: Path, suffix: str) -> None:
    nx.write(stack(), tmp_path / f"stack{suffix}")
    reread = nx.read(tmp_path / f"stack{suffix}")
    np.testing.assert_array_equal(as_image(reread.filled), as_image(filled()))
    part = reread.isel(slice(3, 5), (slice(0, 4), slice(1, 3)))
    np.testing.assert_array_equal(as_image(part.filled), as_image(filled())[3:, :, 1:3])


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"shape": SHAPE, "frame": [0]},
        {"shape": (5, 4, 5), "frame": [0], "pixel": [0], "factor": [2.0]},
        {"shape": SHAPE, "frame": [5], "pixel": [0], "factor": [2.0]},
        {"shape": SHAPE, "frame": [0, 1], "pixel": [0], "factor": [2.0]},
    ],
)
def test_records_that_do_not_fit_are_left_out(value: Any) -> None:
    assert as_filled_values(value, SHAPE) is None
    assert stack(filled=value).filled is None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("n_missing", [1, 20])
def test_fits_of_filled_values_have_the_errors_of_fits_without_them(known: bool, n_missing: int) -> None:
    """Least squares with the values that the same fit predicts, and their factors, against least squares without."""
    rng, energy = np.random.default_rng(4), np.linspace(8330, 8400, 60)
    curves = np.stack([0.5 + np.arctan((energy - e0) / 1.5) / np.pi for e0 in (8342, 8347)], axis=1)
    truth = curves @ [0.6, 0.4]
    data = truth[:, None] + rng.normal(0, 0.01, (60, 300))
    whole, hole = data.copy(), np.argsort(rng.random((60, 300)), axis=0)[:n_missing]
    covariance, factors, ratios = np.linalg.inv(curves.T @ curves), np.empty((n_missing, 300)), np.empty(300)
    for i, missing in enumerate(hole.T):
        left = np.delete(np.arange(60), missing)
        inverse = np.linalg.inv(curves[left].T @ curves[left])
        data[missing, i] = curves[missing] @ inverse @ curves[left].T @ data[left, i]
        leverages = [np.sum(curves[missing] @ matrix * curves[missing], axis=1) for matrix in (inverse, covariance)]
        factors[:, i], ratios[i] = 1 + leverages[0] / leverages[1], np.sqrt(inverse[0, 0] / covariance[0, 0])
    record = FilledValues((60, 1, 300), hole.T.ravel(), np.repeat(np.arange(300), n_missing), factors.T.ravel())
    noise = {"kind": "poisson", "i0": 1e4 * np.exp(truth)[:, None, None], "n_flat": np.inf}

    def fitted(values: np.ndarray, filled: FilledValues | None) -> nx.MapSet:
        metadata = {"filled": filled, "noise": noise if known else None}
        stack = SpectralStack(values.reshape(60, 1, 300).astype(np.float32), energy, "optical_depth", metadata=metadata)
        references = [Spectrum(f"e{i}", energy, curve) for i, curve in enumerate(curves.T)]
        options = {"constant": False, "nonnegative": False, "normalize_references": "never"}
        return nx.maps.fit_references(stack, references=references, **options)

    maps = fitted(data, record)
    grown = maps["e0"].sigma.ravel() / np.median(fitted(whole, None)["e0"].sigma)
    assert np.median(grown / ratios) == pytest.approx(1, abs=0.03)
    assert not maps.metadata["warnings"]
    careless = np.median(fitted(data, None)["e0"].sigma)
    assert careless < (0.87 if n_missing > 1 else 1.01) * np.median(maps["e0"].sigma)


@pytest.mark.parametrize("known", [True, False])
def test_maps_of_binned_pixels_and_energies_have_the_errors_of_what_was_measured(known: bool) -> None:
    """40 % of the values are filled in by the least squares of the others; maps of the means scatter as they say."""
    rng, energy = np.random.default_rng(5), np.linspace(8330, 8400, 60)
    curves = np.stack([0.5 + np.arctan((energy - e0) / 1.5) / np.pi for e0 in (8342, 8347)], axis=1)
    truth = curves @ [0.6, 0.4]
    shape = (60, 40, 60)
    data = truth[:, None] + rng.normal(0, 0.01, (60, 2400))
    hole = rng.random(data.shape) < 0.4
    frames, pixels, factors = [], [], []
    covariance = np.linalg.inv(curves.T @ curves)
    for i in range(data.shape[1]):
        left, missing = np.flatnonzero(~hole[:, i]), np.flatnonzero(hole[:, i])
        inverse = np.linalg.inv(curves[left].T @ curves[left])
        data[missing, i] = curves[missing] @ inverse @ curves[left].T @ data[left, i]
        leverages = [np.sum(curves[missing] @ matrix * curves[missing], axis=1) for matrix in (inverse, covariance)]
        frames.append(missing)
        pixels.append(np.full(missing.size, i))
        factors.append(1 + leverages[0] / leverages[1])
    record = FilledValues(shape, *map(np.concatenate, (frames, pixels, factors)))
    noise = {"kind": "poisson", "i0": 1e4 * np.exp(truth)[:, None, None], "n_flat": np.inf}

    def pull(filled: FilledValues | None) -> float:
        metadata = {"filled": filled, "noise": noise if known else None}
        whole = SpectralStack(data.reshape(shape).astype(np.float32), energy, "optical_depth", metadata=metadata)
        references = [Spectrum(f"e{i}", energy, curve) for i, curve in enumerate(curves.T)]
        options = {"constant": False, "nonnegative": False, "normalize_references": "never"}
        maps = nx.maps.fit_references(nx.ops.bin(whole, pixels=2, energies=2), references=references, **options)
        return float(np.sqrt(np.mean(((maps["e0"].data - 0.6) / maps["e0"].sigma) ** 2)))

    assert pull(record) == pytest.approx(1, abs=0.1)
    assert pull(None) > 1.2
