"""A preview of `denoise` shows the same maps, with the errors that it expects."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import Step, limits, ops
from napari_xanes.ops.denoising import preview_denoise
from napari_xanes.sample import nmc_ni_k


def test_a_preview_has_the_maps_of_denoise_and_says_that_its_errors_are_expected() -> None:
    stack = nmc_ni_k(size=48, photons=800).stack
    step = Step("denoise", {"references": stack.metadata["references"]})
    preview = preview_denoise.apply(stack, step)
    whole = ops.denoise(stack, references=stack.metadata["references"], keep_new=False)
    result, expected = preview.metadata["denoise"], whole.metadata["denoise"]
    np.testing.assert_array_equal(result.fractions, expected.fractions)
    np.testing.assert_array_equal(preview.data, whole.data)
    assert not np.array_equal(result.fraction_sigma, expected.fraction_sigma)
    assert "preview" in result.report.text[0]
    assert result.report.text[1:] == expected.report.text
    assert preview.history[-1].name == "denoise"


def test_a_preview_moves_references_as_denoise_does() -> None:
    stack = nmc_ni_k(size=48, photons=800).stack
    moved = [type(one)(one.name, one.energy - 0.8, one.mu) for one in stack.metadata["references"]]
    preview, whole = preview_denoise(stack, references=moved), ops.denoise(stack, references=moved, keep_new=False)
    assert whole.history[-1].state["reference_offset"] == pytest.approx(0.8, abs=0.2)
    np.testing.assert_array_equal(preview.data, whole.data)


def test_a_preview_refuses_what_denoise_refuses() -> None:
    stack = nmc_ni_k(size=32, photons=800).stack
    with pytest.raises(ValueError, match="needs at least 8 energies"):
        preview_denoise(stack.isel(slice(0, 5)), references=stack.metadata["references"])


def test_maps_that_share_threads_are_the_same() -> None:
    stack = nmc_ni_k(size=48, photons=800).stack
    first, second = stack.metadata["references"]
    middle = type(first)("middle", first.energy + 1.5, first.mu)
    results = []
    for threads in (1, 2):
        limits.limit(threads=threads)
        try:
            results.append(preview_denoise(stack, references=[first, second, middle], reference_offset=0.0))
        finally:
            limits.limit()
    np.testing.assert_array_equal(*(result.metadata["denoise"].fractions for result in results))
