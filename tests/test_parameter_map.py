from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import MapSet, ParameterMap


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
