"""TIFF files that are valid and unusual: compressed, of several sizes, with tags about how to show them."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile

from napari_xanes import io

ENERGY = [7100.0, 7112.0, 7120.0, 7130.0]
GREY = {"photometric": "minisblack", "metadata": None}


@pytest.fixture
def energies(tmp_path):
    (tmp_path / "s.txt").write_text("\n".join(map(str, ENERGY)))
    return tmp_path / "s.tif"


@pytest.mark.parametrize(
    ("compression", "name"), [(5, "LZW"), (7, "JPEG"), (34887, "LERC"), (50000, "ZSTD"), (65432, "65432")]
)
def test_what_needs_another_package_is_named(energies, frames, compression, name, monkeypatch):
    monkeypatch.setitem(tifffile.TIFF.DECOMPRESSORS._codecs, 5, None)  # as if imagecodecs were missing
    monkeypatch.delitem(tifffile.TIFF.DECOMPRESSORS._codecs, 5)
    tifffile.imwrite(energies, frames, compression="deflate", **GREY)
    with tifffile.TiffFile(energies, mode="r+b") as tiff:
        for page in tiff.pages:
            page.tags["Compression"].overwrite(compression)
    with pytest.raises(ValueError, match=f"compressed by {name}.*: run pip install imagecodecs .*, or save it uncomp"):
        io.read(energies)


def test_a_thumbnail_before_the_stack_is_not_the_stack(energies, frames):
    with tifffile.TiffWriter(energies) as tiff:
        tiff.write(frames[0, ::2, ::2], **GREY)
        tiff.write(frames, **GREY)
    for memory_limit in (None, 50):
        stack = io.read(energies, memory_limit=memory_limit)
        np.testing.assert_array_equal(np.asarray(stack.data), frames)
        assert "of other sizes or types in the file are not read: (2, 3)" in stack.metadata["notes"][-1]


@pytest.mark.parametrize(
    ("tags", "note"),
    [
        ({"photometric": "miniswhite"}, "smallest number as white; the numbers are taken as they are"),
        ({"extratags": [(274, "H", 1, 4, True)]}, r"orientation 4\); rows are left as they lie in it"),
        ({"extratags": [(274, "H", 1, 1, True)]}, None),
    ],
)
def test_tags_about_showing_do_not_change_numbers_and_are_told(energies, frames, tags, note):
    tifffile.imwrite(energies, frames, **(GREY | tags))
    stack = io.read(energies)
    np.testing.assert_array_equal(stack.data, frames)
    notes = stack.metadata.get("notes", [])
    assert (not notes) if note is None else re.search(note, notes[-1])


@pytest.mark.parametrize(
    ("shape", "options", "reason"),
    [
        ((3, 5, 3), {"photometric": "rgb"}, "a colour image, 3 numbers a pixel; save it as a stack of grey"),
        ((5, 3, 5), {"planarconfig": "separate"}, "a colour image, 5 numbers a pixel; save it as a stack of grey"),
        ((3, 5), {}, r"no stack of images of one size but data of shape \(3, 5\); save them as one stack"),
    ],
)
def test_what_is_no_stack_says_how_to_save_one(energies, shape, options, reason):
    tifffile.imwrite(energies, np.zeros(shape, np.uint8), **(GREY | options))
    with pytest.raises(ValueError, match=reason):
        io.read(energies)


def test_bits_are_no_grey_values(energies, frames):
    tifffile.imwrite(energies, frames > 1, **GREY)
    with pytest.raises(ValueError, match="of type bool, not grey values; save it again with 16 or 32 bits"):
        io.read(energies)
