"""fit_references: against scipy, against closed forms, and whether its errors cover."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, nnls
from tests.maps.reference_samples import AXIS, REFS, edge_spectrum, stack_of

from napari_xanes import SpectralStack, Spectrum, Step, read_spectra
from napari_xanes.maps import fit_references
from napari_xanes.maps.references import fitted_spectrum


def columns(refs: list[Spectrum], *, constant: bool, slope: bool) -> np.ndarray:
    free = [np.ones_like(AXIS)] * constant + [AXIS - (AXIS[0] + AXIS[-1]) / 2] * slope
    return np.stack([*(ref.at(AXIS) for ref in refs), *free], axis=1)


@settings(max_examples=25, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 6),
    apart=st.sampled_from([2.0, 0.2, 0.02]),
    constant=st.booleans(),
    slope=st.booleans(),
)
def test_fit_equals_the_optimum_of_scipy(seed: int, k: int, apart: float, constant: bool, slope: bool) -> None:
    rng = np.random.default_rng(seed)
    refs = [edge_spectrum(f"r{i}", 8343 + apart * i, rng.uniform(0.2, 0.8)) for i in range(k)]
    stack = stack_of(rng.standard_normal((k, 3, 4)), refs, 0.02, seed)
    maps = fit_references(stack, references=refs, constant=constant, slope=slope)
    a = columns(refs, constant=constant, slope=slope)
    # A column without bounds is written as the difference of two non-negative columns.
    doubled = np.concatenate([a, -a[:, k:]], axis=1)
    actual = np.array([maps[name].data.ravel() for name in maps.metadata["fit"]["names"]])
    for column, x in zip(stack.data.reshape(AXIS.size, -1).T.astype(np.float64), actual.T, strict=True):
        expected = nnls(doubled, column)[0][:k]
        np.testing.assert_allclose(x[:k], expected, atol=1e-6 * max(1, np.abs(expected).max()), rtol=1e-6)
    free = fit_references(stack, references=refs, constant=constant, slope=slope, nonnegative=False)
    actual = np.array([free[name].data.ravel() for name in free.metadata["fit"]["names"]])
    expected = np.linalg.lstsq(a, stack.data.reshape(AXIS.size, -1).astype(np.float64), rcond=None)[0]
    np.testing.assert_allclose(actual, expected, atol=1e-6 * max(1, np.abs(expected).max()), rtol=1e-6)


def test_bounds_and_free_columns_agree_with_lsq_linear() -> None:
    rng = np.random.default_rng(7)
    stack = stack_of(rng.standard_normal((3, 3, 4)), REFS, 0.02)
    maps = fit_references(stack, references=REFS, slope=True)
    a = columns(REFS, constant=True, slope=True)
    for index in np.ndindex(3, 4):
        column = stack.data[(slice(None), *index)].astype(np.float64)
        low = [0, 0, 0, -np.inf, -np.inf]
        expected = lsq_linear(a, column, (low, np.inf), tol=1e-14, method="bvls").x
        np.testing.assert_allclose([maps[n].data[index] for n in maps.metadata["fit"]["names"]], expected, atol=2e-6)
        fit = fitted_spectrum(maps, index)
        np.testing.assert_allclose(fit.mu, a @ expected, atol=1e-5)
        rms = np.sqrt(np.mean((column - a @ expected) ** 2))
        assert maps["residual_rms"].data[index] == pytest.approx(rms, rel=1e-4)


def test_known_mixtures_are_found() -> None:
    rng = np.random.default_rng(1)
    amounts = rng.uniform(0.1, 1, (3, 5, 6))
    maps = fit_references(stack_of(amounts, REFS), references=REFS, slope=True)
    assert list(maps) == [
        "two", "three", "four", "edge_jump", "valence", "dominant", "residual_rms", "chi_square", "constant", "slope",
    ]  # fmt: skip
    total = amounts.sum(axis=0)
    for name, amount in zip(("two", "three", "four"), amounts, strict=True):
        np.testing.assert_allclose(maps[name].data, amount, atol=1e-4)
        assert maps[name].unit == "OD"
    np.testing.assert_allclose(maps["edge_jump"].data, total, atol=1e-4)
    np.testing.assert_allclose(maps["valence"].data, np.tensordot([2, 3, 4], amounts, 1) / total, atol=1e-4)
    np.testing.assert_array_equal(maps["dominant"].data, amounts.argmax(axis=0) + 1)
    assert maps["dominant"].labels == {1: "two", 2: "three", 3: "four"}
    assert maps["slope"].unit == "OD/eV"
    np.testing.assert_allclose(maps["slope"].data, -0.002, atol=1e-5)
    assert {name for name in maps if maps[name].companion} == {"residual_rms", "chi_square", "constant", "slope"}
    shares = fit_references(stack_of(amounts, REFS), references=REFS, slope=True, fractions=True)
    np.testing.assert_allclose(shares["two"].data, amounts[0] / total, atol=1e-4)
    assert shares["two"].unit == "1"
    np.testing.assert_allclose(fitted_spectrum(shares, (1, 2)).mu, fitted_spectrum(maps, (1, 2)).mu, atol=1e-5)


def test_fractions_that_sum_to_one() -> None:
    rng = np.random.default_rng(2)
    shares = rng.dirichlet((1, 1, 1), (4, 5)).transpose(2, 0, 1)
    maps = fit_references(stack_of(shares, REFS, 0.01), references=REFS, slope=True, sum_to_one=True)
    np.testing.assert_allclose(maps["edge_jump"].data, 1, atol=1e-5)
    np.testing.assert_allclose(sum(maps[r.name].data for r in REFS), 1, atol=1e-5)
    assert min(maps[r.name].data.min() for r in REFS) >= 0


@pytest.mark.parametrize("known_noise", [True, False])
def test_errors_cover_the_truth_as_expected(known_noise: bool) -> None:
    rng = np.random.default_rng(4)
    amounts = np.broadcast_to(np.array([0.5, 0.6, 0.4])[:, None, None], (3, 60, 60))
    clean = stack_of(amounts, REFS)
    photons = np.linspace(2000, 40000, AXIS.size)
    if known_noise:
        lit = photons[:, None, None]
        counted = rng.poisson(lit * np.exp(-clean.data)) / (rng.poisson(10 * lit, clean.shape) / 10)
        noise = {"noise": {"kind": "poisson", "i0": photons, "n_flat": 10}}
        stack = clean.with_data(-np.log(counted).astype(np.float32), metadata=noise)
    else:
        stack = stack_of(amounts, REFS, 0.01, 4)
    for fractions in (False, True):
        maps = fit_references(stack, references=REFS, slope=True, fractions=fractions)
        truths = dict(zip(("two", "three", "four"), (0.5, 0.6, 0.4), strict=True))
        truths = {name: value / 1.5 if fractions else value for name, value in truths.items()}
        for name, truth in {**truths, "edge_jump": 1.5, "valence": 4.4 / 1.5}.items():
            sigma = maps[name].sigma
            assert sigma is not None
            covered = np.mean(np.abs(maps[name].data - truth) < sigma)
            assert 0.64 < covered < 0.72, f"{name}: {covered}"
        assert np.mean(maps["chi_square"].data) == pytest.approx(1, abs=0.06)


def test_a_pure_pixel_has_an_error_too() -> None:
    amounts = np.zeros((3, 40, 40))
    amounts[0] = 1
    maps = fit_references(stack_of(amounts, REFS, 0.01), references=REFS, slope=True, fractions=True)
    for name in ("two", "four", "valence"):
        sigma = maps[name].sigma
        assert sigma is not None
        assert (sigma > 0).all()
    sigma = maps["valence"].sigma
    assert sigma is not None
    assert np.mean(np.abs(maps["valence"].data - 2) < sigma) > 0.6


def test_photons_can_have_any_shape() -> None:
    amounts = np.full((3, 4, 5), 0.5)
    photons = np.linspace(3000, 5000, AXIS.size)
    actual = []
    for i0 in (photons, photons[:, None, None], np.broadcast_to(photons[:, None, None], (AXIS.size, 4, 5))):
        noise = {"noise": {"kind": "poisson", "i0": i0, "n_flat": np.inf}}
        actual.append(fit_references(stack_of(amounts, REFS, 0.01, metadata=noise), references=REFS)["two"].sigma)
    np.testing.assert_allclose(actual[1], actual[0], rtol=1e-6)
    np.testing.assert_allclose(actual[2], actual[0], rtol=1e-6)
    image = {"noise": {"kind": "poisson", "i0": np.full((4, 5), 4000.0), "n_flat": 1}}
    assert fit_references(stack_of(amounts, REFS, 0.01, metadata=image), references=REFS)["two"].mask.all()
    wrong = {"noise": {"kind": "poisson", "i0": np.ones((2, 2)), "n_flat": 1}}
    with pytest.raises(ValueError, match=r"photons of the noise have shape \(2, 2\)"):
        fit_references(stack_of(amounts, REFS, 0.01, metadata=wrong), references=REFS)


def test_misfit_with_structure_raises_chi_square() -> None:
    amounts = np.full((3, 20, 20), 0.5)
    stack = stack_of(amounts, REFS, 0.01)
    good = fit_references(stack, references=REFS, slope=True)["chi_square"]
    poor = fit_references(stack, references=REFS[:1], slope=True)["chi_square"]
    assert np.median(poor.data) > 3 * np.median(good.data)


def test_one_reference_gives_a_scale_factor() -> None:
    maps = fit_references(
        stack_of(np.full((1, 2, 2), 0.7), REFS[:1], 0.001), references=REFS[:1], slope=True, fractions=True
    )
    np.testing.assert_allclose(maps["edge_jump"].data, 0.7, atol=0.01)
    np.testing.assert_allclose(maps["two"].data, 1)
    np.testing.assert_allclose(maps["valence"].data, 2)


def test_empty_and_spoilt_pixels_are_masked() -> None:
    amounts = np.full((3, 4, 5), 0.5)
    amounts[:, 0] = 0
    stack = stack_of(amounts, REFS, 0.01, 9)
    data = stack.data.copy()
    data[:, 1, 1], data[20, 2, 2], data[3, 3, 3], data[:, 0, 0] = np.nan, np.nan, np.inf, 0
    maps = fit_references(stack.with_data(data), references=REFS)
    spoilt = ([1, 2, 3], [1, 2, 3])
    for name, parameter_map in maps.items():
        assert not parameter_map.mask[spoilt].any(), name
        if parameter_map.labels is None:
            assert np.isnan(parameter_map.data[spoilt]).all(), name
    assert np.isfinite(maps["two"].data[0]).all()
    assert maps["two"].data[0, 0] == 0
    assert not maps["two"].mask[0, 0]
    assert np.isnan(maps["valence"].data[0, 0])
    assert maps["dominant"].data[0, 0] == 0
    clear = fit_references(stack.with_data(data), references=REFS, min_jump=0.5)
    assert not clear["two"].mask[0].any()
    assert clear["two"].mask[1:].sum() == 12
    none = fit_references(stack, references=REFS, min_jump=9.0)
    assert not none["two"].mask.any()
    assert "no pixel has an edge jump above 9 (the largest is 1" in none.metadata["warnings"][0]


def test_tiles_lazy_and_replay_agree_with_the_whole() -> None:
    rng = np.random.default_rng(3)
    stack = stack_of(rng.uniform(-0.5, 1, (3, 6, 7)), REFS, 0.01)
    whole = fit_references(stack, references=REFS)
    step = whole.history[-1]
    assert step.state["energy"] == [8330.0, 8398.0]
    assert step.state["errors"]["energy"] == AXIS.tolist()
    tile = fit_references.apply(stack.with_data(stack.data[:, 2:4]), Step.from_plain(step.to_plain(exact=True)))
    lazy = fit_references(stack.with_data(da.from_array(stack.data, chunks=(9, 2, 3))), references=REFS)
    for name, parameter_map in whole.items():
        np.testing.assert_allclose(tile[name].data, parameter_map.data[2:4], rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(lazy[name].data, parameter_map.data, rtol=1e-5, atol=1e-6, err_msg=name)


def test_three_energies_are_enough_for_one_reference() -> None:
    few = SpectralStack(REFS[0].at([8330, 8348, 8390])[:, None, None], [8330, 8348, 8390], "optical_depth")
    maps = fit_references(few, references=REFS[:1], slope=False)
    assert maps["edge_jump"].data[0, 0] == pytest.approx(1, abs=1e-6)


def test_nine_measured_references_agree_with_scipy(real_data: Path) -> None:
    import tifffile

    folder = real_data / "hxn_fe_k"
    axis = np.loadtxt(folder / "test_energy.txt")
    data = tifffile.imread(folder / "test_stack.tiff")[:, 20:60:3, 20:60:3]
    refs = read_spectra(folder / "test_ref_athena.nor")
    assert len(refs) == 9
    maps = fit_references(SpectralStack(data, axis, "fluorescence"), references=refs, slope=False)
    outside, smoothed, misfit = maps.metadata["warnings"]
    assert outside == "20 of 57 energies lie outside the references (7100-7139 eV) and are not used"
    assert smoothed.startswith("neighbouring pixels share noise")
    assert misfit.startswith("residuals of 15 % of the edge jump")
    used = maps.metadata["fit"]["energy"]
    design = np.stack([*(r.at(used) for r in refs), np.ones_like(used), -np.ones_like(used)], axis=1)
    spectra = data[np.isin(axis, used)].reshape(used.size, -1).astype(np.float64)
    expected = np.array([nnls(design, column)[0][:9] for column in spectra.T]).T
    actual = np.array([maps[r.name].data.ravel() for r in refs])
    np.testing.assert_allclose(actual, expected, atol=1e-6 * expected.max())


def test_a_background_without_noise_is_no_material() -> None:
    """A constant is fitted exactly: then the rounding of its fit is larger than any standard error."""
    amounts = np.zeros((3, 4, 4))
    amounts[:, 2:] = [[[0.1]], [[0.2]], [[0.1]]]
    stack = stack_of(amounts, REFS)
    data = stack.data.copy()
    data[:, :2] = 0.2
    maps = fit_references(stack.with_data(data), references=REFS)
    assert not maps["dominant"].data[:2].any()
    assert np.isnan(maps["valence"].data[:2]).all()
    np.testing.assert_allclose(maps["valence"].data[2:], 3, atol=1e-4)


def test_the_edges_of_a_large_signal_are_fitted_as_those_of_a_small_one() -> None:
    """Residuals are reckoned in float32, as precise as the data: 10,000 times smaller than the signal here."""
    amounts = np.full((3, 6, 6), 100.0)
    stack = stack_of(amounts, REFS, noise=0.02, seed=3)
    maps = fit_references(stack, references=REFS)
    a = columns(REFS, constant=True, slope=True)
    spectra = stack.data.reshape(len(AXIS), -1).astype(np.float64)
    residual = spectra - a @ np.linalg.lstsq(a, spectra, rcond=None)[0]
    expected = np.sqrt(np.mean(residual**2, axis=0)).reshape(6, 6)
    np.testing.assert_allclose(maps["residual_rms"].data, expected, rtol=1e-3)
