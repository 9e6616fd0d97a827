"""Stacks in NXstxm, and HDF5 files that are refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.stack_energies import ENERGY, KEV

from napari_xanes import io


@pytest.mark.parametrize("definition", [(b"NXstxm",), "NXstxm", np.bytes_("NXstxm"), ["NXstxm"]])
def test_nxstxm(tmp_path, write_nxstxm, frames, definition):
    stack = io.read(write_nxstxm(tmp_path / "a.hdf5", frames, ENERGY, definition=definition))
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("counts", (0.25, 0.5))
    assert stack.metadata["available"] == ["entry1/counter0"]
    assert "i0" not in stack.metadata


# The last of these is written by MANTiS.
@pytest.mark.parametrize(
    "axes", [("energy", "sample_x", "sample_y"), ("sample_y", "sample_x", "energy"), ("sample_x", "sample_y", "energy")]
)
def test_nxstxm_axes_in_another_order(tmp_path, write_nxstxm, frames, axes):
    order = [("energy", "sample_y", "sample_x").index(name) for name in axes]
    path = write_nxstxm(tmp_path / "a.hdf5", frames.transpose(order), ENERGY, axes=axes)
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.pixel_size == (0.25, 0.5)


def test_nxstxm_old_style_axes_photon_energy_and_kev(tmp_path, write_nxstxm, frames):
    stack = io.read(write_nxstxm(tmp_path / "a.nxs", frames, ENERGY, axes=None))
    np.testing.assert_array_equal(stack.data, frames)
    stack = io.read(write_nxstxm(tmp_path / "b.nxs", frames, KEV, energy_name="photon_energy", unit="keV"))
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert stack.metadata["energy_unit"] == "keV"


def test_nxstxm_with_several_detectors_takes_the_first_stack(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", frames, ENERGY)
    with h5py.File(path, "a") as file:
        file.copy("entry1/counter0", file["entry1"], "z_detector")
        file["entry1/z_detector/data"][...] = 0
    stack = io.read(path)
    assert stack.metadata["available"] == ["entry1/counter0", "entry1/z_detector"]
    np.testing.assert_array_equal(stack.data, frames)


@pytest.mark.parametrize("empty", [0.0, np.nan])
def test_nxstxm_interrupted(tmp_path, write_nxstxm, frames, empty):
    frames[-1:] = empty
    with pytest.warns(UserWarning, match="last 1 of 4 frames is empty"):
        stack = io.read(write_nxstxm(tmp_path / "a.nxs", frames, ENERGY))
    np.testing.assert_array_equal(stack.data, frames[:3])
    assert len(stack.metadata["warnings"]) == 1


def test_nxstxm_all_empty(tmp_path, write_nxstxm, frames):
    with pytest.raises(ValueError, match="all 4 frames are empty"):
        io.read(write_nxstxm(tmp_path / "a.nxs", frames * 0, ENERGY))


def test_unsorted_and_repeated_energies(tmp_path, write_nxstxm, frames):
    stack = io.read(write_nxstxm(tmp_path / "a.nxs", frames, (7130, 7100, 7110, 7100)))
    np.testing.assert_array_equal(stack.energy, [7100, 7110, 7130])
    np.testing.assert_array_equal(stack.data, [(frames[1] + frames[3]) / 2, frames[2], frames[0]])
    assert "sorted" in stack.metadata["notes"][0]
    assert "averaged" in stack.metadata["notes"][1]


def test_energies_given(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", frames, ENERGY)
    np.testing.assert_array_equal(io.read(path, energies=[1000, 1001, 1002, 1003]).energy, [1000, 1001, 1002, 1003])
    text = tmp_path / "e.txt"
    text.write_text("* keV\n1.0\n1.1\n1.2\n1.3\n")
    np.testing.assert_array_equal(io.read(path, energies=text).energy, [1000, 1100, 1200, 1300])
    np.testing.assert_array_equal(io.read([path, text]).energy, [1000, 1100, 1200, 1300])
    with pytest.raises(ValueError, match=r"a\.nxs.*3 energies in energies= for 4 frames"):
        io.read(path, energies=[1000, 1001, 1002])
    with pytest.raises(ValueError, match="quantity 'colour' is none of counts"):
        io.read(path, quantity="colour")


def test_links_into_other_files_are_not_followed(tmp_path, write_nxstxm, frames):
    secret = write_nxstxm(tmp_path / "other.h5", frames, ENERGY)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["img_xanes"] = h5py.ExternalLink(secret.name, "/entry1/counter0/data")
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match=r"a\.h5.*lies in another file.*not followed"):
        io.read(path)
    with h5py.File(path, "w") as file:
        file["elsewhere"] = h5py.ExternalLink(secret.name, "/entry1")
        file["img_xanes"] = h5py.SoftLink("/elsewhere/counter0/data")
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match="not followed"):
        io.read(path)


def test_virtual_and_external_datasets_are_refused(tmp_path, frames):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = frames
    layout = h5py.VirtualLayout(frames.shape, frames.dtype)
    layout[...] = h5py.VirtualSource("other.h5", "data", frames.shape)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("img_xanes", layout)
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match="lie in other files"):
        io.read(path)
    (tmp_path / "raw").write_bytes(frames.tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset("img_xanes", frames.shape, "f4", external=[("raw", 0, frames.nbytes)])
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match="lie in other files"):
        io.read(path)


def test_hdf5_that_promises_more_than_it_holds(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("img_xanes", (4, 100_000, 100_000), "f4", chunks=(1, 100, 100))
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match=r"promises \d+ MB"):
        io.read(path)


@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_truncated_hdf5(tmp_path, write_nxstxm, frames, part):
    path = write_nxstxm(tmp_path / "a.nxs", frames, ENERGY)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(OSError, match=r"a\.nxs.*cut short"):
        io.read(path)


def test_other_hdf5_is_declined_with_a_reason(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["something"] = 1
    with pytest.raises(ValueError, match=r"a\.h5: no stack.*NXstxm.*\d similar formats can't"):
        io.read(path)


def test_hdf5_that_follows_a_block_of_other_content(tmp_path, frames):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["img_xanes"], file["X_eng"] = frames, np.array(KEV)
    np.testing.assert_array_equal(io.read(path).data, frames)


def small(path, data, energy, scan, axes, **positions):
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry1")
        entry["definition"] = [b"NXstxm"]
        group = entry.create_group("counter0")
        group.attrs["NX_class"], group.attrs["signal"] = b"NXdata", b"data"
        group.attrs["axes"] = [name.encode() for name in axes]
        group["data"], group["energy"], group["stxm_scan_type"] = data, energy, [scan.encode()]
        for name, values in positions.items():
            group[name] = values
    return path


@pytest.mark.parametrize("axes", [("sample_y", "sample_x"), ("sample_x", "sample_y")])
def test_a_single_image_is_a_stack_of_one_energy(axes, tmp_path, frames):
    data = frames[0] if axes[0] == "sample_y" else frames[0].T
    positions = {"sample_y": 0.25 * np.arange(3), "sample_x": 0.5 * np.arange(5)}
    stack = io.read(small(tmp_path / "a.nxs", data, [710.0], "sample image", axes, **positions))
    np.testing.assert_array_equal(stack.data, frames[:1])
    assert (stack.energy.tolist(), stack.pixel_size) == ([710], (0.25, 0.5))
    assert "a single image, for looking at" in stack.metadata["notes"][0]


@pytest.mark.parametrize("place", ["line_position", "sample_x", "sample_y"])
@pytest.mark.parametrize("n_places", [3, 4, 5])
@pytest.mark.parametrize("energy_first", [True, False])
def test_the_axes_of_a_line_scan_are_those_that_it_names(energy_first, n_places, place, tmp_path):
    line = np.arange(4.0 * n_places).reshape(4, n_places) + 1
    data, axes = (line, ("energy", place)) if energy_first else (line.T, (place, "energy"))
    stack = io.read(small(tmp_path / "a.nxs", data, ENERGY, "sample line spectrum", axes))
    np.testing.assert_array_equal(stack.data, line[:, None])


def test_a_square_line_scan_without_names_of_axes_is_told(tmp_path, frames):
    path = small(tmp_path / "a.nxs", frames[:, 0, :4], ENERGY, "sample line spectrum", ())
    with pytest.warns(UserWarning, match="as many places as energies and names no axis"):
        io.read(path)


@pytest.mark.parametrize(
    ("unit", "seconds"), [(None, 20), ("s", 20), ("ms", 0.02), ("msec", 0.02), ("milliseconds", 0.02), ("us", 2e-5)]
)
def test_times_are_converted_from_their_unit(unit, seconds, tmp_path, frames):
    axes = ("energy", "sample_y", "sample_x")
    path = small(tmp_path / "a.nxs", frames, ENERGY, "sample image stack", axes, count_time=[20.0] * 4)
    if unit:
        with h5py.File(path, "a") as file:
            file["entry1/counter0/count_time"].attrs["units"] = unit
    assert io.read(path).metadata["exposure"] == pytest.approx(seconds)


@pytest.mark.filterwarnings("ignore:.*no known unit of time")
@pytest.mark.parametrize(("unit", "time"), [("pulses", 20.0), ("s", 0.0), ("s", np.nan)])
def test_times_that_are_not_known_are_no_exposures(unit, time, tmp_path, frames):
    axes = ("energy", "sample_y", "sample_x")
    path = small(tmp_path / "a.nxs", frames, ENERGY, "sample image stack", axes, count_time=[time] * 4)
    with h5py.File(path, "a") as file:
        file["entry1/counter0/count_time"].attrs["units"] = unit
    if unit == "pulses":
        with pytest.warns(UserWarning, match="'pulses', no known unit of time"):
            io.read(path)
    assert "exposure" not in io.read(path).metadata


@pytest.mark.parametrize("axes", [("energy", "line_position"), ("line_position", "energy")])
def test_a_line_scan_is_a_stack_of_one_row(axes, tmp_path, frames):
    line = frames[:, 0]
    data = line if axes[0] == "energy" else line.T
    positions = {"sample_x": 0.3 * np.arange(5), "sample_y": 0.4 * np.arange(5)}
    stack = io.read(small(tmp_path / "a.nxs", data, ENERGY, "sample line spectrum", axes, **positions))
    np.testing.assert_array_equal(stack.data, line[:, None])
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.pixel_size == (0.5, 0.5)


def test_a_point_spectrum_is_a_stack_of_one_pixel(tmp_path, frames):
    stack = io.read(small(tmp_path / "a.nxs", frames[:, 0, 0], ENERGY, "sample point spectrum", ("energy",)))
    np.testing.assert_array_equal(stack.data, frames[:, :1, :1])


def test_images_beside_a_stack_are_not_offered(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", frames, ENERGY)
    with (
        h5py.File(path, "a") as file,
        h5py.File(small(tmp_path / "b.nxs", frames[0], [710.0], "sample image", ("sample_y", "sample_x"))) as other,
    ):
        file.copy(other["entry1"], "entry0")
    assert io.read(path).metadata["available"] == ["entry1/counter0"]


@pytest.mark.parametrize("place", ["counter0/polarization", "collection/polarization/value"])
@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
def test_polarizations_are_kept_apart(place, memory_limit, tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", np.concatenate([frames, frames + 100]), (*ENERGY, *ENERGY))
    with h5py.File(path, "a") as file:
        file[f"entry1/{place}"] = np.repeat([0.9, -0.9], 4)
        file["entry1/counter0/count_time"] = np.arange(8.0) + 1
    names = ["entry1/counter0, polarization -0.9", "entry1/counter0, polarization 0.9"]
    for select, more, times in (
        (None, 100, [5, 6, 7, 8]),
        ("polarization 0.9", 0, [1, 2, 3, 4]),
        (0, 100, [5, 6, 7, 8]),
    ):
        stack = io.read(path, select=select, memory_limit=memory_limit)
        np.testing.assert_array_equal(np.asarray(stack.data), frames + more)
        np.testing.assert_array_equal(stack.energy, ENERGY)
        np.testing.assert_array_equal(stack.metadata["exposure"], times)
        assert stack.metadata["available"] == names
        assert stack.metadata["polarization"] == (-0.9 if more else 0.9)
    with h5py.File(path, "a") as file:
        file[f"entry1/{place}"][...] = 0.9
    stack = io.read(path)
    assert stack.metadata["available"] == ["entry1/counter0"]
    np.testing.assert_array_equal(stack.data, frames + 50)


def test_complex_numbers_are_named(tmp_path, frames):
    path = small(tmp_path / "a.nxs", frames + 1j, ENERGY, "sample image stack", ("energy", "sample_y", "sample_x"))
    with pytest.raises(ValueError, match="complex numbers of shape .*, of which magnitude or phase may be meant"):
        io.read(path)


def test_readings_of_one_polarization_are_one_stack(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", np.concatenate([frames, frames + 100]), (*ENERGY, *ENERGY))
    jitter = np.array([1, -2, 0, 1, 2, -1, 0, -1]) * 2e-3
    with h5py.File(path, "a") as file:
        file["entry1/counter0/polarization"] = np.repeat([0.9, -0.9], 4) + jitter
    stack = io.read(path)
    assert stack.metadata["available"] == [f"entry1/counter0, polarization {p}" for p in (-0.9, 0.9)]
    np.testing.assert_array_equal(stack.data, frames + 100)
    path = write_nxstxm(tmp_path / "b.nxs", frames, ENERGY)
    with h5py.File(path, "a") as file:
        file["entry1/counter0/polarization"] = 0.9 + jitter[:4]
    np.testing.assert_array_equal(io.read(path).data, frames)


def test_polarizations_of_an_interrupted_scan_are_kept_apart(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", np.concatenate([frames, frames[:3] + 100]), (*ENERGY, *ENERGY))
    with h5py.File(path, "a") as file:
        file["entry1/counter0/polarization"] = np.repeat([0.9, -0.9], 4)
    stack = io.read(path, select="polarization -0.9")
    np.testing.assert_array_equal(stack.data, frames[:3] + 100)
    np.testing.assert_array_equal(stack.energy, ENERGY[:3])
    np.testing.assert_array_equal(io.read(path, select="polarization 0.9").data, frames)
