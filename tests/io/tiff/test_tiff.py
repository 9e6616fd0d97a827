"""Stacks in TIFF, with energies in a text file."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile
from tests.io.stack_energies import ENERGY, KEV

from napari_xanes import MapSet, ParameterMap, SpectralStack, io
from napari_xanes.io.tiff.directories import broken_off

MAP = ParameterMap(np.ones((2, 3)), "eV", np.ones((2, 3)))


def test_tiff_with_energies_of_the_same_stem(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "a.tif", frames)
    (tmp_path / "a.txt").write_text("* MANTiS\n# eV\n" + "".join(f"{e}\n" for e in ENERGY))
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.metadata["energy_unit"]) == ("optical_depth", "eV")


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "TYX"])
def test_imagej_slices_channels_and_frames_are_all_energies(tmp_path, frames, axes):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, frames, imagej=True, metadata={"axes": axes, "unit": "um"}, resolution=(10, 20), photometric="minisblack"
    )
    (tmp_path / "a_energies.txt").write_text("".join(f"{e}\n" for e in KEV))
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.pixel_size == (0.05, 0.1)


def test_tiff_with_one_matching_text_among_others(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "a.tif", frames.astype(np.uint16))
    (tmp_path / "notes.txt").write_text("measured on Friday\n")
    (tmp_path / "short.txt").write_text("7100\n7110\n")
    (tmp_path / "pixels.txt").write_text("0\n255\n3\n17\n")
    (tmp_path / "E.txt").write_text("".join(f"{e} 0.1\n" for e in ENERGY))
    stack = io.read(path)
    assert (stack.quantity, stack.metadata["quantity_source"]) == ("counts", "guessed: whole numbers")
    np.testing.assert_array_equal(stack.energy, ENERGY)
    (tmp_path / "E2.txt").write_text("".join(f"{e}\n" for e in ENERGY))
    with pytest.raises(ValueError, match="no energies found"):
        io.read(path)
    assert io.read(path, energies=ENERGY).shape == (4, 3, 5)


def test_tiff_quantity_from_names_and_sizes(tmp_path, write_tiff, frames):
    assert io.read(write_tiff(tmp_path / "b.tif", frames * 1e4), energies=ENERGY).quantity == "counts"
    xrf = io.read(write_tiff(tmp_path / "maps_XRF_Fe.tif", frames), energies=ENERGY)
    assert (xrf.quantity, "XRF" in xrf.metadata["quantity_source"]) == ("fluorescence", True)


def test_ordinary_tiff_is_declined(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "cells.tif", frames)
    (tiff,) = (reader for reader in io.READERS if reader.name == "tiff")
    assert "no energies found" in tiff.why_not_readable(path)
    with pytest.raises(ValueError, match=r"one per line in cells\.txt, or pass energies="):
        io.read(path)
    colour = write_tiff(tmp_path / "rgb.tif", np.zeros((4, 3, 5), np.uint8), samples=3)
    assert tiff.why_not_readable(colour) is not None
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((4, 6, 5, 3), np.uint8), photometric="rgb")
    assert tiff.why_not_readable(tmp_path / "c.tif", energies=ENERGY).startswith("a colour image")
    assert "shape (3, 5)" in tiff.why_not_readable(write_tiff(tmp_path / "one.tif", frames[:1]))


def test_tiff_with_a_wrong_number_of_energies(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "a.tif", frames)
    (tmp_path / "a.txt").write_text("7100\n7110\n7120\n")
    with pytest.raises(ValueError, match=r"a\.tif: 4 images but 3 energies in a\.txt"):
        io.read(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.8])
def test_truncated_tiff(tmp_path, frames, part):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.repeat(frames, 20, 1), imagej=True, photometric="minisblack")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises((OSError, ValueError), match=r"a\.tif"):
        io.read(path, energies=ENERGY)


def test_tiff_that_promises_too_much(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "a.tif", frames, height=500_000_000)
    with pytest.raises((OSError, ValueError), match=r"a\.tif.*(promises|cut short)"):
        io.read(path, energies=ENERGY)


@pytest.mark.parametrize(
    "value", [SpectralStack(np.ones((5, 2, 3)), 7100.0 + np.arange(5)), MapSet({"a": MAP, "b": MAP})]
)
def test_a_missing_end_with_nothing_but_directories_is_refused(tmp_path, value):
    """All pixels are there and so is all that we know; other programs follow the directories, which come last.

    The last 16 bytes are filling.
    """
    path = tmp_path / "a.tif"
    io.write(value, path)
    content, read = path.read_bytes(), io.read if isinstance(value, SpectralStack) else io.read_maps
    with tifffile.TiffFile(path) as tiff:
        end = tiff.series[0].dataoffset + tiff.series[0].nbytes
    assert end < len(content)
    for size in range(end, len(content) - 16, 7):
        path.write_bytes(content[:size])
        with pytest.raises(OSError, match=r"a\.tif.*cut short"):
            read(path)
    path.write_bytes(content)
    read(path)


@pytest.mark.parametrize("more", [{"imagej": True}, {"bigtiff": True}, {"byteorder": ">"}, {"contiguous": False}])
def test_other_files_that_miss_directories_are_told(tmp_path, frames, more):
    """ImageJ's keep all pixels, of others some images are lost."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, **{k: v for k, v in more.items() if k != "contiguous"}) as tiff:
        contiguous = "imagej" in more
        for frame in [frames] if contiguous else frames:
            tiff.write(frame, photometric="minisblack", contiguous=contiguous, metadata=None if not contiguous else {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = io.read(path, energies=ENERGY)
    np.testing.assert_array_equal(whole.data, frames)
    content = path.read_bytes()
    for size in range(len(content) - 100, len(content) - 16, 5):
        path.write_bytes(content[:size])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                io.read(path, energies=ENERGY)
            except (OSError, ValueError):
                continue
        assert any("it is cut short or damaged, and images may be missing" in str(w.message) for w in told), size


def test_directories_in_a_circle(tmp_path, frames):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, frames, photometric="minisblack", metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        last, n_tags = tiff.pages[len(tiff.pages) - 1].offset, len(tiff.pages[len(tiff.pages) - 1].tags)
        first = tiff.pages[0].offset
    content[last + 2 + 12 * n_tags : last + 6 + 12 * n_tags] = first.to_bytes(4, "little")
    path.write_bytes(content)
    with tifffile.TiffFile(path) as tiff:
        assert broken_off(tiff) == ""


def imagej_calibrated(path, stored, *lines):
    notes = "\n".join(["ImageJ=1.54f", f"images={len(stored)}", f"slices={len(stored)}", *lines, ""])
    tifffile.imwrite(path, stored, description=notes, metadata=None, photometric="minisblack")
    return path


SIGNED = ("cf=0", "c0=-32768.0", "c1=1.0", "vunit=gray value")


@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
def test_images_of_16_bits_with_a_sign_as_imagej_stores_them(memory_limit, tmp_path):
    values = np.arange(60, dtype=np.int32).reshape(4, 3, 5) - 20
    path = imagej_calibrated(tmp_path / "a.tif", (values + 32768).astype(np.uint16), *SIGNED)
    stack = io.read(path, energies=ENERGY, memory_limit=memory_limit)
    np.testing.assert_array_equal(np.asarray(stack.data), values)
    assert (stack.quantity, stack.data.dtype) == ("counts", np.int32)
    assert any("times 1 plus -32768, as ImageJ calibrated them" in note for note in stack.metadata["notes"])
    folder = tmp_path / "series"
    folder.mkdir()
    for image, energy in zip(values, ENERGY, strict=True):
        imagej_calibrated(folder / f"s_{energy}eV.tif", (image[None] + 32768).astype(np.uint16), *SIGNED)
    np.testing.assert_array_equal(np.asarray(io.read(folder, memory_limit=memory_limit).data), values)


def test_a_straight_line_of_grey_values_is_applied_and_a_curve_refused(tmp_path, frames):
    stored = (frames * 64).astype(np.uint16)
    path = imagej_calibrated(tmp_path / "a.tif", stored, "cf=0", "c0=0.5", "c1=0.25")
    np.testing.assert_array_equal(io.read(path, energies=ENERGY).data, np.float32(0.5 + 0.25 * stored))
    path = imagej_calibrated(tmp_path / "b.tif", stored, "cf=20")
    np.testing.assert_array_equal(io.read(path, energies=ENERGY).data, stored)
    path = imagej_calibrated(tmp_path / "c.tif", stored, "cf=21")
    with pytest.raises(ValueError, match="calibrated its grey values by a function that is not read; in ImageJ choose"):
        io.read(path, energies=ENERGY)
