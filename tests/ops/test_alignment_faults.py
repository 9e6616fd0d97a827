"""Faults of scans: jumps, frames of something else, and patterns that hold frames."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.registration.cases import drifting
from benchmarks.registration.rendering import Drifting, random_walk, texture

import napari_xanes as nx
from napari_xanes.sample import nmc_ni_k


def _errors(sample: Drifting, found: nx.Alignment) -> np.ndarray:
    errors = (found.shifts - sample.shifts)[~found.outliers]
    return errors - errors.mean(axis=0)


def test_a_jump_of_30_pixels_is_found() -> None:
    shifts = random_walk(np.random.default_rng(5), 16, 0.5)
    shifts[8:, 0] += 30
    sample = drifting("same", size=128, frames=16, shifts=shifts)
    found = nx.ops.align(sample.stack).metadata["align"]
    assert not found.outliers.any()
    assert np.sqrt((_errors(sample, found) ** 2).mean()) < 2 * np.sqrt((sample.bound**2).mean())


@pytest.mark.parametrize("fault", ["beam dump", "dark", "another place"])
def test_frames_of_something_else_are_outliers(fault: str) -> None:
    shifts = random_walk(np.random.default_rng(5), 24, 0.5)
    sample = drifting("same", size=96, frames=24, shifts=shifts)
    data = sample.stack.data.copy()
    other = drifting("same", seed=9, size=96, frames=24, shifts=shifts).stack.data[8]
    wrong = {"beam dump": np.random.default_rng(0).normal(0, 1, (96, 96)), "dark": np.full((96, 96), 8.3)}
    data[8] = wrong.get(fault, other)
    found = nx.ops.align(sample.stack.with_data(data)).metadata["align"]
    assert np.flatnonzero(found.outliers).tolist() == [8]
    assert np.isnan(found.sigma[8]).all()
    assert np.abs(_errors(sample, found)).max() < 0.1


def test_frames_that_a_fine_pattern_holds_have_errors_that_say_so() -> None:
    sample = drifting("weak", seed=1, size=128, frames=30)
    pattern = 0.06 * texture(np.random.default_rng(3), 128, 1.0)
    aligned = nx.ops.align(sample.stack.with_data((sample.stack.data + pattern).astype(np.float32)))
    found = aligned.metadata["align"]
    errors = _errors(sample, found)
    assert np.sqrt((errors**2).mean()) > 2 * np.sqrt((sample.bound**2).mean())
    assert (np.abs(errors) < 2 * found.sigma[~found.outliers]).mean() > 0.85
    assert any("stays with the detector" in text for text in aligned.metadata["warnings"])


def test_a_sample_that_leaves_the_image_is_told() -> None:
    shifts = np.linspace([-24.0, 0.0], [24.0, 0.0], 16)
    sample = drifting("same", size=64, frames=16, shifts=shifts)
    warnings = nx.ops.align(sample.stack).metadata["warnings"]
    assert any("the sample leaves the image" in text for text in warnings)


def test_a_normalized_stack_is_told_to_hold_little_to_align_by() -> None:
    depth = nx.ops.optical_depth(nmc_ni_k(size=48).stack)
    words = "align before normalizing"
    normalized = nx.ops.align(nx.ops.normalize_edge(depth))
    assert any(words in text for text in normalized.metadata["warnings"])
    assert not any(words in text for text in nx.ops.align(depth).metadata["warnings"])
    given = nx.ops.align(nx.ops.normalize_edge(depth), shifts=nx.ops.align(depth).metadata["align"])
    assert not any(words in text for text in given.metadata["warnings"])
