"""mu(E) of columns whose names or signs mislead."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import read_spectra

ENERGY = np.concatenate([np.arange(8300, 8330, 2.5), np.arange(8330, 8350, 0.5), np.arange(8350, 8400, 2.5)])
EDGE = 0.5 + np.arctan((ENERGY - 8338.25) / 1.5) / np.pi
I0 = 5000 + (ENERGY - 8300)
IT = I0 * np.exp(-0.4 - EDGE)
IF = I0 * (0.02 + 0.1 * EDGE)
ONES = np.ones(ENERGY.size)


def read(tmp_path, names, *columns):
    path = tmp_path / "scan.dat"
    rows = "".join("\t".join(f"{v:.9g}" for v in row) + "\n" for row in zip(ENERGY, *columns, strict=True))
    path.write_text("\t".join(["energy", *names.split(",")]) + "\n" + rows, encoding="utf-8")
    (spectrum,) = read_spectra(path)
    return spectrum


@pytest.mark.parametrize(
    "name",
    ["I0_dark", "dark I0", "I0 bkg", "I0_background", "I0_zero", "I0_rms", "I0_min", "I0_max", "I0_amp", "I0 HV",
     "I0_raw", "I0_mean", "I0_2", "I0b", "I0_rate", "I0_set", "It_dark", "It_rms"],
)  # fmt: skip
def test_columns_beside_i0_are_not_taken_for_it(tmp_path, name):
    spectrum = read(tmp_path, f"I0,It,{name}", I0, IT, 3 + 0.01 * np.sin(ENERGY))
    np.testing.assert_allclose(spectrum.mu, np.log(I0 / IT), rtol=1e-6)


def test_the_last_hutch_still_wins(tmp_path):
    spectrum = read(tmp_path, "I0,I0_EH2,It", 3 * I0 + np.sin(ENERGY), I0, IT)
    np.testing.assert_allclose(spectrum.mu, np.log(I0 / IT), rtol=1e-6)


@pytest.mark.parametrize(("sign0", "sign1"), [(-1, 1), (1, -1), (-1, -1)])
@pytest.mark.parametrize(("name", "signal", "mu"), [("It", IT, np.log(I0 / IT)), ("TEY", IF, IF / I0)])
def test_currents_of_negative_sign(tmp_path, sign0, sign1, name, signal, mu):
    spectrum = read(tmp_path, f"I0(nA),{name}(nA)", sign0 * I0, sign1 * signal)
    np.testing.assert_allclose(spectrum.mu, mu, rtol=1e-6)
    assert any("sign turned" in reason for reason in spectrum.metadata["reasons"])


@pytest.mark.parametrize("name", ["If", "FF", "Fluo", "vortex"])
def test_numbered_elements_are_summed(tmp_path, name):
    names = ",".join(f"{name}{i}" for i in range(1, 5))
    spectrum = read(tmp_path, f"I0,{names}", I0, IF / 3, IF / 3, IF / 3, 0 * IF)
    np.testing.assert_allclose(spectrum.mu, IF / I0, rtol=1e-6)


def test_dead_time_of_elements_called_if(tmp_path):
    columns = (I0, IF / 4, IF / 4, 2 * ONES, 2 * ONES, ONES, ONES)
    spectrum = read(tmp_path, "I0,If1,If2,ICR1,ICR2,OCR1,OCR2", *columns)
    np.testing.assert_allclose(spectrum.mu, IF / I0, rtol=1e-6)


@pytest.mark.parametrize("other", ["If_raw", "If1,If2"])
def test_one_signal_is_not_counted_twice(tmp_path, other):
    columns = [IF / other.count("If")] * other.count("If")
    spectrum = read(tmp_path, f"I0,If,{other}", I0, IF, *columns)
    np.testing.assert_allclose(spectrum.mu, IF / I0, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["It", "Transmission(%)", "transmittance", "%T", "T (%)", "It/I0", "I0/It", "ln(It/I0)"]
)
def test_what_a_sample_transmits_is_no_mu(tmp_path, name):
    with pytest.raises(ValueError, match="what the sample transmits"):
        read(tmp_path, name, IT / I0)


@pytest.mark.parametrize("name", ["-ln(It/I0)", "ln(I0/It)", "If/I0", "mu", "absorbance", "FeO"])
def test_single_columns_of_mu(tmp_path, name):
    np.testing.assert_allclose(read(tmp_path, name, EDGE).mu, EDGE, rtol=1e-6)


def test_mu_in_transmission_comes_before_fluorescence(tmp_path):
    spectrum = read(tmp_path, "mu_fluo,mu_trans,mu_ref", 2 * EDGE, EDGE, 0.5 * EDGE)
    np.testing.assert_allclose(spectrum.mu, EDGE, rtol=1e-6)
