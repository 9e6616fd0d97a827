"""Patterns of the beam stay as large as they are in the air, also where the references fit the sample badly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.background.search import find_background
from napari_xanes.denoising.binning import BinnedStack
from napari_xanes.denoising.design_matrix import DesignMatrix, baseline_columns

ENERGIES, SIZE = 30, 40


def measured(rng: np.random.Generator) -> tuple[BinnedStack, DesignMatrix]:
    """Return bins, left half air, of three smooth patterns 300 times the noise, and a sample unlike its reference."""
    energy = np.linspace(7100.0, 7140.0, ENERGIES)
    spectra = rng.standard_normal((ENERGIES, 5))
    maps = np.stack([gaussian_filter(rng.standard_normal((SIZE, SIZE)), 3) for _ in range(5)])
    maps *= 300 / maps.std(axis=(1, 2))[:, None, None]
    air = np.zeros((SIZE, SIZE), bool)
    air[:, : SIZE // 2] = True
    values = np.tensordot(spectra[:, :3], maps[:3], 1)
    values += np.tensordot(spectra[:, 3:], maps[3:] ** 2 / 30, 1) * ~air
    values = (values + rng.standard_normal(values.shape)).astype(np.float32)
    reference = np.ones((ENERGIES, 1)) + np.linspace(0, 1, ENERGIES)[:, None]
    design = DesignMatrix(reference, baseline_columns(energy), np.ones(ENERGIES))
    precision = np.ones((SIZE, SIZE), np.float32)
    binned = BinnedStack(values * air, precision * air, values * ~air, precision * ~air)
    return binned, design


@pytest.mark.parametrize("seed", [3, 5])
def test_patterns_of_the_air_do_not_grow_with_what_the_sample_hides(seed: int) -> None:
    binned, design = measured(np.random.default_rng(seed))
    background = find_background(binned, design)
    assert background is not None
    inside = binned.air_precision > 0
    patterns = np.tensordot(background.modes, background.maps, 1)[:, inside]
    assert np.abs(patterns).max() < 1.5 * np.abs(binned.air).max()
    left = binned.air[:, inside] - patterns
    left -= np.linalg.qr(design.baseline)[0] @ (np.linalg.qr(design.baseline)[0].T @ left)
    assert left.std() < 0.05 * binned.air[:, inside].std()


@pytest.mark.parametrize("shape", [(4 * SIZE, 4 * SIZE), (4 * SIZE - 3, 4 * SIZE - 1)])
def test_rows_of_patterns_are_those_of_the_whole_image(shape: tuple[int, int], rng: np.random.Generator) -> None:
    maps = gaussian_filter(rng.standard_normal((2, SIZE, SIZE)), (0, 2, 2)).astype(np.float32)
    nothing = np.zeros(0, np.float32)
    background = Background(np.eye(2), maps, nothing, nothing, nothing)
    whole = background.enlarged(np.eye(2), shape)
    for start in (0, 40, 92):
        rows = slice(start, min(start + 68, shape[0]))
        np.testing.assert_allclose(background.enlarged(np.eye(2), shape, rows), whole[:, rows], atol=1e-6)
