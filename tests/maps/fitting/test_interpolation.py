"""References on the energies of a stack."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maps.reference_samples import curve

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps import fit_references
from napari_xanes.maps.fitting.interpolation import reference_columns, shifted_columns

AXIS = np.arange(8300.0, 8400, 0.5)


def sampled(step: float, e0: float = 8344, white_line: float = 0.6, valence: float = 2) -> Spectrum:
    grid = np.arange(8290.0, 8410, step)
    return Spectrum(f"{valence:g}+", grid, curve(grid, e0, white_line), valence, metadata={"normalized": True})


@pytest.mark.parametrize("step", [0.25, 0.5])
def test_references_as_fine_as_the_stack_are_interpolated_linearly(step: float) -> None:
    reference = sampled(step)
    columns, _ = reference_columns([reference], AXIS, [])
    np.testing.assert_array_equal(columns[:, 0], reference.at(AXIS))


@pytest.mark.parametrize("step", [1.0, 1.5, 2.0])
def test_coarser_references_are_interpolated_smoothly(step: float) -> None:
    reference, right = sampled(step), curve(AXIS, 8344, 0.6)
    warnings: list[str] = []
    columns, slopes = reference_columns([reference], AXIS, warnings)
    assert warnings == []
    near = np.abs(AXIS - 8346) < 12
    error, linear = (np.sqrt(np.mean((mu - right)[near] ** 2)) for mu in (columns[:, 0], reference.at(AXIS)))
    assert error < 0.8 * linear
    assert columns.max() < right.max() + 0.02
    slope = (curve(AXIS + 0.01, 8344, 0.6) - curve(AXIS - 0.01, 8344, 0.6)) / 0.02
    assert np.sqrt(np.mean((slopes[:, 0] - slope)[near] ** 2)) < 0.03 * step


def test_steps_above_two_ev_are_told() -> None:
    stack = SpectralStack(curve(AXIS, 8344, 0.6)[:, None, None] * np.ones((1, 4, 4)), AXIS, "optical_depth")
    coarse = [sampled(2.5), sampled(2.5, 8347, 0.3, 4)]
    warnings = fit_references(stack, references=coarse).metadata["warnings"]
    assert "reference '2+' has steps of 2.5 eV near the edge" in warnings[0]
    assert not any("steps of" in line for line in fit_references(stack, references=[sampled(1.9)]).metadata["warnings"])


def test_shifted_references_keep_their_last_values() -> None:
    moved = shifted_columns([sampled(0.5)], AXIS, 2.0)[:, 0]
    np.testing.assert_allclose(moved, curve(AXIS - 2, 8344, 0.6), atol=1e-3)
    beyond = shifted_columns([sampled(0.5)], np.array([8289.0, 8420.0]), 0.0)[:, 0]
    np.testing.assert_array_equal(beyond, sampled(0.5).mu[[0, -1]])
