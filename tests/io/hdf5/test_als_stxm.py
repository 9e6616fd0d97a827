"""STXM files of the ALS, laid out as each version of pystxmcontrol writes them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import read_with_warnings, reader_of

from napari_xanes import io
from napari_xanes.io.hdf5.oversampled import rebinned

ENERGY = np.array([700.0, 705.0, 710.0, 720.0])
X, Y = -3 + 0.5 * np.arange(5), 2 + 0.25 * np.arange(3)
DWELL = np.full(4, 2.0)
"""ms."""


def axes(group, y=Y, x=X):
    group["sample_x"], group["sample_y"] = x, y


def counter(entry, data, name="counter0", kind="Image"):
    group = entry.create_group(name)
    group.attrs["NX_class"], group.attrs["signal"] = b"NXdata", b"data"
    group.attrs["axes"] = [b"energy", b"sample_y", b"sample_x"]
    group["data"], group["energy"], group["count_time"] = data, ENERGY, DWELL
    group["stxm_scan_type"] = [kind.encode()]
    return group


def oversampled(frames, factor=4):
    """Each pixel read out several times, at places around its middle; the sum of its samples is its value."""
    shape = (*frames.shape[:2], frames.shape[2] * factor)
    offsets = (np.arange(factor) - (factor - 1) / 2) / factor * 0.5
    x = np.broadcast_to((X[:, None] + offsets).ravel(), shape)
    return np.repeat(frames / factor, factor, axis=2), x, np.broadcast_to(Y[:, None], shape)


def version_0(path, frames, definition=None, kind="Image"):
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry0")
        if definition is not None:
            entry["definition"] = definition
        entry["motors/Energy"] = 700.0
        axes(counter(entry, frames, kind=kind))
    return path


def version_2(path, frames, factor=4):
    counts, x, y = oversampled(frames, factor)
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry0")
        entry["definition"] = b"NXstxm"
        entry["definition"].attrs["version"] = b"2"
        entry["motors/Energy"] = 700.0
        axes(counter(entry, counts), y, x)
        axes(entry.create_group("requested_values"))
    return path


def version_2_1(path, frames, binned=None):
    version_2(path, frames)
    with h5py.File(path, "a") as file:
        file["entry0/definition"].attrs["version"] = b"2.1"
        file.move("entry0/requested_values", "entry0/binned_values")
        file["entry0/binned_values/data"] = frames if binned is None else binned
    return path


def version_3(path, frames, detectors=("tey", "default"), kind="Image", definition=(b"NXstxm",)):
    counts, x, y = oversampled(frames)
    with h5py.File(path, "w", libver="latest") as file:
        for region, part in enumerate((slice(None), slice(1, None))):
            entry = file.create_group(f"entry{region}")
            entry["version"], entry["definition"], entry["start_time"] = 3.0, list(definition), b"2026-01-02T03:04:05"
            entry["instrument/monochromator/energy"] = ENERGY
            entry["instrument/motors/polarization"] = 1.0
            for name, value in (("sample_x", x), ("sample_y", y)):
                entry[f"instrument/{name}/data"] = value[:, part].reshape(4, -1)
            for name in detectors:
                value = 100 * (name != "default")
                group = counter(entry, frames[:, part] + value, name, kind)
                axes(group, Y[part])
                entry[f"instrument/{name}/data"] = (counts[:, part] + value / 4).reshape(4, -1)
                if name != "default":
                    del group["energy"]
                    group["energy"] = np.zeros(0)
    return path


VERSIONS = [version_0, version_2, version_2_1, version_3]


@pytest.mark.parametrize("write", VERSIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
def test_each_version(write, memory_limit, tmp_path, frames):
    path = write(tmp_path / "NS_1.stxm", frames)
    assert reader_of(path) == "als_stxm"
    stack = io.read(path, memory_limit=memory_limit)
    np.testing.assert_allclose(np.asarray(stack.data), frames, rtol=1e-6)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size, stack.metadata["exposure"]) == ("counts", (0.25, 0.5), 0.002)
    assert isinstance(stack.data, np.ndarray) == (memory_limit is None)


@pytest.mark.parametrize("definition", [None, "NXstxm", b"NXstxm", [b"NXstxm"]])
def test_old_files_need_no_definition(definition, tmp_path, frames):
    stack = io.read(version_0(tmp_path / "a.stxm", frames, definition))
    np.testing.assert_array_equal(stack.data, frames)
    assert "file_version" not in stack.metadata


def test_versions_are_told(tmp_path, frames):
    told = [io.read(write(tmp_path / "a.stxm", frames)).metadata["file_version"] for write in VERSIONS[1:]]
    assert told == ["2", "2.1", "3.0"]


def test_oversampled_lines_are_sorted_into_pixels_and_it_is_said(tmp_path, frames):
    stack = io.read(version_2(tmp_path / "a.stxm", frames, 3))
    np.testing.assert_allclose(stack.data, frames, rtol=1e-6)
    (note,) = stack.metadata["notes"]
    assert "read out 3 times for each pixel" in note
    assert "notes" not in io.read(version_2_1(tmp_path / "b.stxm", frames)).metadata


def test_lines_are_sorted_where_the_program_has_not_done_so(tmp_path, frames):
    binned = frames.copy()
    binned[1:] = 0
    stack = io.read(version_2_1(tmp_path / "a.stxm", frames, binned))
    np.testing.assert_allclose(stack.data, frames, rtol=1e-6)
    assert "read out 4 times" in stack.metadata["notes"][0]
    path = version_3(tmp_path / "b.stxm", frames)
    with h5py.File(path, "a") as file:
        file["entry0/default/data"][...] = 0
    np.testing.assert_allclose(io.read(path).data, frames, rtol=1e-6)


def test_an_interrupted_scan_of_oversampled_lines(tmp_path, frames):
    path = version_2(tmp_path / "a.stxm", frames)
    with h5py.File(path, "a") as file:
        for name in ("data", "sample_x", "sample_y"):
            file[f"entry0/counter0/{name}"][2:] = 0
    stack, warnings = read_with_warnings(path)
    np.testing.assert_allclose(stack.data, frames[:2], rtol=1e-6)
    assert any("the last 2 of 4 frames are empty" in line for line in warnings)


@pytest.mark.parametrize(
    ("select", "region", "more"),
    [(None, 0, 0), ("entry0/tey", 0, 100), ("entry1/default", 1, 0), (3, 1, 100)],
)
def test_detectors_and_regions_are_chosen(select, region, more, tmp_path, frames):
    stack = io.read(version_3(tmp_path / "a.stxm", frames), select=select)
    np.testing.assert_allclose(stack.data, frames[:, region:] + more, rtol=1e-6)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    names = ["entry0/default", "entry0/tey", "entry1/default", "entry1/tey"]
    assert stack.metadata["available"] == names
    with pytest.raises(ValueError, match="fits several of"):
        io.read(tmp_path / "a.stxm", select="tey")


def test_line_scans_open_and_other_scans_are_refused(tmp_path, frames):
    with h5py.File(version_0(tmp_path / "a.stxm", frames[:, :1], kind="Line Spectrum"), "a") as file:
        del file["entry0/counter0/sample_y"]
        file["entry0/counter0/sample_y"] = 0.5 * np.arange(5)
    stack = io.read(tmp_path / "a.stxm")
    np.testing.assert_array_equal(stack.data, frames[:, :1])
    assert stack.pixel_size == pytest.approx((0.5 * 2**0.5,) * 2)
    for kind in ("Focus", "Single Motor", "Double Motor"):
        with pytest.raises(ValueError, match=f"'{kind}' scan, no images of a sample"):
            io.read(version_3(tmp_path / "b.stxm", frames, kind=kind))


@pytest.mark.parametrize("at", [0, 5, 30, 80, 159])
@pytest.mark.parametrize("position", [19.9, -0.4, 300.0, -1e6, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_single_wrong_position_spoils_no_line(at, position, sign):
    pixels = np.arange(20.0)
    x = np.repeat(pixels, 8) + np.tile((np.arange(8) - 3.5) / 8, 20)
    counts = np.repeat(pixels + 1, 8)[None]
    x[at] = position
    np.testing.assert_allclose(rebinned(counts, sign * x[None], sign * pixels)[0], 8 * (pixels + 1), rtol=1e-6)


def test_samples_go_to_the_pixel_where_they_were_taken():
    counts = np.arange(1.0, 9)[None]
    forth = np.array([[-0.4, 0.1, 0.4, 0.9, 1.3, 1.6, 2.1, 2.4]])
    pixels = np.arange(3.0)
    expected = np.array([[2.0, 4.5, 7.0]]) * 8 / 3
    np.testing.assert_allclose(rebinned(counts, forth, pixels), expected, rtol=1e-6)
    np.testing.assert_allclose(rebinned(counts, -forth, -pixels), expected, rtol=1e-6)
    # The stage comes from the other side: the samples run backwards.
    np.testing.assert_allclose(rebinned(counts[:, ::-1], forth[:, ::-1], pixels), expected, rtol=1e-6)
    # What is read out on the way back, and beyond the pixels, does not count.
    back = np.concatenate([forth, [[2.9, 1.5, 0.0]]], axis=1)
    more = np.concatenate([counts, [[1000.0, 1000.0, 1000.0]]], axis=1)
    np.testing.assert_allclose(rebinned(more, back, pixels), expected * 11 / 8, rtol=1e-6)
    missing = rebinned(counts, np.where(np.abs(forth - 1) < 0.5, np.nan, forth), pixels)
    assert np.isnan(missing[0, 1])
    assert np.isfinite(missing[0, ::2]).all()


def test_images_with_one_position_along_x_need_no_sorting(tmp_path, frames):
    path = version_3(tmp_path / "a.stxm", frames)
    with h5py.File(path, "a") as file:
        for region in range(2):
            del file[f"entry{region}/default/sample_x"]
            file[f"entry{region}/default/sample_x"] = [1.0]
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.pixel_size is None


@pytest.mark.parametrize("time", [0.0, -1.0, np.nan])
def test_times_that_are_none_are_not_taken(time, tmp_path, frames):
    path = version_0(tmp_path / "a.stxm", frames)
    with h5py.File(path, "a") as file:
        file["entry0/counter0/count_time"][...] = time
    assert "exposure" not in io.read(path).metadata
