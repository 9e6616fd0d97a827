"""Where a spectrum comes from: file, record and shift in the place of its numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import Spectrum
from napari_xanes.edge import normalize_spectrum
from napari_xanes.reference_arguments import load_references

ENERGY = np.arange(8300.0, 8400.0, 0.7)


def curve(e0: float) -> np.ndarray:
    return 0.2 + np.arctan(ENERGY - e0) / np.pi + 0.5


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "two records.csv"
    nx.write([Spectrum("NiO", ENERGY, curve(8343), 2), Spectrum("LiNiO2", ENERGY, curve(8345))], path)
    return path


def test_a_spectrum_knows_file_and_record(library: Path) -> None:
    first, second = nx.read_spectra(library)
    assert first.source is not None
    assert second.source is not None
    assert first.source.path == str(library)
    assert (first.source.record, second.source.record) == ("NiO", "LiNiO2")
    assert first.source.fingerprint == nx.io.fingerprint(library)
    assert first.by_file() == {"path": str(library), "record": "NiO"}


def test_renamed_shifted_and_revalued_spectra_come_back_by_file_and_record(library: Path) -> None:
    second = nx.read_spectra(library)[1]
    changed = replace(second, name="my standard", valence=3.0).shifted(0.35)
    named = changed.by_file()
    assert named == {"path": str(library), "record": "LiNiO2", "shift": 0.35, "name": "my standard", "valence": 3.0}
    (back,) = load_references([named])
    assert (back.name, back.valence, back.shift) == ("my standard", 3.0, 0.35)
    np.testing.assert_allclose(back.energy, second.energy + 0.35, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(back.mu, second.mu)
    assert back.by_file() == named


def test_a_valence_that_was_taken_away_stays_away(library: Path) -> None:
    first = nx.read_spectra(library)[0]
    (back,) = load_references([replace(first, valence=None).by_file()])
    assert first.valence == 2.0
    assert back.valence is None


@pytest.mark.parametrize("change", ["normalized", "values", "one energy", "stretched", "no file"])
def test_a_spectrum_with_other_values_names_no_file(library: Path, change: str) -> None:
    first = nx.read_spectra(library)[0]
    moved = first.energy.copy()
    moved[10] += 0.1
    others = {
        "normalized": lambda: normalize_spectrum(first),
        "values": lambda: replace(first, mu=first.mu + 1e-12),
        "one energy": lambda: replace(first, energy=moved),
        "stretched": lambda: replace(first, energy=8343 + 1.001 * (first.energy - 8343)),
        "no file": lambda: Spectrum("NiO", first.energy, first.mu),
    }
    other = others[change]()
    assert other.source is None
    assert other.by_file() is None


def test_shifts_replace_each_other_and_undo_themselves(library: Path) -> None:
    first = nx.read_spectra(library)[0]
    again = first.shifted(0.3).shifted(-1.7).shifted(0.0)
    np.testing.assert_allclose(again.energy, first.energy, rtol=0, atol=1e-9)
    assert "shift_ev" not in again.metadata
    assert again.by_file() == first.by_file()


def test_plain_values_keep_the_source(library: Path) -> None:
    first = nx.read_spectra(library)[0].shifted(0.2)
    assert Spectrum.from_plain(first.to_plain()).by_file() == first.by_file()


def test_a_shifted_spectrum_that_is_written_is_a_record_of_the_new_file(library: Path, tmp_path: Path) -> None:
    shifted = nx.read_spectra(library)[0].shifted(0.2)
    for name in ("new.csv", "new.xdi"):
        nx.write([shifted], tmp_path / name)
        (read,) = nx.read_spectra(tmp_path / name)
        assert read.source is not None
        assert (read.source.path, read.source.shift) == (str(tmp_path / name), 0.0)


def test_the_columns_that_were_chosen_are_named(tmp_path: Path) -> None:
    path = tmp_path / "columns.txt"
    rows = np.column_stack([ENERGY, np.full_like(ENERGY, 1e5), 1e5 * np.exp(-curve(8343)), curve(8350)])
    np.savetxt(path, rows, header="energy i0 it other")
    (spectrum,) = nx.read_spectra(path, signal="other", mode="as is")
    named = spectrum.by_file()
    assert named == {"path": str(path), "record": spectrum.name, "signal": "other", "mode": "as is"}
    np.testing.assert_array_equal(load_references(named)[0].mu, spectrum.mu)


def test_an_unknown_record_and_a_shift_that_is_no_number_are_refused(library: Path) -> None:
    with pytest.raises(ValueError, match="holds NiO, LiNiO2, but no 'CoO'"):
        load_references({"path": str(library), "record": "CoO"})
    with pytest.raises(ValueError, match="number of eV, not 'much'"):
        load_references({"path": str(library), "record": "NiO", "shift": "much"})


def test_the_only_record_of_a_file_must_have_its_name(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    nx.write([Spectrum("NiO", ENERGY, curve(8343))], path)
    with pytest.raises(ValueError, match="but no 'CoO'"):
        load_references({"path": str(path), "record": "CoO"})
