"""E0 and lines that were chosen for a reference: in fits, recipes and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import Spectrum
from napari_xanes.edge import normalize_spectrum
from napari_xanes.edge.one_spectrum import lines_of_spectrum, normalize_mu
from napari_xanes.maps.fitting.reference_scale import on_one_scale
from napari_xanes.reference_arguments import load_references

ENERGY = np.arange(8200.0, 8700.0)
MU = 0.2 + 0.001 * (ENERGY - 8345) + 1.5 * (0.5 + np.arctan((ENERGY - 8345) / 2) / np.pi)
MU += 0.3 * np.exp(-(((ENERGY - 8500) / 30) ** 2))
CHOSEN = {"e0": 8346.0, "pre": [-120.0, -40.0], "post": [200.0, 340.0]}


def test_chosen_lines_are_those_of_normalize_mu() -> None:
    spectrum = Spectrum("x", ENERGY, MU).with_lines(**CHOSEN)
    expected = normalize_mu(ENERGY, MU, 8346.0, (-120, -40), (200, 340))
    np.testing.assert_allclose(normalize_spectrum(spectrum).mu, expected.mu)
    assert abs(normalize_spectrum(Spectrum("x", ENERGY, MU)).mu - expected.mu).max() > 0.005
    np.testing.assert_allclose(
        normalize_spectrum(spectrum, e0=8350.0).metadata["e0"], 8350, err_msg="what is given wins"
    )


def test_the_lines_are_straight_and_a_jump_apart() -> None:
    low, slope, jump, bend = 0.2, 0.001, 1.5, 0.0005
    values = low + slope * (ENERGY - 8345) + (jump + bend * (ENERGY - 8345)) * (ENERGY > 8345)
    values[3] = np.nan
    found = lines_of_spectrum(Spectrum("x", ENERGY, values).with_lines(e0=8345.5))
    known = np.isfinite(values)
    np.testing.assert_allclose(found.pre[known], (low + slope * (ENERGY - 8345))[known], atol=1e-9)
    np.testing.assert_allclose(found.post[known], (low + jump + (slope + bend) * (ENERGY - 8345))[known], atol=1e-9)
    assert np.isnan(found.post[3])
    with pytest.raises(ValueError, match="spectrum 'down': the step at E0"):
        lines_of_spectrum(Spectrum("down", ENERGY, -MU).with_lines(e0=8345))


def test_fits_normalize_a_reference_whose_lines_were_chosen() -> None:
    told = Spectrum("x", ENERGY, MU, metadata={"normalized": True})
    (kept,) = on_one_scale([told], "auto", [])
    assert kept is told
    (changed,) = on_one_scale([told.with_lines(**CHOSEN)], "auto", [])
    np.testing.assert_allclose(changed.mu, normalize_spectrum(told.with_lines(**CHOSEN)).mu)
    again = told.with_lines(**CHOSEN).with_lines()
    assert again.metadata["normalized"] is True


def test_recipes_name_file_shift_and_lines(tmp_path: Path) -> None:
    nx.write([Spectrum("NiO", ENERGY, MU)], tmp_path / "NiO.xdi")
    (read,) = nx.read_spectra(tmp_path / "NiO.xdi")
    chosen = read.with_lines(**CHOSEN).shifted(0.5)
    assert chosen.lines == {**CHOSEN, "e0": 8346.5}, "E0 moves with the energies"
    plain = chosen.by_file()
    assert plain is not None
    assert "mu" not in plain
    (again,) = load_references(plain)
    assert again.lines == chosen.lines
    np.testing.assert_allclose(normalize_spectrum(again).mu, normalize_spectrum(chosen).mu)
    assert Spectrum.from_plain(chosen.to_plain()).lines == chosen.lines


@pytest.mark.parametrize("lines", [{"e0": np.nan}, {"pre": (-20, -60)}, {"post": (30, 30)}])
def test_lines_that_are_none_are_refused(lines: dict) -> None:
    with pytest.raises(ValueError, match=r"spectrum 'x': (e0|pre|post) = "):
        Spectrum("x", ENERGY, MU).with_lines(**lines)


@pytest.mark.parametrize("lines", ["e0", {"e1": 3}, {"e0": "8345"}, {"pre": [True, False]}])
def test_lines_of_a_recipe_are_checked(lines: object, tmp_path: Path) -> None:
    nx.write([Spectrum("NiO", ENERGY, MU)], tmp_path / "NiO.xdi")
    with pytest.raises(ValueError, match="the lines of a reference are e0, pre, post in eV"):
        load_references({"path": str(tmp_path / "NiO.xdi"), "lines": lines})
