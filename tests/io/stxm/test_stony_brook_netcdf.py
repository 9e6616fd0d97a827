"""Files of STXM 5, written byte by byte after the specification of netCDF-3 and the microscope's manual."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import assert_documented, drawn

from napari_xanes import io
from napari_xanes.io.stxm import netcdf3, stony_brook_netcdf

CODES = {"b": 1, "s": 2, "h": 3, "i": 4, "f": 5, "d": 6}
FAST, SLOW, DATA = "n_fast_pixels", "n_slow_pixels", "n_data"


def padded(content):
    return content + b"\0" * (-len(content) % 4)


def named(name):
    return struct.pack(">I", len(name)) + padded(name.encode())


def attribute(name, code, values):
    packed = values if code == "s" else struct.pack(f">{len(values)}{code}", *values)
    return named(name) + struct.pack(">II", CODES[code], len(values)) + padded(packed)


def device(name):
    return [*name.encode(), *[0] * (128 - len(name))]


def sm(frames, energy=285.2, *, order=(DATA, SLOW, FAST), version=1, devices=("XPZT", "YPZT"), code="h", **changes):
    """Return the bytes of a file. `frames` has shape (detector, Y, X) and is stored with its axes in `order`."""
    lengths = dict(zip((DATA, SLOW, FAST), frames.shape, strict=True))
    header = {
        "filever": ("i", [6]),
        "fast_device_name": ("b", device(devices[0])),
        "slow_device_name": ("b", device(devices[1])),
        "fast_pixel_um": ("f", [0.05]),
        "slow_pixel_um": ("f", [0.1]),
        "fast_direction": ("i", [-1]),
        "dwell_msec": ("f", [4.0]),
        "start_ev": ("f", [energy]),
        "sample": ("s", b"soil, fp"),
        **changes,
    }
    header = {name: value for name, value in header.items() if value is not None}
    head = b"CDF" + bytes([version]) + struct.pack(">I", 0) + struct.pack(">II", 10, 3)
    for name in (FAST, SLOW, DATA):
        head += named(name) + struct.pack(">I", lengths[name])
    head += struct.pack(">II", 12, len(header)) + b"".join(attribute(name, *value) for name, value in header.items())
    axes = [(DATA, SLOW, FAST).index(name) for name in order]
    turned = frames.transpose(axes)
    values = b"".join(struct.pack(f">{code}", value) for value in turned.ravel().tolist())
    head += struct.pack(">II", 11, 1) + named("image_data") + struct.pack(">I", len(order))
    head += b"".join(struct.pack(">I", (FAST, SLOW, DATA).index(name)) for name in order)
    head += struct.pack(">II", 12, 1) + attribute("units", "s", b"counts")
    head += struct.pack(">II", CODES[code], len(padded(values)))
    width = 4 if version == 1 else 8
    return head + (len(head) + width).to_bytes(width, "big") + padded(values)


def picture(value=0, shape=(2, 3, 5)):
    """Return frames of two detectors, with all values different."""
    return (value + np.arange(np.prod(shape))).reshape(shape)


def scan(folder, energies=(285.2, 280.0, 290.5)):
    for i, energy in enumerate(energies):
        (folder / f"16aug{50 + i:03d}.sm").write_bytes(sm(picture(100 * i), energy))
    return folder


def test_folder(tmp_path):
    stack = io.read(scan(tmp_path))
    np.testing.assert_array_equal(stack.energy, [280.0, 285.2, 290.5])
    np.testing.assert_array_equal(stack.data, [picture(100)[0], picture(0)[0], picture(200)[0]])
    assert (stack.data.dtype, stack.quantity, stack.pixel_size) == (np.uint16, "counts", (0.1, 0.05))
    assert (stack.metadata["exposure"], stack.metadata["energy_unit"]) == (0.004, "eV")
    assert stack.metadata["available"] == ["detector 0", "detector 1"]
    np.testing.assert_array_equal(io.read(tmp_path, select="detector 1").data[0], picture(100)[1])


def test_one_file_and_some_files(tmp_path):
    files = sorted(scan(tmp_path).iterdir())
    assert io.read(files[0]).energy.tolist() == [285.2]
    stack = io.read(files[1:])
    assert (stack.energy.tolist(), stack.metadata["files"]) == ([280.0, 290.5], ["16aug051.sm", "16aug052.sm"])


@pytest.mark.parametrize("order", [(DATA, SLOW, FAST), (FAST, SLOW, DATA), (SLOW, FAST, DATA), (FAST, DATA, SLOW)])
@pytest.mark.parametrize("version", [1, 2])
def test_axes_follow_their_names(tmp_path, order, version):
    path = tmp_path / "a.nc"
    path.write_bytes(sm(picture(), order=order, version=version))
    np.testing.assert_array_equal(io.read(path, select=1).data, picture()[1:])


def test_numbers_are_unsigned(tmp_path):
    path = tmp_path / "a.sm"
    path.write_bytes(sm(np.array([[[-1, -32768, 5]]])))
    np.testing.assert_array_equal(io.read(path).data, [[[65535, 32768, 5]]])
    path.write_bytes(sm(picture() / 4, code="f"))
    assert io.read(path).data.dtype == np.float32
    np.testing.assert_array_equal(io.read(path).data[0], picture()[0] / 4)


def test_missing_header_values(tmp_path):
    path = tmp_path / "a.sm"
    path.write_bytes(sm(picture(), dwell_msec=None, fast_pixel_um=("f", [np.nan]), fast_device_name=None))
    stack = io.read(path)
    assert stack.pixel_size is None
    assert "exposure" not in stack.metadata
    path.write_bytes(sm(picture(), start_ev=None))
    with pytest.raises(ValueError, match=r"a\.sm: no photon energy in start_ev; pass energies="):
        io.read(path)
    assert io.read(path, energies=[285]).energy.tolist() == [285]


def test_other_scans_are_skipped_and_reported(tmp_path):
    scan(tmp_path)
    (tmp_path / "16aug040.sm").write_bytes(sm(picture(), start_ev=None))
    (tmp_path / "16aug041.sm").write_bytes(sm(picture(), devices=("EV", "NONE")))
    (tmp_path / "16aug042.sm").write_bytes(b"notes")
    with pytest.warns(UserWarning, match="left out") as caught:
        assert io.read(tmp_path).shape[0] == 3
    unusable, without_energy = (str(warning.message) for warning in caught)
    assert "2 of 6 files can't be used and are left out: 16aug041.sm (a scan of EV and NONE, not" in unusable
    assert "16aug042.sm (not a netCDF-3 file; convert it, with nccopy -k classic)" in unusable
    assert "1 of 4 files has no photon energy in start_ev and is left out: 16aug040.sm" in without_energy
    with pytest.raises(ValueError, match="a scan of EV and NONE, not an image of x and y"):
        io.read(tmp_path / "16aug041.sm")


@pytest.mark.parametrize("number", [51, 52])
def test_truncated_files_are_skipped_and_reported(tmp_path, number):
    path = scan(tmp_path) / f"16aug{number:03d}.sm"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.warns(UserWarning, match=rf"1 of 3 files can't be used and is left out: {path.name} \(.*cut short"):
        stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.energy, [285.2, 290.5] if number == 51 else [280.0, 285.2])
    with pytest.raises(OSError, match="its images need 60 bytes, the file ends before"):
        io.read(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(OSError, match="ends within its header"):
        netcdf3.header(path)


def test_images_of_another_size(tmp_path):
    scan(tmp_path)
    (tmp_path / "16aug060.sm").write_bytes(sm(picture(shape=(2, 4, 5)), 295.0))
    with pytest.raises(ValueError, match=r"16aug060\.sm: its frame is \(4, 5\), that of 16aug050\.sm \(3, 5\)"):
        io.read(tmp_path)


def test_repeated_energies_are_averaged_and_reported(tmp_path):
    with pytest.warns(UserWarning, match="1 file repeats the energy of another"):
        stack = io.read(scan(tmp_path, (285.0, 285.0, 290.0)))
    np.testing.assert_array_equal(stack.data[0], picture(50)[0])


def test_lazy(tmp_path):
    lazy = io.read(scan(tmp_path), memory_limit=10)
    assert not isinstance(lazy.data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(lazy.data), io.read(tmp_path).data)


def test_other_netcdf_files_are_declined(tmp_path):
    path = tmp_path / "a.nc"
    path.write_bytes(sm(picture()).replace(b"image_data", b"other_data"))
    assert "no image_data of n_fast_pixels" in stony_brook_netcdf.why_not_readable(path)
    path.write_bytes(b"CDF\x05" + sm(picture())[4:])
    assert stony_brook_netcdf.why_not_readable(path) == "not a netCDF-3 file"


HOSTILE = {
    "a dimension of nothing": (
        b"n_slow_pixels\0\0\0" + struct.pack(">I", 3),
        b"n_slow_pixels\0\0\0" + struct.pack(">I", 0),
    ),
    "more pixels than the file": (
        b"n_slow_pixels\0\0\0" + struct.pack(">I", 3),
        b"n_slow_pixels\0\0\0" + struct.pack(">I", 0x7FFFFFFF),
    ),
    "negative lengths": (b"n_data\0\0" + struct.pack(">I", 2), b"n_data\0\0" + struct.pack(">i", -2)),
    "endless dimensions": (struct.pack(">II", 10, 3), struct.pack(">II", 10, 0x7FFFFFFF)),
    "endless names": (struct.pack(">I", 13) + b"n_fast_pixels", struct.pack(">I", 0x7FFFFFFF) + b"n_fast_pixels"),
}


@pytest.mark.parametrize(("was", "becomes"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_headers_are_refused(tmp_path, was, becomes):
    path = tmp_path / "a.sm"
    whole = sm(picture())
    assert whole.count(was) == 1
    path.write_bytes(whole.replace(was, becomes))
    with pytest.raises((OSError, ValueError), match=r"a\.sm"):
        stony_brook_netcdf.read(path)
    with pytest.raises((OSError, ValueError), match=r"a\.sm"):
        io.read(path)


@settings(max_examples=400, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_damaged_files_give_a_stack_or_a_documented_error(tmp_path_factory, data):
    whole = sm(picture())
    pixels = len(whole) - 60
    place = st.one_of(st.integers(0, 100), st.integers(pixels - 80, pixels - 1), st.integers(0, len(whole) - 1))
    content = drawn(data, whole, place, st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "fuzz.sm"
    path.write_bytes(content)
    try:
        if stony_brook_netcdf.why_not_readable(path) is None:
            stack = stony_brook_netcdf.read(path)
            assert stack.data.nbytes <= len(whole)
            if content[:pixels] == whole[:pixels]:
                np.testing.assert_array_equal(
                    stack.data[0], np.frombuffer(content[pixels : pixels + 30], ">u2").reshape(3, 5)
                )
    except (OSError, ValueError) as error:
        assert_documented(error, path.name)
