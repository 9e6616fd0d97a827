"""Stacks of MISTRAL."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import ENERGY, KEV, reader_of, write

from napari_xanes import io


def write_mistral(path, images, energy, **more):
    group = {"spectroscopy_normalized": images, "energy": energy, "x_pixel_size": [0.01], "y_pixel_size": [0.02]}
    group |= {"Currents": np.arange(len(images)) + 100.0, "ExpTimes": np.arange(len(images)) + 1.0}
    group |= {"rotation_angle": np.zeros(len(images))}
    items = {f"SpecNormalized/{name}": value for name, value in (group | more).items()}
    return write(path, **{name: value for name, value in items.items() if value is not None})


@pytest.mark.parametrize("energy", [ENERGY, KEV])
def test_mistral(tmp_path, frames, energy):
    path = write_mistral(tmp_path / "a.hdf5", frames[::-1], energy[::-1])
    assert reader_of(path) == "mistral"
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("transmission", (0.02, 0.01))
    np.testing.assert_array_equal(stack.metadata["exposure"], [4, 3, 2, 1])
    np.testing.assert_array_equal(stack.metadata["ring_current"], [103, 102, 101, 100])


def test_mistral_prefers_the_aligned_images(tmp_path, frames):
    path = write_mistral(tmp_path / "a.hdf5", frames * 0 + 1, ENERGY, spectroscopy_normalized_aligned=frames)
    np.testing.assert_array_equal(io.read(path).data, frames)
    np.testing.assert_array_equal(io.read(path, select="spectroscopy_normalized").data, frames * 0 + 1)
    assert io.read(path, memory_limit=10).is_lazy


def test_mistral_interrupted_and_refused(tmp_path, frames):
    frames[3] = np.nan
    with pytest.warns(UserWarning, match="last 1 of 4 frames is empty"):
        stack = io.read(write_mistral(tmp_path / "a.hdf5", frames, ENERGY, x_pixel_size=None))
    assert stack.pixel_size is None
    assert len(stack.metadata["exposure"]) == 3
    with pytest.raises(ValueError, match="has no energies; pass energies="):
        io.read(write_mistral(tmp_path / "a.hdf5", frames[:3], None))
    assert io.read(tmp_path / "a.hdf5", energies=ENERGY[:3]).shape == (3, 3, 5)
    with pytest.raises(ValueError, match=r"must be numbers \(E, Y, X\), its shape is \(3, 5\)"):
        io.read(write_mistral(tmp_path / "a.hdf5", frames[0], ENERGY))


@pytest.mark.parametrize(("unit", "size"), [("um", (0.02, 0.01)), ("nm", (2e-5, 1e-5)), ("pixel", None)])
def test_the_unit_of_pixels(unit, size, tmp_path, frames):
    path = write_mistral(tmp_path / "a.hdf5", frames, ENERGY)
    with h5py.File(path, "a") as file:
        for name in ("x_pixel_size", "y_pixel_size"):
            file[f"SpecNormalized/{name}"].attrs["units"] = unit
    assert io.read(path).pixel_size == size
