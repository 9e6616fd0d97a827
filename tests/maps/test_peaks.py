"""Peaks of pixels: closed forms, scipy's fits of single spectra, and what is masked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.maps.fitting.peaks import PeakModel, fit_peaks_to

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
    assert curve.max() == pytest.approx(model.height * 3.0 / 0.7, rel=1e-6)
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
        np.testing.assert_allclose(np.sqrt(np.diag(fits.covariance[i])), np.sqrt(np.diag(covariance)), rtol=0.02)


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
