"""Tomograms that PyXAS has aligned, one file per energy."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_xanes import io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)


def write_tomograms(folder, volumes, energies=ENERGY, *, prefix="ali_recon", key="X_eng"):
    folder.mkdir(exist_ok=True)
    paths = []
    for number, (volume, energy) in enumerate(zip(volumes, energies, strict=True), 98):
        paths.append(folder / f"{prefix}_{number}.h5")
        with h5py.File(paths[-1], "w") as file:
            file["img"], file["scan_id"], file[key] = volume, number, energy / 1000
    return paths


@pytest.fixture
def volumes(frames):
    """A stack (E, Z, Y, X)."""
    return np.stack([frames, frames + 10], axis=1)


@pytest.mark.parametrize("key", ["X_eng", "XEng"])
@pytest.mark.parametrize("lazy", [False, True])
def test_folder(tmp_path, volumes, key, lazy):
    write_tomograms(tmp_path / "a", volumes[::-1], ENERGY[::-1], key=key)
    stack = io.read(tmp_path / "a", memory_limit=100 if lazy else None)
    assert stack.is_lazy == lazy
    np.testing.assert_array_equal(np.asarray(stack.data), volumes)
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert (stack.quantity, stack.metadata["format"]) == ("optical_depth", "PyXAS tomograms")
    assert stack.metadata["quantity_source"].startswith("guessed: ")
    assert stack.metadata["energy_unit"].startswith("keV")
    assert stack.metadata["files"] == [f"ali_recon_{number}.h5" for number in (101, 100, 99, 98)]


def test_several_files(tmp_path, volumes):
    paths = write_tomograms(tmp_path / "a", volumes)
    assert io.are_one_stack(paths[1:])
    np.testing.assert_array_equal(io.read(paths[1:]).data, volumes[1:])


def test_aligned_files_are_not_mixed_with_others(tmp_path, volumes):
    write_tomograms(tmp_path / "a", volumes)
    write_tomograms(tmp_path / "a", volumes + 99, prefix="recon")
    with pytest.warns(UserWarning, match=r"4 files .*not aligned.* left out: recon_98\.h5"):
        stack = io.read(tmp_path / "a")
    np.testing.assert_array_equal(stack.data, volumes)
    assert "repeats" not in stack.metadata


def test_other_files_are_used_if_none_is_aligned(tmp_path, volumes):
    write_tomograms(tmp_path / "a", volumes, prefix="recon")
    np.testing.assert_array_equal(io.read(tmp_path / "a").data, volumes)


def test_other_files_are_not_a_series(tmp_path, volumes):
    paths = write_tomograms(tmp_path / "a", volumes)
    with pytest.raises(ValueError, match=r"2 images at one energy.*the folder"):
        io.read(paths[0])
    # With given energies, the file is a stack.
    assert io.read(paths[0], energies=[7100, 7110]).shape == (2, *volumes.shape[2:])
    with h5py.File(paths[1], "a") as file:
        del file["img"]
        file["img"] = volumes[1, :, :2]
    with pytest.raises(ValueError, match=r"ali_recon_99\.h5: its frame is"):
        io.read(tmp_path / "a")
    paths[1].write_bytes(paths[1].read_bytes()[:900])
    with pytest.warns(UserWarning, match=r"1 of 4 files can't be used.*ali_recon_99\.h5 \(.*damaged"):
        assert io.read(tmp_path / "a").energy.size == 3
    write_tomograms(tmp_path / "b", volumes, (7100, 7110, 7110, 7120))
    with pytest.warns(UserWarning, match="1 file repeats the energy"):
        assert io.read(tmp_path / "b").metadata["repeats"] == 2


@pytest.mark.parametrize("image", ["img_xanes", "img"])
def test_volumes_in_one_file(tmp_path, volumes, image):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[image], file["X_eng"] = volumes[::-1] / 99, np.array(ENERGY[::-1]) / 1000
    stack = io.read(tmp_path / "a.h5")
    np.testing.assert_array_equal(stack.data, volumes / 99)
    assert (stack.quantity, stack.metadata["format"]) == ("optical_depth", "PyXAS")
