"""Athena projects that are written: read by our reader, and by the rules that Larch and Perl follow."""

from __future__ import annotations

import ast
import gzip
from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import Spectrum

ENERGY = np.arange(8270.0, 8450.0, 0.5)


@pytest.fixture
def spectra() -> list[Spectrum]:
    mu = 0.5 + np.arctan(ENERGY - 8343) / np.pi
    facts = {"element": "Ni", "edge": "K", "athena": {"e0": 8343.25, "pre1": -60.0, "norm2": 90.0}}
    return [
        Spectrum("NiO: it's a \\ test, é", ENERGY, mu, 2.0, np.full(ENERGY.size, 0.01), facts),
        Spectrum("short", ENERGY[::3], mu[::3] / 3, metadata={"normalized": True}),
    ]


def parsed(path: Path) -> list[dict[str, tuple[str, ...]]]:
    """Read a project line by line as Larch does (`parse_perlathena`): each list is one line, and valid Python."""
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    assert lines[0].split("Athena project file -- Demeter version")[1].split(".")[1] == "9"
    records: list[dict[str, tuple[str, ...]]] = [{}]
    for line in lines:
        if line.startswith("[record]"):
            records.append({})
        elif line.startswith(("@", "$")):
            name, value = line.split("=", 1)
            records[-1][name.strip(" @$")] = ast.literal_eval(value.strip().rstrip(";"))
    return records


def test_what_is_written_reads_back(spectra: list[Spectrum], tmp_path: Path) -> None:
    nx.write(spectra, tmp_path / "a.prj")
    found = nx.read_spectra(tmp_path / "a.prj")
    assert [s.name for s in found] == [s.name for s in spectra]
    for new, old in zip(found, spectra, strict=True):
        np.testing.assert_array_equal(new.energy, old.energy)
        np.testing.assert_array_equal(new.mu, old.mu)
    first, second = found
    assert (first.metadata["element"], first.metadata["edge"], first.valence) == ("Ni", "K", 2.0)
    np.testing.assert_array_equal(first.sigma, spectra[0].sigma)
    known = {"e0": 8343.25, "pre1": -60.0, "norm2": 90.0}
    assert {name: first.metadata["athena"][name] for name in known} == known
    assert (first.metadata["normalized"], second.metadata["normalized"]) == (False, True)


def test_the_lines_are_those_that_larch_expects(spectra: list[Spectrum], tmp_path: Path) -> None:
    nx.write(spectra, tmp_path / "a.prj")
    records = parsed(tmp_path / "a.prj")
    first, second, rest = records
    assert "journal" in rest
    arguments = dict(zip(first["args"][::2], first["args"][1::2], strict=True))
    assert arguments["label"] == spectra[0].name
    assert arguments["bkg_e0"] == "8343.2500"
    assert arguments["is_nor"] == "0"
    assert dict(zip(second["args"][::2], second["args"][1::2], strict=True))["is_nor"] == "1"
    np.testing.assert_array_equal([float(value) for value in first["x"]], ENERGY)
    assert len(first["stddev"]) == ENERGY.size
    assert "stddev" not in second
    keys = [record["old_group"] for record in (first, second)]
    assert len(set(keys)) == 2
    assert all(len(key) == 5 and str(key).isalpha() for key in keys)


def test_the_same_spectra_give_the_same_file(spectra: list[Spectrum], tmp_path: Path) -> None:
    for name in ("a.prj", "b.prj"):
        nx.write(spectra, tmp_path / name)
    assert (tmp_path / "a.prj").read_bytes() == (tmp_path / "b.prj").read_bytes()
