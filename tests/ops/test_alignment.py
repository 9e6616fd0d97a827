"""Alignment of drifting stacks: known shifts come back, errors are true, frames of nothing are told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from tests.drifting import Contrast, drifting

import napari_xanes as nx
from napari_xanes.registration.estimation import Estimate
from napari_xanes.registration.report import sentences, warnings_of


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize(("contrast", "times"), [("same", 1.5), ("inverts", 1.5), ("weak", 1.5)])
def test_shifts_are_found_near_the_cramer_rao_bound(contrast: Contrast, times: float) -> None:
    sample = drifting(contrast, seed=1, size=96)
    found = nx.ops.align(sample.stack).metadata["align"]
    assert rms(sample.errors(found.shifts)) < times * rms(sample.bound)
    assert not found.outliers.any()


def test_errors_cover_the_true_shifts() -> None:
    inside = []
    for seed in range(4):
        sample = drifting("inverts", seed=seed, size=48, photons=500.0)
        found = nx.ops.align(sample.stack).metadata["align"]
        good = ~found.outliers
        inside.append((np.abs(sample.errors(found.shifts)) < 2 * found.sigma)[good])
    assert 0.88 < np.concatenate(inside).mean() < 0.99


def test_a_pattern_of_the_detector_does_not_hold_the_sample() -> None:
    """The pattern is as strong as the contrast of a frame, and frames lie up to 3 pixels apart."""
    sample = drifting("same", seed=1, size=96, pattern=0.03)
    assert np.ptp(sample.shifts, axis=0).max() > 3
    found = nx.ops.align(sample.stack).metadata["align"]
    assert rms(sample.errors(found.shifts)) < 3 * rms(sample.bound)


def test_known_references_serve_as_spectra() -> None:
    sample = drifting("inverts", seed=2)
    energy = sample.stack.energy
    references = [
        nx.Spectrum("step", energy, 1 / (1 + np.exp(-(energy - 8345) / 3))),
        nx.Spectrum("line", energy, np.exp(-(((energy - 8352) / 5) ** 2))),
    ]
    found = nx.ops.align(sample.stack, references=references).metadata["align"]
    good = ~found.outliers
    # In one frame the contrast is just about to invert.
    assert good.sum() >= 23
    assert rms(sample.errors(found.shifts)[good]) < 1.6 * rms(sample.bound)


@pytest.mark.parametrize("noise", [0.02, 0.1])
@pytest.mark.parametrize("contrast", ["same", "inverts"])
def test_known_references_place_no_frame_that_shows_nothing(contrast: Contrast, noise: float) -> None:
    """The references say what such a frame would show."""
    sample = drifting(contrast, seed=2)
    energy, data = sample.stack.energy, sample.stack.data.copy()
    data[14] = data[14].mean() + np.random.default_rng(0).normal(0, noise, data[14].shape)
    references = [
        nx.Spectrum("step", energy, 1 / (1 + np.exp(-(energy - 8345) / 3))),
        nx.Spectrum("line", energy, np.exp(-(((energy - 8352) / 5) ** 2))),
    ]
    stack = sample.stack.with_data(data)
    found = nx.ops.align(stack, references=references).metadata["align"]
    assert found.outliers[14]
    assert np.isnan(found.sigma[14]).all()
    assert found.outliers.sum() <= 2


def test_the_aligned_stack_is_the_still_one() -> None:
    """Without noise, what is left is the error of the spline; borders are missing, never wrapped."""
    sample = drifting("same", photons=1e9, seed=3)
    aligned = nx.ops.align(sample.stack, shifts=sample.shifts)
    moved = np.isnan(aligned.data)
    assert 0.01 < moved.mean() < 0.3
    difference = (aligned.data - sample.still)[~moved]
    assert rms(difference) < 2e-3
    for i, (dy, dx) in enumerate(sample.shifts):
        rows, columns = np.isnan(aligned.data[i]).all(axis=1), np.isnan(aligned.data[i]).all(axis=0)
        assert (rows[0], rows[-1], columns[0], columns[-1]) == (dy < 0, dy > 0, dx < 0, dx > 0)


def test_resampling_is_that_of_a_cubic_spline() -> None:
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.standard_normal((40, 50)), 1.0).astype(np.float32)
    stack = nx.SpectralStack(image[None], [700.0], "optical_depth")
    moved = nx.ops.align(stack, shifts=[(2.3, -4.6)]).data[0]
    expected = ndimage.shift(image.astype(float), (-2.3, 4.6), order=3, mode="mirror")
    inside = np.isfinite(moved)
    assert inside.sum() == (40 - 3) * (50 - 5)
    np.testing.assert_allclose(moved[inside], expected[inside], atol=5e-5)


def test_the_noise_model_describes_the_resampled_noise() -> None:
    rng = np.random.default_rng(0)
    photons, shape = 1000.0, (30, 60, 60)
    data = -np.log(rng.poisson(photons, shape) / photons).astype(np.float32)
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf}
    stack = nx.SpectralStack(data, np.arange(700.0, 730.0), "optical_depth", metadata={"noise": noise})
    aligned = nx.ops.align(stack, shifts=rng.uniform(-2, 2, (30, 2)))
    measured = np.nanvar(aligned.data, axis=(1, 2))
    told = aligned.noise.variance(np.zeros((30, 1)), slice(0, 1))[:, 0]
    np.testing.assert_allclose(measured, told, rtol=0.15)
    biased = aligned.noise.bias(np.zeros((30, 1)), slice(0, 1))
    np.testing.assert_allclose(biased, 0.5 / photons, rtol=1e-5)
    block = aligned.data[:, 4:56, 4:56].reshape(30, 4, 13, 4, 13).mean(axis=(2, 4))
    width = aligned.metadata["covariance_length_pixels"]
    assert block.var() == pytest.approx(measured.mean() * width**2 / 13**2, rel=0.2)


def test_energies_that_are_averaged_after_align_have_the_noise_of_means() -> None:
    sample = drifting("same", seed=3, size=32)
    aligned = nx.ops.align(sample.stack, shifts=sample.shifts)
    binned = nx.ops.bin(aligned, pixels=1, energies=3)
    before = aligned.noise.variance(np.zeros((24, 1)), slice(0, 1))[:, 0]
    after = binned.noise.variance(np.zeros((8, 1)), slice(0, 1))[:, 0]
    np.testing.assert_allclose(after, before.reshape(8, 3).sum(axis=1) / 9, rtol=1e-5)


def test_an_empty_frame_and_a_foreign_one_are_told_and_get_no_invented_shift() -> None:
    sample = drifting("same", seed=4)
    rng = np.random.default_rng(9)
    data = sample.stack.data.copy()
    data[5] = 0.4
    data[11] = 0.3 + 0.3 * ndimage.gaussian_filter(rng.standard_normal(data[11].shape), 2.0)
    aligned = nx.ops.align(sample.stack.with_data(data))
    found = aligned.metadata["align"]
    assert np.flatnonzero(found.outliers).tolist() == [5, 11]
    assert np.isnan(found.sigma[[5, 11]]).all()
    np.testing.assert_allclose(found.shifts[5], (found.shifts[4] + found.shifts[6]) / 2)
    others = np.setdiff1d(np.arange(24), [5, 11])
    errors = found.shifts[others] - sample.shifts[others]
    assert rms(errors - errors.mean(axis=0)) < 2 * rms(sample.bound)
    assert any("nothing of what the others show" in text for text in aligned.metadata["warnings"])
    assert f"{sample.stack.energy[5]:g}" in found.report


def test_frames_that_were_found_but_hold_something_else_are_named_beside_empty_ones() -> None:
    """An empty frame must not hide the other kind of outlier from the report."""
    shifts = np.zeros((4, 2))
    shifts[:2] = 1.0
    residual, sigma = np.array([1.0, 1.0, 9.0, np.nan]), np.full((4, 2), 0.01)
    found = Estimate(shifts, sigma, residual, np.array([True, True, True, False]), 0.0)
    told = warnings_of(
        sentences(np.array([700.0, 701, 702, 703]), found, np.array([False, False, True, True]), (64, 64))
    )
    assert "the frame at 702 eV holds something else" in told[0]
    assert "the frame at 703 eV shows nothing of what the others show: its place" in told[1]
    assert len(told) == 2


@pytest.mark.parametrize(("pattern", "words"), [(0.2, "has .* times the power"), (0.6, "the frames do not move")])
def test_a_pattern_that_may_hold_the_sample_is_warned_of(pattern: float, words: str) -> None:
    sample = drifting("weak", seed=1, size=96)
    fixed = ndimage.gaussian_filter(np.random.default_rng(7).standard_normal((96, 96)), 1.0)
    data = sample.stack.data + (pattern * fixed / fixed.std()).astype(np.float32)
    aligned = nx.ops.align(sample.stack.with_data(data))
    assert rms(sample.errors(aligned.metadata["align"].shifts)) > 5 * rms(sample.bound)
    assert re.search(words, "\n".join(aligned.metadata["warnings"]))


def test_frames_that_noise_and_drift_explain_are_not_warned_of() -> None:
    for contrast in ("same", "inverts"):
        sample = drifting(contrast, seed=1, size=64, pattern=0.005)  # type: ignore[arg-type]
        assert not nx.ops.align(sample.stack).metadata["warnings"]


def test_lines_that_jitter_are_warned_of() -> None:
    """Each line of each frame lies elsewhere: this is no drift, and halves of the image tell how much it matters."""
    sample = drifting("same", seed=1, size=64, photons=20_000.0)
    rng = np.random.default_rng(0)
    data = [
        np.stack([ndimage.shift(line, step, order=3, mode="nearest") for line, step in zip(frame, steps, strict=True)])
        for frame, steps in zip(sample.stack.data, rng.normal(0, 0.7, (24, 64)), strict=True)
    ]
    aligned = nx.ops.align(sample.stack.with_data(np.array(data, np.float32)))
    assert any("times the noise in the median" in text for text in aligned.metadata["warnings"])
    found = aligned.metadata["align"]
    z = sample.errors(found.shifts) / found.sigma
    assert (np.abs(z) < 2).mean() > 0.85


def test_noise_alone_is_refused() -> None:
    data = np.random.default_rng(0).standard_normal((12, 64, 64)).astype(np.float32)
    with pytest.raises(ValueError, match="no two frames show the same"):
        nx.ops.align(nx.SpectralStack(data, np.arange(700.0, 712.0), "optical_depth"))


@pytest.mark.parametrize(
    ("shape", "quantity", "given", "words"),
    [
        ((1, 64, 64), "optical_depth", {}, "single frame"),
        ((5, 8, 64), "optical_depth", {}, "8 pixels wide"),
        ((5, 64, 64), "optical_depth", {"region": (0, 64, 0, 9)}, "a region 9 pixels wide"),
        ((5, 64, 64), "counts", {}, "run optical_depth first"),
        ((5, 64, 64), "optical_depth", {"shifts": np.zeros((4, 2))}, "4 shifts for the 5 frames"),
        ((5, 64, 64), "optical_depth", {"shifts": np.zeros((5, 3))}, "one pair"),
        ((5, 64, 64), "optical_depth", {"shifts": np.full((5, 2), np.nan)}, "frame 0 is not finite"),
        ((5, 64, 64), "optical_depth", {"shifts": np.full((5, 2), 64.0)}, r"frame 0 is \(64, 64\) pixels, more than"),
    ],
)
def test_what_cannot_be_aligned_is_refused_in_words(shape: tuple, quantity: str, given: dict, words: str) -> None:
    data = np.random.default_rng(0).uniform(1, 2, shape)
    with pytest.raises(ValueError, match=words):
        nx.ops.align(nx.SpectralStack(data, np.arange(700.0, 700 + shape[0]), quantity), **given)


def test_a_replay_gives_the_same_shifts_and_another_region_too() -> None:
    sample = drifting("same", seed=5)
    aligned = nx.ops.align(sample.stack)
    step = aligned.history[-1]
    again = nx.run([nx.Recipe.from_yaml(nx.Recipe([step]).to_yaml(exact=True))[0]], sample.stack)
    np.testing.assert_array_equal(again.data, aligned.data)
    part = sample.stack.isel(box=(slice(8, 56), slice(4, 60)))
    of_part = nx.run([step], part)
    inner = of_part.data[:, 12:-12, 12:-12]
    np.testing.assert_allclose(inner, aligned.data[:, 20:44, 16:48], atol=1e-3)


def test_crop_after_align_takes_the_shifts_of_its_frames() -> None:
    sample = drifting("same", seed=5)
    aligned = nx.ops.align(sample.stack)
    cropped = nx.ops.crop(aligned, energy=(8320, 8380), region=(8, 40, 8, 48))
    kept = (sample.stack.energy >= 8320) & (sample.stack.energy <= 8380)
    found = cropped.metadata["align"]
    np.testing.assert_array_equal(found.shifts, aligned.metadata["align"].shifts[kept])
    assert found.sigma.shape == (kept.sum(), 2)


def test_shifts_are_cut_with_the_frames_of_a_stack_that_was_read(tmp_path: Path) -> None:
    sample = drifting("same", seed=5, frames=6)
    aligned = nx.ops.align(sample.stack, shifts=nx.Alignment(sample.shifts, np.full((6, 2), 0.1)))
    nx.write(aligned, tmp_path / "aligned.h5")
    reread = nx.read(tmp_path / "aligned.h5")
    part = reread.isel(slice(1, 4)).metadata["align"]
    np.testing.assert_array_equal(part.shifts, sample.shifts[1:4])
    assert part.sigma.shape == (3, 2)
    np.testing.assert_array_equal(part.energy, sample.stack.energy[1:4])


@pytest.mark.parametrize("value", [{"shifts": "unknown"}, {"shifts": [[0, 0]]}, {"other": 1}, "by hand"])
def test_other_things_that_are_called_align_are_kept(value: object) -> None:
    stack = nx.SpectralStack(np.ones((3, 4, 4)), [700, 701, 702], "optical_depth", metadata={"align": value})
    assert stack.isel(slice(1, 3)).metadata["align"] == value


def test_a_lazy_stack_is_moved_as_one_in_memory() -> None:
    import dask.array as da

    sample = drifting("same", seed=5, frames=7)
    lazy = sample.stack.with_data(da.from_array(sample.stack.data, chunks=(3, 20, 64)))
    moved = nx.ops.align(lazy, shifts=sample.shifts)
    assert moved.is_lazy
    np.testing.assert_array_equal(np.asarray(moved.data), nx.ops.align(sample.stack, shifts=sample.shifts).data)


def test_shifts_of_one_stack_serve_another() -> None:
    sample = drifting("same", seed=5)
    found = nx.ops.align(sample.stack).metadata["align"]
    other = sample.stack.with_data(sample.stack.data[:, ::-1])
    np.testing.assert_array_equal(nx.ops.align(other, shifts=found).metadata["align"].shifts, found.shifts)
    with pytest.raises(ValueError, match="was found at 8300 eV"):
        nx.ops.align(nx.SpectralStack(other.data, other.energy + 9, "optical_depth"), shifts=found)


def test_volumes_move_as_a_whole() -> None:
    sample = drifting("same", seed=6)
    images = np.stack([sample.stack.data, sample.stack.data], axis=1)
    volume = nx.SpectralStack(images, sample.stack.energy, "optical_depth")
    aligned = nx.ops.align(volume)
    assert rms(sample.errors(aligned.metadata["align"].shifts)) < 2 * rms(sample.bound)
    np.testing.assert_array_equal(aligned.data[:, 0], aligned.data[:, 1])
