"""Stacks whose axes lie in any order, with names of all kinds or none: each is turned rightly, or refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.stack_energies import ENERGY

from napari_xanes import io
from napari_xanes.io.hdf5.axis_order import axis_order

E, Y, X = 4, 3, 5


def written(path, data, *, axes=None, positions=True, energy=ENERGY, on_signal=False):
    with h5py.File(path, "w") as file:
        file["entry1/definition"] = "NXstxm"
        group = file["entry1"].create_group("counter0")
        group.attrs["NX_class"], group["data"], group["energy"] = "NXdata", data, energy
        group["energy"].attrs["units"] = "eV"
        if axes is not None:
            (group["data"] if on_signal else group).attrs["axes"] = axes
        if positions:
            group["sample_y"], group["sample_x"] = 0.25 * np.arange(Y), 0.5 * np.arange(X)
    return path


@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
@pytest.mark.parametrize(
    ("axes", "order"),
    [
        (["y", "x", "energy"], (1, 2, 0)),
        (["SampleX", "SampleY", "photon_energy"], (2, 1, 0)),
        (["x_position", "energy", "y_position"], (2, 0, 1)),
        (["rows", "columns", "energy"], (1, 2, 0)),
        (["sample_x", "rows", "energy"], (2, 1, 0)),
        ("sample_y:sample_x:energy", (1, 2, 0)),
        ("[energy,sample_x,sample_y]", (0, 2, 1)),
    ],
)
@pytest.mark.parametrize("on_signal", [False, True])
def test_names_tell_the_order(axes, order, on_signal, memory_limit, tmp_path, frames):
    path = written(tmp_path / "a.nxs", frames.transpose(order), axes=axes, on_signal=on_signal)
    stack = io.read(path, memory_limit=memory_limit)
    np.testing.assert_array_equal(np.asarray(stack.data), frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
def test_lengths_tell_the_order_where_names_do_not(order, tmp_path, frames):
    path = written(tmp_path / "a.nxs", frames.transpose(order))
    with pytest.warns(UserWarning, match=r"axes have no names, are turned to \(E, Y, X\) by the lengths"):
        stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.pixel_size == (0.25, 0.5)
    with pytest.raises(ValueError, match=r"4 energies, which is the length of the last axis.*name them in the attrib"):
        io.read(written(tmp_path / "b.nxs", frames.transpose(order), positions=False))


def test_an_interrupted_scan_is_not_turned(tmp_path, frames):
    """Five energies were planned, and rows are as long: the positions say that frames come first."""
    path = written(tmp_path / "a.nxs", frames, energy=[*ENERGY, 7140.0])
    with pytest.warns(UserWarning, match="5 energies but only 4 frames"):
        stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)


@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("named", [False, True])
def test_an_axis_of_length_1_is_dropped(at, named, tmp_path, frames):
    names = ["energy", "sample_y", "sample_x"]
    names.insert(at, "detector")
    path = written(tmp_path / "a.nxs", np.expand_dims(frames, at), axes=names if named else None)
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.pixel_size == (0.25, 0.5)


def test_other_axes_are_refused_by_name(tmp_path, frames):
    both = np.stack([frames, 2 * frames])
    axes = ["polarization", "energy", "sample_y", "sample_x"]
    with pytest.raises(ValueError, match="its axis 'polarization' of length 2 is none of energy, z, y and x; write"):
        io.read(written(tmp_path / "a.nxs", both, axes=axes))
    with pytest.raises(ValueError, match=r"images of shape \(2, 4, 3, 5\) whose axes have no names; name them"):
        io.read(written(tmp_path / "b.nxs", both))
    with pytest.raises(ValueError, match="axes energy, x, sample_x: a stack has one of energy, y and x"):
        io.read(written(tmp_path / "c.nxs", frames, axes=["energy", "x", "sample_x"]))


def test_a_volume_keeps_its_planes():
    assert axis_order(["z", "energy", "y", "x"], (2, 4, 3, 5), {}) == ([1, 0, 2, 3], [])
    assert axis_order([], (4, 2, 3, 5), {"energy": 4, "z": 2}) == ([0, 1, 2, 3], [])


def test_energies_of_single_pixels_are_refused(tmp_path, frames):
    path = written(tmp_path / "a.nxs", frames, energy=np.repeat(ENERGY, Y * X))
    with pytest.raises(ValueError, match="has an energy for each pixel of each image; write one for each image"):
        io.read(path)


@pytest.mark.parametrize("mark", [1, "1", np.bytes_("1")])
def test_files_before_2014_mark_the_signal_itself(mark, tmp_path, frames):
    path = written(tmp_path / "a.nxs", 0 * frames)
    with h5py.File(path, "a") as file:
        file["entry1/counter0/counts"] = frames
        file["entry1/counter0/counts"].attrs["signal"] = mark
    np.testing.assert_array_equal(io.read(path).data, frames)


def test_soft_x_rays_below_100_ev_without_a_unit(tmp_path, frames):
    energy = [55.0, 56.0, 58.0, 60.0]
    path = written(tmp_path / "a.nxs", frames, energy=energy)
    with h5py.File(path, "a") as file:
        del file["entry1/counter0/energy"].attrs["units"]
    np.testing.assert_array_equal(io.read(path).energy, energy)


@pytest.mark.parametrize(("unit", "factor", "told"), [("eV", 1e-3, "keV"), ("keV", 1, "eV")])
def test_a_wrong_unit_of_energies_is_refused_and_can_be_corrected(unit, factor, told, tmp_path, frames):
    path = written(tmp_path / "a.nxs", frames, energy=factor * np.array(ENERGY))
    with h5py.File(path, "a") as file:
        file["entry1/counter0/energy"].attrs["units"] = unit
    with pytest.raises(ValueError, match=f"no X-ray edge lies; they were read as {unit}: pass energy_unit='{told}'"):
        io.read(path)
    stack = io.read(path, energy_unit=told)
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert stack.metadata["energy_unit"] == f"{told} (given)"
    np.testing.assert_allclose(io.read(path, energies=ENERGY).energy, ENERGY)


def test_positions_that_count_pixels_are_no_lengths(tmp_path, frames):
    path = written(tmp_path / "a.nxs", frames, axes=["energy", "sample_y", "sample_x"], positions=False)
    with h5py.File(path, "a") as file:
        for name, length in (("sample_y", Y), ("sample_x", X)):
            file[f"entry1/counter0/{name}"] = np.arange(length, dtype=float)
    assert io.read(path).pixel_size is None
    with h5py.File(path, "a") as file:
        for name in ("sample_y", "sample_x"):
            file[f"entry1/counter0/{name}"].attrs["units"] = "um"
    assert io.read(path).pixel_size == (1, 1)
