"""I0 and references from files of columns: which column is taken, what can be chosen, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_xanes as nx
from napari_xanes.arguments import load_i0
from napari_xanes.reference_arguments import load_references

ENERGY = np.arange(700.0, 730.0, 0.5)
I0 = 1000 + 20 * (ENERGY - 700)
EDGE = 0.5 + np.arctan(ENERGY - 708) / np.pi


def written(path: Path, names: str, *columns: np.ndarray) -> Path:
    rows = "".join(" ".join(f"{v:.6f}" for v in row) + "\n" for row in zip(*columns, strict=True))
    path.write_text(f"{names}\n{rows}" if names else rows)
    return path


@pytest.mark.parametrize("names", ["", "# energy  I0", "# energy  monitor", "# energy  Io", "# energy  keithley"])
def test_i0_of_two_columns(tmp_path: Path, names: str) -> None:
    np.testing.assert_allclose(load_i0(written(tmp_path / "i0.txt", names, ENERGY, I0)).mu, I0)


def test_i0_is_the_column_of_i0_and_not_the_absorption(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.txt", "energy I0 it", ENERGY, I0, I0 * np.exp(-EDGE))
    np.testing.assert_allclose(load_i0(path).mu, I0)
    np.testing.assert_allclose(
        load_i0({"path": str(path), "signal": "it", "mode": "as is"}).mu, I0 * np.exp(-EDGE), rtol=1e-5
    )
    with pytest.raises(ValueError, match=r"scan\.txt holds mu\(E\), not I0"):
        load_i0(written(path, "energy mu", ENERGY, EDGE))


def test_the_reason_of_a_text_is_its_own(tmp_path: Path) -> None:
    path = written(tmp_path / "i0.txt", "energy narrow wide", ENERGY, I0, 3 * I0)
    with pytest.raises(ValueError, match="no column of I0 was found among energy, narrow, wide") as error:
        load_i0(path)
    assert "Zeiss" not in str(error.value)
    tifffile.imwrite(tmp_path / "flat.tif", np.ones((5, 6, 6), np.float32))
    with pytest.raises(ValueError, match="no energies found beside it"):
        load_i0(tmp_path / "flat.tif")


def test_a_recipe_keeps_the_columns_of_a_reference(tmp_path: Path) -> None:
    path = written(tmp_path / "NiO.dat", "energy i0 it narrow", ENERGY, I0, I0 * 0.5, I0 * EDGE)
    item = {"path": str(path), "valence": 2, "signal": "narrow", "i0": "i0", "mode": "fluorescence"}
    (reference,) = load_references(item)
    np.testing.assert_allclose(reference.mu, EDGE, atol=1e-5)
    (again,) = load_references([reference.to_plain()])
    np.testing.assert_array_equal(again.mu, reference.mu)
    assert again.metadata["reading"] == {"i0": "i0", "signal": "narrow", "mode": "fluorescence"}
    with pytest.raises(ValueError, match="have record, shift, lines, energy, i0, signal, mode, scan, not path, colour"):
        load_references({"path": str(path), "colour": "red"})


def test_i0_is_no_reference(tmp_path: Path) -> None:
    path = written(tmp_path / "i0.txt", "energy I0", ENERGY, I0)
    with pytest.raises(ValueError, match=r"holds I0 \(column 'I0'\), no absorption"):
        load_references(path)
    assert nx.read_spectra(path)[0].metadata["signal"] == "I0"
