"""Bands of a stack: their order, and how many results are in memory."""

from __future__ import annotations

import time
import tracemalloc

import dask.array as da
import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.denoising import bands
from napari_xanes.denoising.principal_components import find_components


def test_results_are_collected_in_the_order_of_the_rows() -> None:
    data = np.zeros((2, 40, 1 << 18), np.float32)
    rows_seen: list[int] = []

    def kernel(band: np.ndarray, rows: slice) -> int:
        time.sleep(0.002 * (rows.start % 3 == 0))
        return rows.start

    bands.over_bands(kernel, data, collect=rows_seen.append)
    assert len(rows_seen) > 8
    assert rows_seen == sorted(rows_seen)


def test_components_need_no_memory_for_each_row() -> None:
    rng = np.random.default_rng(0)
    energy = np.linspace(8300, 8500, 160)
    data = np.arctan(energy - 8343)[:, None, None] * rng.uniform(0, 1, (1000, 2))
    data += 0.1 * rng.standard_normal(data.shape)
    stack = SpectralStack(data.astype(np.float32), energy, "fluorescence")
    tracemalloc.start()
    components = find_components(stack, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert components.spectra.shape[1] == 1
    assert peak < 20 * stack.data.nbytes  # a matrix for each row would be 160 times the stack


@pytest.mark.parametrize("chunks", [(3, 1, 50), (3, 40, 50)])
def test_bands_of_a_lazy_stack_are_those_of_one_in_memory(
    chunks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.random.default_rng(0).standard_normal((6, 203, 50)).astype(np.float32)
    monkeypatch.setattr(bands, "CACHE_BYTES", 6 * 50 * 4 * 5)
    for name in ("SLAB_BYTES", "_ALONE_BYTES"):
        monkeypatch.setattr(bands, name, 6 * 50 * 4 * 33)
    seen: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for array in (data, da.from_array(data, chunks)):
        lazy = array is not data
        sums = np.full((203, 50), np.nan, np.float32)

        def add(band: np.ndarray, rows: slice, sums: np.ndarray = sums, lazy: bool = lazy) -> tuple[int, int]:
            sums[rows] = band.sum(axis=0)
            return rows.start, band.shape[1]

        bands.over_bands(add, array, multiple=4, collect=seen[lazy].append)
        np.testing.assert_array_equal(sums, data.sum(axis=0))
    assert seen[True] == seen[False]


def test_the_part_outside_a_basis_is_found_in_place() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((9, 2)))[0]
    values = rng.standard_normal((9, 70, 300)).astype(np.float32)
    expected = values - np.tensordot(basis @ basis.T, values, 1)
    np.testing.assert_allclose(bands.outside(basis, values), expected, atol=1e-5)
    assert bands.outside(basis, values, out=values) is values
    np.testing.assert_allclose(values, expected, atol=1e-5)
