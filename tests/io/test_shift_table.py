"""Tables of shifts: written, changed by hand, read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx


def example() -> nx.Alignment:
    shifts = np.array([[0.25, -1.5], [0.0, 1 / 3], [-0.25, 7.0]])
    sigma = np.array([[0.01, 0.02], [np.nan, np.nan], [0.03, 0.04]])
    return nx.Alignment(shifts, sigma, np.array([1.0, np.nan, 1.1]), np.array([False, True, False]), [700.0, 701, 703])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = nx.write_shifts(tmp_path / "shifts.csv", example())
    again = nx.read_shifts(path)
    for name in ("shifts", "sigma", "residual", "outliers", "energy"):
        np.testing.assert_array_equal(again[name], example()[name])
    text = path.read_text()
    assert "# rows: 3" in text
    assert "frame,energy (eV),dy (pixels),dx (pixels),sigma dy (pixels),sigma dx (pixels),residual (1),outlier" in text


def test_a_stack_writes_its_shifts_and_takes_them_from_a_file(tmp_path: Path) -> None:
    stack = nx.SpectralStack(np.ones((3, 20, 20)), [700, 701, 703], "optical_depth")
    with pytest.raises(ValueError, match="align it first"):
        nx.write_shifts(tmp_path / "shifts.csv", stack)
    aligned = nx.ops.align(stack, shifts=example())
    path = nx.write_shifts(tmp_path / "shifts.csv", aligned)
    again = nx.ops.align(stack, shifts=path)
    np.testing.assert_array_equal(again.data, aligned.data)
    assert list(again.history[-1].parameters["shifts"])
    nx.Recipe([nx.Step("align", {"shifts": "shifts.csv"})]).save(tmp_path / "steps.yaml")
    from_recipe = nx.run(nx.Recipe.load(tmp_path / "steps.yaml"), stack)
    np.testing.assert_array_equal(from_recipe.data, aligned.data)


def test_a_table_of_two_columns_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "by_hand.csv"
    path.write_text("# measured by eye\ndx,dy\n1,2\n3,4\n")
    np.testing.assert_array_equal(nx.read_shifts(path).shifts, [[2, 1], [4, 3]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a column 'dy'"),
        ("dy\n1\n", "needs a column 'dx'"),
        ("dy,dx\n1,two\n", "row 1 of 'dx' holds 'two'"),
        ("dy,dx\n1,\n", "shift of frame 0 is not finite"),
        ("dy,dx\n", "one pair"),
        ("dy (um),dx (um)\n1,2\n", "'dy' is in 'um'"),
        ("# rows: 3\ndy,dx\n1,2\n3,4\n", "2 of 3 rows"),
    ],
)
def test_damaged_tables_are_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "shifts.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as refusal:
        nx.read_shifts(path)
    assert str(path) in str(refusal.value)
