"""Errors that look right and are not: noise that a step hid, and noise that decides which pixels are left."""

from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.edge import on_selection
from napari_xanes.hidden_noise import on_hidden_noise
from napari_xanes.sample import k_edge_curve

AXIS = np.concatenate([np.arange(8245, 8335, 8.0), np.arange(8335, 8375, 1.0), np.arange(8375, 8590, 5.0)])
REFERENCES = [
    Spectrum(name, AXIS, k_edge_curve(AXIS, e0, white, 0.08), valence, metadata={"normalized": True})
    for name, e0, white, valence in (("two", 8345.0, 0.65, 2.0), ("three", 8347.2, 0.42, 3.0))
]
SHARE = np.tile(np.linspace(0.05, 0.95, 32), (32, 1))


def stack(noise: float, jump: float = 0.4, axis: np.ndarray = AXIS) -> SpectralStack:
    low, high = (reference.at(axis)[:, None, None] for reference in REFERENCES)
    data = jump * ((1 - SHARE) * low + SHARE * high) + 0.3 * (axis[:, None, None] / AXIS[0]) ** -3
    data += noise * np.random.default_rng(4).standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), axis, "optical_depth", metadata={"element": "Ni", "edge": "K"})


def told(result: object, part: str) -> bool:
    return any(part in text for text in result.metadata["warnings"])  # type: ignore[attr-defined]


def test_maps_of_a_stack_denoised_without_errors_say_that_sigma_is_too_small() -> None:
    clean = nx.ops.denoise_pca(stack(0.02), components=3)
    maps = nx.maps.fit_references(clean, references=REFERENCES)
    error = np.abs(maps["valence"].data - 2 - SHARE)
    assert np.mean(error < 2 * maps["valence"].sigma) < 0.7
    for one in (maps, nx.maps.edge_energy(clean), nx.maps.fit_peaks(clean, centers=[8350], energy=(8340, 8362))):
        assert told(one, "several times too small")
    assert not told(nx.maps.fit_references(stack(0.02), references=REFERENCES), "too small")


def test_edge_energies_of_interpolated_stacks_say_that_energies_share_noise() -> None:
    finer = nx.ops.interpolate_energy(stack(0.01), step=1.0)
    assert told(nx.maps.edge_energy(finer), "neighbouring energies share noise")
    assert not on_hidden_noise(finer, energies=False), "where it is measured"
    assert not on_hidden_noise(stack(0.01))


def test_jumps_that_noise_has_chosen_are_said_to_be_too_large() -> None:
    noisy = stack(0.15)
    made = nx.ops.normalize_edge(noisy)
    jump = made.metadata["edge_jump"]
    left = jump.data[jump.mask]
    assert left.mean() > 0.5
    assert jump.mask.mean() < 0.5
    assert told(made, "noise decides which are left")
    assert told(nx.maps.edge_energy(noisy), "noise decides which are left")
    assert told(nx.maps.fit_references(stack(0.4), references=REFERENCES), "noise decides which are left")


@pytest.mark.parametrize("noise", [0.002, 0.02])
def test_clear_jumps_are_not_doubted(noise: float) -> None:
    for result in (nx.ops.normalize_edge(stack(noise)), nx.maps.fit_references(stack(noise), references=REFERENCES)):
        assert not told(result, "noise decides")


def test_a_thickness_that_ends_at_a_given_jump_is_no_noise() -> None:
    jump = np.linspace(0.0, 1.0, 1000)
    assert not on_selection(jump, np.full(1000, 0.001), 0.5, jump > 0.5)


def test_two_energies_on_each_side_show_no_noise_and_the_error_is_that_of_the_lines() -> None:
    few = np.array([8250, 8320, 8343, 8346, 8349, 8400, 8450.0])
    made = nx.ops.normalize_edge(stack(0.001, axis=few), e0=8345.0, pre=(-96, -20), post=(50, 110))
    jump = made.metadata["edge_jump"]
    assert jump.mask.all()
    assert np.isfinite(jump.sigma).all()
    assert (np.abs(jump.data - 0.4) < 2 * jump.sigma).all()
    assert told(made, "which do not show noise")
