"""Denoising: very small images, and warnings that reach the maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.sample import nmc_ni_k


@pytest.mark.parametrize("size", [3, 4, 6])
def test_images_of_a_few_pixels_are_denoised(size: int) -> None:
    sample = nmc_ni_k(size=32, photons=2000)
    stack = sample.stack.isel(box=(slice(14, 14 + size), slice(14, 14 + size)))
    clean = nx.ops.denoise(stack, references=sample.stack.metadata["references"], noise="tv")
    assert clean.data.shape == stack.data.shape
    assert np.isfinite(np.asarray(clean.data)).all()


def test_warnings_of_the_report_are_warnings_of_the_stack_and_of_its_maps() -> None:
    stack = nmc_ni_k(size=48, photons=2000).stack
    references = stack.metadata["references"]
    shifted = [replace(reference, energy=reference.energy + 0.8) for reference in references]
    step = nx.Step("denoise", {"references": shifted, "noise": "tv"})
    clean = nx.run([step], stack)
    maps = nx.run([step, nx.Step("fit_references", {"references": shifted})], stack)
    assert any("eV too high and were moved" in text for text in clean.metadata["warnings"])
    assert set(clean.metadata["warnings"]) <= set(clean.metadata["denoise"]["report"]["text"])
    assert set(clean.metadata["warnings"]) <= set(maps.metadata["warnings"])
    assert "warnings" not in nx.ops.denoise(stack, references=references, noise="tv").metadata


def test_warnings_of_a_slice_are_those_of_the_volume() -> None:
    stack = nmc_ni_k(size=32, photons=2000).stack
    flat, dark = (np.asarray(stack.metadata[name]) for name in ("flat", "dark"))
    counts = np.stack([stack.data, stack.data], axis=1)
    counts[5:20, 1, :8] = dark[:8]
    metadata = {**stack.metadata, "flat": np.stack([flat, flat], axis=1), "dark": np.stack([dark, dark])}
    volume = nx.SpectralStack(counts, stack.energy, "counts", metadata=metadata)
    of_slice = nx.ops.optical_depth(volume.isel(box=(1, slice(None), slice(None)))).metadata["warnings"]
    clean = nx.ops.denoise(volume, references=stack.metadata["references"], noise="tv")
    assert len(of_slice) == 1
    assert f"slice 1: {of_slice[0]}" in clean.metadata["warnings"]


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_few_faint_spots_of_a_missing_phase_are_found_without_the_gain(share: float) -> None:
    sample = nmc_ni_k(size=96, photons=800)
    y, x = np.indices((96, 96))
    jump = sample.truth["edge_jump"].data
    spots = np.zeros((96, 96), bool)
    for cy, cx in ((40, 40), (52, 60), (60, 35)):
        spots |= np.hypot(y - cy, x - cx) < 2.6
    metal = 0.5 + np.arctan((sample.stack.energy - 8335.0) / 1.0) / np.pi
    counts = (sample.stack.data - 100) * np.exp(-metal[:, None, None] * (share * jump * spots)) + 100
    stack = sample.stack.with_data(counts.astype(np.float32))
    plain = nx.SpectralStack(
        stack.data, stack.energy, "counts", metadata={name: stack.metadata[name] for name in ("flat", "dark")}
    )
    result = nx.ops.denoise(plain, references=stack.metadata["references"], noise="tv").metadata["denoise"]
    assert len(result["novel"]) == (share > 0)
    if share:
        assert (result["novelty"] > 4.5)[spots].mean() > 0.5
        assert (result["novelty"] > 4.5)[~spots].mean() < 0.01
