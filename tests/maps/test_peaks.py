"""Peaks of pixels: closed forms, scipy's fits of single spectra, and what is masked."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.explore import peaks
from scipy.optimize import curve_fit

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.maps.fitting.peak_model import PeakModel
from napari_xanes.maps.fitting.peaks import fit_peaks_to
from napari_xanes.noise import AmountNoise

ENERGY = np.linspace(7105, 7125, 81)


def made(shape: str, truth: list[float], step: str = "none") -> tuple[PeakModel, np.ndarray]:
    model = PeakModel(ENERGY, shape, (len(truth) - 2) // 3 - (step != "none"), step)  # type: ignore[arg-type]
    return model, model.values(np.array([truth]))[0]


@pytest.mark.parametrize("shape", ["gaussian", "lorentzian", "voigt"])
def test_areas_widths_and_heights_are_those_of_lmfit(shape: str) -> None:
    """The amplitude is the area; fwhm and height follow from the curve itself."""
    fine = np.linspace(-400, 400, 800_001)
    model = PeakModel(fine, shape, 1, "none")  # type: ignore[arg-type]
    curve = model.values(np.array([[0.0, np.log(0.7), 3.0, 0, 0]]))[0]
    assert np.trapezoid(curve, fine) == pytest.approx(3.0, rel=2e-3)
    assert curve.max() == pytest.approx(model.heights(np.zeros(1))[0] * 3.0 / 0.7, rel=1e-6)
    wide = fine[curve >= curve.max() / 2]
    assert wide[-1] - wide[0] == pytest.approx(model.fwhm * 0.7, abs=3e-3)


@pytest.mark.parametrize("shape", ["gaussian", "lorentzian", "voigt"])
def test_fits_equal_those_of_scipy(shape: str) -> None:
    truth = [7111.0, np.log(0.8), 0.3, 7114.0, np.log(1.0), 0.5, 7121.0, np.log(1.5), 1.0, 0.1, 0.002]
    model, clean = made(shape, truth, "arctangent")
    noisy = clean + 0.004 * np.random.default_rng(0).standard_normal((5, ENERGY.size))
    fits = fit_peaks_to(model, noisy, np.array(truth))
    assert fits.converged.all()
    for i, spectrum in enumerate(noisy):
        best, covariance = curve_fit(
            lambda _, *p: model.values(np.array([p]))[0], ENERGY, spectrum, truth, ftol=1e-14, xtol=1e-14
        )
        np.testing.assert_allclose(fits.parameters[i], best, rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(
            np.sqrt(np.diag(fits.unit_covariance[i]) * fits.reduced_squares()[i]),
            np.sqrt(np.diag(covariance)),
            rtol=0.02,
        )


def test_maps_hold_centroid_and_area_with_errors_that_hold() -> None:
    truth = [7111.0, np.log(0.8), 0.3, 7114.0, np.log(1.0), 0.5, 0.1, 0.002]
    _, clean = made("gaussian", truth)
    noise = 0.01 * np.random.default_rng(1).standard_normal((ENERGY.size, 20, 20))
    stack = SpectralStack(clean[:, None, None] + noise, ENERGY, "normalized")
    maps = nx.maps.fit_peaks(stack, centers=[7114.3, 7110.8], step="none")
    assert maps["centroid"].mask.mean() > 0.98
    for name, value in (
        ("centroid", (7111 * 0.3 + 7114 * 0.5) / 0.8), ("area", 0.8), ("p1_center", 7111.0), ("p2_sigma", 1.0),
        ("p2_fwhm", 2.3548), ("p1_amplitude", 0.3), ("p1_height", 0.3 / 0.8 / np.sqrt(2 * np.pi)),
    ):  # fmt: skip
        inside = maps[name].mask
        deviation = (maps[name].data[inside].astype(float) - value) / maps[name].sigma[inside]
        assert abs(deviation.mean()) < 0.3, name
        assert 0.8 < deviation.std() < 1.25, name
    assert maps["area"].unit == "eV"


def test_pixels_without_a_peak_are_masked() -> None:
    _, clean = made("gaussian", [7112.0, np.log(0.8), 0.3, 0.1, 0.002])
    _, empty = made("gaussian", [7112.0, np.log(0.8), 0.0, 0.1, 0.002])
    data = np.stack([clean] * 40 + [empty] * 40, axis=1)[:, :, None].reshape(ENERGY.size, 8, 10)
    data = data + 0.01 * np.random.default_rng(2).standard_normal(data.shape)
    mask = nx.maps.fit_peaks(SpectralStack(data, ENERGY, "normalized"), centers=[7112], step="none")["area"].mask
    assert mask[:4].all()
    assert mask[4:].mean() < 0.15


def test_bad_input_says_what_to_do() -> None:
    stack = SpectralStack(np.ones((81, 2, 2)), ENERGY, "normalized")
    with pytest.raises(ValueError, match="lies outside"):
        nx.maps.fit_peaks(stack, centers=[7200])
    with pytest.raises(ValueError, match="1 to 6 peaks"):
        nx.maps.fit_peaks(stack, centers=[])
    with pytest.raises(ValueError, match="wider energy range or fewer peaks"):
        nx.maps.fit_peaks(stack, centers=[7110], energy=(7109, 7110))
    with pytest.raises(ValueError, match="leave start out"):
        nx.maps.fit_peaks(stack, centers=[7110], start=[1.0, 2.0])


@pytest.mark.parametrize("name", peaks.CASES)
def test_values_and_errors_are_those_of_lmfit(name: str) -> None:
    """Frozen numbers of lmfit 1.3.4, recorded by ``python -m benchmarks.explore.peaks --record``."""
    kept = json.loads(peaks.KEPT.read_text(encoding="utf-8"))
    assert kept["lmfit"] == "1.3.4"
    found = peaks.ours(peaks.CASES[name])
    assert found.keys() == kept["cases"][name].keys()
    value, sigma = peaks.furthest(found, kept["cases"][name])
    assert value < 1e-3
    assert sigma < 3e-3
    assert found["chisqr"][0] == pytest.approx(kept["cases"][name]["chisqr"][0], rel=1e-6)


@pytest.mark.skipif(not (peaks.DATA / "hxn_fe_k").is_dir(), reason="set NAPARI_XANES_DATA to the folder of real files")
def test_a_measured_pre_edge_peak_is_that_of_larch() -> None:
    """Frozen numbers of `prepeaks_fit` of Larch 2026.3.1, recorded by the same command."""
    kept = json.loads(peaks.KEPT.read_text(encoding="utf-8"))
    assert kept["larch"] == "2026.3.1"
    energy, mu = peaks.measured()
    maps = nx.maps.fit_peaks(SpectralStack(mu[:, None, None], energy, "normalized"), centers=[7113.5])
    for part, (value, sigma) in kept["measured"].items():
        rounding = 6e-4 if part == "p1_center" else 0  # float32 at 7113 eV
        assert maps[part].data.item() == pytest.approx(value, abs=0.02 * sigma + rounding), part
        assert maps[part].sigma.item() == pytest.approx(sigma, rel=0.1), part  # lmfit's steps are .07 eV


def test_a_pseudo_voigt_profile_has_both_shares() -> None:
    """Both parts have the width 2 sigma; the share of the Lorentzian one is a map, with its error."""
    model = PeakModel(ENERGY, "pseudo_voigt", 1, "none")
    fine = PeakModel(np.linspace(-5, 5, 100_001), "pseudo_voigt", 1, "none")
    for odds in (-30.0, 0.0, 30.0):
        curve = fine.values(np.array([[0.0, np.log(0.7), 1.0, odds, 0, 0]]))[0]
        wide = fine.energy[curve >= curve.max() / 2]
        assert wide[-1] - wide[0] == pytest.approx(1.4, abs=1e-3)
    truth = np.array([[7112.0, np.log(1.5), 0.8, np.log(0.3 / 0.7), 0.1, 0.002]])
    noise = 0.002 * np.random.default_rng(3).standard_normal((ENERGY.size, 16, 16))
    stack = SpectralStack(model.values(truth)[0][:, None, None] + noise, ENERGY, "normalized")
    maps = nx.maps.fit_peaks(stack, centers=[7112], shape="pseudo_voigt", step="none", width=1.5)
    height = 0.8 * ((0.7 * np.sqrt(np.log(2) / np.pi)) + 0.3 / np.pi) / 1.5
    for name, value in (("p1_fraction", 0.3), ("p1_height", height), ("p1_fwhm", 3.0), ("area", 0.8)):
        off = (maps[name].data.astype(float) - value)[maps[name].mask] / maps[name].sigma[maps[name].mask]
        assert abs(np.mean(off)) < 0.3, name
        assert 0.8 < np.std(off) < 1.25, name
    assert maps["p1_fraction"].unit == "1"


def on_a_spline(shape: tuple[int, ...]) -> np.ndarray:
    """Return a peak on a foot that no line and no arctangent makes."""
    foot = 0.05 + 0.4 * np.exp((ENERGY - 7125) / 3) - 0.0004 * (ENERGY - 7110) ** 2
    peak = 0.1 * np.exp(-0.5 * ((ENERGY - 7113) / 0.8) ** 2)
    return np.broadcast_to((foot + peak).reshape(-1, *[1] * len(shape)), (ENERGY.size, *shape))


def test_a_spline_takes_a_background_that_a_line_does_not() -> None:
    stack = SpectralStack(on_a_spline((2, 2)), ENERGY, "normalized")
    spline = nx.maps.fit_peaks(stack, centers=[7113], step="none", background="spline", width=0.8)
    line = nx.maps.fit_peaks(stack, centers=[7113], step="none", width=0.8)
    area = 0.1 * 0.8 * np.sqrt(2 * np.pi)
    np.testing.assert_allclose(spline["area"].data, area, rtol=0.06)
    np.testing.assert_allclose(spline["centroid"].data, 7113, atol=0.04)
    assert not line["area"].mask.any() or abs(line["area"].data / area - 1).max() > 0.3
    given = nx.maps.fit_peaks(
        stack, centers=[7113], step="none", background="spline", knots=[7105, 7107.5, 7110.4, 7115.6, 7120, 7125]
    )
    np.testing.assert_allclose(given["area"].data, area, rtol=0.06)


@pytest.mark.parametrize("step", ["arctangent", "error_function"])
def test_a_step_has_the_shape_that_is_asked_for(step: str) -> None:
    _, clean = made("gaussian", [7112.0, np.log(0.8), 0.1, 7119.0, np.log(1.5), 1.0, 0.1, 0.002], step)
    stack = SpectralStack(np.tile(clean[:, None, None], (1, 2, 2)), ENERGY, "normalized")
    rms = {
        one: nx.maps.fit_peaks(stack, centers=[7112], step=one)["residual_rms"].data.max()  # type: ignore[arg-type]
        for one in ("arctangent", "error_function")
    }
    assert rms[step] < 1e-6
    assert min(value for name, value in rms.items() if name != step) > 1e-4


def counted(rng: np.random.Generator, photons: float) -> tuple[SpectralStack, float, float]:
    """Return an optical depth with one peak, its area and centre; every other frame has a tenth of the photons."""
    mu = 0.5 + 0.02 * (ENERGY - 7105) + 0.3 * np.exp(-0.5 * ((ENERGY - 7113) / 0.8) ** 2)
    i0 = photons * np.where(np.arange(ENERGY.size) % 2, 1.0, 0.1)[:, None, None]
    counts = rng.poisson(i0 * np.exp(-mu)[:, None, None], (ENERGY.size, 20, 20))
    metadata = {"noise": {"kind": "poisson", "i0": i0, "n_flat": np.inf}}
    return SpectralStack(-np.log(counts / i0), ENERGY, "optical_depth", metadata=metadata), 0.6016, 7113.0


def test_photons_weigh_the_values_and_tell_the_errors(rng: np.random.Generator) -> None:
    """Weights make the area more certain than without, and the errors that follow from photons hold."""
    stack, area, centre = counted(rng, 20_000.0)
    plain = SpectralStack(stack.data, ENERGY, "optical_depth")
    known, unknown = (nx.maps.fit_peaks(one, centers=[7113], step="none") for one in (stack, plain))
    for name, value in (("area", area), ("centroid", centre)):
        off = known[name].data.astype(float) - value
        assert 0.85 < np.std(off / known[name].sigma) < 1.15, name
        assert np.std(off) < 0.8 * np.std(unknown[name].data.astype(float)), name
    assert known["chi_square"].data.mean() == pytest.approx(1, abs=0.05)
    assert "chi_square" not in unknown


def test_errors_grow_where_the_model_does_not_suit(rng: np.random.Generator) -> None:
    stack, _, _ = counted(rng, 2_000_000.0)
    wrong = nx.maps.fit_peaks(stack, centers=[7113], shape="lorentzian", step="none")
    right = nx.maps.fit_peaks(stack, centers=[7113], step="none")
    assert (wrong["chi_square"].data > 20).all()
    assert np.median(wrong["area"].sigma / right["area"].sigma) > 4


def test_errors_after_denoise_are_those_of_the_amounts(rng: np.random.Generator) -> None:
    """Residuals of a stack that was put together from a few spectra are too small to tell errors."""
    peak = np.exp(-0.5 * ((ENERGY - 7113) / 0.8) ** 2)
    columns = np.stack([np.ones_like(ENERGY), peak], axis=1)
    amounts = np.stack([np.full((10, 10), 0.5), 0.2 + 0.02 * rng.standard_normal((10, 10))])
    factors = np.zeros((2, 1, 10, 10))
    factors[1] = 0.02
    metadata = {"noise": AmountNoise(columns, factors)}
    stack = SpectralStack(np.tensordot(columns, amounts, 1), ENERGY, "optical_depth", metadata=metadata)
    area = nx.maps.fit_peaks(stack, centers=[7113], step="none")["area"]
    np.testing.assert_allclose(area.sigma, 0.02 * 0.8 * np.sqrt(2 * np.pi), rtol=1e-3)


def test_energies_that_share_noise_are_told() -> None:
    _, clean = made("gaussian", [7112.0, np.log(0.8), 0.3, 0.1, 0.002])
    stack = SpectralStack(np.tile(clean[:, None, None], (1, 3, 3)), ENERGY, "normalized")
    smooth = nx.ops.smooth(stack, energies=1.0)
    assert any("share noise" in text for text in nx.maps.fit_peaks(smooth, centers=[7112]).metadata["warnings"])


def test_splines_that_have_no_room_are_refused() -> None:
    stack = SpectralStack(on_a_spline((2, 2)), ENERGY, "normalized")
    with pytest.raises(
        ValueError, match="3 energies on both sides of the peaks, below 7111 and above 7127 eV, not 25 and 0"
    ):
        nx.maps.fit_peaks(stack, centers=[7114, 7124], background="spline")
    for knots in ([7110.0], [7110, 7111, 7112, 7112], [7000, 7110, 7111, 7120]):
        with pytest.raises(ValueError, match="at least 4 different knots within the energies"):
            nx.maps.fit_peaks(stack, centers=[7113], background="spline", knots=knots)


def test_peaks_that_can_not_be_told_apart_have_no_errors() -> None:
    """Of two peaks in one place only the sum is known: an inverse that leaves the rest out would call both certain."""
    model, clean = made("gaussian", [7112.0, np.log(0.8), 0.1, 7112.0, np.log(0.8), 0.1, 0.1, 0.002])
    spectra = clean + 1e-3 * np.random.default_rng(4).standard_normal((3, ENERGY.size))
    start = np.array([7112.0, np.log(0.8), 0.1, 7112.0, np.log(0.8), 0.1, 0.1, 0.002])
    assert not fit_peaks_to(model, spectra, start).converged.any()
    weights = np.zeros_like(spectra)
    assert not fit_peaks_to(PeakModel(ENERGY, "gaussian", 1, "none"), spectra, start[3:], weights).converged.any()
