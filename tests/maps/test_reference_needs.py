"""Which references are needed: F against closed forms, rates of false answers, target transformation."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from scipy.stats import binom
from scipy.stats import f as f_distribution

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps.fitting.nested_fits import NestedFits
from napari_xanes.maps.fitting.target_transform import n_components, target_transform
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.progress import Cancelled

N = 60
ENERGY = np.linspace(8330.0, 8400.0, N)
BACKGROUNDS = np.stack([np.ones(N), ENERGY - ENERGY.mean()], axis=1)
LEVEL = 0.05


def edge(e0: float, white_line: float) -> np.ndarray:
    return np.arctan((ENERGY - e0) / 1.5) / np.pi + 0.5 + white_line * np.exp(-(((ENERGY - e0 - 3) / 3) ** 2))


SHAPES = np.stack([edge(8343, 0.6), edge(8345, 0.5), edge(8347, 0.4)], axis=1)
REFERENCES = [
    Spectrum(name, ENERGY, shape, valence, metadata={"normalized": True})
    for name, shape, valence in zip(("NiO", "LiNiO2", "NiO2"), SHAPES.T, (2, 3, 4), strict=True)
]


def noise(rng: np.random.Generator, correlation: float, n: int = 1) -> np.ndarray:
    steps = np.arange(N)
    root = np.linalg.cholesky(correlation ** np.abs(steps[:, None] - steps) if correlation else np.eye(N))
    return root @ rng.standard_normal((N, n))


def squares(columns: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum((y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]) ** 2))


def test_f_and_bic_are_those_of_nested_least_squares() -> None:
    rng = np.random.default_rng(3)
    # This noise is less alike at neighbouring energies than white noise, so no correlation is assumed.
    y = SHAPES @ [0.5, 0.4, 0.02] + 0.1 + 0.02 * noise(rng, 0.0)[:, 0]
    full, fewer = np.c_[SHAPES, BACKGROUNDS], np.c_[SHAPES[:, :2], BACKGROUNDS]
    residual = y - full @ np.linalg.lstsq(full, y, rcond=None)[0]
    assert residual[1:] @ residual[:-1] < 0
    found = NestedFits(SHAPES, BACKGROUNDS, nonnegative=False).left_out(y, 2, 1999)
    expected = (squares(fewer, y) - squares(full, y)) / (squares(full, y) / (N - 5))
    assert found.f == pytest.approx(expected, rel=1e-9)
    assert found.bic == pytest.approx(N * np.log(squares(fewer, y) / squares(full, y)) - np.log(N), rel=1e-9)
    assert found.amount == pytest.approx(np.linalg.lstsq(full, y, rcond=None)[0][2], rel=1e-9)
    assert found.p_value == pytest.approx(f_distribution.sf(expected, 1, N - 5), abs=0.06)


def test_bounds_halve_the_p_value() -> None:
    # A positive amount of a bounded coefficient is a one-sided test.
    y = SHAPES @ [0.5, 0.4, 0.02] + 0.1 + 0.02 * noise(np.random.default_rng(3), 0.0)[:, 0]
    free, bounded = (NestedFits(SHAPES, BACKGROUNDS, nonnegative=n).left_out(y, 2, 1999) for n in (False, True))
    assert bounded.amount > 0
    assert bounded.f == pytest.approx(free.f, rel=1e-9)
    assert bounded.p_value == pytest.approx(free.p_value / 2, abs=0.05)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize(("amounts", "column"), [((0.5, 0.5, 0.0), 2), ((0.0, 1.0, 0.0), 0)])
def test_absent_references_are_called_needed_at_the_stated_rate(
    correlation: float, amounts: tuple[float, ...], column: int
) -> None:
    rng, n_spectra = np.random.default_rng(7), 120
    fits = NestedFits(SHAPES, BACKGROUNDS)
    spectra = (SHAPES @ amounts)[:, None] + 0.1 + 0.01 * noise(rng, correlation, n_spectra)
    p_values = np.array([fits.left_out(y, column, 99, seed).p_value for seed, y in enumerate(spectra.T)])
    for level in (LEVEL, 0.2):
        # The level is one in 99 + 1 draws finer than what is counted.
        assert np.sum(p_values <= level) <= binom.ppf(0.999, n_spectra, level)
        assert np.sum(p_values <= level) >= binom.ppf(0.001, n_spectra, level)


def test_known_noise_keeps_the_rate_and_misfit_counts_as_noise() -> None:
    rng, n_spectra, sigma = np.random.default_rng(8), 80, 0.01
    fits = NestedFits(SHAPES / sigma, BACKGROUNDS / sigma, known=True)
    white = (SHAPES @ [0.5, 0.5, 0.0])[:, None] / sigma + noise(rng, 0.0, n_spectra)
    p_values = np.array([fits.left_out(y, 2, 99, seed).p_value for seed, y in enumerate(white.T)])
    assert np.sum(p_values <= LEVEL) <= binom.ppf(0.999, n_spectra, LEVEL)
    # Residuals of ten times the stated noise, alike at neighbouring energies: their own size counts.
    wrong = (SHAPES @ [0.5, 0.5, 0.0])[:, None] / sigma + 10 * noise(rng, 0.6, n_spectra)
    p_values = np.array([fits.left_out(y, 2, 99, seed).p_value for seed, y in enumerate(wrong.T)])
    assert np.sum(p_values <= LEVEL) <= binom.ppf(0.999, n_spectra, LEVEL)


def measured(amounts: Any, seed: int = 0, sigma: float = 0.01) -> Spectrum:
    y = SHAPES @ np.asarray(amounts, float) + 0.1 + sigma * noise(np.random.default_rng(seed), 0.0)[:, 0]
    return Spectrum("particle", ENERGY, y)


def test_what_is_there_is_needed_and_said_in_words() -> None:
    found = nx.needed_references([measured((0.6, 0.3, 0.0))], REFERENCES)
    assert [need.needed for need in found.needs] == [True, True, False]
    assert found.kept == ["NiO", "LiNiO2"]
    assert found.needs[0].words.startswith("NiO is needed (F = ")
    assert found.needs[0].words.endswith(", p = .002)")
    assert found.needs[2].words.startswith("NiO2 is not needed (")
    assert found.needs[0].bic > 10 > 0 > found.needs[2].bic
    assert found.needs[0].spectrum == "particle"


def test_the_rate_holds_for_all_references_of_the_public_function() -> None:
    false = [
        need.needed
        for seed in range(12)
        for need in nx.needed_references([measured((0.0, 1.0, 0.0), seed)], REFERENCES, n_draws=99).needs
        if need.name != "LiNiO2"
    ]
    assert sum(false) <= binom.ppf(0.999, len(false), LEVEL)


def test_one_of_two_that_stand_for_each_other_is_kept() -> None:
    twin = Spectrum("Ni(OH)2", ENERGY, SHAPES[:, 0] + 1e-4 * np.sin(ENERGY), 2, metadata={"normalized": True})
    found = nx.needed_references([measured((1.0, 0.0, 0.0))], [REFERENCES[0], twin])
    assert not any(need.needed for need in found.needs)
    assert len(found.kept) == 1
    (kept,) = (need for need in found.needs if need.kept)
    assert "the others can replace it" in kept.words or kept.f == 0


def grains(n_phases: int = 2, *, seed: int = 0, sigma: float = 0.01, vary: bool = True) -> SpectralStack:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :48] / 48
    amounts = np.stack([0.3 + 0.7 * y, 0.3 + 0.6 * np.sin(5 * x) ** 2, 0.5 * x * y])[:n_phases]
    if not vary:
        amounts = np.broadcast_to(amounts.mean(axis=(1, 2), keepdims=True), amounts.shape)
    data = np.tensordot(SHAPES[:, :n_phases], amounts, 1) + sigma * rng.standard_normal((N, 48, 48))
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth")


def test_a_reference_that_the_stack_can_not_hold_is_told() -> None:
    other = Spectrum("CoO", ENERGY, edge(8355, 1.0), 2, metadata={"normalized": True})
    found = nx.needed_references(grains(), [*REFERENCES[:2], other])
    assert found.n_components == 2
    assert [need.needed for need in found.needs] == [True, True, False]
    targets = [need.target for need in found.needs]
    assert all(target is not None and target.spoil < 3 for target in targets[:2])
    assert targets[2] is not None
    assert targets[2].spoil > 6
    assert "as it is, it is not there" in found.needs[2].words


def test_a_stack_of_one_mixture_leaves_open_what_can_be_there() -> None:
    found = nx.needed_references(grains(vary=False), REFERENCES[:2])
    assert [need.needed for need in found.needs] == [True, True]
    assert found.n_components == 1
    assert all(need.target is None for need in found.needs)


def test_a_phase_of_one_region_is_needed_there() -> None:
    stack = grains(1, sigma=0.05)
    data = np.array(stack.data)
    data[:, 20:26, 20:26] += 0.4 * SHAPES[:, 2, None, None].astype(np.float32)
    stack = SpectralStack(data, ENERGY, "optical_depth")
    labels = np.zeros((48, 48), int)
    labels[20:26, 20:26] = 4
    found = nx.needed_references(stack, [REFERENCES[0], REFERENCES[2]], regions=labels)
    assert found.needs[1].needed
    assert found.needs[1].spectrum == "region 4"


def test_photons_give_the_noise_and_lazy_stacks_the_same_answer() -> None:
    stack = grains(2)
    photons = PhotonNoise(np.full((1, 48, 48), 2e4))
    counted = SpectralStack(stack.data, ENERGY, "optical_depth", metadata={"noise": photons})
    first = nx.needed_references(counted, REFERENCES)
    lazy = SpectralStack(
        da.from_array(np.asarray(stack.data), chunks=(20, 24, 24)), ENERGY, "optical_depth", metadata={"noise": photons}
    )
    second = nx.needed_references(lazy, REFERENCES)
    assert [need.needed for need in first.needs] == [True, True, False]
    for one, other in zip(first.needs, second.needs, strict=True):
        assert one.f == pytest.approx(other.f, rel=1e-4)


def test_pixels_without_a_value_are_left_out() -> None:
    stack = grains(2)
    data = np.array(stack.data)
    data[10, 5:9, 7] = np.nan
    found = nx.needed_references(SpectralStack(data, ENERGY, "optical_depth"), REFERENCES)
    assert [need.needed for need in found.needs] == [True, True, False]
    data[3] = np.nan
    with pytest.raises(ValueError, match="no pixel of .* has a value at each energy"):
        nx.needed_references(SpectralStack(data, ENERGY, "optical_depth"), REFERENCES)


def test_what_can_not_be_tested_is_refused_with_the_way_out() -> None:
    stack = grains(2)
    cleaned = AmountNoise(SHAPES[:, :2], np.full((2, 1, 48, 48), 0.01))
    with pytest.raises(ValueError, match="use the stack before denoising"):
        nx.needed_references(
            SpectralStack(stack.data, ENERGY, "optical_depth", metadata={"noise": cleaned}), REFERENCES
        )
    with pytest.raises(ValueError, match="run optical_depth first"):
        nx.needed_references(SpectralStack(stack.data, ENERGY, "counts"), REFERENCES)
    with pytest.raises(ValueError, match=r"regions have shape \(3, 3\), the image \(48, 48\)"):
        nx.needed_references(stack, REFERENCES, regions=np.ones((3, 3), int))
    with pytest.raises(ValueError, match="6 energies are too few for 5 columns: at least 8"):
        nx.needed_references(stack, REFERENCES, energy=(8340, 8347.5))
    with pytest.raises(ValueError, match="share no energies"):
        nx.needed_references([measured((1, 0, 0)), Spectrum("far", ENERGY + 0.5, SHAPES[:, 0])], REFERENCES)


def test_components_and_targets_of_known_rank() -> None:
    rng = np.random.default_rng(2)
    pure = rng.standard_normal((50, 4))
    counts = [n_components(pure[:, :n] @ rng.random((n, 80)) + 0.02 * rng.standard_normal((50, 80))) for n in (1, 2, 4)]
    assert counts == [1, 2, 4]
    exact = pure[:, :2] @ rng.random((2, 80))
    assert target_transform(exact, pure[:, 0], 2).outside == pytest.approx(0, abs=1e-12)
    # A target at a right angle to all components lies outside with all of itself.
    beyond = pure[:, 2] - exact @ np.linalg.lstsq(exact, pure[:, 2], rcond=None)[0]
    assert target_transform(exact, beyond, 2).outside == pytest.approx(1, abs=1e-9)


def test_many_spectra_can_still_need_a_reference() -> None:
    energy = np.linspace(8330, 8400, 60)
    first, second = np.arctan(energy - 8343), np.arctan((energy - 8347) / 2)
    rng = np.random.default_rng(2)
    spectra = [Spectrum(f"{i}", energy, first + second + 0.01 * rng.standard_normal(60)) for i in range(40)]
    found = nx.needed_references(spectra, [Spectrum("a", energy, first), Spectrum("b", energy, second)])
    assert all(need.needed for need in found.needs), "40 spectra times 1 of 500 draws is .08"


def test_progress_rises_to_the_end_and_can_cancel(rng: np.random.Generator) -> None:
    spectra = [Spectrum(f"s{i}", ENERGY, SHAPES[:, i] + noise(rng, 0.0)[:, 0] * 0.01) for i in range(2)]
    told: list[tuple[float, str]] = []
    found = nx.needed_references(spectra, REFERENCES, n_draws=99, progress=lambda *one: told.append(one))
    done = [fraction for fraction, _ in told]
    assert done == sorted(done)
    assert 0 < done[0] <= 0.5 <= done[-1] <= 1
    assert {text.split(" without ")[1] for _, text in told} >= {"NiO", "LiNiO2", "NiO2"}
    assert [need.p_value for need in found.needs] == [
        need.p_value for need in nx.needed_references(spectra, REFERENCES, n_draws=99).needs
    ]

    def cancel(_done: float, _text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        nx.needed_references(spectra, REFERENCES, n_draws=99, progress=cancel)
