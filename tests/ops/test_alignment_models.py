"""Magnification, rotation and shear: known ones come back, with true errors, and stacks that have them are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from tests.magnified import growing, magnified

import napari_xanes as nx

MAGNIFIED = "translation + magnification"


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("growth", [0.01, -0.03])
def test_a_growing_image_is_found_to_a_fiftieth_pixel_at_the_corners(growth: float) -> None:
    sample = magnified(growing(12, growth), seed=1, pattern=0.005)
    aligned = nx.ops.align(sample.stack, model=MAGNIFIED)
    found = aligned.metadata["align"]
    assert rms(sample.at_corners(found)) < 0.02
    np.testing.assert_allclose(found.magnification.mean(), 1, atol=1e-9)
    assert found.center.tolist() == [47.5, 47.5]
    word = "grows" if growth > 0 else "shrinks"
    assert f"the image {word} by" in found.report.splitlines()[0]
    assert not aligned.metadata["warnings"]
    seen = np.isfinite(aligned.data)
    noise = np.sqrt(np.exp(sample.still) / 4000.0)
    assert rms(((aligned.data - sample.still) / noise)[seen]) < 1.05


def test_the_errors_of_the_magnification_are_true_where_the_contrast_inverts() -> None:
    inside, ratios = [], []
    for seed in (3, 4):
        sample = magnified(growing(12, 0.01), contrast=-0.5, seed=seed, size=64)
        found = nx.ops.align(sample.stack, model=MAGNIFIED).metadata["align"]
        errors = found.magnification - sample.matrices[:, 0, 0]
        ratios.append(np.abs(errors - errors.mean()) / found.magnification_sigma)
        inside.append(ratios[-1] < 2)
    assert np.mean(inside) > 0.85
    assert rms(np.array(ratios)) > 0.2


def test_a_sample_in_a_corner_says_that_the_other_corners_are_not_known() -> None:
    sample = magnified(growing(12, 0.02), seed=2, part=(0.05, 0.5))
    found = nx.ops.align(sample.stack, model=MAGNIFIED).metadata["align"]
    assert np.median(found.magnification_sigma) > 2e-4
    errors = found.magnification - sample.matrices[:, 0, 0]
    assert rms((errors - errors.mean()) / found.magnification_sigma) < 2


def test_turned_and_sheared_frames_come_back() -> None:
    count = 12
    along = np.linspace(-0.5, 0.5, count)[:, None, None]
    matrices = np.eye(2) + along * [[0.006, 0.008], [-0.012, -0.004]]
    sample = magnified(matrices, seed=4, size=96)
    found = nx.ops.align(sample.stack, model="affine").metadata["align"]
    assert rms(sample.at_corners(found)) < 0.03
    assert found.magnification is None
    assert "turns over" in found.report


@pytest.mark.parametrize(
    ("change", "words"),
    [([[0.008, 0], [0, 0.008]], "are magnified"), ([[0, -0.01], [0.01, 0]], "are turned"), ([[0, 0], [0, 0]], None)],
)
def test_shifts_alone_are_warned_of_where_they_do_not_do(change: list, words: str | None) -> None:
    """A map whose borders are off looks right; so frames that are only shifted must not be warned of either."""
    sample = magnified(np.eye(2) + np.linspace(-0.5, 0.5, 10)[:, None, None] * change, seed=5)
    told = nx.ops.align(sample.stack).metadata["warnings"]
    assert [words in text for text in told] == [True] if words else not told


def test_resampling_with_a_matrix_is_that_of_one_spline() -> None:
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.standard_normal((40, 50)), 1.0).astype(np.float32)
    matrix, center, shift = np.array([[1.02, 0.03], [-0.02, 0.98]]), np.array([10.0, 30.0]), np.array([1.3, -2.6])
    image[5, 7] = np.nan
    stack = nx.SpectralStack(image[None], [700.0], "optical_depth")
    given = nx.Alignment(shift[None], matrix=matrix[None], center=center, image_shape=(40, 50))
    moved = nx.ops.align(stack, shifts=given).data[0]
    places = center[:, None, None] + shift[:, None, None]
    places = places + np.einsum("ij,jyx->iyx", matrix, np.indices(image.shape) - center[:, None, None])
    expected = ndimage.map_coordinates(np.nan_to_num(image), places, order=3, mode="mirror")
    outside = ((places < 0) | (places > np.array([39, 49])[:, None, None])).any(axis=0)
    near = np.hypot(*(places - np.array([5, 7])[:, None, None])) < 8
    assert np.isnan(moved[outside]).all()
    assert 1 <= np.isnan(moved[~outside]).sum() <= 9
    np.testing.assert_allclose(moved[~outside & ~near], expected[~outside & ~near], atol=5e-5)


def test_the_noise_model_describes_noise_that_was_magnified() -> None:
    rng = np.random.default_rng(0)
    photons, shape = 1000.0, (12, 90, 90)
    data = -np.log(rng.poisson(photons, shape) / photons).astype(np.float32)
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf}
    stack = nx.SpectralStack(data, np.arange(700.0, 712.0), "optical_depth", metadata={"noise": noise})
    given = nx.Alignment(rng.uniform(-2, 2, (12, 2)), magnification=np.linspace(0.97, 1.03, 12))
    aligned = nx.ops.align(stack, shifts=given)
    told = aligned.noise.variance(np.zeros((12, 1)), slice(0, 1))[:, 0]
    np.testing.assert_allclose(np.nanvar(aligned.data, axis=(1, 2)), told, rtol=0.1)


def test_a_replay_a_file_and_a_part_use_the_same_center(tmp_path: Path) -> None:
    sample = magnified(growing(6, 0.04), size=64, step=0.5)
    given = nx.Alignment(sample.shifts, magnification=sample.matrices[:, 0, 0])
    aligned = nx.ops.align(sample.stack, shifts=given)
    found = aligned.metadata["align"]
    assert found.image_shape == (64, 64)
    again = nx.run(nx.Recipe.from_yaml(nx.Recipe([aligned.history[-1]]).to_yaml(exact=True)), sample.stack)
    np.testing.assert_array_equal(again.data, aligned.data)
    from_file = nx.ops.align(sample.stack, shifts=nx.write_shifts(tmp_path / "shifts.csv", aligned))
    np.testing.assert_array_equal(from_file.data, aligned.data)
    box = (slice(8, 60), slice(4, 60))
    of_part = nx.ops.align(sample.stack.isel(box=box), shifts=found.isel(box=box))
    np.testing.assert_allclose(of_part.data[:, 12:-12, 12:-12], aligned.data[:, 20:48, 16:48], atol=1e-3)
    with pytest.raises(ValueError, match=r"images of \(64, 64\) pixels, but those of .* have \(52, 56\)"):
        nx.ops.align(sample.stack.isel(box=box), shifts=found)
    cropped = nx.ops.crop(aligned, region=(8, 60, 4, 60)).metadata["align"]
    assert [cropped.center.tolist(), cropped.image_shape] == [[23.5, 27.5], (52, 56)]


def test_a_lazy_stack_is_magnified_as_one_in_memory() -> None:
    import dask.array as da

    sample = magnified(growing(5, 0.03), size=48)
    given = nx.Alignment(sample.shifts, matrix=sample.matrices)
    lazy = sample.stack.with_data(da.from_array(sample.stack.data, chunks=(2, 20, 48)))
    moved = nx.ops.align(lazy, shifts=given)
    assert moved.is_lazy
    np.testing.assert_array_equal(np.asarray(moved.data), nx.ops.align(sample.stack, shifts=given).data)


def test_too_small_a_part_is_refused_in_words() -> None:
    sample = magnified(growing(6, 0.01), size=48)
    with pytest.raises(ValueError, match="magnification can be found from 32 x 32 pixels on"):
        nx.ops.align(sample.stack, model=MAGNIFIED, region=(0, 24, 0, 48))
