"""Zeiss files: single images, stacks of energies, projections, mosaics, and broken ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import TABLES, assert_documented, drawn, stack_or_documented_error
from tests.io.zeiss.ole2 import ole2
from tests.io.zeiss.ole2 import write_zeiss as write

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.io.zeiss import reader as zeiss

IMAGES = np.arange(1, 1 + 3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
ENERGY = [8330.0, 8340.0, 8350.5]


@pytest.mark.parametrize("dtype", ["u1", "<u2", "<f4"])
def test_stack_of_energies(tmp_path, dtype):
    images = IMAGES.astype(dtype)
    stack = io.read(write(tmp_path / "a.txrm", images, ENERGY, [0.5, 0.5, 0.25]))
    np.testing.assert_array_equal(stack.data, images)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size, stack.data.dtype) == ("counts", (0.03, 0.03), images.dtype)
    np.testing.assert_array_equal(stack.metadata["exposure"], [0.5, 0.5, 0.25])
    assert stack.metadata["energy_unit"] == "eV"


def test_more_than_a_hundred_images_of_more_than_one_sector(tmp_path):
    images = np.random.default_rng(1).integers(0, 60000, (203, 50, 60)).astype("<u2")
    energy = [7000.0 + i for i in range(203)]
    path = write(tmp_path / "a.bin", images, [*energy, 0.0, 0.0])
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, images)
    np.testing.assert_array_equal(stack.energy, energy)
    lazy = io.read(path, memory_limit=1000)
    assert not isinstance(lazy.data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(lazy.data[150:]), images[150:])


def test_unsorted_energies_and_repeats(tmp_path):
    stack = io.read(write(tmp_path / "a.txrm", IMAGES, [8340, 8330, 8340]))
    np.testing.assert_array_equal(stack.data, [IMAGES[1], (IMAGES[0] + IMAGES[2]) / 2])


@pytest.mark.parametrize(
    "header", [[9200.0, 0.0, 0.0], [9200.0] * 3, [9200.0], [9200, 0, 0, 9200, 0], [9200, 9199.75, 9200.125]]
)
def test_images_of_one_energy_are_projections(tmp_path, header):
    path = write(tmp_path / "a.txrm", IMAGES, header, Angles=[-10.0, 0.0, 10.0])
    stack = io.read(path)
    assert stack.metadata["available"] == ["projection 0", "projection 1", "projection 2"]
    assert (stack.energy.tolist(), stack.metadata["angle"]) == ([9200.0], -10)
    np.testing.assert_array_equal(io.read(path, select=2).data, IMAGES[2:])
    np.testing.assert_array_equal(io.read(path, energies=ENERGY).data, IMAGES)
    with pytest.raises(ValueError, match="select='projection 3' is none of"):
        io.read(path, select="projection 3")


def test_energies_at_several_angles_are_told(tmp_path):
    path = write(tmp_path / "a.txrm", IMAGES, ENERGY, Angles=[-10.0, 0.0, 10.0])
    with pytest.warns(UserWarning, match="at -10 to 10 degrees: they do not show one view"):
        io.read(path)


def test_reference_and_exposures_give_the_optical_depth(tmp_path):
    image = np.full((1, 4, 5), 100, "<u2")
    path = write(tmp_path / "a.xrm", image, [8330.0], [0.5], reference=(np.full((4, 5), 120, "<f4"), 0.3))
    depth = nx.ops.optical_depth(io.read(path))
    np.testing.assert_allclose(depth.data, np.log(120 * 0.5 / 0.3 / 100), rtol=1e-5)
    corrected = io.read(write(tmp_path / "b.xrm", image, [8330.0], OriginalDataRefCorrected=1))
    assert (corrected.quantity, "flat" in corrected.metadata) == ("transmission", False)


def test_one_reference_for_several_energies_is_reported(tmp_path):
    path = write(tmp_path / "a.txrm", IMAGES, ENERGY, reference=(IMAGES[0], 1.0))
    with pytest.warns(UserWarning, match="one reference image for all energies"):
        assert io.read(path).metadata["flat"].shape == (4, 5)


def test_mosaic_is_one_image(tmp_path):
    path = write(
        tmp_path / "a.xrm", IMAGES[:1], [8330.0] * 16, NoOfImages=16, ImagesTaken=16, MosiacRows=4, MosiacColumns=4
    )
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, IMAGES[:1])
    assert "mosaic of 4 x 4" in stack.metadata["notes"][0]


def test_energy_from_the_name_and_missing_energy(tmp_path):
    stack = io.read(write(tmp_path / "a_8333_5eV.xrm", IMAGES[:1], [0.0]))
    assert (stack.energy.tolist(), stack.metadata["energy_unit"]) == ([8333.5], "eV (file name)")
    with pytest.raises(ValueError, match="header has no energies; pass energies="):
        io.read(write(tmp_path / "a.xrm", IMAGES[:1], [0.0]))
    with pytest.raises(ValueError, match="no energy for some images"):
        io.read(write(tmp_path / "b.xrm", IMAGES, [8330.0, 8340.0, 0.0]))


def test_missing_and_short_images(tmp_path):
    path = write(tmp_path / "a.txrm", IMAGES, ENERGY, **{"ImageData1/Image2": None})
    with pytest.warns(UserWarning, match="1 of 3 images are missing or cut short"):
        stack = io.read(path)
    np.testing.assert_array_equal(stack.data, IMAGES[[0, 2]])
    np.testing.assert_array_equal(stack.energy, [8330.0, 8350.5])
    with pytest.raises(ValueError, match="exposure was aborted"):
        io.read(write(tmp_path / "b.xrm", IMAGES[:0], []))
    with pytest.raises(ValueError, match=r"has 38 bytes where 4 x 5 pixels need 40"):
        io.read(write(tmp_path / "c.xrm", IMAGES[:1], [8330.0], **{"ImageData1/Image1": b"\0" * 38}))


def test_truncated_file(tmp_path):
    images = np.ones((1, 200, 200), "<u2")
    path = write(tmp_path / "a.xrm", images, [8330.0])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match="a.xrm.*damaged or cut short"):
        io.read(path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"DataType": 7}, "data type 7; known are"),
        ({"ImageHeight": 1 << 20, "ImageWidth": 1 << 20}, "the file is smaller"),
        ({"ImageWidth": -5}, "the file is smaller"),
        ({"ImagesTaken": 1 << 30}, "promises 1073741824 images"),
    ],
)
def test_impossible_headers(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        io.read(write(tmp_path / "a.xrm", IMAGES[:1], [8330.0], **wrong))


def test_other_ole2_files_are_declined(tmp_path):
    path = tmp_path / "letter.xrm"
    path.write_bytes(ole2({"WordDocument": b"text"}))
    assert "no ImageInfo" in zeiss.why_not_readable(path)


@pytest.mark.parametrize("name", ["Image", "Energy", "ImageWidth", "Image1"])
def test_a_folder_in_place_of_a_stream_is_refused(tmp_path, name):
    path = write(tmp_path / "a.txrm", IMAGES, ENERGY, [1.0] * 3, reference=(IMAGES[0], 1.0))
    content = bytearray(path.read_bytes())
    entry = content.index(name.encode("utf-16-le") + b"\0\0")
    assert content[entry + 66] == 2, "the type of a directory entry: a stream"
    content[entry + 66] = 1
    path.write_bytes(content)
    stack = stack_or_documented_error(path)
    if stack is not None:
        assert name in ("Image", "Image1")
        assert "flat" not in stack.metadata or name == "Image1"
        assert stack.shape[0] == (3 if name == "Image" else 2)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "a.txrm"
    images = np.arange(3 * 50 * 45, dtype="<u2").reshape(3, 50, 45)
    write(path, images, ENERGY, [1.0, 1.0, 2.0], reference=(images[0], 1.0), Angles=[0.0, 1.0, 2.0])
    return path, path.read_bytes()


@settings(max_examples=300, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_damaged_files_give_a_stack_or_a_documented_error(sample, data):
    path, whole = sample
    # Half of the changes are in the tables: the header, and the directory with the lists after the images.
    tail = len(whole) - 8 * 512
    place = st.one_of(st.integers(0, 160), st.integers(tail, len(whole) - 1), st.integers(0, len(whole) - 1))
    content = drawn(data, whole, place, TABLES)
    path.write_bytes(content)
    try:
        if zeiss.why_not_readable(path) is None:
            stack = zeiss.read(path)
            assert np.asarray(stack.data).shape[0] == stack.energy.size
    except (OSError, ValueError) as error:
        assert_documented(error, path.name)


@pytest.mark.parametrize("name", ["zeiss/test_chip00.xrm"])
def test_real_image(real, truth, name):
    stack, true = io.read(real(name)), truth[name]
    assert list(stack.shape) == true["shape"]
    assert (stack.data.min(), stack.data.max()) == (true["min"], true["max"])
    assert stack.data[0, 0, 0] == true["corner_0_0_0"]
    assert stack.data.sum() == true["sum_first_frame"]
    assert stack.energy[0] == pytest.approx(7191.04638671875)
    assert stack.metadata["flat"].shape == (512, 512)
    assert (stack.metadata["exposure"], stack.metadata["flat_exposure"]) == (pytest.approx(39.884727), 40)


def test_real_tomography(real, truth):
    name = "zeiss/txrm_test_chip_tomo.txrm"
    true = truth[name]
    whole = io.read(real(name), energies=[9200 + i for i in range(7)])
    assert list(whole.shape) == true["shape"]
    assert whole.data[0].sum() == true["sum_first_frame"]
    assert whole.data[-1].sum() == true["sum_last_frame"]
    assert whole.data.mean() == pytest.approx(true["mean"])
    last = io.read(real(name), select="projection 6")
    assert (last.data.sum(), last.energy[0]) == (true["sum_last_frame"], pytest.approx(9200.0166015625))
    assert last.metadata["angle"] == pytest.approx(44.985878, abs=1e-5)


@pytest.mark.parametrize("part", [0.1, 0.3, 0.45, 0.6])
def test_truncated_real_files_are_refused(real, tmp_path, part):
    content = real("ssrl_62c_ni_k/rep01_20161456_ssrl-test-data_08324.0_eV_001of003.xrm").read_bytes()
    path = tmp_path / "cut_8324eV.xrm"
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises((OSError, ValueError), match=r"cut_8324eV\.xrm.*cut short"):
        io.read(path)


def test_a_truncated_reference_is_reported(real, tmp_path):
    content = real("zeiss/test_chip00.xrm").read_bytes()
    path = tmp_path / "cut.xrm"
    path.write_bytes(content[: int(len(content) * 0.95)])
    with pytest.warns(UserWarning, match="reference image in the file is cut short"):
        assert "flat" not in io.read(path).metadata
