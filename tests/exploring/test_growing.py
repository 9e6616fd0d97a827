"""Components of pixels that come in pieces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.exploring.moments import RunningMoments, moments_of
from napari_xanes.progress import Cancelled

ENERGY = np.linspace(8300.0, 8400.0, 40)


def sample(height: int = 60, width: int = 70, seed: int = 0, **metadata: object) -> SpectralStack:
    rng = np.random.default_rng(seed)
    spectra = np.stack([1.6 + np.arctan(ENERGY - 8343), 1.6 + np.arctan((ENERGY - 8349) / 2)])
    data = np.tensordot(spectra.T, rng.uniform(0, 1, (2, height, width)), 1)
    data += 0.05 * rng.standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth", metadata=metadata)


def pieces_of(stack: SpectralStack, cuts: list[int]) -> list[SpectralStack]:
    bounds = [0, *sorted(cuts), stack.shape[1]]
    return [stack.isel(box=(slice(a, b), slice(None))) for a, b in pairwise(bounds)]


@given(cuts=st.lists(st.integers(1, 59), max_size=4, unique=True))
@settings(max_examples=10, deadline=None)
def test_pieces_give_what_the_whole_gives(cuts: list[int]) -> None:
    whole = sample()
    growing = nx.GrowingComponents()
    for piece in pieces_of(whole, cuts):
        growing.add(piece)
    assert growing.n_pixels == 60 * 70
    found, expected = growing.basis(), nx.maps.components(whole).history[-1].state["basis"]
    # Single precision rounds the sums of each piece; that is far below the errors of what is found.
    apart = np.abs(found.spectra - np.array(expected["spectra"])) / found.spectra_sigma
    assert apart.max() < 0.03
    np.testing.assert_allclose(found.noise, expected["noise"], rtol=2e-3)
    assert found.limit == pytest.approx(expected["limit"], rel=1e-4)


def test_pieces_of_whole_groups_of_rows_are_exact() -> None:
    whole, growing = sample(200, 300), nx.GrowingComponents()
    # 16384 // 300 rows are summed alike.
    for piece in pieces_of(whole, [54, 162]):
        growing.add(piece)
    expected = nx.maps.components(whole).history[-1].state["basis"]
    np.testing.assert_allclose(growing.basis().spectra, expected["spectra"], atol=1e-9)


@pytest.mark.parametrize("width", [300, 301])
def test_sums_and_sample_are_those_of_the_whole(width: int) -> None:
    whole = sample(100, width)
    running, expected = RunningMoments(40), moments_of(whole)
    for piece in pieces_of(whole, [7, 8, 50]):
        running.add(piece)
    found = running.moments()
    np.testing.assert_allclose(found.products, expected.products, rtol=1e-6)
    # More than fit into the sample: it was halved on the way.
    assert 100 < len(found.sample) < 256
    np.testing.assert_array_equal(found.sample, expected.sample)


def test_gaps_and_a_piece_that_is_cancelled_leave_nothing() -> None:
    whole = sample()
    whole.data[:, 3, 5], whole.data[7, 30, 30] = np.nan, np.inf
    first, second = pieces_of(whole, [31])
    growing = nx.GrowingComponents()
    growing.add(first)

    def cancel(_fraction: float, _text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        growing.add(second, cancel)
    assert growing.n_pixels == 31 * 70 - 2
    growing.add(second)
    assert growing.n_pixels == 60 * 70 - 2
    expected = nx.maps.components(whole).history[-1].state["basis"]
    np.testing.assert_allclose(growing.basis().spectra, expected["spectra"], atol=1e-4)


def test_scores_with_the_basis_of_many_stacks() -> None:
    stacks, growing = [sample(seed=seed) for seed in range(3)], nx.GrowingComponents(energy=(8320, 8380))
    for stack in stacks:
        growing.add(stack)
    basis = growing.basis()
    assert len(basis.spectra) == 2
    maps = nx.maps.components(stacks[1], energy=(8320, 8380), basis=basis)
    assert np.median(maps["chi_square"].data) == pytest.approx(1, abs=0.05)


def test_what_does_not_belong_together_is_refused() -> None:
    growing = nx.GrowingComponents()
    with pytest.raises(ValueError, match="there are no pixels yet"):
        growing.basis()
    growing.add(sample())
    with pytest.raises(ValueError, match="other energies"):
        growing.add(SpectralStack(sample().data, ENERGY + 0.5, "optical_depth"))
    with pytest.raises(ValueError, match="which came first, is optical_depth"):
        growing.add(SpectralStack(sample().data, ENERGY, "normalized"))
    with pytest.raises(ValueError, match="components"):
        growing.add(SpectralStack(sample().data, ENERGY, "counts"))
    empty = nx.GrowingComponents()
    empty.add(SpectralStack(np.zeros((40, 8, 8), np.float32), ENERGY, "optical_depth"))
    with pytest.raises(ValueError, match="all values"):
        empty.basis()
