"""Volumes are cleaned slice by slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.ops.slices import joined_sentences, slices_of
from napari_xanes.sample import nmc_ni_k

SIZE = 32


@pytest.fixture(scope="module")
def volume() -> SpectralStack:
    """Return the optical depth of two particles, one behind the other."""
    slices = [nx.ops.optical_depth(nmc_ni_k(seed=z, size=SIZE, photons=500).stack) for z in range(2)]
    photons = np.stack([image.metadata["noise"]["i0"] for image in slices], axis=1)
    metadata = {"name": "two", "noise": {"kind": "poisson", "i0": photons, "n_flat": 10}}
    data = np.stack([image.data for image in slices], axis=1)
    return SpectralStack(data, slices[0].energy, "optical_depth", (0.1, 0.04, 0.04), metadata=metadata)


def test_each_slice_has_its_own_photon_noise(volume: SpectralStack) -> None:
    image, thin = slices_of(volume, 1), slices_of(volume, slice(1, 2))
    np.testing.assert_array_equal(image.data, volume.data[:, 1])
    np.testing.assert_array_equal(thin.data, volume.data[:, 1:2])
    assert image.pixel_size == (0.04, 0.04)
    assert thin.pixel_size == (0.1, 0.04, 0.04)
    photons = volume.metadata["noise"]["i0"]
    np.testing.assert_array_equal(image.metadata["noise"]["i0"], photons[:, 1])
    np.testing.assert_array_equal(thin.metadata["noise"]["i0"], photons[:, 1:2])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("denoise_pca", {"components": 3}),
        ("denoise_nlm", {"components": 3}),
        ("denoise_blind_spot", {"components": 2, "steps": 10, "device": "cpu"}),
    ],
)
def test_plain_denoisers_clean_each_slice(volume: SpectralStack, name: str, parameters: dict[str, Any]) -> None:
    method, progress = nx.ops.OPERATIONS[name], []
    cleaned = method(volume, progress=lambda done, _text: progress.append(done), **parameters)
    for z in range(2):
        np.testing.assert_allclose(cleaned.data[:, z], method(slices_of(volume, z), **parameters).data, atol=1e-6)
    assert cleaned.pixel_size == volume.pixel_size
    assert cleaned.metadata["noise"] is None
    assert progress == sorted(progress)


def test_error_names_a_slice_that_cannot_be_cleaned(volume: SpectralStack) -> None:
    data = volume.data.copy()
    data[:, 1] = np.nan
    with pytest.raises(ValueError, match="slice 1 of 'two'"):
        nx.ops.denoise_pca(volume.with_data(data), components=3)


def test_a_report_line_of_all_slices_appears_once() -> None:
    slices = [["all", "some"], ["all"], ["all", "some"], ["all", "some", "one"]]
    assert joined_sentences(slices) == ["all", "slices 0, 2-3: some", "slice 3: one"]
