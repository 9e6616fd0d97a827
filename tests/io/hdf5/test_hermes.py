"""Stacks of HERMES and SoftiMAX."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import ENERGY, reader_of

from napari_xanes import io


def write_hermes(path, images, energy, *, beamline="Hermes", counter="Counter0", kind="sample image stack"):
    with h5py.File(path, "w") as file:
        file["entry1/collection/beamline"] = [beamline.encode()]
        file["entry1/control/data"] = np.ones(images.shape)
        for name, values in ((counter, images), ("Counter1", images + 1)):
            group = file.create_group(f"entry1/{name}")
            group["data"], group["energy"] = values, energy
            group["sample_x"], group["sample_y"] = 0.5 * np.arange(images.shape[2]), 0.25 * np.arange(images.shape[1])
            group["stxm_scan_type"] = [kind.encode()]
    return path


@pytest.mark.parametrize(
    ("beamline", "counter"), [("Hermes", "Counter0"), ("SLS Sophie at Softimax MAXIV", "counter0")]
)
def test_hermes_and_softimax(tmp_path, frames, beamline, counter):
    path = write_hermes(tmp_path / "a.hdf5", frames[::-1], ENERGY[::-1], beamline=beamline, counter=counter)
    assert reader_of(path) == "hermes"
    stack = io.read(path, select=f"entry1/{counter}")
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("counts", (0.25, 0.5))
    assert sorted(stack.metadata["available"]) == sorted([f"entry1/{counter}", "entry1/Counter1"])
    np.testing.assert_array_equal(io.read(path, select="counter1").data, frames + 1)


def test_hermes_interrupted_and_refused(tmp_path, frames):
    frames[3] = 0
    with pytest.warns(UserWarning, match="last 1 of 4 frames is empty"):
        assert io.read(write_hermes(tmp_path / "a.hdf5", frames, ENERGY)).shape[0] == 3
    with pytest.raises(ValueError, match="it holds a focus scan"):
        io.read(write_hermes(tmp_path / "a.hdf5", frames, ENERGY, kind="sample focus"))
    with pytest.raises(ValueError, match="no stack that napari-xanes can read"):
        io.read(write_hermes(tmp_path / "a.hdf5", frames, ENERGY, beamline="Elsewhere"))
