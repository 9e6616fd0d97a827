"""All readers use one rule to guess the quantity if a file does not name it."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from tests.io.plain.test_mrc import write_mrc

from napari_xanes import io
from napari_xanes.io.quantity_guess import guess_quantity

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)


@pytest.mark.parametrize(
    ("factor", "dtype", "quantity", "why"),
    [
        (1, "u2", "counts", "whole numbers"),
        (1, "f4", "optical_depth", "decimal numbers"),
        (1e4, "f4", "counts", "values up to"),
        (np.nan, "f4", "optical_depth", "decimal numbers"),
        (np.inf, "f4", "optical_depth", "decimal numbers"),
    ],
)
def test_quantity_is_guessed_from_the_values(frames, factor, dtype, quantity, why):
    import dask.array as da

    data = (frames * factor).astype(dtype)
    for values in (data, da.from_array(data, chunks=(1, -1, -1))):
        guess, source = guess_quantity(values)
        assert guess == quantity
        assert source.startswith("guessed: ")
        assert why in source


def test_one_frame_of_lazy_data_is_computed(frames):
    import dask.array as da

    computed = []

    def look(block, block_info):
        computed.append(block_info[0]["chunk-location"])
        return block

    data = da.from_array(frames, chunks=(1, -1, -1)).map_blocks(look, dtype=frames.dtype, meta=frames)
    guess_quantity(data)
    assert len(computed) == 1


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("factor", "quantity"), [(1, "optical_depth"), (1e4, "counts")])
def test_every_guessing_reader_uses_the_same_rule(tmp_path, write_tiff, frames, factor, quantity, lazy):
    data = (frames * factor).astype("f4")
    zarr.create_array(str(tmp_path / "a.zarr"), data=data, zarr_format=2).attrs["energy"] = list(ENERGY)
    write_tiff(tmp_path / "a.tif", data)
    (tmp_path / "a.txt").write_text("".join(f"{e}\n" for e in ENERGY))
    (tmp_path / "b").mkdir()
    paths = [tmp_path / "a.zarr", tmp_path / "a.tif", write_mrc(tmp_path / "b" / "a.mrc", data)]
    for path in paths:
        stack = io.read(path, memory_limit=10 if lazy else None)
        assert stack.quantity == quantity, path.name
        assert stack.metadata["quantity_source"].startswith("guessed: ")
