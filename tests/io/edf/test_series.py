"""EDF series of the ESRF: energies, references, darks, exposures, and files that can't be used."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tests.io.edf.edf_files import edf, id21, picture

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.io.edf import series as edf_series


def test_id21(tmp_path):
    stack = io.read(id21(tmp_path))
    np.testing.assert_array_equal(stack.energy, [7100, 7110, 7120])
    np.testing.assert_array_equal(stack.data, [picture(1000), picture(2000), picture(3000)])
    assert (stack.data.dtype, stack.quantity, stack.pixel_size) == (np.uint16, "counts", None)
    np.testing.assert_allclose(stack.metadata["flat"], [picture(3005), picture(6005), picture(9005)])
    np.testing.assert_allclose(stack.metadata["dark"], np.full((4, 5), 20.0))  # 100 in 10 frames, 2 frames per image
    assert (stack.metadata["exposure"], stack.metadata["n_flat"]) == (pytest.approx(0.2), 2)
    assert stack.metadata["energy_unit"] == "keV (guessed: below 100)"
    assert "notes" not in stack.metadata
    depth = nx.ops.optical_depth(stack).data
    np.testing.assert_allclose(depth[0], -np.log((picture(1000) - 20.0) / (picture(3005) - 20.0)), rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["map1_data_0000_0001_0000.edf", "map1_ref_0000_0002_0001.edf", "map1_dark_0.1_0000.edf"]
)
def test_any_file_opens_its_series(tmp_path, name):
    assert io.read(id21(tmp_path) / name).shape == (3, 4, 5)


def test_some_files_of_a_folder(tmp_path):
    files = sorted(id21(tmp_path).glob("*_0002_*")) + sorted(tmp_path.glob("*_0000_0000_0000*"))
    stack = io.read(files)
    np.testing.assert_array_equal(stack.energy, [7100, 7120])
    np.testing.assert_array_equal(stack.data[1], picture(3000))
    np.testing.assert_allclose(stack.metadata["flat"][0], picture(3000))
    assert "dark" not in stack.metadata


def test_names_that_are_not_in_the_order_of_energies(tmp_path):
    stack = io.read(id21(tmp_path, energies=(7.12, 7.1, 7.11)))
    np.testing.assert_array_equal(stack.energy, [7100, 7110, 7120])
    np.testing.assert_array_equal(stack.data[0], picture(2000))
    np.testing.assert_allclose(stack.metadata["flat"][2], picture(3005))


def test_repeats(tmp_path):
    stack = io.read(id21(tmp_path, repeats=3))
    np.testing.assert_allclose(stack.data[1], picture(2010))
    assert (stack.data.dtype, stack.metadata["repeats"]) == (np.float32, 3)
    assert "repeats of 3 energies averaged: 9 frames became 3" in stack.metadata["notes"]
    np.testing.assert_array_equal(io.read(tmp_path, repeat=2).data[1], picture(2010))


def test_references_are_interpolated_where_they_are_missing(tmp_path):
    id21(tmp_path, energies=(7.1, 7.104, 7.12, 7.13))
    for path in [*tmp_path.glob("*_ref_0000_0001*"), *tmp_path.glob("*_ref_0000_0003*")]:
        path.unlink()
    stack = io.read(tmp_path)
    np.testing.assert_allclose(stack.metadata["flat"][1], 0.8 * picture(3005) + 0.2 * picture(9005), rtol=1e-6)
    np.testing.assert_allclose(stack.metadata["flat"][3], picture(9005))
    note = "2 energies have no reference; it is interpolated between others, or the nearest is taken"
    assert note in stack.metadata["notes"]


def test_references_without_energies_are_used_for_all_frames(tmp_path):
    id21(tmp_path, refs=False)
    for k in range(2):
        (tmp_path / f"refHST000{k}.edf").write_bytes(
            edf(picture(5000 + 10 * k), {"exposure_time": 0.1, "nb_frames": 2})
        )
    with (
        pytest.warns(UserWarning, match="roi in their headers differ"),
        pytest.warns(UserWarning, match="references name no energy, and their mean is taken for all images"),
    ):
        flat = io.read(tmp_path).metadata["flat"]
    np.testing.assert_allclose(flat, [picture(5005)] * 3)


@pytest.mark.parametrize(("time", "is_told"), [(0.1, False), (0.2, False), (0.05, True), (0.5, True)])
def test_darks_of_another_exposure_are_a_guess(tmp_path, time, is_told):
    id21(tmp_path, time=time, darks=False)
    for exposure, counts in ((0.1, 10), (0.4, 40)):
        path = tmp_path / f"map1_dark_{exposure}_0000.edf"
        header = {"exposure_time": exposure, "nb_frames": 1, "roi": "<0,0>-<5x4>"}
        path.write_bytes(edf(np.full((4, 5), counts, "u2"), header))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stack = io.read(tmp_path)
    told = [f"no darks of the exposure {time:g} s; those of 0.1 s, 0.4 s are taken" in str(w.message) for w in caught]
    assert told == [True] * is_told
    if not is_told:
        np.testing.assert_allclose(stack.metadata["dark"], 2 * 100 * time, rtol=1e-6)


def test_exposures_that_differ(tmp_path):
    """Zone 1 has images of longer exposure, and shorter and more references. Each exposure has its own dark."""
    id21(tmp_path, energies=(7.1,), time=0.1, summed=1)
    light, dark = np.full((4, 5), 1000.0), {0.1: 10, 0.5: 30, 0.2: 15}

    def counts(time, summed, factor):
        return (factor * time * summed * light + summed * dark[time]).astype("u2")

    shots = {"data_0001_0000_0000": (0.5, 2, 4), "ref_0001_0000_0000": (0.2, 8, 10)}
    for name, (time, summed, factor) in shots.items():
        head = {"energy": 7.11, "exposure_time": time, "nb_frames": summed, "roi": "<0,0>-<5x4>"}
        (tmp_path / f"map1_{name}.edf").write_bytes(edf(counts(time, summed, factor), head))
    for time in (0.2, 0.5):
        head = {"exposure_time": time, "nb_frames": 3, "roi": "<0,0>-<5x4>"}
        (tmp_path / f"map1_dark_{time}.edf").write_bytes(edf(np.full((4, 5), 3 * dark[time], "u2"), head))
    stack = io.read(tmp_path)
    np.testing.assert_allclose(stack.metadata["exposure"], [0.1, 1.0])
    np.testing.assert_allclose(stack.metadata["dark"][:, 0, 0], [10, 60])
    depth = nx.ops.optical_depth(stack).data
    np.testing.assert_allclose(depth[1], np.log(10 / 4), rtol=1e-5)
    np.testing.assert_allclose(depth[0], -np.log((picture(1000) - 10.0) / (picture(3005) - 10.0)), rtol=1e-5)
    assert "references scaled to the exposures of the images" in stack.metadata["notes"]
    (tmp_path / "map1_dark_0.2.edf").unlink()
    stack = io.read(tmp_path)  # no dark of 0.2 s: interpolated from 10 and 30 at 0.1 and 0.5 s
    np.testing.assert_allclose(nx.ops.optical_depth(stack).data[1], np.log(10 / 4), rtol=1e-5)


def test_unknown_exposures_are_reported(tmp_path):
    id21(tmp_path, time=0)
    with pytest.warns(UserWarning, match="exposure times are not known"):
        stack = io.read(tmp_path)
    assert "exposure" not in stack.metadata
    np.testing.assert_allclose(stack.metadata["flat"][0], picture(3005), rtol=1e-6)


@pytest.mark.parametrize("cut", [300, 540, 0])
@pytest.mark.parametrize("number", [1, 3])
def test_aborted_files_are_dropped_and_reported(tmp_path, cut, number):
    id21(tmp_path, energies=(7.1, 7.11, 7.12, 7.13))
    path = tmp_path / f"map1_data_0000_{number:04d}_0000.edf"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.warns(UserWarning, match=rf"1 of 14 files can't be used and is left out: {path.name}"):
        stack = io.read(tmp_path)
    complete = [i for i in range(4) if i != number]
    np.testing.assert_array_equal(stack.energy, np.array([7100, 7110, 7120, 7130])[complete])
    np.testing.assert_array_equal(stack.data, [picture(1000 * (i + 1)) for i in complete])
    np.testing.assert_allclose(stack.metadata["flat"], [picture(3000 * (i + 1) + 5) for i in complete])
    if cut:
        with pytest.warns(UserWarning, match="can't be used and is left out: .*(cut short|not an EDF|no EDF header)"):
            assert io.read(path).shape == (3, 4, 5)


def test_a_frame_of_another_size_is_named(tmp_path):
    id21(tmp_path)
    path = tmp_path / "map1_ref_0000_0001_0001.edf"
    path.write_bytes(edf(picture(1, (4, 6)), {"energy": 7.11}))
    with pytest.raises(ValueError, match=r"ref_0000_0001_0001\.edf: its frame is \(4, 6\), that of .* \(4, 5\)"):
        io.read(tmp_path)


def test_several_scans_in_a_folder(tmp_path):
    id21(id21(tmp_path), stem="map2", energies=(7.0, 7.2))
    stack = io.read(tmp_path, select="map2")
    assert (stack.shape, stack.metadata["available"]) == ((2, 4, 5), ["map1", "map2"])
    assert "one of 2 stacks" in io.read(tmp_path).metadata["notes"][-1]
    assert io.read(tmp_path / "map2_data_0000_0001_0000.edf").metadata["detector"] == "map2"
    np.testing.assert_allclose(stack.metadata["flat"][0], picture(3005))


def test_energies_in_the_names(tmp_path):
    for i, energy in enumerate((7112.5, 7110.0)):
        (tmp_path / f"foil_{energy}eV_{i:04d}.edf").write_bytes(edf(picture(i)))
    (tmp_path / "dark_0000.edf").write_bytes(edf(picture(7)))
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.energy, [7110, 7112.5])
    np.testing.assert_array_equal(stack.data[0], picture(1))
    assert stack.metadata["energy_unit"] == "eV (file names)"
    assert stack.metadata["notes"] == ["energies from the names of the files"]
    np.testing.assert_allclose(stack.metadata["dark"], picture(7))


def test_several_images_in_a_file(tmp_path):
    path = tmp_path / "stack.edf"
    blocks = [edf(picture(i).astype("f4") / 8, {"energy": 7.1 + 0.01 * i}, big=i == 1, pad=64) for i in range(3)]
    path.write_bytes(b"".join(blocks) + b"\0" * 100)
    stack = io.read(path)
    np.testing.assert_array_equal(stack.energy, [7100, 7110, 7120])
    np.testing.assert_array_equal(stack.data, [picture(i) / np.float32(8) for i in range(3)])
    assert (stack.data.dtype, stack.data.dtype.isnative) == (np.float32, True)
    assert io.read(path, energies=[7101, 7111, 7121]).energy.tolist() == [7101, 7111, 7121]
    path.write_bytes(b"".join(blocks)[:-7])
    with pytest.warns(UserWarning, match="1 of 1 files is cut short; only the first images are used: stack.edf"):
        assert io.read(path).energy.tolist() == [7100, 7110]


def test_given_energies_are_used_for_images_without_energies(tmp_path):
    path = tmp_path / "stack.edf"
    path.write_bytes(edf(picture(1)) + edf(picture(2)))
    with pytest.raises(ValueError, match="ESRF EDF series: no energy in its header or name"):
        io.read(path)
    np.testing.assert_array_equal(io.read(path, energies=[7112, 7110]).data, [picture(2), picture(1)])
    (tmp_path / "map").mkdir()
    for i in range(2):
        (tmp_path / "map" / f"a_{i}.edf").write_bytes(edf(picture(i)))
    assert io.read(tmp_path / "map", energies=[7110, 7112]).shape == (2, 4, 5)
    with pytest.raises(ValueError, match="3 energies in energies= for 2 frames"):
        io.read(tmp_path / "map", energies=[7110, 7112, 7113])


def test_given_energies_are_assigned_to_images_by_file_number(tmp_path):
    for i in range(1, 12):
        (tmp_path / f"a_{i}.edf").write_bytes(edf(picture(1000 * i)))
    stack = io.read(tmp_path, energies=7100.0 + np.arange(1, 12))
    np.testing.assert_array_equal(stack.data[:, 0, 0], 1000 * np.arange(1, 12))
    files = [tmp_path / "a_3.edf", tmp_path / "a_1.edf"]
    np.testing.assert_array_equal(io.read(files, energies=[7103, 7101]).data, [picture(1000), picture(3000)])


def test_references_are_searched_at_given_energies(tmp_path):
    id21(tmp_path, energies=(7.1, 7.12))
    for path in tmp_path.glob("*_data_*"):
        path.write_bytes(path.read_bytes().replace(b"energy", b"nobody"))
    stack = io.read(tmp_path, energies=[7120, 7105])
    np.testing.assert_array_equal(stack.data, [picture(2000), picture(1000)])
    expected = [0.75 * picture(3005) + 0.25 * picture(6005), picture(6005)]
    np.testing.assert_allclose(stack.metadata["flat"], expected, rtol=1e-6)


def test_given_energies_in_another_order_than_those_of_the_images(tmp_path):
    id21(tmp_path, energies=(7.12, 7.11, 7.1), repeats=2)
    assert io.read(tmp_path, energies=[7101, 7111, 7121]).energy.tolist() == [7101, 7111, 7121]
    with pytest.raises(ValueError, match=r"sorted by their own energies \(7100 to 7120 eV\).* do not increase"):
        io.read(tmp_path, energies=[7121, 7111, 7101])


def test_references_of_one_energy_are_noted(tmp_path):
    id21(tmp_path)
    for path in (*tmp_path.glob("*_ref_0000_0001*"), *tmp_path.glob("*_ref_0000_0002*")):
        path.unlink()
    assert "2 energies have no reference" in io.read(tmp_path).metadata["notes"][0]


def test_lazy(tmp_path):
    id21(tmp_path, repeats=2)
    whole, lazy = io.read(tmp_path), io.read(tmp_path, memory_limit=10)
    for actual, expected in ((lazy.data, whole.data), (lazy.metadata["flat"], whole.metadata["flat"])):
        assert not isinstance(actual, np.ndarray)
        np.testing.assert_array_equal(np.asarray(actual), expected)


def test_other_text_in_braces_is_not_read_as_edf(tmp_path):
    (reader,) = (reader for reader in io.READERS if reader.name == "edf_series")
    (tmp_path / "list.edf").write_text('{"energy": 7.1, "Dim_1": 3}\n')
    assert "not an EDF file" in reader.why_not_readable(tmp_path / "list.edf")


def test_other_folders_are_not_a_series(tmp_path):
    lone = tmp_path / "a_7000eV.edf"
    lone.write_bytes(edf(picture(1), {"energy": 7.0}))
    assert "no EDF images of several energies" in edf_series.why_not_readable(lone)
    assert "several energies in it" in edf_series.why_not_readable(tmp_path)
    (tmp_path / "b.edf").write_bytes(edf(picture(1)))
    assert "no energy in its header or name" in edf_series.why_not_readable(tmp_path / "b.edf")
    lone.write_bytes(edf(picture(1), {"energy": 7.0})[:-1])
    assert "cut short" in edf_series.why_not_readable(lone)
    lone.write_bytes(b"{\nDim_1 = 5 ;\nDim_2 = 4 ;\nDataType = UnsignedShort ;\n" + b" " * 1_000_000)
    assert "has no end" in edf_series.why_not_readable(lone)
