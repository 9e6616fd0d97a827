"""Several stacks in one file: select regions and detectors of NXstxm and SDF in Python and on the command line."""

from __future__ import annotations

import json
import warnings

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import assert_documented
from typer.testing import CliRunner

from napari_xanes import io
from napari_xanes.cli import app
from napari_xanes.io.selection import selected_index

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
NAMES = ["entry1/counter0", "entry1/tey", "entry2/counter0", "entry2/tey"]


@pytest.fixture
def two_by_two(tmp_path, write_nxstxm, frames):
    """Two regions of different size with two detectors each. The energies of the second region are in another order."""
    path = write_nxstxm(tmp_path / "a.hdf5", frames, ENERGY)
    smaller = write_nxstxm(tmp_path / "b.hdf5", frames[::-1, :2, 1:] + 100, ENERGY[::-1], definition="NXstxm")
    with h5py.File(path, "a") as file, h5py.File(smaller) as other:
        file.copy(other["entry1"], "entry2")
        for entry in ("entry1", "entry2"):
            file.copy(f"{entry}/counter0", file[entry], "tey")
            file[f"{entry}/tey/data"][...] += 1000
            file.copy(f"{entry}/counter0", file[entry], "focus")
            file[f"{entry}/focus/stxm_scan_type"][...] = b"sample focus"
    return path


@pytest.mark.parametrize(
    ("select", "which"),
    [(None, 0), (0, 0), ("entry1/counter0", 0), ("ENTRY1/TEY", 1), ("1", 1), ("entry2/counter0", 2), (3, 3)],
)
def test_each_region_and_detector_of_nxstxm(two_by_two, frames, select, which):
    stack = io.read(two_by_two, select=select)
    expected = (frames, frames + 1000, frames[:, :2, 1:] + 100, frames[:, :2, 1:] + 1100)[which]
    np.testing.assert_array_equal(stack.data, expected)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.metadata["available"], stack.metadata["detector"]) == (NAMES, NAMES[which])
    assert f"{NAMES[which]!r} was read, one of 4 stacks" in stack.metadata["notes"][0]


@pytest.mark.parametrize("select", ["counter0", "entry2", "entry1/focus", "entry3/counter0", "4", -1, "nothing", ""])
def test_invalid_selections_are_refused(two_by_two, select):
    with pytest.raises(ValueError, match=r"a\.hdf5.*select=.*there are 'entry1/counter0', 'entry1/tey'"):
        io.read(two_by_two, select=select)


def test_an_unambiguous_part_of_a_name_selects_a_stack():
    assert selected_index("tey", ["entry1/counter0", "entry1/tey"]) == 1
    assert selected_index("region 1", ["a, region 0", "a, region 1"]) == 1
    with pytest.raises(ValueError, match="fits several of"):
        selected_index("a", ["a, region 0", "a, region 1"])


def test_no_note_and_no_choice_with_one_stack(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.hdf5", frames, ENERGY)
    assert "notes" not in io.read(path).metadata
    io.write(io.read(path), tmp_path / "own.h5")
    with pytest.raises(ValueError, match=r"own\.h5.*nothing to select"):
        io.read(tmp_path / "own.h5", select="entry1/counter0")
    np.savez(tmp_path / "a.npz", data=frames, energy=ENERGY)
    with pytest.raises(ValueError, match=r"a\.npz.*nothing to select; leave select out"):
        io.read(tmp_path / "a.npz", select=0)


# NXstxm of old files


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
@pytest.mark.parametrize("number", [int, str, lambda n: np.array([n], "i4"), lambda n: str(n).encode()])
def test_numbered_axes_in_any_order(tmp_path, write_nxstxm, frames, order, number):
    names = np.array(["energy", "sample_y", "sample_x"])[list(order)]
    path = write_nxstxm(tmp_path / "a.nxs", frames.transpose(order), ENERGY, axes=tuple(names))
    with h5py.File(path, "a") as file:
        group = file["entry1/counter0"]
        del group.attrs["axes"]
        group.move("energy", "photon_energy")
        for i, name in enumerate(names):
            group["photon_energy" if name == "energy" else name].attrs["axis"] = number(i + 1)
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.pixel_size == (0.25, 0.5)


def test_given_energies_are_used_if_the_file_has_none(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", frames, ENERGY, energy_name="other")
    with pytest.raises(ValueError, match="no energies; pass energies="):
        io.read(path)
    np.testing.assert_array_equal(io.read(path, energies=ENERGY[::-1]).data, frames[::-1])


def test_the_real_stack_can_be_selected_by_name(real):
    path = real("pollux_c_k/Sample_Stack_2021-03-16_128.hdf5")
    plain = io.read(path)
    for i, name in enumerate(plain.metadata["available"]):
        stack = io.read(path, select=name)
        assert stack.metadata["detector"] == name
        np.testing.assert_array_equal(stack.data, io.read(path, select=i).data)


# SDF


@pytest.fixture
def regions_and_channels(tmp_path, write_sdf, frames):
    """Two regions of different size and two channels. The images have the names that STXM_Control gives."""
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0), flags="Multi-Region Image Stack")
    head, rest = path.read_text().split("Regions = (1,\n")
    first, rest = rest.split("});\n", 1)
    width, height = frames.shape[2], frames.shape[1]
    second = first.replace(f"Points = ({width}, -10.000, ", f"Points = ({width - 1}, ").replace("-9.800", "-9.8")
    second = second.replace(f"Points = ({height}, 5.000, ", f"Points = ({height - 1}, ")
    rest = rest.replace('Channels = (1,\n{ Name = "counter1"', 'Channels = (2,\n{ Name = "counter1"; },{ Name = "TEY"')
    path.write_text(f"{head}Regions = (2,\n{first}}},\n{second}}});\n{rest}")
    for image in tmp_path.glob("*.xim"):
        image.unlink()
    for channel in range(2):
        for region, images in enumerate((frames, frames[:, 1:, 1:])):
            for i, image in enumerate(images):
                name = f"scan_{'ab'[channel]}{i:03d}{region}.xim"
                np.savetxt(tmp_path / name, image + 10 * region + 100 * channel, fmt="%.6f", delimiter="\t")
    return path


@pytest.mark.parametrize(
    ("select", "channel", "region"),
    [(None, 0, 0), ("counter1, region 1", 0, 1), ("TEY, region 0", 1, 0), (3, 1, 1), ("tey, region 1", 1, 1)],
)
def test_each_region_and_channel_of_sdf(regions_and_channels, frames, select, channel, region):
    stack = io.read(regions_and_channels, select=select)
    expected = (frames, frames[:, 1:, 1:])[region] + 10 * region + 100 * channel
    np.testing.assert_allclose(stack.data, expected, rtol=1e-6)
    names = ["counter1, region 0", "counter1, region 1", "TEY, region 0", "TEY, region 1"]
    assert stack.metadata["available"] == names
    assert stack.metadata["detector"] == names[2 * channel + region]
    assert "one of 4 stacks" in stack.metadata["notes"][0]


def test_channels_with_the_same_name_can_be_selected(regions_and_channels, frames):
    regions_and_channels.write_text(regions_and_channels.read_text().replace('"TEY"', '"counter1"'))
    stack = io.read(regions_and_channels, select="counter1 (b), region 0")
    np.testing.assert_allclose(stack.data, frames + 100, rtol=1e-6)
    assert stack.metadata["detector"] == "counter1 (b), region 0"


@pytest.mark.parametrize("select", ["TEY", "region 1", "region 2", 4, "x"])
def test_invalid_selections_in_sdf_are_refused(regions_and_channels, select):
    with pytest.raises(ValueError, match=r"scan\.hdr.*select=.*there are 'counter1, region 0'"):
        io.read(regions_and_channels, select=select)


def test_sdf_interrupted_in_one_region(regions_and_channels, frames):
    (regions_and_channels.parent / "scan_b0031.xim").unlink()
    with pytest.warns(UserWarning, match="the last 1 of 4 images are missing"):
        assert io.read(regions_and_channels, select=3).shape[0] == 3
    assert io.read(regions_and_channels).shape[0] == 4


def test_damaged_headers_and_images_of_sdf(regions_and_channels, frames):
    images = sorted(regions_and_channels.parent.glob("*.xim"))
    whole = {path: path.read_bytes() for path in (regions_and_channels, *images)}
    seen = {"read": 0, "refused": 0}

    @settings(max_examples=250, database=None, derandomize=True)
    @given(
        which=st.integers(0, 2 * len(images)),
        changes=st.lists(st.tuples(st.floats(0, 0.999), st.binary(max_size=3), st.integers(0, 9)), max_size=4),
        cut=st.one_of(st.none(), st.none(), st.floats(0, 0.999)),
        select=st.sampled_from([None, 1, "TEY, region 1", "counter1", 3]),
    )
    def damaged(which, changes, cut, select):
        path = images[which] if which < len(images) else regions_and_channels
        content = bytearray(whole[path])
        for place, other, length in changes:
            start = int(place * len(content))
            content[start : start + length] = other
        path.write_bytes(content if cut is None else content[: int(cut * len(content))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                stack = io.read(regions_and_channels, select=select)
                assert stack.shape[0] == stack.energy.size > 0
                seen["read"] += 1
            except (OSError, ValueError) as error:
                assert_documented(error, "scan.hdr")
                assert "not understood" not in str(error)  # noqa: PT017
                seen["refused"] += 1
        path.write_bytes(whole[path])

    damaged()
    assert min(seen.values()) > 20, seen


# The command line


def invoke(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_info_lists_and_selects(two_by_two):
    facts = json.loads(invoke("info", two_by_two, "--json"))
    assert (facts["available"], facts["selected"]) == (NAMES, NAMES[0])
    facts = json.loads(invoke("info", two_by_two, "--json", "--select", "entry2/tey"))
    assert (facts["shape"], facts["selected"]) == ([4, 2, 4], NAMES[3])
    assert "entry2/counter0" in invoke("info", two_by_two)


def test_run_takes_the_selected_stack(tmp_path, two_by_two):
    (tmp_path / "crop.yaml").write_text("- crop: {energy: [7105, 7120]}\n")
    invoke("run", tmp_path / "crop.yaml", two_by_two, "-o", tmp_path / "out", "--select", "entry2/tey")
    written = io.read(tmp_path / "out" / "a" / "stack.h5")
    np.testing.assert_array_equal(written.data, io.read(two_by_two, select=3).data[1:3])
