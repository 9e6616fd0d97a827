"""Bands of a stack: their order, and how many results are in memory."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np

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
