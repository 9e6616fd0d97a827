"""Stacks that FXI exports."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.stack_energies import ENERGY, KEV

from napari_xanes import io


def write_fxi(path, images, keys):
    with h5py.File(path, "w") as file:
        file["img_xanes"], file["X_eng"] = images, np.asarray(keys)
        file["img_bkg"], file["img_dark"] = np.ones_like(images) * 100, np.zeros_like(images[:1])
        file["scan_id"], file["uid"], file["note"] = 4711, "b2c9", "NMC"
        file["Magnification"], file["Pixel Size"] = 332.1, "39.0nm"
    return path


def test_fxi_is_transmission_and_never_corrected_again(tmp_path, frames):
    frames[1, 0, 0] = 0
    stack = io.read(write_fxi(tmp_path / "xanes_scan_id_1.h5", frames, KEV))
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("transmission", (0.039, 0.039))
    assert not {"flat", "dark", "i0"} & set(stack.metadata)
    assert (stack.metadata["scan_id"], stack.metadata["note"]) == (4711, "NMC")
    assert stack.metadata["energy_unit"] == "keV (guessed: below 100)"


@pytest.mark.parametrize(("n_images", "n_keys"), [(3, 4), (4, 3)])
def test_fxi_interrupted(tmp_path, frames, n_images, n_keys):
    path = write_fxi(tmp_path / "a.h5", frames[:n_images], KEV[:n_keys])
    with pytest.warns(UserWarning, match="the last (frame|energy) is dropped"):
        stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames[:3])
    np.testing.assert_array_equal(stack.energy, ENERGY[:3])
    assert "dropped" in stack.metadata["warnings"][0]


def test_fxi_empty_tail(tmp_path, frames):
    frames[2:] = 0
    with pytest.warns(UserWarning, match="last 2 of 4 frames are empty"):
        assert io.read(write_fxi(tmp_path / "a.h5", frames, KEV)).shape[0] == 2


@pytest.mark.parametrize("value", [0, np.nan])
def test_a_frame_of_nothing_within_the_scan_is_told(tmp_path, frames, value):
    frames[1] = value
    with pytest.warns(UserWarning, match=r"1 frame holds nothing but zeros or NaN, at 7105 eV: kept; drop_frames"):
        stack = io.read(write_fxi(tmp_path / "a.h5", frames, [7.1, 7.105, 7.11, 7.12]))
    np.testing.assert_array_equal(stack.data, frames)


def test_a_frame_of_nothing_is_not_averaged_with_its_repeat(tmp_path, frames):
    frames[1] = 0
    with pytest.warns(UserWarning, match="at 7100 eV: left out, as others have the same energy"):
        stack = io.read(write_fxi(tmp_path / "a.h5", frames, [7.1, 7.1, 7.11, 7.12]))
    np.testing.assert_array_equal(stack.data, frames[[0, 2, 3]])
    np.testing.assert_array_equal(stack.energy, [7100, 7110, 7120])


def test_large_stacks_stay_in_the_file(tmp_path, frames):
    stack = io.read(write_fxi(tmp_path / "a.h5", frames, KEV[::-1]), memory_limit=100)
    assert stack.is_lazy
    np.testing.assert_array_equal(np.asarray(stack.data), frames[::-1])
    io.write(stack, tmp_path / "b.h5")
    assert io.read(tmp_path / "b.h5", memory_limit=100).is_lazy
    assert not io.read(tmp_path / "b.h5").is_lazy
    io.write(stack, tmp_path / "b.tif")
    lazy = io.read(tmp_path / "b.tif", memory_limit=100)
    assert lazy.is_lazy
    np.testing.assert_array_equal(np.asarray(lazy.data), frames[::-1])


def test_complex_numbers_are_named(tmp_path, frames):
    path = write_fxi(tmp_path / "a.h5", (frames + 1j).astype("c8"), KEV)
    with pytest.raises(ValueError, match="/img_xanes must be .*; they hold complex numbers of shape"):
        io.read(path)


@pytest.mark.parametrize("unit", ["nm", "angstrom", "deg"])
def test_lengths_and_angles_are_no_energies(tmp_path, frames, unit):
    path = write_fxi(tmp_path / "a.h5", frames, KEV)
    with h5py.File(path, "a") as file:
        file["X_eng"].attrs["units"] = unit
    with pytest.raises(ValueError, match=rf"that its energies, 7\.\d+ to 7\.\d+, are in {unit}: pass energies= in eV"):
        io.read(path)
    np.testing.assert_array_equal(io.read(path, energies=ENERGY).energy, ENERGY)
    np.testing.assert_allclose(io.read(path, energy_unit="keV").energy, ENERGY)
