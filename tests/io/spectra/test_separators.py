"""Separators of thousands, which look like decimals."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import read_spectra

ENERGY = np.concatenate([np.arange(8300, 8330, 3.0), np.arange(8330, 8400, 1.0)])
EDGE = 0.5 + np.arctan((ENERGY - 8338.25) / 1.5) / np.pi
I0 = np.round(2500 + (ENERGY - 8300))
IT = np.round(I0 * np.exp(-0.4 - EDGE))
GERMAN = str.maketrans(",.", ".,")


def written(tmp_path, rows, separator):
    path = tmp_path / "scan.csv"
    path.write_text("\n".join([separator.join(["energy", "i0", "it"]), *map(separator.join, rows), ""]))
    return path


def rows(*forms):
    return [[form.format(v) for form, v in zip(forms, row, strict=True)] for row in zip(ENERGY, I0, IT, strict=True)]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("german", [False, True])
def test_thousands_that_can_be_decimals_are_refused(tmp_path, separator, german):
    table = [
        [word.translate(GERMAN) if german else word for word in row] for row in rows("{:.0f}", "{:,.0f}", "{:,.0f}")
    ]
    with pytest.raises(ValueError, match=r"'\d[.,]\d{3}' beside '\d{3}'"):
        read_spectra(written(tmp_path, table, separator))


def test_thousands_in_quotes(tmp_path):
    (spectrum,) = read_spectra(written(tmp_path, rows('"{:,.1f}"', '"{:,.0f}"', '"{:,.0f}"'), ","))
    np.testing.assert_allclose(spectrum.energy, ENERGY)
    np.testing.assert_allclose(spectrum.mu, np.log(I0 / IT))


def test_decimal_commas_in_quotes(tmp_path):
    table = [[word.translate(GERMAN) for word in row] for row in rows('"{:.1f}"', '"{:.1f}"', '"{:.2f}"')]
    (spectrum,) = read_spectra(written(tmp_path, table, ","))
    np.testing.assert_allclose(spectrum.energy, ENERGY)
    np.testing.assert_allclose(spectrum.mu, np.log(I0 / IT))


def test_commas_in_quotes_that_can_be_both_are_refused(tmp_path):
    with pytest.raises(ValueError, match="thousands or decimals"):
        read_spectra(written(tmp_path, rows("{:.0f}", '"{:,.0f}"', '"{:,.0f}"'), ","))


def test_three_decimals_are_no_thousands(tmp_path):
    table = rows("{:.3f}", "{:.3f}", "{:.3f}")
    (spectrum,) = read_spectra(written(tmp_path, table, "\t"))
    np.testing.assert_allclose(spectrum.mu, np.log(I0 / IT))
