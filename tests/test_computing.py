"""Values of dask arrays do not depend on what other threads compute."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from dask.callbacks import Callback

from napari_xanes.blocks import load_dask_array
from napari_xanes.computing import computed


def lazy() -> da.Array:
    return da.from_array(np.arange(12.0).reshape(3, 4), chunks=(1, 4))


@pytest.mark.parametrize("compute", [computed, load_dask_array])
def test_callbacks_of_the_process_see_nothing(compute: object) -> None:
    """napari's cache of slices is such a callback; it does not bear two computations at once."""
    seen: list[object] = []
    with Callback(start=lambda graph: seen.append(graph)):
        np.testing.assert_array_equal(compute(lazy()), np.arange(12.0).reshape(3, 4))  # type: ignore[operator]
        assert seen == []
        lazy().compute()
        assert len(seen) == 1


def test_other_values_become_arrays() -> None:
    values = np.ones(3)
    assert computed(values) is values
    np.testing.assert_array_equal(computed([1, 2]), [1, 2])
