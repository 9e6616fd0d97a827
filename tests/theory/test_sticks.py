"""Limits of low and high temperature, and comparison of all blocks with the whole Hamiltonian."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.theory import l_edge_sticks
from napari_xanes.theory.multiplet.atomic import find_ion
from napari_xanes.theory.multiplet.crystal_field import Field, populations, representatives
from napari_xanes.theory.multiplet.operators import configuration


@pytest.mark.parametrize("polarization", ["x", "y", "z"])
def test_a_hot_ion_has_no_preferred_axis(polarization: str) -> None:
    # All ten states have the same population, so all polarizations give the same total intensity.
    _, intensity = l_edge_sticks("Cu", 2, 1.5, ds=0.3, dt=0.1, temperature=1e12, polarization=polarization)
    assert intensity.sum() == pytest.approx(0.4, abs=1e-8)


@pytest.mark.parametrize(("temperature", "expected"), [(0.0, [0.5, 0.5, 0.0]), (1e15, [1 / 3, 1 / 3, 1 / 3])])
def test_populations_at_very_low_and_high_temperature(temperature: float, expected: list[float]) -> None:
    actual = populations({1: np.array([0.0, 0.4]), 3: np.array([0.0])}, {1: 1, 3: 1}, temperature)
    np.testing.assert_allclose([actual[1][0], actual[3][0], actual[1][1]], expected, atol=1e-9)


@pytest.mark.parametrize("element", ["V", "Ni"])
@pytest.mark.parametrize("field", [(1.1, 0.0, 0.0), (1.4, 0.2, -0.1), (0.0, 0.0, 0.0)], ids=str)
def test_blocks_and_mirrored_blocks_give_all_levels(element: str, field: tuple[float, float, float]) -> None:
    ion = find_ion(element, 2)
    of, factors = configuration(6, ion.n_3d), Field(*field, 0.8, 1.0).parameters(ion.initial)
    full = sum(factors[name] * matrix for name, matrix in of.operators.items()).toarray()
    levels = []
    for block, times in representatives(ion.n_3d).items():
        rows = np.flatnonzero(of.mj2 % 8 == block)
        levels += times * list(np.linalg.eigvalsh(full[np.ix_(rows, rows)]))
    np.testing.assert_allclose(np.sort(levels), np.linalg.eigvalsh(full), atol=1e-10)
