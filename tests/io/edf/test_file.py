"""Headers of EDF files: energies, number types, byte orders, and malicious headers."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from tests.io.edf.edf_files import NAMES, edf, id21, picture

from napari_xanes import io
from napari_xanes.io.edf import file as edf_file
from napari_xanes.io.edf import series as edf_series


@pytest.mark.parametrize(
    ("header", "energy"),
    [
        ({"energy": "7.112"}, 7112),
        ({"Energy": "7112.5"}, 7112.5),
        ({"energy": "7112 eV"}, 7112),
        ({"counter_mne": "sec nrj", "counter_pos": "1 7.112"}, 7112),
        ({"motor_mne": "sz Energy sy", "motor_pos": "1 7.1125 2"}, 7112.5),
        ({"motor_mne": "mono sz", "motor_pos": "7110 1"}, 7110),
        ({"energy": "unknown", "mono": "7.11 keV"}, 7110),
    ],
)
def test_energy_is_found_in_each_header_field(tmp_path, header, energy):
    (tmp_path / "foil_0001.edf").write_bytes(edf(picture(1), header))
    (tmp_path / "foil_0002.edf").write_bytes(edf(picture(2), {"energy": 9.0}))
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.energy, [energy, 9000])
    assert stack.metadata["available"] == ["foil"]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"energy": "0"},
        {"energy": "nan"},
        {"energy": "1e300"},
        {"energy": "-7.1"},
        {"motor_mne": "nrj sz", "motor_pos": "7.1"},
        {"motor_mne": "nrj", "motor_pos": "7.1mm7"},
        {"motor_mne": "mono", "motor_pos": "14.5"},  # degrees
    ],
)
def test_other_values_are_not_energies(header):
    assert edf_file.energy_in_header({key.lower(): value for key, value in header.items()}) is None


@pytest.mark.parametrize(("text", "seconds"), [("0.5", 0.5), ("500 ms", 0.5), ("2 s", 2), ("2 counts", 0), ("0,5", 0)])
def test_units_of_exposures(text, seconds):
    assert edf_file.exposure_in_header({"exposure_time": text}) == seconds


@pytest.mark.parametrize("code", NAMES)
@pytest.mark.parametrize("big", [False, True])
def test_types_and_byte_orders(tmp_path, code, big):
    pixels = np.arange(20).reshape(4, 5).astype(code) * np.array(3, code)
    (tmp_path / "a_7000eV.edf").write_bytes(edf(pixels, big=big))
    (tmp_path / "a_7001eV.edf").write_bytes(edf(pixels + np.array(1, code), big=big, Size=None, Dim_3=1))
    stack = io.read(tmp_path)
    assert stack.data.dtype == np.dtype(code)
    np.testing.assert_array_equal(stack.data, [pixels, pixels + 1])


HOSTILE = {
    "too many pixels": ({"Dim_1": "1000000000", "Dim_2": "1000000000", "Size": None}, "cut short"),
    "more bytes than the file": ({"Dim_1": "50000", "Dim_2": "50000", "Size": "5000000000"}, "cut short"),
    "negative sizes": ({"Dim_1": "-5", "Dim_2": "-4"}, "dim_1 in its header is '-5'"),
    "no pixels": ({"Dim_1": "0"}, "dim_1 in its header is '0'"),
    "sizes that are no numbers": ({"Dim_2": "four"}, "dim_2 in its header is 'four'"),
    "a size that goes back": ({"Size": "-512"}, "size in its header is '-512'"),
    "a size of nothing": ({"Size": "0"}, "size in its header is '0'"),
    "a size that is too small": ({"Size": "39"}, "5 x 4 pixels need 40 bytes, the header promises 39"),
    "an unknown type": ({"DataType": "ComplexFloat"}, "DataType 'ComplexFloat' is not known"),
    "no type": ({"DataType": None}, "DataType None is not known"),
    "no byte order": ({"ByteOrder": "Middle"}, "ByteOrder 'Middle' is neither"),
    "compressed": ({"Compression": "GzipCompression"}, "compressed with GzipCompression"),
    "in another file": ({"EDF_BinaryFileName": "secret.bin"}, "its pixels are in the file 'secret.bin'"),
    "values with an offset": ({"DataValueOffset": "100"}, "need DataValueOffset = 100; save the values"),
    "a volume": ({"Dim_3": "2"}, "more than two axes"),
}


@pytest.mark.parametrize(("changes", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_headers_are_refused_before_memory_is_taken(tmp_path, changes, reason):
    path = tmp_path / "a_7000eV.edf"
    (tmp_path / "secret.bin").write_bytes(b"\0" * 40)
    path.write_bytes(edf(picture(1), {"energy": 7.0}, **changes))
    tracemalloc.start()
    try:
        assert reason in edf_series.why_not_readable(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5e6
    with pytest.raises(ValueError, match=rf"a_7000eV\.edf: no stack .*ESRF EDF series: .*{reason}"):
        io.read(path)


@pytest.mark.parametrize(("changes", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_of_a_series_are_dropped(tmp_path, changes, reason):
    path = id21(tmp_path) / "map1_data_0000_0001_0000.edf"
    path.write_bytes(edf(picture(1), {"energy": 7.0}, **changes))
    with pytest.warns(UserWarning, match=rf"1 of 11 files can't be used.*: {path.name} \(.*{reason}"):
        assert io.read(tmp_path).shape == (2, 4, 5)


def test_a_long_header_is_not_stored(tmp_path):
    path = tmp_path / "a_7000eV.edf"
    path.write_bytes(edf(picture(1), {f"k{i}": i for i in range(15_000)}))
    assert set(edf_file.read_frames(path)[0][0].header) == {"byteorder", "datatype", "dim_1", "dim_2", "size"}
    path.write_bytes(edf(picture(1), {f"k{i}": i for i in range(30_000)}))
    with pytest.raises(ValueError, match="has no end"):
        edf_file.read_frames(path)


def general(**entries):
    text = "{\nEDF_DataFormatVersion = 2.40 ;\nEDF_DataBlocks = 4 ;\nEDF_BlockBoundary = 512 ;\nEDF_BinarySize = 0 ;\n"
    text += "".join(f"{key} = {value} ;\n" for key, value in entries.items())
    return (text + " " * (-(len(text) + 2) % 512) + "}\n").encode()


def test_a_general_block_gives_what_images_lack_and_blocks_of_errors_are_no_images(tmp_path):
    blocks = [general(energy=7.1, ByteOrder="LowByteFirst")]
    for number in (1, 2):
        for kind, value in (("Psd", 100 * number), ("Error", 1)):
            header = {"EDF_DataBlockID": f"{number}.Image.{kind}", "HeaderID": None, "ByteOrder": None}
            blocks.append(edf(picture(value), header | ({"energy": 7.2} if number == 2 else {})))
    (tmp_path / "scan.edf").write_bytes(b"".join(blocks))
    stack = io.read(tmp_path / "scan.edf")
    np.testing.assert_array_equal(stack.energy, [7100, 7200])
    np.testing.assert_array_equal(stack.data, [picture(100), picture(200)])


def test_a_general_block_alone_holds_no_image(tmp_path):
    (tmp_path / "scan.edf").write_bytes(general())
    with pytest.raises(ValueError, match=r"scan\.edf: cut short; copy it again"):
        io.read(tmp_path / "scan.edf")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"Compression": "GzipCompression"}, "compressed with GzipCompression"),
        ({"EDF_BinaryFileName": "images.bin"}, "its pixels are in the file 'images.bin'"),
    ],
)
def test_a_general_block_says_how_the_pixels_of_all_images_lie(tmp_path, entry, reason):
    """These entries were left out: packed bytes became pixels."""
    (tmp_path / "scan.edf").write_bytes(general(**entry) + edf(picture(100), {"energy": 7.1}))
    with pytest.raises(ValueError, match=reason):
        io.read(tmp_path / "scan.edf")
