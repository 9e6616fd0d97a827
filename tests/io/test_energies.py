"""Energies in text: decimal commas, and commas between columns."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile

import napari_xanes as nx
from napari_xanes.io.energies import first_column, read_energies


def with_commas(values, form):
    return "\n".join(form.format(v).rstrip("0").rstrip(".").replace(".", ",") for v in values) + "\n"


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (np.arange(7100, 7130, 0.5), "{:.4f}"),
        (np.arange(7.1, 7.13, 0.0005), "{:.4f}"),
        (np.arange(280, 290, 0.25), "{:.2f}"),
    ],
)
def test_decimal_commas(tmp_path, values, form):
    (tmp_path / "e.txt").write_text(with_commas(values, form))
    energy, _ = read_energies(tmp_path / "e.txt")
    np.testing.assert_allclose(energy, values * (1 if values[0] > 100 else 1000))


@pytest.mark.parametrize("separator", ["\t", " ", ";", "; "])
def test_decimal_commas_in_columns(separator):
    values, _ = first_column(f"7100,25{separator}0,5\n7100,75{separator}0,6\n")
    np.testing.assert_array_equal(values, [7100.25, 7100.75])


@pytest.mark.parametrize("text", ["7100, 0.5\n7101, 0.6\n", "7100,0.5\n7101,0.6\n", "7100, 5, 6\n7101, 6, 7\n"])
def test_commas_between_columns(text):
    np.testing.assert_array_equal(first_column(text)[0], [7100, 7101])


def test_commas_that_can_be_both_are_refused(tmp_path):
    (tmp_path / "e.txt").write_text("7100,7\n7101,7\n7102,7\n")
    with pytest.raises(ValueError, match="decimal commas or separate columns"):
        read_energies(tmp_path / "e.txt")


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["7100,7", "7101,7", "7102,7"], "s.txt: the commas of '7100,7' may be decimal commas or separate columns"),
        (["0.1", "0.5", "0.2"], "s.txt: its numbers, 0.1 to 0.5, are no photon energies of 20 eV to 100 keV"),
        (["a word"], "no energies found beside it: put them one per line in s.txt"),
    ],
)
def test_the_reason_why_a_text_beside_an_image_gives_no_energies_is_said(tmp_path, lines, text):
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((3, 6, 6), np.float32), photometric="minisblack")
    (tmp_path / "s.txt").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=re.escape(text)):
        nx.read(tmp_path / "s.tif")
