"""HDF5 datasets compressed by filters that h5py does not contain."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_xanes import io

NOBODYS = 60_000
"""Number of a filter that is not registered, so no plugin provides it."""


def scan(path: Path) -> h5py.File:
    file = h5py.File(path, "w")
    file["X_eng"], file["scan_id"] = np.array([7.1, 7.11, 7.12]), 7
    return file


def test_error_names_a_missing_filter(tmp_path: Path) -> None:
    with scan(tmp_path / "a.h5") as file:
        # The data are never uncompressed, so only the name of the filter matters.
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((1, 4, 5))
        created.set_filter(NOBODYS, h5py.h5z.FLAG_OPTIONAL, (0, 2))
        space = h5py.h5s.create_simple((3, 4, 5))
        data = h5py.Dataset(h5py.h5d.create(file.id, b"img_xanes", h5py.h5t.NATIVE_FLOAT, space, created))
        for i in range(3):
            data.id.write_direct_chunk((i, 0, 0), bytes(17), 0)
    with pytest.raises(ValueError, match=r"a\.h5.*HDF5 filter 60000.*pip install 'napari-xanes\[hdf5plugin\]'"):
        io.read(tmp_path / "a.h5")


def test_bitshuffle(tmp_path: Path) -> None:
    plugin = pytest.importorskip("hdf5plugin", reason="hdf5plugin is not installed: an extra for other compressions")
    frames = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)
    with scan(tmp_path / "a.h5") as file:
        file.create_dataset("img_xanes", data=frames, chunks=(1, 4, 5), **plugin.Bitshuffle())
    np.testing.assert_array_equal(io.read(tmp_path / "a.h5").data, frames)
