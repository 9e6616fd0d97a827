"""Masked arrays: what they hide is missing everywhere."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum

ENERGY = [8330.0, 8340.0, 8350.0]


def hidden(dtype: str = "float32") -> np.ma.MaskedArray:
    values = np.ma.array(np.arange(18).reshape(3, 2, 3), dtype=dtype)
    values[1, 0, 2] = np.ma.masked
    return values


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint16", "int32"])
def test_masked_values_of_a_stack_are_nan(dtype: str) -> None:
    stack = SpectralStack(hidden(dtype), ENERGY)
    assert not isinstance(stack.data, np.ma.MaskedArray)
    assert np.isnan(stack.data[1, 0, 2])
    np.testing.assert_array_equal(np.isnan(stack.data).sum(), 1)
    assert stack.data[2, 1, 2] == 17


def test_masked_values_of_a_lazy_stack_are_nan() -> None:
    stack = SpectralStack(da.from_array(hidden("uint16"), chunks=(1, 2, 3)), ENERGY)
    assert stack.is_lazy
    data = np.asarray(stack.data)
    assert data.dtype == stack.data.dtype == np.float32
    assert np.isnan(data[1, 0, 2])
    assert np.isfinite(data).sum() == 17


def test_masked_values_of_maps_are_no_values() -> None:
    values = np.ma.array([[1.0, 2.0]], mask=[[False, True]], dtype=np.longdouble)
    found = nx.ParameterMap(values, "eV", values)
    assert found.data.dtype == np.float32
    np.testing.assert_array_equal(found.data, [[1, np.nan]])
    np.testing.assert_array_equal(found.sigma, [[1, np.nan]])
    np.testing.assert_array_equal(found.mask, [[True, False]])
    labels = nx.ParameterMap(np.ma.array([[1, 7]], mask=[[False, True]]), labels={1: "NiO"})
    np.testing.assert_array_equal(labels.data, [[1, 0]])
    np.testing.assert_array_equal(labels.mask, [[True, False]])


def test_plain_data_are_not_copied() -> None:
    data = np.ones((3, 2, 3), np.uint16)
    assert SpectralStack(data, ENERGY).data is data


def test_masked_flats_and_spectra_are_nan() -> None:
    flat = np.ma.array(np.full((2, 3), 100.0), mask=False)
    flat[0, 1] = np.ma.masked
    stack = SpectralStack(np.full((3, 2, 3), 50.0), ENERGY, metadata={"flat": flat})
    depth = nx.ops.optical_depth(stack)
    assert np.isnan(depth.data[:, 0, 1]).all()
    np.testing.assert_allclose(depth.data[:, 1], np.log(2), rtol=1e-6)
    mu = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    assert np.isnan(Spectrum("a", ENERGY, mu).mu[1])  # type: ignore[arg-type]
