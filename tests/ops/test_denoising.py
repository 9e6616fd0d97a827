"""Denoising: against simulated truth, and what it must never do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    """Root mean square error of the valence where there is some jump."""
    maps = nx.maps.fit_references(stack, references=references, min_jump=0.04)
    off = maps["valence"].data - sample.truth["valence"].data
    return float(np.sqrt(np.nanmean(off[sample.truth["edge_jump"].data > 0.04] ** 2)))


@pytest.mark.parametrize("noise", ["network", "tv"])
def test_valence_is_told_much_better(sample: Sample, references: list[Spectrum], noise: str) -> None:
    raw = error(sample, nx.ops.optical_depth(sample.stack), references)
    assert error(sample, nx.ops.denoise(sample.stack, references=references, noise=noise), references) < 0.4 * raw


def test_learned_spectra_serve_where_there_are_no_references(sample: Sample, references: list[Spectrum]) -> None:
    raw = error(sample, nx.ops.optical_depth(sample.stack), references)
    assert error(sample, nx.ops.denoise(sample.stack), references) < 0.5 * raw


def test_errors_are_honest(sample: Sample, cleaned: SpectralStack) -> None:
    about = cleaned.metadata["denoise"]
    truth = (sample.truth["valence"].data - 2) / 2
    where = sample.truth["edge_jump"].data > 0.04
    score = ((about["fractions"][1] - truth) / about["fraction_sigma"][1])[where]
    assert 0.9 < np.mean(np.abs(score) < 2) <= 1
    assert np.abs(about["fractions"].sum(axis=0) - 1).max() < 1e-4


def test_a_fit_of_the_cleaned_stack_has_the_errors_of_the_cleaning(
    cleaned: SpectralStack, references: list[Spectrum]
) -> None:
    about = cleaned.metadata["denoise"]
    maps = nx.maps.fit_references(cleaned, references=references)
    good = maps["valence"].mask
    np.testing.assert_allclose(
        maps["valence"].sigma[good], 2 * about["fraction_sigma"][1][good], rtol=0.1, err_msg="valence runs from 2 to 4"
    )
    np.testing.assert_allclose(maps["edge_jump"].sigma[good], about["edge_jump_sigma"][good], rtol=0.05)


def test_a_cleaned_stack_is_a_combination_of_its_spectra(cleaned: SpectralStack, references: list[Spectrum]) -> None:
    energy = cleaned.energy
    cubic = (energy / energy[0]) ** -3
    columns = np.stack([*(one.at(energy) for one in references), np.ones_like(energy), cubic], axis=1)
    spectra = cleaned.data.reshape(energy.size, -1)
    left = spectra - columns @ np.linalg.lstsq(columns, spectra, rcond=None)[0]
    assert np.abs(left).max() < 1e-4


def test_nothing_is_invented(cleaned: SpectralStack) -> None:
    about = cleaned.metadata["denoise"]
    assert about["novel"] == []
    assert not about["novelty"].any()
    assert about["report"]["reference_offset_eV"] == 0


def spotted(sample: Sample) -> tuple[SpectralStack, np.ndarray]:
    """The sample with spots of metal, which no reference knows."""
    y, x = np.indices(sample.stack.shape[1:])
    spots = np.zeros(y.shape)
    for cy, cx in ((40, 40), (50, 62), (64, 45), (38, 60), (60, 30), (55, 50), (45, 52), (66, 60)):
        spots += 0.1 * (np.hypot(y - cy, x - cx) < 2.5)
    metal = 0.5 + np.arctan((sample.stack.energy - 8333.0) / 1.0) / np.pi
    counts = (sample.stack.data - 100) * np.exp(-metal[:, None, None] * spots) + 100
    return sample.stack.with_data(counts.astype(np.float32)), spots > 0


def test_a_new_phase_is_found_and_kept(sample: Sample, references: list[Spectrum]) -> None:
    stack, where = spotted(sample)
    made = nx.ops.denoise(stack, references=references)
    about = made.metadata["denoise"]
    assert about["report"]["new_features"] >= 1
    found = about["novelty"] > 4.5
    assert (found & where).sum() > 0.7 * where.sum()
    assert (found & ~where).sum() < 0.01 * found.size
    before = made.data - nx.ops.denoise(stack, references=references, keep_new=False).data
    assert np.abs(before[:, where]).mean() > 3 * np.abs(before[:, ~where]).mean()


def test_references_that_are_off_are_found_and_moved(sample: Sample, references: list[Spectrum]) -> None:
    wrong = [replace(one, energy=one.energy - 0.8) for one in references]
    made = nx.ops.denoise(sample.stack, references=wrong)
    report = made.metadata["denoise"]["report"]
    assert report["reference_offset_eV"] == pytest.approx(0.8, abs=0.15)
    assert any("0.8" in line or "0.7" in line for line in report["text"])
    truth = (sample.truth["valence"].data - 2) / 2
    where = sample.truth["edge_jump"].data > 0.04
    assert abs(float((made.metadata["denoise"]["fractions"][1] - truth)[where].mean())) < 0.03


def patterned(sample: Sample, size: float) -> SpectralStack:
    """The sample in a beam that changed since its flats were taken."""
    rng = np.random.default_rng(3)
    from scipy.ndimage import gaussian_filter

    shape = sample.stack.shape[1:]
    counts = sample.stack.data - 100
    drift = np.sin(np.linspace(0, 5, sample.stack.energy.size)), np.linspace(-1, 1, sample.stack.energy.size) ** 2
    for course in drift:
        image = gaussian_filter(rng.standard_normal(shape), 12)
        counts = counts * np.exp(-size * course[:, None, None] * image / image.std())
    return sample.stack.with_data((counts + 100).astype(np.float32))


def test_patterns_of_the_beam_are_removed(sample: Sample, references: list[Spectrum]) -> None:
    stack = patterned(sample, 0.02)
    with_them = nx.ops.denoise(stack, references=references, background="none")
    without = nx.ops.denoise(stack, references=references)
    assert without.metadata["denoise"]["report"]["background_patterns"] >= 2
    assert error(sample, without, references) < 0.7 * error(sample, with_them, references)


def test_background_alone_leaves_the_noise(sample: Sample, references: list[Spectrum]) -> None:
    stack = nx.ops.optical_depth(sample.stack)
    made = nx.ops.denoise(stack, references=references, noise="none")
    taken = np.asarray(made.metadata["denoise"]["background"])
    np.testing.assert_allclose(made.data + taken, stack.data, atol=1e-5)
    assert made.metadata["noise"] == stack.metadata["noise"]


def test_without_air_it_says_what_it_cannot_know(sample: Sample, references: list[Spectrum]) -> None:
    inner = nx.ops.crop(sample.stack, region=(36, 60, 36, 60))
    report = nx.ops.denoise(inner, references=references).metadata["denoise"]["report"]
    assert not report["empty_area"]
    assert any("no empty area" in line for line in report["text"])


def test_lazy_in_lazy_out(sample: Sample, references: list[Spectrum], cleaned: SpectralStack) -> None:
    import dask.array as da

    lazy = sample.stack.with_data(da.from_array(sample.stack.data, chunks=(5, 30, 96)))
    made = nx.ops.denoise(lazy, references=references)
    assert made.is_lazy
    np.testing.assert_allclose(np.asarray(made.data), cleaned.data, atol=2e-4)


def test_volumes_are_cleaned_slice_by_slice(sample: Sample, references: list[Spectrum]) -> None:
    flat = nx.ops.optical_depth(sample.stack)
    noise = flat.metadata["noise"]
    volume = SpectralStack(
        np.stack([flat.data, flat.data], axis=1),
        flat.energy,
        "optical_depth",
        metadata={"noise": {**noise, "i0": np.stack([noise["i0"], noise["i0"]], axis=1)}},
    )
    made = nx.ops.denoise(volume, references=references, noise="tv")
    alone = nx.ops.denoise(flat, references=references, noise="tv")
    np.testing.assert_allclose(made.data[:, 1], alone.data, atol=1e-5)
    assert made.metadata["denoise"]["fractions"].shape == (2, 2, 96, 96)
    left = nx.ops.denoise(volume, references=references, noise="none", keep_new=False)
    assert left.metadata["noise"]["i0"].shape == volume.shape
    with pytest.raises(ValueError, match="give references"):
        nx.ops.denoise(volume)


def test_one_reference_cleans_the_amount(sample: Sample, references: list[Spectrum]) -> None:
    made = nx.ops.denoise(sample.stack, references=references[:1], noise="tv")
    assert (made.metadata["denoise"]["fractions"] == 1).all()
    assert np.isfinite(made.data).all()


def test_companions_survive_a_file(cleaned: SpectralStack, tmp_path: Any) -> None:
    nx.write(cleaned, tmp_path / "clean.h5")
    back = nx.read(tmp_path / "clean.h5")
    about, was = back.metadata["denoise"], cleaned.metadata["denoise"]
    np.testing.assert_array_equal(about["fractions"], was["fractions"])
    assert about["report"]["text"] == was["report"]["text"]
    np.testing.assert_array_equal(back.metadata["noise"]["factors"], cleaned.metadata["noise"]["factors"])


def test_cropping_cuts_the_companions(cleaned: SpectralStack) -> None:
    cut = nx.ops.crop(cleaned, region=(10, 50, 20, 80), energy=(8300, 8400))
    assert cut.metadata["denoise"]["fractions"].shape == (2, 40, 60)
    assert cut.metadata["noise"]["factors"].shape[-2:] == (40, 60)
    assert len(cut.metadata["noise"]["columns"]) == cut.energy.size


def test_references_that_do_not_explain_real_data_change_nothing_and_are_told(real_data: Path) -> None:
    folder = real_data / "hxn_fe_k"
    wanted = ("Pyrite", "STRENGITE", "VIVIANITE")
    references = [
        one for one in nx.read_spectra(folder / "test_ref_athena.nor") if any(name in one.name for name in wanted)
    ]
    stack = nx.read(folder / "test_stack.tiff", energies=folder / "test_energy.txt")
    stack = nx.ops.crop(stack, energy=(7100, 7139))
    report = nx.ops.denoise(stack, references=references).metadata["denoise"]["report"]
    assert report["background_share"] < 0.05
    assert report["reference_offset_eV"] == 0
    assert any("references are missing" in line for line in report["text"])


def test_twice_is_refused(cleaned: SpectralStack, references: list[Spectrum]) -> None:
    with pytest.raises(ValueError, match="denoised already"):
        nx.ops.denoise(cleaned, references=references)


def test_adapting_is_only_taken_when_it_helps(sample: Sample, references: list[Spectrum]) -> None:
    made = nx.ops.denoise(sample.stack, references=references, adapt=True)
    again = nx.ops.denoise(sample.stack, references=references, adapt=True)
    np.testing.assert_allclose(made.data, again.data, atol=1e-5)
    told = made.metadata["denoise"]["report"]
    assert told["adapted"] in (True, False)
    assert any("dapt" in line for line in told["text"])


def test_cancelling_leaves_nothing(sample: Sample, references: list[Spectrum]) -> None:
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
def test_bad_input_is_explained(
    sample: Sample, references: list[Spectrum], change: dict[str, Any], message: str
) -> None:
    stack = nx.ops.optical_depth(sample.stack)
    stack = stack.with_data(stack.data[: change.get("energies")], energy=stack.energy[: change.get("energies")])
    if change.get("data"):
        stack = stack.with_data(np.full_like(stack.data, np.nan))
    one = references[0]
    wrong = {
        "short": [Spectrum("short", one.energy[:300], one.mu[:300])],
        "same": [one, Spectrum("twin", one.energy, one.mu)],
    }
    with pytest.raises(ValueError, match=message):
        nx.ops.denoise(stack, references=wrong.get(change.get("references", ""), references))


def test_a_single_small_feature_is_found_and_kept(sample: Sample, references: list[Spectrum]) -> None:
    metal = 0.5 + np.arctan((sample.stack.energy - 8333.0) / 1.0) / np.pi
    there = np.zeros(sample.stack.shape[1:], bool)
    there[50:56, 47:53] = True
    counts = (sample.stack.data - 100) * np.exp(-0.1 * metal[:, None, None] * there) + 100
    about = nx.ops.denoise(
        sample.stack.with_data(counts.astype(np.float32)), references=references, noise="tv"
    ).metadata["denoise"]
    assert len(about["novel"]) == 1
    assert (about["novelty"] > 4.5)[there].mean() > 0.9
    assert (about["novelty"] > 4.5)[~there].mean() < 0.01


def test_a_feature_too_small_to_be_told_from_artefacts_is_reported(sample: Sample, references: list[Spectrum]) -> None:
    counts = sample.stack.data.copy()
    counts[:, 50, 47] *= np.random.default_rng(0).uniform(0.3, 1.7, len(counts)).astype(np.float32)
    report = nx.ops.denoise(sample.stack.with_data(counts), references=references, noise="tv").metadata["denoise"][
        "report"
    ]
    assert report["unexplained_places"] == 1
    assert report["new_features"] == 0
    assert any("far beyond the noise" in line for line in report["text"])


@pytest.mark.parametrize("sigma", [0.0, 0.6])
def test_a_stack_that_was_smoothed_before_is_known(sample: Sample, references: list[Spectrum], sigma: float) -> None:
    from scipy.ndimage import gaussian_filter

    stack = nx.ops.optical_depth(sample.stack)
    stack = stack.with_data(gaussian_filter(stack.data, (0, sigma, sigma)))
    text = nx.ops.denoise(stack, references=references, noise="tv").metadata["denoise"]["report"]["text"]
    assert any("smoothed or resampled" in line for line in text) == (sigma > 0)


def test_saturated_flats_are_told(sample: Sample, references: list[Spectrum]) -> None:
    flat = np.asarray(sample.stack.metadata["flat"])
    bright = np.minimum(flat, np.percentile(flat, 90)).astype(np.float32)
    stack = sample.stack.with_data(sample.stack.data, metadata={"flat": bright})
    text = nx.ops.denoise(stack, references=references, noise="tv").metadata["denoise"]["report"]["text"]
    assert any("saturated" in line for line in text)


def test_references_that_are_off_are_found_on_large_images_too(references: list[Spectrum]) -> None:
    large = nmc_ni_k(size=520, photons=500)
    off = [Spectrum(one.name, one.energy - 0.8, one.mu, one.valence) for one in references]
    state = nx.ops.denoise.fit(large.stack, references=off, reference_offset=None, background="auto")
    assert state["reference_offset"] == pytest.approx(0.8, abs=0.15)
