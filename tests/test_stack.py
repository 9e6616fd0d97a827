from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest

from napari_xanes import SpectralStack


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
        ((2, 3, 4, 5), [8330, 8340], {"pixel_size": (0.1, 0.1)}, "give 1 or 3"),
    ],
)
def test_errors_name_what_does_not_match(shape: tuple, energy: list, keywords: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SpectralStack(np.zeros(shape, np.float32), energy, **keywords)


def test_complex_data_are_refused() -> None:
    with pytest.raises(TypeError, match="real numbers"):
        SpectralStack(np.zeros((1, 2, 2), complex), [8330])


def test_data_are_neither_copied_nor_converted() -> None:
    data = np.zeros((2, 3, 4), np.uint16)
    assert SpectralStack(data, [8330, 8340]).data is data


@pytest.mark.parametrize("make", [np.asarray, lambda data: da.from_array(data, chunks=(1, 3, 4)), np.ma.asarray])
def test_numbers_of_more_than_64_bits_become_float64(make: Callable) -> None:
    """Neither Zarr nor SciPy takes them."""
    stack = SpectralStack(make(np.full((2, 3, 4), 0.1, np.longdouble)), [8330, 8340])
    assert stack.data.dtype == np.float64
    assert np.asarray(stack.data).dtype == np.float64
    assert np.asarray(stack.data)[0, 0, 0] == 0.1


def test_volumes_have_three_pixel_sizes() -> None:
    stack = SpectralStack(np.zeros((2, 3, 4, 5), np.float32), [8330, 8340], pixel_size=(0.1, 0.04, 0.04))
    assert stack.pixel_size == (0.1, 0.04, 0.04)
