"""Alignment by correlation: pairs of frames, one reference frame, and a region that is followed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tests.drifting import Contrast, changing, drifting

import napari_xanes as nx
from napari_xanes.registration.fourier import band_of, phases
from napari_xanes.registration.pairs import compared
from napari_xanes.registration.pairwise import solved
from napari_xanes.registration.search import FOUND, Search


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def errors(found: nx.Alignment, shifts: np.ndarray) -> np.ndarray:
    """Return the errors of the frames that were found, relative to their mean, and NaN for others."""
    difference = np.where(np.isfinite(found.sigma), found.shifts - shifts, np.nan)
    return difference - np.nanmean(difference, axis=0)


@pytest.mark.parametrize(
    ("method", "contrast", "times"),
    [("pairwise", "same", 1.5), ("pairwise", "inverts", 2.5), ("pairwise", "weak", 1.4), ("reference", "same", 2.5)],
)
def test_shifts_are_found_near_the_cramer_rao_bound(method: str, contrast: Contrast, times: float) -> None:
    sample = drifting(contrast, seed=1, size=96)
    found = nx.ops.align(sample.stack, method=method).metadata["align"]
    assert rms(sample.errors(found.shifts)) < times * rms(sample.bound)
    assert np.isfinite(found.sigma).all()


@pytest.mark.parametrize(("method", "contrast"), [("pairwise", "inverts"), ("reference", "weak")])
def test_errors_cover_the_true_shifts(method: str, contrast: Contrast) -> None:
    inside = []
    for seed in range(4):
        sample = drifting(contrast, seed=seed, size=48, photons=1000.0)
        found = nx.ops.align(sample.stack, method=method).metadata["align"]
        inside.append(np.abs(errors(found, sample.shifts) / (2 * found.sigma))[np.isfinite(found.sigma)] < 1)
    assert 0.88 < np.concatenate(inside).mean() < 0.99


def test_a_sample_that_changes_is_aligned_by_pairs_where_no_common_model_exists() -> None:
    """After a third of the frames nothing of the first image is left: all methods but one lose frames or are off."""
    stack, shifts = changing(seed=1)
    found = nx.ops.align(stack, method="pairwise").metadata["align"]
    assert not found.outliers.any()
    apart = errors(found, shifts)
    assert rms(np.diff(apart, axis=0)) < 0.05
    assert 0.85 < np.mean(np.abs(apart) < 2 * found.sigma) <= 1
    by_one = nx.ops.align(stack, method="reference").metadata["align"]
    assert np.isnan(by_one.sigma[by_one.outliers]).all(axis=1).sum() > 15


def test_the_variance_of_a_distance_is_that_of_coherent_signals() -> None:
    """Knapp and Carter: one over the sum of 2 k^2 coherence / (1 - coherence), here .9 everywhere."""
    rng, band = np.random.default_rng(0), band_of((96, 96))
    size, power = band.row.size, 18.0

    def white(variance: float) -> np.ndarray:
        return np.sqrt(variance / 2) * (rng.standard_normal(size) + 1j * rng.standard_normal(size))

    places = np.array([[0.0, 0.0], [0.1, -0.05]])
    offsets, variances = [], []
    for _ in range(60):
        signal = white(power)
        data = np.stack([signal + white(1.0), -signal + white(1.0)]).astype(np.complex64)
        pairs = compared(band, data * phases(band, -places), places + np.array([[0, 0], [0.02, 0]]), 1.0)
        offsets.append(pairs.offset[0, 1])
        variances.append(pairs.variance[0, 1])
    coherence = (power / (power + 1)) ** 2
    wave = (2 * np.pi * np.stack([band.ky, band.kx]).astype(float)) ** 2
    expected = 1 / (2 * coherence / (1 - coherence) * wave.sum(axis=1))
    np.testing.assert_allclose(np.mean(variances, axis=0), expected, rtol=0.1)
    np.testing.assert_allclose(np.var(offsets, axis=0), expected, rtol=0.5)
    np.testing.assert_allclose(np.mean(offsets, axis=0), [-0.02, 0], atol=4 * np.sqrt(expected.max() / 60))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_frames_far_apart_are_found_whatever_the_sign(sign: float) -> None:
    rng = np.random.default_rng(0)
    wide = ndimage.gaussian_filter(rng.standard_normal((120, 120)), 2.0, mode="wrap")
    band = band_of((80, 80), 0.05, 0.25)
    frames = [wide[20:100, 20:100], sign * wide[31:111, 4:84]]
    window = np.outer(*[np.hanning(80)] * 2)
    data = np.stack([np.fft.rfft2(frame * window)[band.row, band.column] for frame in frames]).astype(np.complex64)
    data /= 0.1 * np.abs(data).mean()
    shift, score = Search(band, data, 25.0).between(0, 1)
    assert score > FOUND
    np.testing.assert_allclose(shift, [-11, 16], atol=0.5)


def test_pairs_that_contradict_the_others_are_discarded() -> None:
    sample = drifting("same", seed=3, size=64)
    band = band_of((64, 64))
    data = np.stack([np.fft.rfft2(frame - frame.mean())[band.row, band.column] for frame in sample.stack.data])
    data = (data / np.sqrt(64 * 64 / 2000)).astype(np.complex64)
    pairs = compared(band, data, sample.shifts, 0.8)
    before, _, _ = solved(pairs)
    pairs.offset[2, 9], pairs.offset[9, 2] = [0.9, -0.9], [-0.9, 0.9]
    after, _, held = solved(pairs)
    assert held.all()
    # As one pair of 23, it would move its frames by .04 pixels.
    np.testing.assert_allclose(after, before, atol=0.006)


@pytest.mark.parametrize("method", ["pairwise", "reference"])
def test_frames_of_nothing_and_foreign_ones_get_no_invented_shift(method: str) -> None:
    sample = drifting("same", seed=5)
    rng = np.random.default_rng(9)
    data = sample.stack.data.copy()
    data[5] = 0.4
    data[11] = 0.3 + 0.3 * ndimage.gaussian_filter(rng.standard_normal(data[11].shape), 2.0)
    data[17] = rng.normal(0.4, 0.05, data[17].shape)
    found = nx.ops.align(sample.stack.with_data(data), method=method).metadata["align"]
    assert found.outliers[[5, 11, 17]].all()
    assert np.flatnonzero(np.isnan(found.sigma[:, 0])).tolist() == [5, 11, 17]
    np.testing.assert_allclose(found.shifts[5], (found.shifts[4] + found.shifts[6]) / 2)
    assert np.nanmax(np.abs(errors(found, sample.shifts))) < 0.15


@pytest.mark.parametrize("method", ["pairwise", "reference"])
def test_what_shows_nothing_in_common_is_refused(method: str) -> None:
    noise = np.random.default_rng(0).standard_normal((12, 64, 64)).astype(np.float32)
    for data in (noise, np.ones_like(noise), np.cumsum(np.cumsum(noise, axis=1), axis=2)):
        with pytest.raises(ValueError, match="no two frames show the same"):
            nx.ops.align(nx.SpectralStack(data, np.arange(700.0, 712.0), "optical_depth"), method=method)


@pytest.mark.parametrize("method", ["joint", "lines"])
def test_constant_frames_have_no_shifts(method: str) -> None:
    """What is left of their rounding would be the same in all frames."""
    data = np.full((6, 48, 48), 1.1, np.float32)
    with pytest.raises(ValueError, match="no two frames show the same"):
        nx.ops.align(nx.SpectralStack(data, np.arange(700.0, 706.0), "optical_depth"), method=method)


def test_frames_that_drift_out_of_the_image_are_refused_in_words() -> None:
    stack, _ = changing(seed=0, drift=(0.0, 3.0))
    with pytest.raises(ValueError, match="less than 12 pixels in common"):
        nx.ops.align(stack, method="pairwise")


def test_the_reference_frame_can_be_chosen() -> None:
    sample = drifting("same", seed=1, size=64)
    energy = sample.stack.energy
    aligned = nx.ops.align(sample.stack, method="reference", reference_energy=energy[20] + 0.3)
    assert rms(sample.errors(aligned.metadata["align"].shifts)) < 3 * rms(sample.bound)
    again = nx.run([nx.Recipe.from_yaml(nx.Recipe([aligned.history[-1]]).to_yaml(exact=True))[0]], sample.stack)
    np.testing.assert_array_equal(again.data, aligned.data)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"reference_energy": 8350.0}, "with method = 'reference' or 'tracked region' only, not with 'joint'"),
        ({"method": "reference", "reference_energy": 7000.0}, "lies outside of 'same', which covers 8300 to 8400 eV"),
        ({"method": "tracked region"}, "'tracked region' needs region"),
        ({"method": "pairwise", "farthest_move": 5.0}, "with method = 'tracked region' only, not with 'pairwise'"),
        (
            {"method": "pairwise", "references": [nx.Spectrum("a", [8000, 9000], [0, 1])]},
            "with method = 'joint' or 'lines' only",
        ),
    ],
)
def test_parameters_of_another_method_are_refused(given: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nx.ops.align(drifting("same", seed=1, size=32).stack, **given)


def test_volumes_and_lazy_stacks_are_aligned_by_pairs_too() -> None:
    import dask.array as da

    sample = drifting("same", seed=6)
    found = nx.ops.align(sample.stack, method="pairwise").metadata["align"]
    lazy = sample.stack.with_data(da.from_array(sample.stack.data, chunks=(1, 64, 64)))
    np.testing.assert_allclose(nx.ops.align(lazy, method="pairwise").metadata["align"].shifts, found.shifts, atol=1e-6)
    images = np.stack([sample.stack.data, sample.stack.data], axis=1)
    volume = nx.SpectralStack(images, sample.stack.energy, "optical_depth")
    of_volume = nx.ops.align(volume, method="pairwise").metadata["align"]
    np.testing.assert_allclose(of_volume.shifts, found.shifts, atol=1e-5)


def test_a_region_is_followed_with_true_errors() -> None:
    inside = []
    for seed in range(3):
        sample = drifting("same", seed=seed, size=80)
        found = nx.ops.align(sample.stack, method="tracked region", region=(20, 60, 24, 68)).metadata["align"]
        apart = errors(found, sample.shifts)
        assert rms(apart[np.isfinite(apart)]) < 0.06
        inside.append(np.abs(apart / (2 * found.sigma))[np.isfinite(found.sigma)] < 1)
    assert 0.88 < np.concatenate(inside).mean() < 0.99


def test_a_region_is_followed_while_the_rest_stays() -> None:
    """A particle moves over a support that stays: the image as a whole tells of the support."""
    sample = drifting("same", seed=2, size=96)
    y, x = np.mgrid[:96, :96] - 48.0
    data = np.empty_like(sample.stack.data)
    support = 0.3 * ndimage.gaussian_filter(np.random.default_rng(5).standard_normal((96, 96)), 1.5)
    for i, (dy, dx) in enumerate(sample.shifts):
        particle = np.clip(24 - np.hypot(y - dy, x - dx), 0, 4) / 4
        data[i] = particle * sample.stack.data[i] + (1 - particle) * support
    stack = sample.stack.with_data(data)
    mask = np.hypot(y, x) < 20
    found = nx.ops.align(stack, method="tracked region", region=mask).metadata["align"]
    assert np.isfinite(found.sigma).all()
    assert rms(errors(found, sample.shifts)) < 0.08


def test_a_region_that_leaves_the_image_or_jumps_gets_no_invented_shift() -> None:
    sample = drifting("same", seed=3, size=64, frames=10, step=0.2)
    data = sample.stack.data.copy()
    data[6:] = np.roll(data[6:], 26, axis=2)
    stack, region = sample.stack.with_data(data), (16, 48, 20, 52)
    energy = float(stack.energy[0])
    given = {"method": "tracked region", "region": region, "reference_energy": energy}
    for farthest in (3.0, None):
        found = nx.ops.align(stack, farthest_move=farthest, **given).metadata["align"]
        assert np.flatnonzero(np.isnan(found.sigma[:, 0])).tolist() == [6, 7, 8, 9]
        assert found.outliers[6:].all()
    data = sample.stack.data.copy()
    data[6:] = np.roll(data[6:], 7, axis=2)
    found = nx.ops.align(stack.with_data(data), farthest_move=9.0, **given).metadata["align"]
    assert rms(errors(found, sample.shifts + np.outer(np.arange(10) > 5, [0, 7]))) < 0.1
    near = nx.ops.align(stack.with_data(data), farthest_move=2.0, **given).metadata["align"]
    assert np.isnan(near.sigma[6:]).all()


@pytest.mark.parametrize("method", ["pairwise", "reference"])
def test_a_pattern_that_correlations_follow_is_told(method: str) -> None:
    free, held = (nx.ops.align(drifting("same", pattern=amount).stack, method=method) for amount in (0.0, 0.04))
    texts = [[line for line in one.metadata["warnings"] if "stays with the detector" in line] for one in (free, held)]
    assert not texts[0]
    assert "method='joint'" in texts[1][0]
