"""Stacks for PyXAS."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_xanes import io


def test_transmission_reads_back(tmp_path, depth_stack):
    import dask.array as da

    transmission = depth_stack.with_data(np.exp(-depth_stack.data), quantity="transmission")
    for data in (transmission.data, da.from_array(transmission.data, chunks=(7, -1, -1))):
        io.write(transmission.with_data(data), tmp_path / "a.h5", layout="fxi")
        restored = io.read(tmp_path / "a.h5")
        np.testing.assert_array_equal(restored.data, transmission.data)
        np.testing.assert_array_equal(restored.energy, transmission.energy)
        assert (restored.quantity, restored.pixel_size) == ("transmission", (0.05, 0.05))


def test_optical_depth_becomes_transmission(tmp_path, depth_stack):
    io.write(depth_stack, tmp_path / "a.h5", layout="fxi")
    restored = io.read(tmp_path / "a.h5")
    np.testing.assert_allclose(-np.log(restored.data), depth_stack.data, rtol=1e-5, atol=1e-6)
    assert restored.metadata["note"] == "mixture: exp(-optical depth), written by napari-xanes"
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["img_xanes"].dtype == np.float32
        np.testing.assert_allclose(file["X_eng"], depth_stack.energy / 1e3)


def test_unsupported_stacks_are_refused(tmp_path, depth_stack):
    with pytest.raises(ValueError, match="hold transmission, not fluorescence"):
        io.write(depth_stack.with_data(depth_stack.data, quantity="fluorescence"), tmp_path / "a.h5", layout="fxi")
    with pytest.raises(ValueError, match="square pixels"):
        io.write(depth_stack.with_data(depth_stack.data, pixel_size=(0.1, 0.2)), tmp_path / "a.h5", layout="fxi")
    with pytest.raises(ValueError, match="layout 'pyxas' is none of fxi"):
        io.write(depth_stack, tmp_path / "a.h5", layout="pyxas")
    with pytest.raises(ValueError, match=r"take one of \.h5"):
        io.write(depth_stack, tmp_path / "a.tif", layout="fxi")
    assert list(tmp_path.iterdir()) == []
