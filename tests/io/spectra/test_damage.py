"""Damaged texts of spectra give a spectrum or an error that names the file, never an error of the program."""

# ruff: noqa: E501, headers are as long as in files

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.io import damage, fuzzing

from napari_xanes import read_spectra

E = np.arange(8300.0, 8330.0, 2.0)
ROWS = "".join(f"{e:.2f} {5000 + e:.1f} {2000 + e / 3:.1f}\n" for e in E)
TEXTS = {
    "columns": "# energy  i0  it\n" + ROWS,
    "commas": "Energy (eV),I0,I1\n" + ROWS.replace(" ", ","),
    "decimals": "energy;i0;it\n" + ROWS.replace(" ", ";").replace(".", ","),
    "spec": "#F a\n\n#S 1 ascan\n#N 3\n#L Energy  I0  I1\n" + ROWS + "\n#S 2 ascan\n#L Energy  I0  I1\n" + ROWS,
    "xdi": "# XDI/1.0 GSE/1.0\n# Column.1: energy eV\n# Column.2: i0\n# Column.3: itrans\n# ///\n#----\n# e i0 it\n"
    + ROWS,
    "photon_factory": "  9809     KEK-PF   BL12C\n Mono :   SI(111)       D=  3.13551 A\n  Angle(c)  Angle(o)    time/s  2  3\n"
    + "      Mode         0         0         1         2\n    Offset         0         0   826.1   652.9\n"
    + "".join(f" {14 - i / 100} {14 - i / 100} 1.0 {5000 + i} {2000 + i}\n" for i in range(12)),
    "fdmnes": "  8333.0  28 1.0 = E_edge, Z, n_edge\n    Energy    <xanes>\n"
    + "".join(f" {e - 8310} 1E-3\n" for e in E),
}


def spectra_or_documented_error(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            spectra = read_spectra(path)
        except (OSError, ValueError) as error:
            fuzzing.assert_documented(error, path.name)
            return
    assert all(np.isfinite(s.mu).all() and np.isfinite(s.energy).all() for s in spectra)


@pytest.mark.parametrize("name", TEXTS)
def test_damaged_layouts(tmp_path, name):
    path = tmp_path / "scan.dat"
    for _, content in damage.damaged(TEXTS[name].encode()):
        path.write_bytes(content)
        spectra_or_documented_error(path)


@settings(max_examples=150)
@given(text=st.text(st.sampled_from("0123456789.,;|-+eEdDnaif \t\n#%*()[]energyi0tkSLµ\"'\r\0"), max_size=300))
def test_any_text(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "a.dat"
    path.write_text(text, encoding="utf-8", newline="")
    spectra_or_documented_error(path)
