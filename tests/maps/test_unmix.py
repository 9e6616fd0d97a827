"""`unmix`: spectra, amounts and errors, the bands of what fits as well, and what it says where it can't know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, nnls

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum, Step
from napari_xanes.maps.fitting.ambiguity import ambiguity_of
from napari_xanes.maps.fitting.unmixing import Mixture, smoother_of, unlike_pixels, vertex_pixels

ENERGY = np.linspace(8300.0, 8400.0, 40)


def sample(
    count: int, seed: int = 0, noise: float = 0.02, purest: float = 1.0, size: int = 48, closed: bool = False
) -> tuple[SpectralStack, np.ndarray, np.ndarray]:
    """Return a stack of mixtures, its spectra (K, E) with a mean of 1, and the amounts (K, Y, X)."""
    rng = np.random.default_rng(seed)
    positions = 8339 + 12 * (np.arange(count) + rng.uniform(0.2, 0.8, count)) / count
    spectra = np.stack(
        [
            1.6
            + np.arctan((ENERGY - p) / rng.uniform(1, 3))
            + rng.uniform(0, 1.5) * np.exp(-(((ENERGY - p - 4) / 4) ** 2))
            for p in positions
        ]
    )
    spectra /= spectra.mean(axis=1, keepdims=True)
    shares = rng.dirichlet(np.full(count, 0.7), 40 * size * size).T
    shares = shares[:, shares.max(axis=0) < purest][:, : size * size].reshape(count, size, size)
    amounts = shares if closed else shares * rng.uniform(0.5, 1.5, (size, size))
    data = np.tensordot(spectra.T, amounts, 1) + noise * rng.standard_normal((40, size, size))
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth", 0.04), spectra, amounts


def matched(maps: nx.MapSet, spectra: np.ndarray) -> list[int]:
    """Return which spectrum of a result each true one is."""
    found = np.array([spectrum.mu for spectrum in maps.metadata["spectra"]])
    cost = np.sum((spectra[:, None] - found) ** 2, axis=2)
    return [int(j) for j in linear_sum_assignment(cost)[1]]


@pytest.mark.parametrize(
    "options",
    [{}, {"start": "vca"}, {"start": "clusters"}, {"algorithm": "nmf"}],
    ids=["pixels", "vca", "clusters", "nmf"],
)
def test_pure_pixels_give_the_spectra(options: Any) -> None:
    stack, spectra, amounts = sample(2)
    maps = nx.maps.unmix(stack, **options)
    assert maps.metadata["unmix"]["number"] == 2
    for true, j in enumerate(matched(maps, spectra)):
        np.testing.assert_allclose(maps.metadata["spectra"][j].mu, spectra[true], atol=0.12)
        assert np.sqrt(np.mean((maps[f"amount_{j + 1}"].data - amounts[true]) ** 2)) < 0.12
    assert float(np.median(maps["chi_square"].data)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("count", "purest"), [(2, 1.0), (2, 0.85), (3, 1.0), (3, 0.85)])
def test_bands_hold_the_truth(count: int, purest: float) -> None:
    inside = []
    for seed in range(3):
        stack, spectra, _ = sample(count, seed, purest=purest, size=28)
        maps = nx.maps.unmix(stack, count=count)
        for true, j in enumerate(matched(maps, spectra)):
            band = maps.metadata["ambiguity"][j]
            inside.append(np.mean((band["low"] <= spectra[true]) & (spectra[true] <= band["high"])))
    assert np.mean(inside) >= 0.95


def test_bands_are_those_of_two_spectra_in_closed_form() -> None:
    """Lawton and Sylvestre: each of two spectra moves until a spectrum or an amount becomes negative."""
    spectra = np.array([[1.0, 1.0, 2.0], [0.5, 1.5, 1.0]]).T
    amounts = np.array([[1.0, 0.5, 2.0], [0.5, 1.0, 2.0]])
    tiny = 1e-9
    bands = ambiguity_of(Mixture(spectra, amounts), np.full((3, 2), tiny), np.full(2, tiny), np.ones(3))
    # Subtract the other until a value is 0; add it until the pixel that has least of the other has none.
    ends = [
        [(spectra[:, k] + t * spectra[:, 1 - k]) for t in (-(spectra[:, k] / spectra[:, 1 - k]).min(), ratio)]
        for k, ratio in ((0, (amounts[1] / amounts[0]).min()), (1, (amounts[0] / amounts[1]).min()))
    ]
    for k, pair in enumerate(ends):
        both = np.array([spectrum / spectrum.mean() * spectra[:, k].mean() for spectrum in pair])
        np.testing.assert_allclose(bands.low[:, k], both.min(axis=0), atol=0.05)
        np.testing.assert_allclose(bands.high[:, k], both.max(axis=0), atol=0.05)


def test_fixed_spectra_and_closure_leave_less_open() -> None:
    stack, spectra, amounts = sample(2, purest=0.85)
    references = [Spectrum("first", ENERGY, spectra[0])]
    free = nx.maps.unmix(stack, count=2)
    maps = nx.maps.unmix(stack, count=2, references=references, fixed=True)
    np.testing.assert_allclose(maps.metadata["spectra"][0].mu, spectra[0])
    assert [spectrum.name for spectrum in maps.metadata["spectra"]] == ["first", "spectrum 2"]

    def width(result: nx.MapSet) -> float:
        return float(np.sum([band["high"] - band["low"] for band in result.metadata["ambiguity"]]))

    assert width(maps) < 0.7 * width(free)
    both = [Spectrum("first", ENERGY, spectra[0]), Spectrum("second", ENERGY, spectra[1])]
    known = nx.maps.unmix(stack, references=both, fixed=True)
    np.testing.assert_allclose(known["amount_1"].data, known["amount_1_low"].data, atol=1e-5)
    pull = (known["amount_2"].data - amounts[1]) / known["amount_2"].sigma
    assert np.std(pull) == pytest.approx(1, abs=0.1)


def test_known_spectra_give_the_amounts_of_scipy() -> None:
    stack, spectra, _ = sample(3, noise=0.2, size=12)
    references = [Spectrum(f"s{i}", ENERGY, mu) for i, mu in enumerate(spectra)]
    maps = nx.maps.unmix(stack, references=references, fixed=True, count=3)
    noise = maps.history[-1].state["pure"]["noise"]
    for y, x in ((0, 0), (3, 7), (11, 11)):
        expected, _ = nnls((spectra / noise).T, stack.data[:, y, x] / noise)
        np.testing.assert_allclose([maps[f"amount_{i}"].data[y, x] for i in (1, 2, 3)], expected, atol=1e-4)


def test_closed_amounts_have_the_sum_1() -> None:
    stack, spectra, _ = sample(2, closed=True)
    maps = nx.maps.unmix(stack, count=2, closure=True)
    np.testing.assert_allclose(maps["amount_1"].data + maps["amount_2"].data, 1, atol=1e-5)
    for true, j in enumerate(matched(maps, spectra)):
        np.testing.assert_allclose(maps.metadata["spectra"][j].mu, spectra[true], atol=0.1)


def test_smooth_spectra_are_smoother() -> None:
    stack, _, _ = sample(2, noise=0.4)
    rough, smooth = (nx.maps.unmix(stack, count=2, smoothness=width) for width in (None, 8.0))
    bends = [np.sum(np.diff(maps.metadata["spectra"][0].mu, 2) ** 2) for maps in (rough, smooth)]
    assert bends[1] < 0.5 * bends[0]
    np.testing.assert_allclose(smoother_of(ENERGY, 5.0).sum(axis=1), 1)


def test_the_number_is_questioned() -> None:
    stack, _, _ = sample(3, noise=0.01)
    few, many = (nx.maps.unmix(stack, count=count).metadata for count in (2, 4))
    assert "3 components stand out from the noise: 2 spectra leave something over" in few["warnings"]
    assert "only 3 of 4 spectra" in many["unmix"]["words"]
    noise = np.random.default_rng(0).standard_normal((40, 20, 20)).astype(np.float32)
    with pytest.raises(ValueError, match="too many"):
        nx.maps.unmix(SpectralStack(noise, ENERGY, "optical_depth"))


def test_spectra_of_one_stack_serve_another() -> None:
    stack, _, _ = sample(2)
    first = nx.maps.unmix(stack)
    half = stack.isel(box=(slice(0, 10), slice(None)))
    again = nx.run([Step("unmix", {"pure": first.history[-1].state["pure"]})], half)
    np.testing.assert_allclose(again["amount_1"].data, first["amount_1"].data[:10], rtol=1e-5)
    with pytest.raises(ValueError, match=r"the basis has 40 energies .* has 39"):
        nx.maps.unmix(stack.isel(slice(1, None)), pure=first.history[-1].state["pure"])


def test_contradictions_are_refused() -> None:
    stack, spectra, _ = sample(2, size=24)
    with pytest.raises(ValueError, match="nmf knows no closure"):
        nx.maps.unmix(stack, algorithm="nmf", closure=True)
    with pytest.raises(ValueError, match="fixed spectra need references"):
        nx.maps.unmix(stack, fixed=True)
    with pytest.raises(ValueError, match="2 references are more than count = 1"):
        nx.maps.unmix(stack, count=1, references=[Spectrum(n, ENERGY, mu) for n, mu in zip("ab", spectra, strict=True)])
    with pytest.raises(ValueError, match="values below 0"):
        nx.maps.unmix(stack, references=[Spectrum("a", ENERGY, spectra[0] - 1)])
    with pytest.raises(ValueError, match="pure spectra are what an earlier run"):
        nx.maps.unmix(stack, pure={"spectra": [[1]]})


@pytest.mark.parametrize("n_known", [0, 1])
@pytest.mark.parametrize("by_vca", [False, True], ids=["snpa", "vca"])
def test_starting_pixels_are_the_corners(by_vca: bool, n_known: int) -> None:
    corners = np.array([[1.0, 0.2, 0.3], [0.2, 1.0, 0.3], [0.3, 0.2, 1.0]])
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 500).T
    values = corners @ np.column_stack([weights, np.repeat(np.eye(3), 5, axis=1)])
    known = corners[:, :n_known]
    found = vertex_pixels(values, known, 3, np.ones(3)) if by_vca else unlike_pixels(values, known, 3)
    np.testing.assert_array_equal(found[:, :n_known], known)
    shapes = [one[:, np.argsort(one[0])] for one in (found / found.sum(axis=0), corners / corners.sum(axis=0))]
    np.testing.assert_allclose(*shapes, atol=1e-9)


def test_vertex_pixels_count_energies_by_their_noise() -> None:
    """An energy without information does not draw the corners to its largest values."""
    rng = np.random.default_rng(0)
    corners = np.array([[1.0, 0.2], [0.3, 1.0], [0.5, 0.5], [0.5, 0.5]])
    weights = rng.dirichlet(np.ones(2), 800).T
    noise = np.array([0.001, 0.001, 0.001, 0.3])
    values = corners @ weights + noise[:, None] * rng.standard_normal((4, 800))
    found = vertex_pixels(values, np.zeros((4, 0)), 2, noise)
    ratios = np.sort(found[0] / found[1])
    np.testing.assert_allclose(ratios, [0.2, 1 / 0.3], rtol=0.05)
