"""Faint spots of a missing phase are found, and noise is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_xanes import SpectralStack, Spectrum, ops
from napari_xanes.denoising.novelty.faint_features import find_faint_features
from napari_xanes.denoising.novelty.half_sums import HalfSums
from napari_xanes.denoising.novelty.plausible import PlausibleSpectra
from napari_xanes.sample import nmc_ni_k

R, SIZE = 6, 64
TRUE = np.array([0.5, -0.6, 0.4, 0.3, -0.3, 0.2])
SPOTS = [(10, 12), (20, 50), (33, 31), (45, 9), (50, 52), (57, 30)]


def model(seed: int = 0) -> PlausibleSpectra:
    """Return spectra of 20 energies, and candidates one of which resembles the true one."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((20, R)))[0]
    others = rng.standard_normal((R, 12))
    near = TRUE + 0.3 * rng.standard_normal(R) * np.linalg.norm(TRUE) / np.sqrt(R)
    return PlausibleSpectra(basis, np.concatenate([others, near[:, None]], axis=1))


def halves(rng: np.random.Generator, height: float, *, signs: bool = False, even_only: bool = False) -> HalfSums:
    """Return noise with spots of `height` standard errors, over both halves and with their true spectrum."""
    sums = np.sqrt(0.5) * rng.standard_normal((2, R, SIZE, SIZE)).astype(np.float32)
    spots = np.zeros((SIZE, SIZE))
    for number, place in enumerate(SPOTS):
        spots[place] = -1 if signs and number % 2 else 1
    shape = gaussian_filter(spots, 1.0)
    amount = height * shape / np.sqrt(np.sum(shape**2) / len(SPOTS))
    added = (TRUE / np.linalg.norm(TRUE))[:, None, None] * amount
    sums[0] += added * (1.0 if even_only else 0.5)
    sums[1] += 0 if even_only else added * 0.5
    gram = 0.5 * np.stack([np.eye(R)] * 2)
    return HalfSums(sums, gram, np.ones((SIZE, SIZE), np.float32))


@pytest.mark.parametrize("seed", range(25))
def test_noise_holds_no_phase(seed):
    rng = np.random.default_rng(seed)
    found = find_faint_features(halves(rng, 0.0), model(seed), most=4)
    assert found.new.shape == found.nuisance.shape == (20, 0)


@pytest.mark.parametrize("seed", range(4))
def test_six_spots_of_six_standard_errors_are_found_with_their_spectrum(seed):
    found = find_faint_features(halves(np.random.default_rng(seed), 6.0), model(), most=4)
    assert found.new.shape[1] == 1
    true = model().basis @ TRUE
    assert found.new[:, 0] @ true / np.linalg.norm(found.new) / np.linalg.norm(true) > 0.9


def test_what_adds_here_and_takes_there_is_no_phase(rng):
    found = find_faint_features(halves(rng, 9.0, signs=True), model(), most=4)
    assert found.new.shape[1] == 0
    assert found.nuisance.shape[1] >= 1


def test_what_only_one_half_of_the_energies_shows_is_no_phase(rng):
    found = find_faint_features(halves(rng, 8.0, even_only=True), model(), most=4)
    assert found.new.shape[1] == found.nuisance.shape[1] == 0


def test_a_sample_of_few_cells_holds_no_phase():
    few = HalfSums(np.ones((2, R, 5, 5), np.float32), np.stack([np.eye(R)] * 2), np.ones((5, 5), np.float32))
    assert find_faint_features(few, model(), most=4).new.shape[1] == 0


def test_frames_that_wander_by_two_pixels_are_no_phase():
    """Places of the first spectrum may all be noise after it was learned once."""
    stack, references = wandering(128)
    report = ops.denoise(stack, references=references, noise="none").metadata["denoise"]["report"]
    assert report["misregistration"]
    assert report["new_features"] == 0


def wandering(size: int) -> tuple[SpectralStack, list[Spectrum]]:
    """Return particles of the sample that wander while the energy changes."""
    sample = nmc_ni_k(size=size)
    references = sample.stack.metadata["references"]
    energy = np.linspace(sample.stack.energy[0], sample.stack.energy[-1], 100)
    jump, share = sample.truth["edge_jump"].data, np.nan_to_num(sample.truth["Ni4+ model"].data)
    rng = np.random.default_rng(0)
    data = np.empty((100, size, size), np.float32)
    for i, (two, four) in enumerate(zip(*(reference.at(energy) for reference in references), strict=True)):
        depth = np.roll(jump * (two * (1 - share) + four * share + 0.9), (round(2 * np.sin(i / 9)), 0), (0, 1))
        depth[:8] = 0
        data[i] = -np.log(np.maximum(rng.poisson(4000 * np.exp(-depth)), 0.5) / 4000)
    return SpectralStack(data, energy, quantity="optical_depth"), references
