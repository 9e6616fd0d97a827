"""Texts of spectra that end too early are refused, or the user is told."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from napari_xanes import Spectrum, io

ENERGY = 8330.0 + np.arange(7) / 3
SPECTRA = [Spectrum("NiO", ENERGY, np.sin(ENERGY), 2), Spectrum("Ni", ENERGY, np.cos(ENERGY), sigma=ENERGY / 7)]
LONG = Spectrum("long", np.r_[ENERGY, 8400.125], np.arange(8) / 3)


@pytest.mark.parametrize("suffix", [".csv", ".xdi"])
@pytest.mark.parametrize("spectra", [SPECTRA[:1], SPECTRA, [*SPECTRA, LONG]], ids=["one", "two", "two axes"])
def test_no_part_of_our_files_is_read_as_the_whole(tmp_path, suffix, spectra):
    if suffix == ".xdi":
        spectra = spectra[:2]
    io.write(spectra, tmp_path / f"whole{suffix}")
    content = (tmp_path / f"whole{suffix}").read_bytes()
    assert len(io.read_spectra(tmp_path / f"whole{suffix}")) == len(spectra)
    path = tmp_path / f"cut{suffix}"
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises((OSError, ValueError), match="cut"):
            io.read_spectra(path)


@pytest.mark.parametrize("suffix", [".csv", ".xdi"])
def test_lines_lost_in_the_middle(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    io.write(SPECTRA, path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-3] + lines[-2:]))
    with pytest.raises(ValueError, match="6 of 7 rows: the file is damaged or cut short"):
        io.read_spectra(path)


def test_files_without_a_number_of_rows_are_read(tmp_path):
    """As versions before wrote them."""
    path = tmp_path / "a.csv"
    io.write(SPECTRA, path)
    mark, _, rest = path.read_text().partition(": ")
    described, _, table = rest.partition("\n")
    plain = json.loads(described)
    for fields in plain:
        del fields["rows"]
    path.write_text(f"{mark}: {json.dumps(plain)}\n{table}")
    assert [spectrum.name for spectrum in io.read_spectra(path)] == ["NiO", "Ni"]


ROWS = [f"{8330 + i}.00 {np.arctan(i - 5):.4f} {i / 9:.4f}" for i in range(12)]


@pytest.mark.parametrize("head", ["# energy xmu i0\n", "# XDI/1.0\n# Column.1: energy eV\n# Column.2: mu\n# ///\n"])
@pytest.mark.parametrize(("n_cut", "message"), [(1, "its last number may be cut"), (7, "is cut short and left out")])
def test_other_files_that_end_within_a_row(tmp_path, head, n_cut, message):
    path = tmp_path / ("a.xdi" if "XDI" in head else "a.txt")
    path.write_text((head + "\n".join(ROWS))[:-n_cut])
    with pytest.warns(UserWarning, match=f"a: .*{message}"):
        io.read_spectra(path)


@pytest.mark.parametrize("rows", [ROWS, [*ROWS, "8343 1 2\n"], [*ROWS, "8343.25 1 2", "8344 1 2"]])
def test_whole_files_without_a_last_line_end(tmp_path, rows):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(["# energy xmu i0", *rows]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        io.read_spectra(path)


def test_exported_curves_that_end_within_a_row(tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"{8330 + i},{np.arctan(i - 5):.8g}\n" for i in range(12))
    path.write_text("energy (eV),NiO · optical depth (OD)\n" + rows)
    assert io.read_spectra(path)[0].energy.size == 12
    path.write_text(path.read_text()[:-1])
    with pytest.raises(ValueError, match="the last line is not ended, so its last number may be cut"):
        io.read_spectra(path)
