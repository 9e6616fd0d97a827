"""What an Alignment holds, and what of it a part of the image keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_xanes as nx


def example() -> nx.Alignment:
    """Two frames of 40 x 60 pixels, the second turned, magnified and sheared."""
    matrix = np.array([np.eye(2), [[1.02, 0.01], [-0.015, 0.99]]])
    shifts = np.array([[0.5, -1.0], [2.0, 0.25]])
    return nx.Alignment(shifts, matrix=matrix, center=[19.5, 29.5], image_shape=(40, 60))


def lies(found: nx.Alignment, place: np.ndarray) -> np.ndarray:
    return found.center + found.shifts + np.einsum("eij,j->ei", found.matrices, place - found.center)


@given(st.integers(-35, 15), st.integers(1, 3), st.integers(0, 20))
def test_a_place_lies_at_the_same_place_after_a_crop(y0: int, step: int, x0: int) -> None:
    """Also if every n-th pixel is taken only, and if the crop is counted from the end."""
    whole = example()
    box = (slice(y0, None, step), slice(x0, x0 + 25, 2))
    part = whole.isel(box=box)
    first, steps, place = np.array([y0 % 40, x0]), np.array([step, 2]), np.array([7.0, 3.0])
    np.testing.assert_allclose(first + steps * lies(part, place), lies(whole, first + steps * place), atol=1e-9)
    assert part.image_shape == np.empty(whole.image_shape)[box].shape


def test_frames_are_cut_with_their_magnification_and_its_errors() -> None:
    found = nx.Alignment(np.zeros((3, 2)), magnification=[0.99, 1, 1.01], magnification_sigma=[0.1, 0.2, 0.3])
    some = found.isel(slice(1, None))
    assert [some.magnification.tolist(), some.magnification_sigma.tolist()] == [[1, 1.01], [0.2, 0.3]]
    np.testing.assert_array_equal(some.matrices[1], 1.01 * np.eye(2))
    assert not nx.Alignment(np.zeros((3, 2))).stretches


def test_plain_values_say_the_same() -> None:
    found = nx.Alignment(
        [[0, 1]], magnification=[1.01], magnification_sigma=[np.nan], center=[3.5, 4], image_shape=(8, 9)
    )
    plain = found.to_plain()
    assert plain["magnification_sigma"] == [None]
    again = nx.Alignment.from_plain(plain)
    assert [again.image_shape, again.center.tolist(), again.magnification.tolist()] == [(8, 9), [3.5, 4], [1.01]]


def test_slices_and_volumes_keep_the_shifts_of_what_is_left() -> None:
    of_slices = nx.Alignment(np.arange(12.0).reshape(2, 3, 2), residual=np.arange(6.0).reshape(2, 3))
    one = of_slices.isel(box=(1, slice(None), slice(None)))
    assert [one.shifts.tolist(), one.residual.tolist()] == [[[2, 3], [8, 9]], [1, 4]]
    assert of_slices.isel(box=(slice(1, None), slice(0, 4), slice(None))).shifts.shape == (2, 2, 2)
    volume = nx.Alignment([[1, 2, 3], [4, 5, 6]])
    assert volume.isel(box=(0, slice(None), slice(None, None, 2))).shifts.tolist() == [[2, 1.5], [5, 3]]
    assert volume.isel(box=(slice(None), 0, slice(None))).shifts.tolist() == [[1, 3], [4, 6]]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shifts": np.zeros((2, 4))}, "one pair"),
        ({"shifts": np.zeros((2, 3, 3))}, "one pair"),
        ({"magnification": [1, 1], "matrix": [np.eye(2)] * 2}, "not both"),
        ({"magnification": [1, 0]}, "frame 1 would be magnified by 0"),
        ({"magnification": [1, np.nan]}, "frame 1"),
        ({"matrix": [np.eye(2), -np.eye(2) @ [[1, 0], [0, -1]]]}, "frame 1"),
        ({"magnification": [1, 1, 1]}, r"shape \(3,\), its shifts need \(2,\)"),
        ({"shifts": np.zeros((2, 3)), "magnification": [1, 1]}, "volumes have neither"),
        ({"center": [1, 2, 3]}, "center"),
        ({"image_shape": "wide"}, "image_shape"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(fields: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nx.Alignment(**{"shifts": np.zeros((2, 2)), **fields})
