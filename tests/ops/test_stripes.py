"""Stripes of scan lines go, the sample stays."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.ops import optical_depth, remove_stripes
from napari_xanes.sample import nmc_ni_k


@pytest.fixture(scope="module")
def depth() -> SpectralStack:
    return optical_depth(nmc_ni_k(size=64, photons=2000, seed=1).stack)


def striped(stack: SpectralStack, strength: float, along: str = "x") -> tuple[SpectralStack, np.ndarray]:
    """Return a stack with a constant on each line at each energy, and these constants."""
    shape = (stack.shape[0], 64, 1) if along == "x" else (stack.shape[0], 1, 64)
    stripes = (strength * np.random.default_rng(2).standard_normal(shape)).astype(np.float32)
    return stack.with_data(stack.data + stripes), stripes


@pytest.mark.parametrize("along", ["x", "y"])
def test_stripes_become_four_times_weaker(depth: SpectralStack, along: str) -> None:
    stack, stripes = striped(depth, 0.05, along)
    cleaned = remove_stripes(stack, along=along)
    left = (cleaned.data - depth.data).mean(axis=2 if along == "x" else 1)
    assert left.std() < stripes.std() / 3
    assert cleaned.metadata["stripes"][0].startswith("Stripes of 0.05 OD")


def test_what_stays_is_the_share_of_the_spectra_of_the_sample(depth: SpectralStack) -> None:
    stack, stripes = striped(depth, 0.05)
    left = {n: (remove_stripes(stack, components=n).data - depth.data).mean(axis=2).var() for n in (10, 30)}
    expected = {n: (n + 1) / depth.shape[0] * stripes.var() for n in (10, 30)}
    assert left[30] == pytest.approx(expected[30], rel=0.15)
    assert left[10] == pytest.approx(expected[10], rel=0.15)


def test_where_no_stripes_are_nothing_changes(depth: SpectralStack) -> None:
    cleaned = remove_stripes(depth)
    np.testing.assert_array_equal(cleaned.data, depth.data)
    assert "No stripes were seen" in cleaned.metadata["stripes"][0]


@pytest.mark.parametrize("lowest", [0.6, 1.0])
@pytest.mark.parametrize("strength", [0.0, 0.05])
def test_a_layered_sample_is_no_stripe(lowest: float, strength: float, rng: np.random.Generator) -> None:
    """Rows of different material, as in a cut through a battery, differ by spectra that all pixels are made of."""
    energy = np.arange(8320.0, 8380.0)
    spectra = np.stack([1 / (1 + np.exp(-(energy - e0) / 1.5)) for e0 in (8340, 8345)])
    layers = np.stack([np.repeat([1.0, 0.3, 0.0, 0.6], 12), np.repeat([0.0, 0.7, 1.0, 0.2], 12)])
    texture = rng.uniform(lowest, 1.0, (48, 40))
    data = np.einsum("ke,ky,yx->eyx", spectra, layers, texture) + 0.01 * rng.standard_normal((60, 48, 40))
    stripes = strength * rng.standard_normal((60, 48, 1))
    cleaned = remove_stripes(SpectralStack((data + stripes).astype(np.float32), energy, "optical_depth"))
    left = (cleaned.data - data).mean(axis=2)
    assert left.std() <= max(strength / 3, 1e-6)
    assert np.abs(left.mean(axis=1)).max() <= max(4 * strength / np.sqrt(48), 1e-6)


def test_lines_without_values_stay(depth: SpectralStack) -> None:
    stack, _ = striped(depth, 0.05)
    data = stack.data.copy()
    data[:, 5] = np.nan
    data[10, 7] = np.nan
    data[3, 9, 4] = np.nan
    cleaned = remove_stripes(stack.with_data(data))
    np.testing.assert_array_equal(np.isnan(cleaned.data), np.isnan(data))
    assert (cleaned.data - depth.data)[:, 12:].mean(axis=2).std() < 0.02


def test_other_quantities_and_few_energies_are_refused(depth: SpectralStack) -> None:
    with pytest.raises(ValueError, match="remove_stripes needs optical depth.*holds fluorescence"):
        remove_stripes(SpectralStack(depth.data, depth.energy, "fluorescence"))
    few = depth.isel(slice(0, 5))
    with pytest.raises(ValueError, match="has 5 energies for .* spectra of the sample: stripes can't be told from it"):
        remove_stripes(few, components=3)


def test_lines_that_a_frame_lacks_are_told(rng: np.random.Generator) -> None:
    data = rng.normal(0.5, 0.01, (40, 30, 40)).astype(np.float32)
    data[5, 10] = np.nan
    cleaned = remove_stripes(SpectralStack(data, np.arange(700.0, 740), "optical_depth"))
    assert cleaned.metadata["stripes"][-1].startswith("1 line has no value in some frame")
