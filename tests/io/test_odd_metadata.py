"""Names and metadata that a format can't hold are left out with a warning; the file still reads back."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest

from napari_xanes import MapSet, ParameterMap, SpectralStack, io

DATA = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
ENERGY = [8300.0, 8301.0, 8303.0]
NOT_UTF_8 = os.fsdecode(b"Fe\xb3O") if os.name != "nt" else "Fe\udcb3O"

of_stacks = pytest.mark.parametrize("name", ["a.h5", "a.zarr", "a.tif"])


def read_back(path, metadata):
    stack = SpectralStack(DATA, ENERGY, "counts", metadata=metadata)
    io.write(stack, path)
    found = io.read(path)
    np.testing.assert_array_equal(found.data, DATA)
    return found


@of_stacks
def test_names_that_are_no_utf_8(tmp_path, name):
    assert read_back(tmp_path / name, {"name": NOT_UTF_8}).name == NOT_UTF_8


@pytest.mark.parametrize("name", ["a.h5", "a.tif"])
def test_maps_whose_names_and_units_are_no_utf_8(tmp_path, name):
    io.write(MapSet({NOT_UTF_8: ParameterMap(DATA[0], NOT_UTF_8)}), tmp_path / name)
    maps = io.read_maps(tmp_path / name)
    assert list(maps) == [NOT_UTF_8]
    assert maps[NOT_UTF_8].unit == NOT_UTF_8


@of_stacks
@pytest.mark.parametrize("key", ["__array__", "__tuple__", "__step__", "__source__", "__spectrum__", "__map__"])
def test_a_mapping_that_looks_like_ours_is_left_out(tmp_path, name, key):
    with pytest.warns(UserWarning, match="odd"):
        found = read_back(tmp_path / name, {"odd": {key: 1}, "kept": {key: 1, "other": 2}})
    assert found.metadata["kept"] == {key: 1, "other": 2}
    assert "odd" not in found.metadata


@of_stacks
def test_a_key_that_looks_like_ours_is_kept(tmp_path, name):
    assert read_back(tmp_path / name, {"__tuple__": [1]}).metadata["__tuple__"] == [1]


@of_stacks
def test_long_numbers_do_not_stop_a_write(tmp_path, name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read_back(tmp_path / name, {"number": np.longdouble(0.5), "array": np.ones(2, np.longdouble)})
    assert found.metadata["number"] == 0.5
    assert "array" in found.metadata or any("array" in str(warning.message) for warning in caught)
