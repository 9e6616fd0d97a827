"""The report of `denoise` names limits and problems of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import Spectrum
from napari_xanes.denoising.network import adaptation
from napari_xanes.sample import Sample, nmc_ni_k


@pytest.fixture(scope="module")
def sample() -> Sample:
    return nmc_ni_k(size=96, photons=800)


@pytest.fixture(scope="module")
def references(sample: Sample) -> list[Spectrum]:
    return sample.stack.metadata["references"]


def test_report_names_the_limits_if_there_is_no_empty_area(sample: Sample, references: list[Spectrum]) -> None:
    inner = nx.ops.crop(sample.stack, region=(36, 60, 36, 60))
    report = nx.ops.denoise(inner, references=references).metadata["denoise"]["report"]
    assert not report["empty_area"]
    assert any("no empty area" in line for line in report["text"])


def test_unsuitable_references_on_real_data_change_nothing_and_are_reported(real_data: Path) -> None:
    folder = real_data / "hxn_fe_k"
    wanted = ("Pyrite", "STRENGITE", "VIVIANITE")
    references = [
        reference
        for reference in nx.read_spectra(folder / "test_ref_athena.nor")
        if any(name in reference.name for name in wanted)
    ]
    stack = nx.read(folder / "test_stack.tiff", energies=folder / "test_energy.txt")
    stack = nx.ops.crop(stack, energy=(7100, 7139))
    report = nx.ops.denoise(stack, references=references).metadata["denoise"]["report"]
    assert report["background_share"] < 0.05
    assert report["reference_offset_eV"] == 0
    assert any("references are missing" in line for line in report["text"])


def test_adaptation_is_kept_only_if_it_helps(
    sample: Sample, references: list[Spectrum], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation, "SIZE", 32)  # so that the image has enough patches for training
    monkeypatch.setattr(adaptation, "_STEPS", 3)
    monkeypatch.setattr(adaptation, "_MAX_PLACES", 6)
    denoised = nx.ops.denoise(sample.stack, references=references, adapt=True)
    adapted = nx.ops.denoise(sample.stack, references=references, adapt=True)
    np.testing.assert_allclose(denoised.data, adapted.data, atol=1e-5)
    report = denoised.metadata["denoise"]["report"]
    assert report["adapted"] in (True, False)
    sentence = next(line for line in report["text"] if "dapt" in line)
    assert ("did not help" in sentence) != report["adapted"]
    assert "+0.0%" not in sentence, "the network was not trained"


def test_a_feature_too_small_to_distinguish_from_artefacts_is_reported(
    sample: Sample, references: list[Spectrum]
) -> None:
    counts = sample.stack.data.copy()
    counts[:, 50, 47] *= np.random.default_rng(0).uniform(0.3, 1.7, len(counts)).astype(np.float32)
    report = nx.ops.denoise(sample.stack.with_data(counts), references=references, noise="tv").metadata["denoise"][
        "report"
    ]
    assert report["unexplained_places"] == 1
    assert report["new_features"] == 0
    assert any("far beyond the noise" in line for line in report["text"])


@pytest.mark.parametrize("period", [2, 64])
def test_structure_that_is_finer_than_the_map_is_kept_and_reported(period: int, references: list[Spectrum]) -> None:
    y, x = np.indices((64, 64))
    sample = np.hypot(y - 32, x - 32) < 24
    share = np.where((y // period + x // period) % 2, 0.2, 0.8)
    energy = np.linspace(8310, 8380, 60)
    low, high = (reference.at(energy)[:, None, None] for reference in references)
    depth = 0.25 * sample * ((1 - share) * low + share * high + 0.5)
    rng = np.random.default_rng(0)
    metadata = {"flat": np.full((64, 64), 5000.0, np.float32), "n_flat": 1e6, "gain": 1.0}
    counts = rng.poisson(5000 * np.exp(-depth)).astype(np.float32)
    clean = nx.ops.denoise(nx.SpectralStack(counts, energy, "counts", metadata=metadata), references=references)
    result = clean.metadata["denoise"]
    assert any("one to three pixels" in line for line in result["report"]["text"]) == (period < 3)
    assert (result["report"]["fine_structure_share"] > 0.5) == (period < 3)
    score = np.abs(result["fractions"][1] - share)[sample] / result["fraction_sigma"][1][sample]
    assert np.mean(score < 2) > 0.92


@pytest.mark.parametrize("times_the_limit", [0.5, 2.0])
def test_a_feature_above_the_detection_limit_is_seen(times_the_limit: float, references: list[Spectrum]) -> None:
    y, x = np.indices((64, 64))
    sample = 0.25 * (np.hypot(y - 32, x - 32) < 24)
    energy = np.linspace(8310, 8380, 60)
    low, high = (reference.at(energy) for reference in references)
    columns = np.stack([low, high, np.ones(60), energy**-3.0 * 1e11], axis=1)
    bump = np.exp(-(((energy - 8360) / 4) ** 2))
    bump -= columns @ np.linalg.lstsq(columns, bump, rcond=None)[0]
    bump /= np.sqrt(np.mean(bump**2))

    def report(spot: float) -> dict[str, Any]:
        place = (np.abs(y - 37.5) < 2) & (np.abs(x - 25.5) < 2)
        depth = np.multiply.outer((low + high) / 2, sample) + np.multiply.outer(bump, spot * place)
        counts = np.random.default_rng(0).poisson(5000 * np.exp(-depth)).astype(np.float32)
        metadata = {"flat": np.full((64, 64), 5000.0, np.float32), "n_flat": 1e6, "gain": 1.0}
        stack = nx.SpectralStack(counts, energy, "counts", metadata=metadata)
        return nx.ops.denoise(stack, references=references, noise="tv").metadata["denoise"]["report"]

    empty = report(0.0)
    assert any("4 x 4 pixels" in line for line in empty["text"])
    seen = report(times_the_limit * empty["detection_limit"] * 0.25)
    assert (seen["new_features"] + seen["unexplained_places"] > 0) == (times_the_limit > 1)


@pytest.mark.parametrize("sigma", [0.0, 0.6])
def test_earlier_smoothing_is_detected(sample: Sample, references: list[Spectrum], sigma: float) -> None:
    from scipy.ndimage import gaussian_filter

    stack = nx.ops.optical_depth(sample.stack)
    stack = stack.with_data(gaussian_filter(stack.data, (0, sigma, sigma)))
    text = nx.ops.denoise(stack, references=references, noise="tv").metadata["denoise"]["report"]["text"]
    assert any("smoothed or resampled" in line for line in text) == (sigma > 0)


def test_saturated_flats_are_reported(sample: Sample, references: list[Spectrum]) -> None:
    flat = np.asarray(sample.stack.metadata["flat"])
    bright = np.minimum(flat, np.percentile(flat, 90)).astype(np.float32)
    stack = sample.stack.with_data(sample.stack.data, metadata={"flat": bright})
    for given in (stack, nx.ops.optical_depth(stack)):
        clean = nx.ops.denoise(given, references=references, noise="tv")
        told = [
            [line for line in lines if "saturated" in line]
            for lines in (clean.metadata["denoise"]["report"]["text"], clean.metadata["warnings"])
        ]
        assert told[0] == told[1] == nx.ops.optical_depth(stack).metadata["warnings"]
        assert len(told[0]) == 1


def test_the_report_says_how_much_of_a_missing_phase_would_be_found(sample: Sample, references: list[Spectrum]) -> None:
    report = nx.ops.denoise(sample.stack, references=references, noise="tv").metadata["denoise"]["report"]
    small, middle, large = report["spot_limits"]
    assert 1 > small > middle > large > 0
    assert any(f"{middle:.0%} of a spot of 8 pixels" in line for line in report["text"])
