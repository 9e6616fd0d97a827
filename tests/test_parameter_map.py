from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import MapSet, ParameterMap


def test_mask_of_a_map_defaults_to_finite_values() -> None:
    parameter_map = ParameterMap(np.array([[1.0, np.nan]]), "eV")
    assert parameter_map.mask.tolist() == [[True, False]]
    assert parameter_map.data.dtype == np.float32


def test_masked_pixels_have_no_value() -> None:
    parameter_map = ParameterMap(np.array([[1.0, 2.0]]), mask=np.array([[True, False]]))
    assert np.isnan(parameter_map.valid()[0, 1])
    labels = ParameterMap(np.array([[1, 2]]), labels={1: "a", 2: "b"}, mask=np.array([[True, False]]))
    assert labels.valid().tolist() == [[1, 0]]


def test_a_label_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="label 2"):
        ParameterMap(np.array([[1, 2]]), labels={1: "a"})


def test_all_maps_of_a_set_have_the_same_shape() -> None:
    with pytest.raises(ValueError, match="one shape"):
        MapSet({"a": ParameterMap(np.zeros((2, 2))), "b": ParameterMap(np.zeros((2, 3)))})
    with pytest.raises(KeyError, match="there are a"):
        MapSet({"a": ParameterMap(np.zeros((2, 2)))})["b"]
