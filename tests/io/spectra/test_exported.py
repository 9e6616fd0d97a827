"""Curves that the Spectra dock exported read back with the same values, and are refused where rows are lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.io import SPECTRA_READERS

HEAD = "energy (eV),grain 1 · optical depth (OD),grain 1 · standard deviation,energy (eV),Ni2 · normalized absorption"
ROWS = ["8300,0.1,0.01,8290.5,0", "8310,,,8291.5,1", "8320,0.30000000000000004,0.02,,"]


def write(path: Path, rows: list[str], head: str = f"{HEAD},3 rows") -> Path:
    path.write_text("\n".join([head, *(f"{row}," for row in rows), ""]), encoding="utf-8")
    return path


def test_values_deviations_and_axes_of_their_own_read_back(tmp_path: Path) -> None:
    grain, nickel = nx.read_spectra(write(tmp_path / "a.csv", ROWS))
    assert (grain.name, nickel.name) == ("grain 1", "Ni2")
    assert grain.energy.tolist() == [8300, 8320]
    assert grain.mu.tolist() == [0.1, 0.30000000000000004]
    assert grain.sigma is None
    np.testing.assert_array_equal(grain.metadata["standard_deviation"], [0.01, 0.02])
    assert (grain.metadata["normalized"], nickel.metadata["normalized"]) == (False, True)
    assert nickel.energy.tolist() == [8290.5, 8291.5]


def test_standard_errors_become_sigma(tmp_path: Path) -> None:
    head = HEAD.replace("standard deviation", "standard error")
    grain, nickel = nx.read_spectra(write(tmp_path / "a.csv", ROWS, f"{head},3 rows"))
    assert grain.sigma is not None
    assert grain.sigma.tolist() == [0.01, 0.02]
    assert "standard_deviation" not in grain.metadata
    assert nickel.sigma is None


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_that_a_spreadsheet_saved_again_is_read(tmp_path: Path, separator: str) -> None:
    lines = [f"{HEAD},3 rows".replace(",", separator)]
    lines += [row.replace(",", separator).replace(".", ",") + separator for row in ROWS]
    (tmp_path / "a.csv").write_text("\ufeff" + "\r\n".join([*lines, ""]), encoding="utf-8")
    grain, nickel = nx.read_spectra(tmp_path / "a.csv")
    assert grain.mu.tolist() == [0.1, 0.30000000000000004]
    assert nickel.energy.tolist() == [8290.5, 8291.5]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_lost_rows_are_refused(tmp_path: Path, lost: int) -> None:
    with pytest.raises(ValueError, match=f"it has {3 - lost} of 3 rows"):
        nx.read_spectra(write(tmp_path / "a.csv", ROWS[:-lost]))


def test_every_cut_is_refused_or_leaves_the_heading_unknown(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.csv", ROWS).read_bytes()
    for end in range(len(f"{HEAD},3 rows".encode()), len(whole)):
        (tmp_path / "cut.csv").write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"not ended|of 3 rows"):
            nx.read_spectra(tmp_path / "cut.csv")


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 3: 'x' is no number"):
        nx.read_spectra(write(tmp_path / "a.csv", [ROWS[0], "8310,x,,8291.5,1", ROWS[2]]))
    with pytest.raises(ValueError, match="line 3 has 2 columns, not 5"):
        nx.read_spectra(write(tmp_path / "a.csv", [ROWS[0], "8310", ROWS[2]]))


def test_a_column_can_be_chosen(tmp_path: Path) -> None:
    (chosen,) = nx.read_spectra(write(tmp_path / "a.csv", ["8300,1,2,,", "8310,3,4,,"], f"{HEAD},2 rows"), signal=3)
    assert chosen.mu.tolist() == [2, 4]


def test_tables_without_a_number_of_rows_are_read_as_before(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("energy (eV),a · optical depth (OD)\n8300,0.1\n8310,0.2\n", encoding="utf-8")
    (old,) = nx.read_spectra(tmp_path / "a.csv")
    assert old.mu.tolist() == [0.1, 0.2]
    exported = next(reader for reader in SPECTRA_READERS if reader.name == "exported")
    assert exported.why_not_readable(tmp_path / "a.csv") is not None


def test_a_curve_without_a_value_hides_no_other_one(tmp_path: Path) -> None:
    head = "energy (eV),a · optical depth (OD),b · optical depth (OD)"
    with pytest.warns(UserWarning, match="left out b: without a value"):
        (found,) = nx.read_spectra(write(tmp_path / "a.csv", ["8300,0.1,", "8310,0.2,"], f"{head},2 rows"))
    assert found.name == "a"
    with pytest.raises(ValueError, match="none of its curves has a value"):
        nx.read_spectra(write(tmp_path / "b.csv", ["8300,,", "8310,,"], f"{head},2 rows"))
