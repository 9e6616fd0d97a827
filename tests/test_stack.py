from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import MapSet, ParameterMap, SpectralStack
from napari_xanes.stack import as_mask


@pytest.mark.parametrize(
    ("shape", "energy", "keywords", "text"),
    [
        ((3, 4, 5), [8330, 8340], {}, "2 energies for 3 frames"),
        ((2, 4), [8330, 8340], {}, r"must be \(E, Y, X\)"),
        ((2, 0, 5), [8330, 8340], {}, "hold no pixel"),
        ((2, 4, 5), [8.33, 8.34], {}, "look like keV"),
        ((2, 4, 5), [8340, 8330], {}, "out of order"),
        ((2, 4, 5), [8330, 8340], {"quantity": "absorbance"}, "is none of counts"),
        ((2, 4, 5), [8330, 8340], {"pixel_size": -1}, "positive lengths"),
    ],
)
def test_what_does_not_fit_is_named(shape: tuple, energy: list, keywords: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SpectralStack(np.zeros(shape, np.float32), energy, **keywords)


def test_complex_data_are_refused() -> None:
    with pytest.raises(TypeError, match="real numbers"):
        SpectralStack(np.zeros((1, 2, 2), complex), [8330])


def test_data_are_neither_copied_nor_converted() -> None:
    data = np.zeros((2, 3, 4), np.uint16)
    assert SpectralStack(data, [8330, 8340]).data is data


def test_volumes_have_three_pixel_sizes() -> None:
    stack = SpectralStack(np.zeros((2, 3, 4, 5), np.float32), [8330, 8340], pixel_size=(0.1, 0.04, 0.04))
    assert stack.pixel_size == (0.1, 0.04, 0.04)


def test_maps_trust_what_is_finite() -> None:
    one = ParameterMap(np.array([[1.0, np.nan]]), "eV")
    assert one.mask.tolist() == [[True, False]]
    assert one.data.dtype == np.float32


def test_what_the_mask_excludes_has_no_value() -> None:
    one = ParameterMap(np.array([[1.0, 2.0]]), mask=np.array([[True, False]]))
    assert np.isnan(one.valid()[0, 1])
    labels = ParameterMap(np.array([[1, 2]]), labels={1: "a", 2: "b"}, mask=np.array([[True, False]]))
    assert labels.valid().tolist() == [[1, 0]]


def test_a_label_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="label 2"):
        ParameterMap(np.array([[1, 2]]), labels={1: "a"})


def test_maps_of_one_set_have_one_shape() -> None:
    with pytest.raises(ValueError, match="one shape"):
        MapSet({"a": ParameterMap(np.zeros((2, 2))), "b": ParameterMap(np.zeros((2, 3)))})
    with pytest.raises(KeyError, match="there are a"):
        MapSet({"a": ParameterMap(np.zeros((2, 2)))})["b"]


@pytest.mark.parametrize(
    ("region", "text"),
    [
        (np.zeros((4, 5), bool), "empty"),
        (np.ones((5, 4), bool), "has shape"),
        ((0, 5, 0, 5), "does not lie"),
        ((2, 2, 0, 5), "does not lie"),
        ((1, 2), "is a boolean mask or a box"),
    ],
)
def test_regions_that_do_not_fit_are_refused(region: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        as_mask(region, (4, 5))  # type: ignore[arg-type]
