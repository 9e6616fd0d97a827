"""REX2000: mu(E) of its sections, single files and folders."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from tests.io.spectra.test_layouts import ENERGY, TRANSMISSION, rows

from napari_xanes import read_spectra


def ex3(energy=ENERGY, mu=TRANSMISSION, *, end="[EX_END]\n", encoding="utf-8"):
    head = "[EX_DATA]\n*DATE=26.01.02\n*EX_SAMPLE=酸化ニッケル\n*EX_ATOM=Ni\n*EX_EDGE=K\n*EX_2D=6.2710\n"
    head += "*EX_AREA1=8280 8320 4\n"
    rest = "[BG_BEGIN]\n8300 0.5\n8400 0.4\n[BG_END]\n\n[ED_BEGIN]\n3.05 0.01\n3.10 0.02\n[ED_END]\n"
    return (head + "\n[EX_BEGIN]\n" + rows(energy, mu, separator="\t") + end + rest).encode(encoding)


@pytest.mark.parametrize("end", ["[EX_END]\n", "\n", ""])
@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_mu_of_ex3(tmp_path, end, encoding):
    (tmp_path / "Ni foil.ex3").write_bytes(ex3(end=end, encoding=encoding))
    (spectrum,) = read_spectra(tmp_path / "Ni foil.ex3")
    np.testing.assert_array_equal(spectrum.energy, ENERGY)
    np.testing.assert_allclose(spectrum.mu, TRANSMISSION, rtol=1e-9)
    facts = {key: spectrum.metadata[key] for key in ("element", "edge", "sample", "energy_unit")}
    assert facts == {"element": "Ni", "edge": "K", "sample": "酸化ニッケル", "energy_unit": "eV"}


def test_a_folder_of_ex3(tmp_path):
    for i in (10, 2):
        (tmp_path / f"scan{i}.ex3").write_bytes(ex3(mu=TRANSMISSION * i))
    (tmp_path / "bad.ex3").write_bytes(b"[EX_DATA]\n[EX_BEGIN]\n8300 x\n8301 1\n")
    (tmp_path / "notes.txt").write_text("7100 1\n7110 2\n")
    os.symlink("/etc/hostname", tmp_path / "out.ex3")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spectra = read_spectra(tmp_path)
    assert [s.name for s in spectra] == ["scan2", "scan10"]
    np.testing.assert_allclose(spectra[1].mu, TRANSMISSION * 10, rtol=1e-9)
    said = " ".join(str(w.message) for w in caught)
    assert "links out of the folder are not followed: out.ex3" in said
    assert "bad.ex3: line 3: 'x' is no number" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[EX_DATA]\n[ED_BEGIN]\n3.0 1\n3.1 2\n[ED_END]\n", "holds 0 rows"),
        ("[EX_DATA]\n[EX_BEGIN]\n8300 1 2\n8301 1 2\n", "has 3 columns"),
        ("[EX_DATA]\n[EX_BEGIN]\n1 1\n2 2\n3 3\n4 4\n9 3\n", "no photon energies"),
    ],
)
def test_ex3_without_mu_is_refused(tmp_path, text, message):
    (tmp_path / "a.ex3").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_spectra(tmp_path / "a.ex3")
