"""Axes that are energies, and axes of other methods, which must not become energies."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import read_spectra

ENERGY = np.concatenate([np.arange(8300, 8330, 2.5), np.arange(8330, 8350, 0.5), np.arange(8350, 8400, 2.5)])
MU = 0.5 + np.arctan((ENERGY - 8338.25) / 1.5) / np.pi


def written(tmp_path, head, *columns, separator="\t"):
    path = tmp_path / "scan.dat"
    rows = "".join(separator.join(f"{v:.8g}" for v in row) + "\n" for row in zip(*columns, strict=True))
    path.write_text(head + rows, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("axis", "reason"),
    [
        (np.arange(20, 60, 0.02), "k or an angle"),
        (np.arange(20, 80, 0.05), "k or an angle"),
        (np.arange(3, 10, 0.05), "k or an angle"),
        (np.arange(200.0, 800), "wavelengths or wavenumbers"),
        (np.arange(800, 300, -0.5), "wavelengths or wavenumbers"),
        (np.arange(800.0, 3500), "wavelengths or wavenumbers"),
    ],
)
def test_axes_of_other_methods_without_names(tmp_path, axis, reason):
    path = written(tmp_path, "", axis, np.sin(axis))
    with pytest.raises(ValueError, match=reason):
        read_spectra(path)
    assert read_spectra(path, energy=1)[0].mu.size == axis.size


@pytest.mark.parametrize("factor", [1.0, 1e-3])
@pytest.mark.parametrize("even", [True, False])
def test_energies_without_names(tmp_path, factor, even):
    energy = np.arange(8300, 8400, 1.0) if even else ENERGY
    (spectrum,) = read_spectra(written(tmp_path, "", energy * factor, np.interp(energy, ENERGY, MU)))
    np.testing.assert_allclose(spectrum.energy, energy)


@pytest.mark.parametrize(
    "name",
    [
        "λ/nm", "Wavenumber", "cm-1", "1/cm", "Wavenumber / cm^-1", "Energy (1/cm)", "Binding Energy (eV)",
        "Kinetic Energy (eV)", "Emission energy (eV)", "Energy loss (eV)", "Wellenlänge", "波長",
    ],
)  # fmt: skip
def test_axes_of_other_methods_with_names(tmp_path, name):
    axis = np.arange(500, 900, 1.0)
    with pytest.raises(ValueError, match="no energy among its columns"):
        read_spectra(written(tmp_path, f"{name}\tmu\n", axis, np.sin(axis)))


@pytest.mark.parametrize(
    "name", ["Énergie", "Énergie (keV)", "エネルギー", "エネルギー [keV]", "能量(keV)", "Énergie [eV]"]
)
def test_energies_in_other_languages(tmp_path, name):
    factor = 1.0 if "[eV]" in name else 1e-3
    (spectrum,) = read_spectra(written(tmp_path, f"{name}\tmu\n", ENERGY * factor, MU))
    np.testing.assert_allclose(spectrum.energy, ENERGY)


def test_angles_in_japanese(tmp_path):
    angle = np.degrees(np.arcsin(12398.419843320026 / (2 * 3.13551 * ENERGY)))
    (spectrum,) = read_spectra(written(tmp_path, "# D = 3.13551 A\n# 角度(deg)\tmu\n", angle, MU))
    np.testing.assert_allclose(spectrum.energy, ENERGY, rtol=1e-6)


def test_energies_around_zero_say_that_they_are_relative(tmp_path):
    axis = np.linspace(-10, 20, 300)
    with pytest.raises(ValueError, match="relative to an edge"):
        read_spectra(written(tmp_path, "# Energy (eV)\tIntensity\n", axis, np.exp(-(axis**2))))


def test_kev_under_a_name_of_ev_gives_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="says eV"):
        (spectrum,) = read_spectra(written(tmp_path, "# energy (eV)\tmu\n", ENERGY / 1e3, MU))
    np.testing.assert_allclose(spectrum.energy, ENERGY)


def test_spectra_of_visible_light_are_refused(tmp_path):
    axis = np.arange(1.2, 3.5, 0.01)
    with pytest.raises(ValueError, match="no photon energies"):
        read_spectra(written(tmp_path, "# Energy (eV)\tintensity\n", axis, np.sin(axis)))


def test_the_header_of_mantis_names_no_columns(tmp_path):
    head = "*** X-ray Absorption Data ***\n*\n* Formula: NiO\n* Publisher: \n* Address: \n*------\n"
    (spectrum,) = read_spectra(written(tmp_path, head, ENERGY, MU, separator=", "))
    assert spectrum.metadata["column"] == "column 2"
    np.testing.assert_allclose(spectrum.mu, MU, rtol=1e-6)


def test_numbers_above_the_header_are_no_row(tmp_path):
    path = written(tmp_path, "8333\t1\n# energy\tmu\n", ENERGY, MU)
    with pytest.warns(UserWarning, match="left out"):
        (spectrum,) = read_spectra(path)
    np.testing.assert_allclose(spectrum.mu, MU, rtol=1e-6)
