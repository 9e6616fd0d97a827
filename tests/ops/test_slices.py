"""Volumes slice by slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.ops.slices import sentences, slices_of
from napari_xanes.sample import nmc_ni_k

SIZE = 32


@pytest.fixture(scope="module")
def volume() -> SpectralStack:
    """Optical depth of two particles on each other."""
    slices = [nx.ops.optical_depth(nmc_ni_k(seed=z, size=SIZE, photons=500).stack) for z in range(2)]
    photons = np.stack([one.metadata["noise"]["i0"] for one in slices], axis=1)
    metadata = {"name": "two", "noise": {"kind": "poisson", "i0": photons, "n_flat": 10}}
    data = np.stack([one.data for one in slices], axis=1)
    return SpectralStack(data, slices[0].energy, "optical_depth", (0.1, 0.04, 0.04), metadata=metadata)


def test_a_slice_takes_what_belongs_to_it(volume: SpectralStack) -> None:
    one, some = slices_of(volume, 1), slices_of(volume, slice(1, 2))
    np.testing.assert_array_equal(one.data, volume.data[:, 1])
    np.testing.assert_array_equal(some.data, volume.data[:, 1:2])
    assert one.pixel_size == (0.04, 0.04)
    assert some.pixel_size == (0.1, 0.04, 0.04)
    photons = volume.metadata["noise"]["i0"]
    np.testing.assert_array_equal(one.metadata["noise"]["i0"], photons[:, 1])
    np.testing.assert_array_equal(some.metadata["noise"]["i0"], photons[:, 1:2])


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("denoise_pca", {"components": 3}),
        ("denoise_nlm", {"components": 3}),
        ("denoise_blind_spot", {"components": 2, "steps": 10, "device": "cpu"}),
    ],
)
def test_plain_denoisers_clean_each_slice(volume: SpectralStack, name: str, how: dict[str, Any]) -> None:
    method, seen = nx.ops.OPERATIONS[name], []
    made = method(volume, progress=lambda done, _text: seen.append(done), **how)
    for z in range(2):
        np.testing.assert_allclose(made.data[:, z], method(slices_of(volume, z), **how).data, atol=1e-6)
    assert made.pixel_size == volume.pixel_size
    assert made.metadata["noise"] is None
    assert seen == sorted(seen)


def test_a_slice_that_can_not_be_cleaned_is_named(volume: SpectralStack) -> None:
    data = volume.data.copy()
    data[:, 1] = np.nan
    with pytest.raises(ValueError, match="slice 1 of 'two'"):
        nx.ops.denoise_pca(volume.with_data(data), components=3)


def test_a_report_says_once_what_all_slices_say(volume: SpectralStack) -> None:
    def told(*text: str) -> SpectralStack:
        return volume.with_data(volume.data, metadata={"denoise": {"report": {"text": list(text)}}})

    slices = [told("all", "some"), told("all"), told("all", "some"), told("all", "some", "one")]
    assert sentences(slices) == ["all", "slices 0, 2-3: some", "slice 3: one"]
