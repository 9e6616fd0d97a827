"""Real column files of beamlines give the values that their truth states."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_xanes import read_spectra

FOLDER = "beamline_spectra"
COLUMNS = [
    "CLSHXMA.dat",
    "V_XANES_ap1.001",
    "6_Ti.0001",
    "APS12BM_2019.dat",
    "Andradite_pt1_01.dat",
    "cu2s_xafs.dat",
    "PFBL12C_2005.dat",
    "SSRL1_2006.dat",
]


@pytest.fixture
def right(real):
    return {name: entry["right"] for name, entry in json.loads(real(f"{FOLDER}/truth.json").read_text()).items()}


@pytest.mark.parametrize("name", COLUMNS)
def test_one_spectrum_of_columns(real, right, name):
    (spectrum,) = read_spectra(real(f"{FOLDER}/{name}"))
    truth = right[name]
    assert spectrum.energy.size == truth["points"]
    np.testing.assert_allclose(spectrum.energy[[0, -1]], truth["energy"], rtol=0, atol=0.006)
    np.testing.assert_allclose(spectrum.mu[[0, -1]], truth["mu_first_last"], rtol=2e-6)


def test_repeated_energies_are_averaged_and_said(real, right):
    name = "APS10BM_2019.dat"
    (spectrum,) = read_spectra(real(f"{FOLDER}/{name}"))
    truth = right[name]
    assert spectrum.energy.size == truth["distinct_energies"]
    np.testing.assert_allclose(spectrum.energy[[0, -1]], truth["energy"], atol=0.001)
    rows = np.array([[62850, 54410], [62770, 54320], [62680, 54270]])
    assert np.log(rows[0, 0] / rows[0, 1]) == pytest.approx(truth["mu_of_first_row"], abs=1e-6)
    assert spectrum.mu[0] == pytest.approx(np.log(rows[:, 0] / rows[:, 1]).mean())
    assert any("repeats" in note for note in spectrum.metadata["notes"])


def test_chi_of_k_is_refused(real):
    with pytest.raises(ValueError, match="no energy among its columns: k, chi"):
        read_spectra(real(f"{FOLDER}/nonuniform.chi"))


def test_a_row_that_is_no_row_is_refused_by_its_line(real):
    with pytest.raises(ValueError, match=r"bad_17\.xdi: line 29: '1\.4\.9' is no number"):
        read_spectra(real(f"{FOLDER}/bad_17.xdi"))


def test_athena_project_in_json(real, right):
    (spectrum,) = read_spectra(real(f"{FOLDER}/athena3.prj"))
    (truth,) = right["athena3.prj"]["records"]
    assert (spectrum.name, spectrum.energy.size) == (truth["label"], truth["points"])
    np.testing.assert_allclose(spectrum.energy[[0, -1]], np.array(truth["energy"]) + truth["energy_shift"], atol=1e-9)
    np.testing.assert_array_equal(spectrum.mu[[0, -1]], truth["mu_first_last"])


def test_nxxas(real, right):
    (spectrum,) = read_spectra(real(f"{FOLDER}/KEK_PFdata.h5"))
    (name, truth), *_ = right["KEK_PFdata.h5"]["entries"].items()
    assert (spectrum.name, spectrum.energy.size) == (name, truth["points"])
    np.testing.assert_allclose(spectrum.energy[[0, -1]], truth["energy"], atol=0.001)
    np.testing.assert_allclose(spectrum.mu[[0, -1]], truth["intensity"], rtol=1e-6)
