"""What fits learn from the residuals of a stack: error bars that cover, words where something is off, else none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.maps.reference_samples import AXIS, REFS, curve, stack_of
from threadpoolctl import threadpool_info, threadpool_limits

from napari_xanes import MapSet, SpectralStack, region_mean
from napari_xanes.maps import fit_references
from napari_xanes.maps.fitting import error_learning
from napari_xanes.maps.fitting.error_model import ErrorModel, photons_alone
from napari_xanes.maps.references import shared_residual

N = 64
TWO = REFS[:2]
SHARE = np.tile(np.linspace(0.1, 0.9, N), (N, 1))
TRUTH = 2 + SHARE


def absorption(jump: Any = 0.6, shift: float = 0.0) -> np.ndarray:
    """Mixtures of two references on a constant."""
    first, second = (ref.at(AXIS - shift)[:, None, None] for ref in TWO)
    return jump * ((1 - SHARE) * first + SHARE * second) + 0.3


def counted(mu: np.ndarray, photons: float, seed: int, *, gain: bool = True, extra: Any = 0.0) -> SpectralStack:
    """The optical depth of a stack of counts with ten flats; `extra` is added to it."""
    rng = np.random.default_rng(seed)
    ratio = rng.poisson(photons * np.exp(-mu)) / (rng.poisson(10 * photons, mu.shape) / 10)
    noise = {"kind": "poisson", "i0": np.full(AXIS.size, photons), "n_flat": 10}
    return SpectralStack(
        (-np.log(ratio) + extra).astype(np.float32), AXIS, "optical_depth", metadata={"noise": noise} if gain else {}
    )


def covered(maps: MapSet, truth: np.ndarray, sigmas: float = 1.0) -> float:
    valence = maps["valence"]
    assert valence.sigma is not None
    return float(np.mean(np.abs(valence.data - truth)[valence.mask] < sigmas * valence.sigma[valence.mask]))


def widened(stack: SpectralStack) -> float:
    """Sigma of the valence over what photons or the pixel alone say."""
    new, old = (fit_references(stack, references=TWO, errors=e)["valence"] for e in (None, photons_alone(AXIS)))
    assert new.sigma is not None
    assert old.sigma is not None
    return float(np.median((new.sigma / old.sigma)[new.mask & old.mask]))


def messages(stack: SpectralStack) -> str:
    return " ".join(fit_references(stack, references=TWO).metadata["warnings"])


@pytest.mark.parametrize("gain", [True, False])
@pytest.mark.parametrize("photons", [500, 5000, 50000])
@pytest.mark.parametrize("jump", [0.6, np.linspace(0.2, 1.8, N)[:, None]])
def test_where_nothing_is_wrong_nothing_is_said(gain: bool, photons: int, jump: Any) -> None:
    stack = counted(absorption(jump), photons, 1, gain=gain)
    assert messages(stack) == ""
    assert 0.97 < widened(stack) < 1.2
    maps = fit_references(stack, references=TWO)
    assert 0.64 < covered(maps, TRUTH) < 0.74
    assert 0.93 < covered(maps, TRUTH, 2) < 0.985
    assert maps.metadata["covariance_length_pixels"] == 1
    assert photons == 500 or "residual_spectrum" not in maps.metadata


def test_noise_beyond_that_of_photons_is_in_sigma_and_told() -> None:
    rng = np.random.default_rng(2)
    stack = counted(absorption(), 3000, 2, extra=0.03 * rng.standard_normal((AXIS.size, N, N)))
    maps = fit_references(stack, references=TWO)
    assert 0.64 < covered(maps, TRUTH) < 0.72
    assert 0.92 < covered(maps, TRUTH, 2) < 0.98
    assert "times that of the photons" in messages(stack)


def test_noise_beyond_that_of_photons_in_some_pixels_is_in_their_sigma() -> None:
    rng = np.random.default_rng(3)
    more = np.where(np.arange(N)[:, None] < N // 2, 0.06, 0.0)
    stack = counted(absorption(), 3000, 3, extra=more * rng.standard_normal((AXIS.size, N, N)))
    maps = fit_references(stack, references=TWO)
    error = np.abs(maps["valence"].data - TRUTH) < maps["valence"].sigma
    assert 0.62 < error[: N // 2].mean() < 0.74
    assert 0.64 < error[N // 2 :].mean() < 0.76


def test_unknown_noise_that_grows_with_the_signal() -> None:
    """Counts fall above the edge, and more so in thick pixels: errors from an equal noise are too small."""
    stack = counted(absorption(np.linspace(0.3, 3, N)[:, None]), 3000, 4, gain=False)
    maps = fit_references(stack, references=TWO)
    model = maps.history[-1].state["errors"]
    assert model["exponent"] == pytest.approx(1, abs=0.25)
    assert covered(fit_references(stack, references=TWO, errors=photons_alone(AXIS)), TRUTH) < 0.645
    assert 0.64 < covered(maps, TRUTH) < 0.74
    assert 0.92 < covered(maps, TRUTH, 2) < 0.98


def test_unknown_noise_that_differs_between_energies() -> None:
    rng = np.random.default_rng(5)
    noise = np.where((AXIS > 8340) & (AXIS < 8352), 0.06, 0.01)[:, None, None]
    stack = SpectralStack(
        (absorption() + noise * rng.standard_normal((AXIS.size, N, N))).astype("f4"), AXIS, "optical_depth"
    )
    maps = fit_references(stack, references=TWO)
    assert covered(fit_references(stack, references=TWO, errors=photons_alone(AXIS)), TRUTH) < 0.6
    assert 0.64 < covered(maps, TRUTH) < 0.72
    profile = np.array(maps.history[-1].state["errors"]["profile"])
    known = noise.ravel() ** 2 / np.mean(noise**2)
    np.testing.assert_allclose(profile[known > 1], known[known > 1], rtol=0.15)


@pytest.mark.parametrize("gain", [True, False])
def test_noise_that_neighbours_share_is_told_and_in_the_error_of_means(gain: bool) -> None:
    stack = counted(absorption(), 3000, 6, gain=gain)
    stack = stack.with_data(gaussian_filter(stack.data, (0, 0.8, 0.8)))
    maps = fit_references(stack, references=TWO)
    assert "neighbouring pixels share noise" in " ".join(maps.metadata["warnings"])
    assert 0.6 < covered(maps, gaussian_filter(TRUTH, 0.8)) < 0.74
    found = []
    for y in range(0, N, 8):
        for x in range(0, N, 8):
            region = np.zeros((N, N), dtype=bool)
            region[y : y + 8, x : x + 8] = True
            mean = region_mean(maps, "valence", region)
            found.append(abs(mean.value - TRUTH[region].mean()) < 2 * mean.sigma)
    assert 0.86 < np.mean(found) <= 1


def test_noise_that_energies_share() -> None:
    rng = np.random.default_rng(7)
    shared = gaussian_filter(rng.standard_normal((AXIS.size, N, N)), (0.7, 0, 0)) * 0.04
    stack = SpectralStack((absorption() + shared).astype("f4"), AXIS, "optical_depth")
    maps = fit_references(stack, references=TWO)
    learned = maps.history[-1].state["errors"]
    assert covered(fit_references(stack, references=TWO, errors={**learned, "inflation": 1.0}), TRUTH) < 0.6
    assert covered(maps, TRUTH) > 0.6
    assert "neighbouring energies share noise" in " ".join(maps.metadata["warnings"])


@pytest.mark.parametrize("photons", [500, 20000])
@pytest.mark.parametrize("gain", [True, False])
@pytest.mark.parametrize("part", [1.0, 0.25])
def test_a_missing_phase_is_told_drawn_and_in_sigma(photons: int, gain: bool, part: float) -> None:
    """A tenth of another phase, of valence 0, in the whole sample or in a quarter of it."""
    metal = curve(AXIS, 8338, 0.0)[:, None, None]
    amount = 0.1 * (np.arange(N)[:, None] < part * N)
    stack = counted((1 - amount) * absorption() + 0.6 * amount * metal, photons, 8, gain=gain)
    maps = fit_references(stack, references=TWO)
    told = " ".join(maps.metadata["warnings"])
    assert "that the references can't describe" in told or "a phase without a reference in a part" in told
    assert covered(maps, TRUTH * (1 - amount), 2) > 0.92
    inside = maps["valence"].mask & (amount > 0)
    assert np.mean(maps["valence_model"].data[inside] > 0.05) > 0.9
    drawn = maps.metadata["residual_spectrum"]
    basis, _ = np.linalg.qr(maps.metadata["fit"].design)
    left = metal.ravel() - basis @ (basis.T @ metal.ravel())
    assert np.corrcoef(drawn["mu"], left)[0, 1] > 0.9
    curve_of_pixel = shared_residual(maps, (0, 0))
    assert curve_of_pixel is not None
    amount = maps["edge_jump"].data[0, 0] if drawn["per_jump"] else 1
    np.testing.assert_allclose(curve_of_pixel.mu, amount * np.asarray(drawn["mu"]), rtol=1e-6)
    assert maps["valence"].mask.all()
    mean = region_mean(maps, "valence")
    assert mean.sigma > 0.8 * np.median(maps["valence_model"].data[maps["valence"].mask])


def test_a_single_spectrum_that_the_references_do_not_describe() -> None:
    """Too few pixels to pool: a residual that is smooth over energies is no noise."""
    metal = curve(AXIS, 8338, 0.0)[:, None, None]
    rng = np.random.default_rng(12)
    noise = 0.002 * rng.standard_normal((AXIS.size, 2, 2))
    right, wrong = (
        SpectralStack((mu[:, :2, :2] + noise).astype("f4"), AXIS, "optical_depth")
        for mu in (absorption(), 0.9 * absorption() + 0.06 * metal)
    )
    maps = fit_references(right, references=TWO)
    assert maps.metadata["warnings"] == []
    assert "valence_model" not in maps
    maps = fit_references(wrong, references=TWO)
    assert "are smooth over energies, so they are no noise" in maps.metadata["warnings"][0]
    assert (maps["valence_model"].data > 0.05).all()


def test_frames_that_are_off_one_by_one_are_no_phase() -> None:
    rng = np.random.default_rng(9)
    stack = counted(absorption(), 3000, 9, extra=0.02 * rng.standard_normal((AXIS.size, 1, 1)))
    assert "frames are off one by one" in messages(stack)
    assert widened(stack) < 1.6


@pytest.mark.parametrize("shift", [0.3, -0.3, 0.8])
def test_an_energy_axis_that_is_off_is_told_with_its_size(shift: float) -> None:
    stack = counted(absorption(shift=shift), 5000, 10)
    maps = fit_references(stack, references=TWO)
    (text,) = [line for line in maps.metadata["warnings"] if "references are shifted by" in line]
    assert float(text.split("shifted by ")[1].split(" eV")[0]) == pytest.approx(shift, abs=0.06)
    assert covered(maps, TRUTH, 2) > 0.92


def test_the_error_of_the_energy_axis_is_that_of_a_shift() -> None:
    stack = stack_of(np.full((2, 3, 3), 0.4), TWO)
    plain, moved = (
        fit_references(s, references=TWO, nonnegative=False)["valence"]
        for s in (stack, SpectralStack(stack.data, AXIS + 0.01, "optical_depth"))
    )
    per_ev = np.abs(moved.data - plain.data) / 0.01
    maps = fit_references(stack, references=TWO, nonnegative=False, energy_sigma=0.2)
    assert maps["valence"].sigma is not None
    assert plain.sigma is not None
    added = np.sqrt(maps["valence"].sigma ** 2 - plain.sigma**2)
    np.testing.assert_allclose(added, 0.2 * per_ev, rtol=0.05)
    np.testing.assert_allclose(maps["valence_model"].data, added, rtol=1e-3)


def test_a_model_serves_other_stacks_on_the_same_energies() -> None:
    stack = counted(absorption(), 3000, 11)
    learned = fit_references(stack, references=TWO).history[-1].state["errors"]
    small = stack.isel(box=(slice(0, 3), slice(0, 3)))
    assert fit_references(small, references=TWO, errors=learned)["valence"].data.shape == (3, 3)
    with pytest.raises(ValueError, match=r"learned on 45 energies.*but 30 are fitted.*leave errors out"):
        fit_references(stack, references=TWO, errors=learned, energy=(8330, 8359))
    with pytest.raises(ValueError, match="an error model is what an earlier fit has learned"):
        fit_references(stack, references=TWO, errors={"gain": 1})
    with pytest.raises(ValueError, match="3 energies but 2 values of profile"):
        ErrorModel(np.arange(3.0), np.ones(2))


@pytest.mark.parametrize("gain", [True, False])
@pytest.mark.parametrize("part", [0.05, 0.15])
def test_a_phase_in_a_small_part_is_told_and_in_sigma_there(part: float, gain: bool) -> None:
    """A tenth of another phase, of valence 0, at a high dose: single pixels show it, and only they are widened."""
    metal = curve(AXIS, 8338, 0.0)[:, None, None]
    inside = np.arange(N)[:, None] + 0 * SHARE < part * N
    mu = (1 - 0.1 * inside) * absorption() + 0.06 * inside * metal
    maps = fit_references(counted(mu, 200_000, 13, gain=gain), references=TWO)
    told = " ".join(maps.metadata["warnings"])
    assert "a phase without a reference" in told
    valence = maps["valence"]
    assert valence.sigma is not None
    within = np.abs(valence.data - TRUTH * (1 - 0.1 * inside)) < 2 * valence.sigma
    assert np.mean(within[inside]) > 0.92
    assert np.mean(within[~inside]) > 0.92
    plain = fit_references(counted(absorption(), 200_000, 13, gain=gain), references=TWO)["valence"]
    assert plain.sigma is not None
    assert np.median(valence.sigma[~inside] / plain.sigma[~inside]) < 1.3
    assert np.median(valence.sigma[inside] / plain.sigma[inside]) > 4


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_wrong_gain_is_told(factor: float) -> None:
    stack = counted(absorption(), 4000, 14)
    noise = {"kind": "poisson", "i0": np.full(AXIS.size, 4000 / factor), "n_flat": 10}
    wrong = SpectralStack(stack.data, AXIS, "optical_depth", metadata={"noise": noise})
    said = messages(wrong)
    if factor > 1:
        number = float(said.split("gain in the metadata is about ")[1].split(" times")[0])
        assert number == pytest.approx(factor, rel=0.05)
    else:
        assert "or a wrong gain" in said
    assert "gain" not in messages(stack)


def test_a_misfit_widens_sigma_up_to_the_span_of_the_references() -> None:
    rng = np.random.default_rng(15)
    drift = gaussian_filter(rng.standard_normal(AXIS.size), 6)[:, None, None]
    maps = fit_references(counted(absorption() + 2 * drift, 5000, 15), references=TWO)
    valence = maps["valence"]
    assert maps.metadata["warnings"]
    assert valence.mask.any()
    assert (maps["valence_model"].data[valence.mask] < 1.1).all()


def test_small_matrix_products_take_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of matrix products would wait for each other: twice the processor seconds of a fit."""
    threads: list[int] = []

    def look(*arguments: Any) -> Any:
        threads.extend(info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas")
        return tile_sample(*arguments)

    tile_sample = error_learning.tile_sample
    monkeypatch.setattr(error_learning, "tile_sample", look)
    with threadpool_limits(2, user_api="blas"):
        fit_references(stack_of(np.full((3, 8, 8), 0.2), REFS, 0.01), references=REFS)
    assert set(threads) == {1}
