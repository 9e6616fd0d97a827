"""Data Exchange files of APS 32-ID and of MANTiS."""

from __future__ import annotations

import json
import warnings

import h5py
import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import ENERGY, KEV, read_with_warnings, reader_of, write

from napari_xanes import io, ops


def write_aps(path, images, energy, **more):
    white, dark = np.full_like(images, 100), np.full((2, *images.shape[1:]), 3, images.dtype)
    items = {"exchange/data": images, "exchange/energy": energy, "exchange/data_white": white}
    items |= {"exchange/data_dark": dark, "process/acquisition/start_date": "2016-08-01", "implements": "exchange"}
    return write(path, **{name: value for name, value in (items | more).items() if value is not None})


def test_aps_32id(tmp_path, frames):
    path = write_aps(tmp_path / "a.h5", frames[::-1], KEV[::-1])
    assert reader_of(path) == "exchange"
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.metadata["start_date"]) == ("counts", "2016-08-01")
    assert stack.metadata["flat"].shape == frames.shape
    np.testing.assert_array_equal(stack.metadata["dark"], np.full(frames.shape[1:], 3))
    depth = ops.optical_depth(stack)
    expected = np.where(frames > 3, -np.log(np.where(frames > 3, frames - 3, 1) / 97), np.nan)
    np.testing.assert_allclose(depth.data, expected, rtol=1e-5)


def test_aps_flats_that_are_not_one_per_energy_are_averaged(tmp_path, frames):
    white = np.stack([np.full(frames.shape[1:], v, np.uint16) for v in (0, 90, 110)])
    with pytest.warns(UserWarning, match="2 flats for 4 images"):
        stack = io.read(write_aps(tmp_path / "a.h5", frames, KEV, **{"exchange/data_white": white}))
    np.testing.assert_array_equal(stack.metadata["flat"], np.full(frames.shape[1:], 100))
    assert stack.metadata["n_flat"] == 2
    for white, told in ((np.zeros((2, *frames.shape[1:])), "nothing but zeros"), (np.ones((2, 9, 9)), "left out")):
        with pytest.warns(UserWarning, match=told):
            assert (
                "flat"
                not in io.read(write_aps(tmp_path / "a.h5", frames, KEV, **{"exchange/data_white": white})).metadata
            )


@pytest.mark.parametrize(("n_images", "n_keys"), [(3, 4), (4, 3)])
def test_aps_interrupted(tmp_path, frames, n_images, n_keys):
    with pytest.warns(UserWarning, match="the last (frame|energy) is dropped"):
        stack = io.read(write_aps(tmp_path / "a.h5", frames[:n_images], KEV[:n_keys]))
    np.testing.assert_array_equal(stack.data, frames[:3])
    assert len(stack.metadata["flat"]) == 3


@pytest.mark.parametrize("empty", [0, np.nan])
def test_aps_empty_tail(tmp_path, frames, empty):
    frames[2:] = empty
    with pytest.warns(UserWarning, match="last 2 of 4 frames are empty"):
        stack = io.read(write_aps(tmp_path / "a.h5", frames, KEV))
    assert stack.shape[0] == len(stack.metadata["flat"]) == 2


def test_a_tomogram_in_data_exchange_is_not_a_stack(tmp_path, frames):
    path = write_aps(tmp_path / "a.h5", frames, KEV, **{"exchange/energy": None, "exchange/theta": np.arange(4.0)})
    with pytest.raises(ValueError, match="no /exchange/energy in it"):
        io.read(path)
    with pytest.raises(ValueError, match="a tomogram and no stack"):
        io.read(write_aps(tmp_path / "a.h5", frames, [7.1]))
    assert io.read(path, energies=ENERGY).shape == frames.shape


def write_mantis(path, images, energy, *, unit="eV", **more):
    _, height, width = images.shape
    items = {"implements": "information:exchange:spectromicroscopy", "version": "1.0"}
    items |= {"exchange/data": images.T, "exchange/energy": np.array(energy), "exchange/energy__units": unit}
    items |= {"exchange/data__axes": "x:y", "exchange/x": 0.1 * np.arange(width), "exchange/y": 0.2 * np.arange(height)}
    items |= {"exchange/white_data": np.zeros(1), "spectromicroscopy/positions": np.zeros(3)}
    return write(path, **{name: value for name, value in (items | more).items() if value is not None})


@pytest.mark.parametrize(("energy", "unit"), [(ENERGY, "eV"), (KEV, "keV"), (KEV, "")])
def test_mantis(tmp_path, frames, energy, unit):
    path = write_mantis(tmp_path / "a.hdf5", frames[::-1], energy[::-1], unit=unit)
    assert reader_of(path) == "exchange_mantis"
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("counts", (0.2, 0.1))
    assert not {"flat", "dark", "i0"} & set(stack.metadata)


def test_mantis_i0(tmp_path, frames):
    white, keys = "spectromicroscopy/normalization/white_spectrum", np.array([7000.0, 7200.0])
    more = {white: [100.0, 300.0], f"{white}_energy": keys, f"{white}_energy__units": "eV"}
    stack = io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more))
    np.testing.assert_allclose(stack.metadata["i0"], np.array(ENERGY) - 6900)
    stack = io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **{white: [1.0, 2, 3, 4]}))
    np.testing.assert_array_equal(stack.metadata["i0"], [1, 2, 3, 4])
    path = write_mantis(tmp_path / "a.hdf5", frames, (*ENERGY, 7140, 7150), **{white: np.arange(1.0, 7)})
    with pytest.warns(UserWarning, match="the last 2 energies are dropped"):
        np.testing.assert_array_equal(io.read(path).metadata["i0"], [1, 2, 3, 4])
    for wrong in ({f"{white}_energy": np.array([7105.0, 7200.0])}, {white: [0.0, 1.0]}, {white: [1.0, 2.0, 3.0]}):
        with pytest.warns(UserWarning, match="left out"):
            assert "i0" not in io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more | wrong)).metadata


def test_mantis_optical_depth_saved_as_pre_normalized(tmp_path, frames):
    white = "spectromicroscopy/normalization/white_spectrum"
    depth = frames.T.astype("f4") / 99
    more = {"exchange/data": depth, white: np.ones(4), f"{white}_energy": np.array(ENERGY)}
    more |= {"spectromicroscopy/optical_density": depth.astype("f8").reshape((-1, 4), order="F")}
    for limit in (None, 100):
        stack = io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more), memory_limit=limit)
        assert stack.quantity == "optical_depth"
        assert "pre-normalized" in stack.metadata["quantity_source"]
        assert "i0" not in stack.metadata
    wrong = [
        {white: np.full(4, 2.0)},
        {"spectromicroscopy/optical_density": None},
        {"spectromicroscopy/optical_density": -np.log(depth).reshape((-1, 4), order="F")},
        {"spectromicroscopy/optical_density": np.ones((3, 4))},
    ]
    for other in wrong:
        stack = io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more | other))
        assert (stack.quantity, "i0" in stack.metadata) == ("counts", True)


def test_mantis_pixel_numbers_are_not_positions(tmp_path, frames):
    pixels = {"exchange/x": np.arange(5.0), "exchange/y": np.arange(3.0)}
    assert io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **pixels)).pixel_size is None
    said = {f"{name}__units": "um" for name in pixels}
    assert io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **pixels | said)).pixel_size == (1.0, 1.0)
    moved = {name: values + 5 for name, values in pixels.items()}
    assert io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **moved)).pixel_size == (1.0, 1.0)


def test_mantis_flat_and_dark(tmp_path, frames):
    more = {"exchange/white_data": frames.T + 9, "exchange/dark_data": frames[0].T}
    stack = io.read(write_mantis(tmp_path / "a.hdf5", frames[::-1], ENERGY, **more))
    np.testing.assert_array_equal(stack.metadata["flat"], frames + 9)
    np.testing.assert_array_equal(stack.metadata["dark"], frames[0])
    empty = {name: values * 0 for name, values in more.items()}
    assert not {"flat", "dark"} & set(io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **empty)).metadata)
    with pytest.warns(UserWarning, match="white_data has shape"):
        io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **{"exchange/white_data": np.ones((2, 2))}))


@pytest.mark.parametrize("shape", [(4, 4, 4), (4, 3, 4), (4, 7, 5), (1, 3, 1), (1, 3, 5), (3, 1, 1)])
def test_exchange_layouts_are_recognized_for_every_shape(tmp_path, shape):
    images = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    energy = 7100.0 + np.arange(shape[0])
    np.testing.assert_array_equal(io.read(write_mantis(tmp_path / "a.hdf5", images, energy)).data, images)
    np.testing.assert_array_equal(io.read(write_aps(tmp_path / "b.h5", images, energy / 1000)).data, images)


@pytest.mark.parametrize("memory_limit", [None, 10])
def test_mantis_tilt_series(tmp_path, frames, memory_limit):
    both = np.stack([frames.T, frames.T + 1000], axis=-1)
    more = {"exchange/data": both, "exchange/theta": np.array([-20.0, 35.5]), "exchange/white_data": both}
    path = write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more)
    first, second = (io.read(path, select=select, memory_limit=memory_limit) for select in (None, "35.5 degrees"))
    np.testing.assert_array_equal(np.asarray(first.data), frames)
    np.testing.assert_array_equal(np.asarray(second.data), frames + 1000)
    np.testing.assert_array_equal(np.asarray(second.metadata["flat"]), frames + 1000)
    assert second.metadata["available"] == ["-20 degrees", "35.5 degrees"]
    assert "'-20 degrees' was read, one of 2 stacks" in first.metadata["notes"][0]


def write_growing(path, images, energy, flats, *, finished=True, darks=None, **attributes):
    """Write the layout of 32-ID of 2026: arrays that grow by a frame with each energy."""
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "bl32ID energy_scan v1"
        file.attrs["scan_config"] = json.dumps({"e_start_eV": 7100.0, "e_end_eV": 7140.0, "de_eV": 10.0})
        if finished:
            file.attrs["finished"] = "2026-01-02T03:04:05"
        for name, frames in {"data": images, "data_flat": flats, "data_dark": darks}.items():
            if frames is not None:
                shape = frames.shape[1:]
                file.create_dataset(f"exchange/{name}", data=frames, maxshape=(None, *shape), chunks=(1, *shape))
        file.create_dataset("exchange/energy", data=np.array(energy, float), maxshape=(None,)).attrs["units"] = "eV"
        readback = file.create_dataset("measurement/per_step/energy_rbv_eV", data=np.array(energy) + 0.2)
        readback.attrs["units"] = "eV"
        file.create_group("measurement/instrument/detector").attrs["exposure_time_s"] = 0.5
        file.create_group("measurement/instrument/zone_plate_and_optics").attrs["image_pixel_size_nm"] = 26.0
    return path


def test_aps_32id_of_2026(tmp_path, frames):
    path = write_growing(tmp_path / "a.h5", frames, ENERGY, frames + 3, darks=np.full((2, 3, 5), 0.25, "f4"))
    assert reader_of(path) == "exchange"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.metadata["flat"], frames + 3)
    np.testing.assert_array_equal(stack.metadata["dark"], np.full((3, 5), 0.25))
    assert (stack.pixel_size, stack.metadata["exposure"]) == ((0.026, 0.026), 0.5)
    assert "differ by up to 0.20 eV" in stack.metadata["notes"][0]
    depth = ops.optical_depth(stack)
    np.testing.assert_allclose(depth.data, -np.log((frames - 0.25) / (frames + 2.75)), rtol=1e-5)


@pytest.mark.parametrize(
    ("n_images", "n_flats", "n_energies", "n_read"), [(3, 2, 2, 2), (3, 3, 2, 2), (2, 3, 2, 2), (3, 2, 3, 2)]
)
@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
def test_a_growing_file_keeps_each_flat_with_its_image(
    n_images, n_flats, n_energies, n_read, memory_limit, tmp_path, frames
):
    path = tmp_path / "a.h5"
    write_growing(path, frames[:n_images], ENERGY[:n_energies], frames[:n_flats] + 3, finished=False)
    stack, told = read_with_warnings(path, memory_limit=memory_limit)
    assert f"the scan has not finished: {n_images} of 5 planned frames" in told[0]
    assert any("is dropped" in line or "are dropped" in line for line in told) == (n_images > n_read)
    np.testing.assert_array_equal(np.asarray(stack.data), frames[:n_read])
    np.testing.assert_array_equal(np.asarray(stack.metadata["flat"]), frames[:n_read] + 3)
    np.testing.assert_array_equal(stack.energy, ENERGY[:n_read])


def test_a_growing_file_with_one_frame_or_none(tmp_path, frames):
    with pytest.raises(ValueError, match=r"a\.h5.*no frames yet"):
        io.read(write_growing(tmp_path / "a.h5", frames[:0], [], frames[:0], finished=False))
    with pytest.warns(UserWarning, match="not finished: 1 of 5"):
        stack = io.read(write_growing(tmp_path / "a.h5", frames[:1], ENERGY[:1], frames[:1], finished=False))
    np.testing.assert_array_equal(stack.data, frames[:1])
    path = write_growing(tmp_path / "b.h5", frames, ENERGY, frames[:1] + 3)
    with pytest.warns(UserWarning, match="1 flats for 4 images: their mean"):
        np.testing.assert_array_equal(io.read(path).metadata["flat"], frames[0] + 3)


def test_flats_of_both_names(tmp_path, frames):
    path = write_aps(tmp_path / "a.h5", frames, KEV, **{"exchange/data_flat": frames})
    with pytest.warns(UserWarning, match="/exchange/data_flat is not used, because the file has /exchange/data_white"):
        np.testing.assert_array_equal(io.read(path).metadata["flat"], np.full_like(frames, 100))


def test_complex_numbers_are_named(tmp_path, frames):
    with pytest.raises(ValueError, match="it holds complex numbers of shape .*, of which magnitude or phase may be"):
        io.read(write_aps(tmp_path / "a.h5", (frames + 1j).astype("c8"), KEV))
