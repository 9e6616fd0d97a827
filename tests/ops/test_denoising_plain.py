"""Rules for every plain denoiser, and principal components."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.denoising.principal_components import eigenvalues_of_noise, find_components
from napari_xanes.ops import OPERATIONS
from napari_xanes.progress import Cancelled
from napari_xanes.sample import Sample, nmc_ni_k

PLAIN = [name for name in OPERATIONS if name.startswith("denoise_")]
QUICK: dict[str, dict[str, Any]] = {"denoise_blind_spot": {"steps": 10}}


@pytest.fixture(scope="module")
def sample() -> Sample:
    return nmc_ni_k(size=64, photons=800)


@pytest.fixture(scope="module")
def absorption(sample: Sample) -> SpectralStack:
    return nx.ops.optical_depth(sample.stack)


def cleaned(name: str, stack: SpectralStack, **parameters: Any) -> SpectralStack:
    return OPERATIONS[name](stack, **(QUICK.get(name, {}) | parameters))


@pytest.fixture(scope="module")
def without_noise() -> np.ndarray:
    return nx.ops.optical_depth(nmc_ni_k(size=64, photons=1e6).stack).data


@pytest.mark.parametrize("name", PLAIN)
def test_noise_falls_and_the_report_names_the_method(
    name: str, absorption: SpectralStack, without_noise: np.ndarray
) -> None:
    steps = {"steps": 60} if name == "denoise_blind_spot" else {}
    denoised = cleaned(name, absorption, components=3, **steps)
    noisy, clean = (np.std(stack.data - without_noise) for stack in (absorption, denoised))
    assert clean < (0.4 if name == "denoise_pca" else 0.3) * noisy
    assert denoised.data.dtype == np.float32
    assert "no errors" in " ".join(denoised.metadata["denoise"]["report"]["text"])
    assert denoised.metadata["noise"] is None


@pytest.mark.parametrize("name", PLAIN)
def test_repeated_and_lazy_runs_give_the_same_result(name: str, absorption: SpectralStack) -> None:
    lazy = absorption.with_data(da.from_array(absorption.data, chunks=(10, 32, 64)))
    first, second, streamed = (cleaned(name, stack) for stack in (absorption, absorption, lazy))
    assert streamed.is_lazy
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_allclose(np.asarray(streamed.data), first.data, atol=2e-4)


@pytest.mark.parametrize("name", PLAIN)
def test_unusable_pixels_stay_unusable(name: str, absorption: SpectralStack) -> None:
    data = absorption.data.copy()
    data[3, 10, 12] = np.nan
    denoised = cleaned(name, absorption.with_data(data))
    assert np.isnan(denoised.data[:, 10, 12]).all()
    assert np.isfinite(denoised.data[:, 20:, 20:]).all()


@pytest.mark.parametrize("name", PLAIN)
def test_counts_are_refused_and_the_error_says_what_to_do(name: str, sample: Sample) -> None:
    with pytest.raises(ValueError, match="optical_depth"):
        cleaned(name, sample.stack)


@pytest.mark.parametrize("name", PLAIN)
def test_cancelling_stops_it(name: str, absorption: SpectralStack) -> None:
    def cancel(done: float, text: str) -> None:
        if done > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        cleaned(name, absorption, progress=cancel)


def test_all_components_give_the_stack_back(absorption: SpectralStack) -> None:
    few = SpectralStack(absorption.data[:40], absorption.energy[:40], "fluorescence")
    denoised = nx.ops.denoise_pca(few, components=40)
    np.testing.assert_allclose(denoised.data, few.data, atol=1e-4)


@pytest.mark.parametrize("n_true", [1, 3])
def test_parallel_analysis_counts_the_true_components(n_true: int) -> None:
    rng = np.random.default_rng(n_true)
    energy = np.linspace(8300, 8400, 40)
    spectra = gaussian_filter1d(rng.standard_normal((40, n_true)), 4, axis=0) * 3
    amounts = rng.uniform(0, 1, (n_true, 48, 48))
    data = np.tensordot(spectra, amounts, 1) + 0.2 * rng.standard_normal((40, 48, 48))
    stack = SpectralStack(data.astype(np.float32), energy, "fluorescence")
    assert find_components(stack, None).spectra.shape[1] == n_true


@pytest.mark.parametrize("mean", [0.0, 100.0, 1000.0])
def test_a_large_mean_adds_no_components(mean: float) -> None:
    rng = np.random.default_rng(0)
    energy = np.linspace(8300, 8400, 40)
    data = 2 * np.arctan(energy - 8343)[:, None, None] * rng.uniform(0, 1, (64, 64))
    data += mean + 0.3 * rng.standard_normal(data.shape)
    components = find_components(SpectralStack(data.astype(np.float32), energy, "fluorescence"), None)
    assert components.spectra.shape[1] == 1
    # A component takes its share of the noise, one of forty; what is left is noise.
    shown = components.mean[:, None, None] + np.tensordot(components.spectra, components.scores, 1) * components.noise
    assert np.std(data - shown) == pytest.approx(0.3 * np.sqrt(39 / 40), rel=0.02)


@pytest.mark.parametrize("photons", [1e4, 1e8])
def test_a_thick_sample_has_no_more_components_than_spectra(photons: float) -> None:
    rng = np.random.default_rng(0)
    energy = np.linspace(8300, 8400, 60)
    spectra = 0.1 * np.arctan(np.subtract.outer(energy, [8343, 8347]))
    depth = 1.5 + np.tensordot(spectra, rng.uniform(0, 1, (2, 64, 64)), 1)
    metadata = {"flat": np.full(depth.shape[1:], photons, np.float32), "n_flat": 1e9, "gain": 1.0}
    counts = rng.poisson(photons * np.exp(-depth)).astype(np.float32)
    stack = nx.ops.optical_depth(SpectralStack(counts, energy, "counts", metadata=metadata))
    assert find_components(stack, None).spectra.shape[1] == 2


def test_predicted_eigenvalues_of_noise_match_simulated_noise() -> None:
    rng = np.random.default_rng(1)
    drawn = [np.linalg.eigvalsh(np.cov(rng.standard_normal((20, 500))))[::-1] for _ in range(400)]
    typical, limit = eigenvalues_of_noise(20, 500)
    # 4 standard errors of a mean of 20 drawings.
    assert (np.abs(typical - np.mean(drawn, axis=0)) < 4 * np.std(drawn, axis=0) / np.sqrt(20)).all()
    assert np.mean(drawn, axis=0)[0] < limit < 1.15 * np.max(drawn)


@pytest.mark.parametrize("n_pixels", [2, 6, 15])
def test_eigenvalues_of_fewer_pixels_than_energies(n_pixels: int) -> None:
    rng = np.random.default_rng(0)
    drawn = [np.linalg.eigvalsh(np.cov(rng.standard_normal((20, n_pixels)), ddof=0))[::-1] for _ in range(200)]
    typical, limit = eigenvalues_of_noise(20, n_pixels)
    np.testing.assert_allclose(typical[: n_pixels - 1], np.mean(drawn, axis=0)[: n_pixels - 1], rtol=0.15)
    np.testing.assert_allclose(typical[n_pixels - 1 :], 0, atol=1e-12)
    assert np.mean(drawn, axis=0)[0] < limit


@pytest.mark.parametrize("n_pixels", [1, 3, 10])
def test_noise_in_a_few_pixels_has_one_component(n_pixels: int) -> None:
    data = np.random.default_rng(1).standard_normal((40, 1, n_pixels)).astype(np.float32)
    stack = SpectralStack(data, np.linspace(8300, 8400, 40), "fluorescence")
    assert find_components(stack, None).spectra.shape[1] == 1
