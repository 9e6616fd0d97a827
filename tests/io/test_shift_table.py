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
    "found",
    [
        nx.Alignment([[0, 1], [2, 3]], magnification=[0.9, 1.1], magnification_sigma=[0.01, np.nan]),
        nx.Alignment([[0, 1]], matrix=[[[1, 2e-3], [3e-3, 1]]], matrix_sigma=[[[0.1, 0.2], [0.3, 0.4]]]),
        nx.Alignment([[0, 1]], magnification=[1.1], center=[12.5, 1 / 3], image_shape=(32, 40)),
        nx.Alignment([[1, 2, 3], [4, 5, 6]], np.ones((2, 3)), energy=[700, 701]),
        nx.Alignment([[0, 1]], image_shape=(32, 40), pixel_size=(0.1, 1 / 3), binning=4),
        nx.Alignment([[0, 1, 2]], pixel_size=(0.5, 0.1, 1 / 3)),
        nx.Alignment(np.arange(12.0).reshape(2, 3, 2), outliers=[[True, False, True]] * 2, energy=[700, 701]),
    ],
)
def test_magnification_matrices_and_volumes_are_kept(tmp_path: Path, found: nx.Alignment) -> None:
    again = nx.read_shifts(nx.write_shifts(tmp_path / "shifts.csv", found))
    assert list(again) == list(found)
    for name in found:
        np.testing.assert_array_equal(again[name], found[name])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a column 'dy'"),
        ("dy\n1\n", "needs a column 'dx'"),
        ("dy,dx\n1,two\n", "row 1 of 'dx' holds 'two'"),
        ("dy,dx\n1,\n", "shift of frame 0 is not finite"),
        ("dy,dx\n", "one pair"),
        ("dy (um),dx (um)\n1,2\n", "'dy' is in 'um'"),
        ("dy,dx,slice\n1,2,0\n3,4,1\n5,6,0\n", "the rows of a frame are its slices"),
        ("# center (y, x) of images (height, width), in pixels: 1, 2\ndy,dx\n1,2\n", "are four numbers, not '1, 2'"),
        ("# size of a pixel in µm: 0.1\ndy,dx\n1,2\n", "are two or three numbers, not '0.1'"),
        ("# size of a pixel in µm: 0.1, 0\ndy,dx\n1,2\n", "two or three positive lengths"),
        ("dy,dx,magnification\n1,2,0\n", "frame 0 would be magnified by 0"),
        ("# rows: 3\ndy,dx\n1,2\n3,4\n", "2 of 3 rows"),
    ],
)
def test_damaged_tables_are_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "shifts.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as refusal:
        nx.read_shifts(path)
    assert str(path) in str(refusal.value)
