"""Denoising: comparison with simulated truth, and mistakes that it must never make."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import binary_dilation, shift

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.sample import Sample, nmc_ni_k


@pytest.fixture(scope="module")
def sample() -> Sample:
    return nmc_ni_k(size=96, photons=800)


@pytest.fixture(scope="module")
def references(sample: Sample) -> list[Spectrum]:
    return sample.stack.metadata["references"]


@pytest.fixture(scope="module")
def cleaned(sample: Sample, references: list[Spectrum]) -> SpectralStack:
    return nx.ops.denoise(sample.stack, references=references)


def error(sample: Sample, stack: SpectralStack, references: list[Spectrum]) -> float:
    """Return the root mean square error of the valence, for pixels with a sufficient edge jump."""
    maps = nx.maps.fit_references(stack, references=references, min_jump=0.04)
    off = maps["valence"].data - sample.truth["valence"].data
    return float(np.sqrt(np.nanmean(off[sample.truth["edge_jump"].data > 0.04] ** 2)))


@pytest.mark.parametrize("noise", ["network", "tv"])
def test_the_error_of_the_valence_falls(sample: Sample, references: list[Spectrum], noise: str) -> None:
    raw = error(sample, nx.ops.optical_depth(sample.stack), references)
    assert error(sample, nx.ops.denoise(sample.stack, references=references, noise=noise), references) < 0.4 * raw


def test_spectra_are_learned_without_references(sample: Sample, references: list[Spectrum]) -> None:
    raw = error(sample, nx.ops.optical_depth(sample.stack), references)
    assert error(sample, nx.ops.denoise(sample.stack), references) < 0.5 * raw


def test_claimed_errors_match_true_errors(sample: Sample, cleaned: SpectralStack) -> None:
    result = cleaned.metadata["denoise"]
    truth = (sample.truth["valence"].data - 2) / 2
    where = sample.truth["edge_jump"].data > 0.04
    score = ((result["fractions"][1] - truth) / result["fraction_sigma"][1])[where]
    assert 0.9 < np.mean(np.abs(score) < 2) <= 1
    assert np.abs(result["fractions"].sum(axis=0) - 1).max() < 1e-4


def test_means_over_regions_have_the_errors_that_the_covariance_length_says(
    sample: Sample, cleaned: SpectralStack, references: list[Spectrum]
) -> None:
    maps = nx.maps.fit_references(cleaned, references=references, min_jump=0.04)
    length = cleaned.metadata["covariance_length_pixels"]
    assert length == cleaned.metadata["denoise"]["report"]["covariance_length_pixels"] > 2
    truth, thick = sample.truth["valence"].data, sample.truth["edge_jump"].data > 0.04
    scores = []
    for top, left in np.ndindex(6, 6):
        region = np.zeros((96, 96), bool)
        region[16 * top : 16 * top + 16, 16 * left : 16 * left + 16] = True
        region &= thick & maps["valence"].mask
        if region.sum() > 120:
            mean = nx.region_mean(maps, "valence", region)
            scores.append((mean.value - truth[region].mean()) / mean.sigma)
    assert len(scores) >= 6
    assert 0.2 < np.sqrt(np.mean(np.square(scores))) < 1.5


def test_a_fit_of_the_cleaned_stack_uses_the_errors_of_the_denoiser(
    cleaned: SpectralStack, references: list[Spectrum]
) -> None:
    result = cleaned.metadata["denoise"]
    maps = nx.maps.fit_references(cleaned, references=references)
    good = maps["valence"].mask
    np.testing.assert_allclose(
        maps["valence"].sigma[good], 2 * result["fraction_sigma"][1][good], rtol=0.1, err_msg="valence runs from 2 to 4"
    )
    np.testing.assert_allclose(maps["edge_jump"].sigma[good], result["edge_jump_sigma"][good], rtol=0.05)


def test_a_cleaned_stack_is_a_combination_of_its_spectra(cleaned: SpectralStack, references: list[Spectrum]) -> None:
    energy = cleaned.energy
    cubic = (energy / energy[0]) ** -3
    columns = np.stack([*(reference.at(energy) for reference in references), np.ones_like(energy), cubic], axis=1)
    spectra = cleaned.data.reshape(energy.size, -1)
    residual = spectra - columns @ np.linalg.lstsq(columns, spectra, rcond=None)[0]
    assert np.abs(residual).max() < 1e-4


def test_no_feature_is_invented(cleaned: SpectralStack) -> None:
    result = cleaned.metadata["denoise"]
    assert result["novel"] == []
    assert not result["novelty"].any()
    assert result["report"]["reference_offset_eV"] == 0


def spotted(sample: Sample) -> tuple[SpectralStack, np.ndarray]:
    """Return the sample with spots of metal, which is not among the references, and a mask of the spots."""
    y, x = np.indices(sample.stack.shape[1:])
    spots = np.zeros(y.shape)
    for cy, cx in ((40, 40), (50, 62), (64, 45), (38, 60), (60, 30), (55, 50), (45, 52), (66, 60)):
        spots += 0.1 * (np.hypot(y - cy, x - cx) < 2.5)
    metal = 0.5 + np.arctan((sample.stack.energy - 8333.0) / 1.0) / np.pi
    counts = (sample.stack.data - 100) * np.exp(-metal[:, None, None] * spots) + 100
    return sample.stack.with_data(counts.astype(np.float32)), spots > 0


def test_a_new_phase_is_found_and_kept(sample: Sample, references: list[Spectrum]) -> None:
    stack, where = spotted(sample)
    denoised = nx.ops.denoise(stack, references=references)
    result = denoised.metadata["denoise"]
    assert result["report"]["new_features"] >= 1
    clear = result["novelty"] > 4.5
    assert (clear & where).sum() > 0.7 * where.sum()
    # A pixel beside a spot shares its signal: significance is pooled over 0.7 pixels.
    assert (clear & ~binary_dilation(where)).sum() < 0.005 * clear.size
    assert not any("spread out" in line for line in result["report"]["text"])
    new_features = denoised.data - nx.ops.denoise(stack, references=references, keep_new=False).data
    assert np.abs(new_features[:, where]).mean() > 3 * np.abs(new_features[:, ~where]).mean()


def test_references_with_an_energy_offset_are_detected_and_moved(sample: Sample, references: list[Spectrum]) -> None:
    wrong = [replace(reference, energy=reference.energy - 0.8) for reference in references]
    denoised = nx.ops.denoise(sample.stack, references=wrong)
    report = denoised.metadata["denoise"]["report"]
    assert report["reference_offset_eV"] == pytest.approx(0.8, abs=0.15)
    assert any("0.8" in line or "0.7" in line for line in report["text"])
    truth = (sample.truth["valence"].data - 2) / 2
    where = sample.truth["edge_jump"].data > 0.04
    assert abs(float((denoised.metadata["denoise"]["fractions"][1] - truth)[where].mean())) < 0.03


def patterned(sample: Sample, size: float) -> SpectralStack:
    """Return the sample in a beam that changed after the flats were recorded."""
    rng = np.random.default_rng(3)
    from scipy.ndimage import gaussian_filter

    shape = sample.stack.shape[1:]
    counts = sample.stack.data - 100
    drifts = np.sin(np.linspace(0, 5, sample.stack.energy.size)), np.linspace(-1, 1, sample.stack.energy.size) ** 2
    for drift in drifts:
        image = gaussian_filter(rng.standard_normal(shape), 12)
        counts = counts * np.exp(-size * drift[:, None, None] * image / image.std())
    return sample.stack.with_data((counts + 100).astype(np.float32))


def test_patterns_of_the_beam_are_removed(sample: Sample, references: list[Spectrum]) -> None:
    stack = patterned(sample, 0.02)
    with_them = nx.ops.denoise(stack, references=references, background="none")
    without = nx.ops.denoise(stack, references=references)
    assert without.metadata["denoise"]["report"]["background_patterns"] >= 2
    assert error(sample, without, references) < 0.7 * error(sample, with_them, references)


def test_background_removal_alone_keeps_the_noise(sample: Sample, references: list[Spectrum]) -> None:
    stack = nx.ops.optical_depth(sample.stack)
    denoised = nx.ops.denoise(stack, references=references, noise="none")
    removed = np.asarray(denoised.metadata["denoise"]["background"])
    np.testing.assert_allclose(denoised.data + removed, stack.data, atol=1e-5)
    assert denoised.metadata["noise"] == stack.metadata["noise"]


def test_lazy_stack_gives_a_lazy_result(sample: Sample, references: list[Spectrum], cleaned: SpectralStack) -> None:
    lazy = sample.stack.with_data(da.from_array(sample.stack.data, chunks=(5, 30, 96)))
    denoised = nx.ops.denoise(lazy, references=references)
    assert denoised.is_lazy
    np.testing.assert_allclose(np.asarray(denoised.data), cleaned.data, atol=2e-4)


def test_volumes_are_cleaned_slice_by_slice(sample: Sample, references: list[Spectrum]) -> None:
    flat = nx.ops.optical_depth(sample.stack)
    noise = flat.metadata["noise"]
    volume = SpectralStack(
        np.stack([flat.data, flat.data], axis=1),
        flat.energy,
        "optical_depth",
        metadata={"noise": {**noise, "i0": np.stack([noise["i0"], noise["i0"]], axis=1)}},
    )
    denoised = nx.ops.denoise(volume, references=references, noise="tv")
    alone = nx.ops.denoise(flat, references=references, noise="tv")
    np.testing.assert_allclose(denoised.data[:, 1], alone.data, atol=1e-5)
    assert denoised.metadata["denoise"]["fractions"].shape == (2, 2, 96, 96)
    corrected = nx.ops.denoise(volume, references=references, noise="none", keep_new=False)
    assert corrected.metadata["noise"]["i0"].shape == volume.shape
    with pytest.raises(ValueError, match="give references"):
        nx.ops.denoise(volume)


def test_one_reference_cleans_the_amount(sample: Sample, references: list[Spectrum]) -> None:
    denoised = nx.ops.denoise(sample.stack, references=references[:1], noise="tv")
    assert (denoised.metadata["denoise"]["fractions"] == 1).all()
    assert np.isfinite(denoised.data).all()


def test_companion_data_are_saved_and_read(cleaned: SpectralStack, tmp_path: Any) -> None:
    nx.write(cleaned, tmp_path / "clean.h5")
    restored = nx.read(tmp_path / "clean.h5")
    result, original = restored.metadata["denoise"], cleaned.metadata["denoise"]
    np.testing.assert_array_equal(result["fractions"], original["fractions"])
    assert result["report"]["text"] == original["report"]["text"]
    np.testing.assert_array_equal(restored.metadata["noise"]["factors"], cleaned.metadata["noise"]["factors"])


def test_cropping_crops_the_companion_data(cleaned: SpectralStack) -> None:
    cut = nx.ops.crop(cleaned, region=(10, 50, 20, 80), energy=(8300, 8400))
    assert cut.metadata["denoise"]["fractions"].shape == (2, 40, 60)
    assert cut.metadata["noise"]["factors"].shape[-2:] == (40, 60)
    assert len(cut.metadata["noise"]["columns"]) == cut.energy.size


def test_a_denoised_stack_is_refused(cleaned: SpectralStack, references: list[Spectrum]) -> None:
    with pytest.raises(ValueError, match="denoised already"):
        nx.ops.denoise(cleaned, references=references)


def test_cancelling_leaves_the_stack_unchanged(sample: Sample, references: list[Spectrum]) -> None:
    from napari_xanes.progress import Cancelled

    def stop(done: float, text: str) -> None:
        if done > 0.4:
            raise Cancelled

    before = sample.stack.data.copy()
    with pytest.raises(Cancelled):
        nx.ops.denoise(sample.stack, references=references, progress=stop)
    np.testing.assert_array_equal(sample.stack.data, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energies": 5}, "at least 8 energies"),
        ({"references": "short"}, "crop the stack to what all references cover"),
        ({"references": "same"}, "can't be told apart"),
        ({"data": "nan"}, r"frame 0 \(8270.0 eV\) holds no finite value"),
    ],
)
def test_errors_explain_bad_input(
    sample: Sample, references: list[Spectrum], change: dict[str, Any], message: str
) -> None:
    stack = nx.ops.optical_depth(sample.stack)
    stack = stack.with_data(stack.data[: change.get("energies")], energy=stack.energy[: change.get("energies")])
    if change.get("data"):
        stack = stack.with_data(np.full_like(stack.data, np.nan))
    first = references[0]
    wrong = {
        "short": [Spectrum("short", first.energy[:300], first.mu[:300])],
        "same": [first, Spectrum("twin", first.energy, first.mu)],
    }
    with pytest.raises(ValueError, match=message):
        nx.ops.denoise(stack, references=wrong.get(change.get("references", ""), references))


def test_a_single_small_feature_is_found_and_kept(sample: Sample, references: list[Spectrum]) -> None:
    metal = 0.5 + np.arctan((sample.stack.energy - 8333.0) / 1.0) / np.pi
    spot = np.zeros(sample.stack.shape[1:], bool)
    spot[50:56, 47:53] = True
    counts = (sample.stack.data - 100) * np.exp(-0.1 * metal[:, None, None] * spot) + 100
    result = nx.ops.denoise(
        sample.stack.with_data(counts.astype(np.float32)), references=references, noise="tv"
    ).metadata["denoise"]
    assert len(result["novel"]) == 1
    assert (result["novelty"] > 4.5)[spot].mean() > 0.9
    assert (result["novelty"] > 4.5)[~spot].mean() < 0.01


def test_frames_that_are_not_aligned_imitate_no_energy_offset(sample: Sample, references: list[Spectrum]) -> None:
    """Of eight drawn sets of shifts, the one whose edges fit best to references that were moved by 0.43 eV."""
    depth = nx.ops.optical_depth(sample.stack)
    shifts = np.random.default_rng(5).normal(0, 1, (depth.shape[0], 2))
    frames = [shift(frame, by, order=1, mode="nearest") for frame, by in zip(depth.data, shifts, strict=True)]
    moved = depth.with_data(np.stack(frames).astype(np.float32))
    state = nx.ops.denoise.fit(moved, references=references, reference_offset=None, background="auto")
    assert state["reference_offset"] == 0


def test_references_with_an_energy_offset_are_detected_on_large_images(
    references: list[Spectrum], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["napari_xanes.ops.denoising"], "_ENOUGH_PIXELS", 80 * 80)
    large = nmc_ni_k(size=160, photons=500)
    off = [replace(reference, energy=reference.energy - 0.8) for reference in references]
    state = nx.ops.denoise.fit(large.stack, references=off, reference_offset=None, background="auto")
    assert state["reference_offset"] == pytest.approx(0.8, abs=0.15)
    for chunks in ((3, 1, 160), (5, 37, 90)):
        lazy = large.stack.with_data(da.from_array(large.stack.data, chunks))
        assert nx.ops.denoise.fit(lazy, references=off, reference_offset=None, background="auto") == state
