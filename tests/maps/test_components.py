"""`components`: scores, their errors, and what it says where it can't know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Step
from napari_xanes.noise import AmountNoise
from napari_xanes.sample import nmc_ni_k

ENERGY = np.linspace(8300.0, 8400.0, 40)
TWO = np.stack([1.6 + np.arctan(ENERGY - 8343), 1.6 + np.arctan((ENERGY - 8349) / 2)])


def sample(noise: float, seed: int = 0, size: int = 48) -> tuple[SpectralStack, np.ndarray]:
    """Return a stack of two spectra, and its data without noise."""
    rng = np.random.default_rng(seed)
    clean = np.tensordot(TWO.T, rng.uniform(0, 1, (2, size, size)), 1)
    data = clean + noise * rng.standard_normal(clean.shape)
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth", 0.04, metadata={"name": "two"}), clean


def rebuilt(maps: nx.MapSet) -> np.ndarray:
    spectra = np.array([spectrum.mu for spectrum in maps.metadata["spectra"]])
    scores = np.array([maps[f"score_{number}"].data for number in range(1, len(spectra) + 1)])
    return np.tensordot(spectra.T, scores, 1)


def test_scores_and_spectra_rebuild_the_stack() -> None:
    stack, clean = sample(0.02)
    maps = nx.maps.components(stack)
    assert list(maps) == ["score_1", "score_2", "chi_square"]
    # Two of forty directions keep their noise.
    assert np.std(rebuilt(maps) - clean) == pytest.approx(0.02 * np.sqrt(2 / 40), rel=0.1)
    assert float(np.median(maps["chi_square"].data)) == pytest.approx(1, abs=0.05)


def test_errors_of_scores_hold() -> None:
    stack, clean = sample(0.05)
    maps = nx.maps.components(stack)
    quiet = nx.maps.components(stack.with_data(clean.astype(np.float32)), basis=nx_basis(maps))
    for name in ("score_1", "score_2"):
        pull = (maps[name].data - quiet[name].data) / maps[name].sigma
        assert np.std(pull) == pytest.approx(1, abs=0.06)


def nx_basis(maps: nx.MapSet) -> Any:
    """Return the basis that a run has found, as a script takes it from the history."""
    return maps.history[-1].state["basis"]


def test_errors_of_spectra_hold() -> None:
    """Components of twenty noisy copies scatter around those of the clean stack as their errors say."""
    _, clean = sample(0.0, size=24)
    pulls = []
    for seed in range(20):
        noisy = clean + 0.05 * np.random.default_rng(seed).standard_normal(clean.shape)
        stack = SpectralStack(noisy.astype(np.float32), ENERGY, "optical_depth")
        pulls.append(nx.maps.components(stack, count=2).metadata["spectra"][1])
    scatter = np.std([spectrum.mu for spectrum in pulls], axis=0)
    stated = np.mean([spectrum.sigma for spectrum in pulls], axis=0)
    assert np.mean(scatter**2 / stated**2) == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize("photons", [300, 5000])
def test_known_photons_give_errors_and_chi_square(photons: int) -> None:
    depth = nx.ops.optical_depth(nmc_ni_k(size=64, photons=photons).stack)
    maps = nx.maps.components(depth)
    assert len(maps.metadata["spectra"]) == 2
    assert float(np.nanmedian(maps["chi_square"].data)) == pytest.approx(1, abs=0.06)
    own = nx.maps.components(depth.with_data(depth.data, metadata={"noise": None}), basis=nx_basis(maps))
    ratio = np.nanmedian(maps["score_2"].sigma) / np.nanmedian(own["score_2"].sigma)
    assert ratio == pytest.approx(1, abs=0.15)


def test_a_basis_makes_scores_of_stacks_comparable() -> None:
    stack, _ = sample(0.02)
    first = nx.maps.components(stack)
    half = stack.isel(box=(slice(0, 10), slice(None)))
    maps = nx.run([Step("components", {"basis": nx_basis(first)})], half)
    np.testing.assert_allclose(maps["score_2"].data, first["score_2"].data[:10], rtol=1e-5)
    with pytest.raises(ValueError, match=r"the basis has 40 energies .* has 39"):
        nx.maps.components(stack.isel(slice(1, None)), basis=nx_basis(first))


def test_denoised_stacks_have_the_errors_of_their_amounts() -> None:
    """The score of a single spectrum is its amount times its root mean square, and so is the error."""
    amounts = np.random.default_rng(4).uniform(1, 2, (20, 20))
    factors = np.full((1, 2, 20, 20), [[[[0.03]], [[0.04]]]])
    noise = AmountNoise(TWO[:1].T, factors)
    data = (TWO[0][:, None, None] * amounts).astype(np.float32)
    maps = nx.maps.components(SpectralStack(data, ENERGY, "optical_depth", metadata={"noise": noise}), count=1)
    size = np.sqrt(np.mean(TWO[0] ** 2))
    np.testing.assert_allclose(maps["score_1"].data, amounts * size, rtol=1e-4)
    np.testing.assert_allclose(maps["score_1"].sigma, 0.05 * size, rtol=1e-4)
    assert "chi_square" not in maps
    assert any("denoised" in text for text in maps.metadata["warnings"])


def test_energies_that_share_noise_leave_errors_unknown() -> None:
    stack, _ = sample(0.02)
    maps = nx.maps.components(nx.ops.smooth(stack, energies=5), count=2)
    assert np.isnan(maps["score_1"].sigma).all()
    assert any("share noise" in text for text in maps.metadata["warnings"])


def test_a_component_of_one_pixel_is_named() -> None:
    stack, _ = sample(0.02)
    data = stack.data.copy()
    data[:, 7, 9] = 30 * np.random.default_rng(3).standard_normal(ENERGY.size)
    warnings = nx.maps.components(stack.with_data(data)).metadata["warnings"]
    assert any("only about 1 pixel carries component" in text for text in warnings)


def test_more_components_than_there_are_is_said() -> None:
    warnings = nx.maps.components(sample(0.02)[0], count=4).metadata["warnings"]
    assert "only 2 of the 4 components stand out from the noise" in warnings


def test_a_range_of_energies() -> None:
    stack, _ = sample(0.02)
    maps = nx.maps.components(stack, energy=(8330, 8370))
    assert maps.metadata["spectra"][0].energy[[0, -1]].tolist() == pytest.approx([8330.77, 8369.23], abs=0.01)
    with pytest.raises(ValueError, match="holds 0 energies"):
        nx.maps.components(stack, energy=(100, 200))


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (SpectralStack(np.zeros((8, 9, 9), np.float32), np.arange(8) + 700.0, "optical_depth"), "all values"),
        (
            SpectralStack(np.full((8, 9, 9), np.nan, np.float32), np.arange(8) + 700.0, "optical_depth"),
            "no finite|frame 0",
        ),
        (SpectralStack(np.ones((3, 9, 9), np.float32), np.arange(3) + 700.0, "optical_depth"), "has 3 energies"),
        (SpectralStack(np.ones((8, 9, 9), np.float32), np.arange(8) + 700.0, "counts"), "counts"),
    ],
    ids=["zeros", "nan", "three energies", "counts"],
)
def test_bad_input_is_refused(stack: SpectralStack, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nx.maps.components(stack)


def test_a_constant_stack_has_one_component_without_an_error() -> None:
    stack = SpectralStack(np.ones((8, 9, 9), np.float32), np.arange(8) + 700.0, "optical_depth")
    maps = nx.maps.components(stack)
    np.testing.assert_allclose(maps["score_1"].data, 1, rtol=1e-5)


def test_fewer_pixels_than_energies() -> None:
    stack, clean = sample(0.01)
    few = stack.isel(box=(slice(0, 4), slice(0, 5)))
    maps = nx.maps.components(few)
    assert len(maps.metadata["spectra"]) == 2
    assert np.std(rebuilt(maps) - clean[:, :4, :5]) < 0.01


def test_results_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, _ = sample(0.02)
    whole = nx.maps.components(stack)
    monkeypatch.setattr("napari_xanes.blocks.CACHE_BYTES", 1 << 14)
    pieces = nx.maps.components(stack)
    for name in ("score_1", "score_2"):
        np.testing.assert_allclose(pieces[name].data, whole[name].data, rtol=1e-5, atol=1e-5)
