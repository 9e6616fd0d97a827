"""The text of energies beside a TIFF is written only where nothing else is lost."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest

from napari_xanes import SpectralStack, io
from napari_xanes.io.tiff import writer
from napari_xanes.saving import replacing


def stack_of(version):
    return SpectralStack(np.full((3, 8, 8), version, "f4"), 8300.0 + version + np.arange(3) / 3, "optical_depth")


def test_a_text_of_another_origin_is_left_alone(tmp_path):
    (tmp_path / "lab.txt").write_text("two years of notes")
    for version in (1, 2):
        with pytest.warns(UserWarning, match=r"lab\.txt is left as it is.*the energies are in lab\.tif"):
            io.write(stack_of(version), tmp_path / "lab.tif")
        assert (tmp_path / "lab.txt").read_text() == "two years of notes"
        np.testing.assert_array_equal(io.read(tmp_path / "lab.tif").energy, stack_of(version).energy)


@pytest.mark.parametrize("image", [None, b"II*\0 damaged", b"no image"])
def test_a_list_of_energies_without_our_image_is_left_alone(tmp_path, image):
    (tmp_path / "a.txt").write_text("7000.0\n7001.0\n7002.0\n")
    if image is not None:
        (tmp_path / "a.tif").write_bytes(image)
    with pytest.warns(UserWarning, match="is left as it is"):
        io.write(stack_of(1), tmp_path / "a.tif")
    assert (tmp_path / "a.txt").read_text() == "7000.0\n7001.0\n7002.0\n"


def test_a_text_of_the_same_energies_is_left_alone_silently(tmp_path):
    text = "# energies in eV\n" + "".join(f"{energy!r} 1\n" for energy in stack_of(1).energy.tolist())
    (tmp_path / "a.txt").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        io.write(stack_of(1), tmp_path / "a.tif")
    assert (tmp_path / "a.txt").read_text() == text


def test_our_own_text_follows_its_image(tmp_path):
    for version in (1, 2):
        io.write(stack_of(version), tmp_path / "a.tif")
        np.testing.assert_array_equal(np.loadtxt(tmp_path / "a.txt"), stack_of(version).energy)


def test_a_text_that_was_edited_is_not_ours(tmp_path):
    io.write(stack_of(1), tmp_path / "a.tif")
    (tmp_path / "a.txt").write_text((tmp_path / "a.txt").read_text() + "9000\n")
    with pytest.warns(UserWarning, match="is left as it is"):
        io.write(stack_of(2), tmp_path / "a.tif")
    assert "9000" in (tmp_path / "a.txt").read_text()


def test_energies_are_read_from_the_image(tmp_path):
    io.write(stack_of(1), tmp_path / "a.tif")
    (tmp_path / "a.txt").write_text("1000\n1001\n1002\n")
    np.testing.assert_array_equal(io.read(tmp_path / "a.tif").energy, stack_of(1).energy)


def test_image_and_text_stay_together_if_a_renaming_fails(tmp_path, monkeypatch):
    io.write(stack_of(1), tmp_path / "a.tif")
    real = os.replace
    for target in ("a.tif", "a.txt"):

        def replace(source, destination, target=target):
            if destination.name == target and source.suffix == ".part":
                raise OSError(28, "No space left on device")
            real(source, destination)

        monkeypatch.setattr(replacing.os, "replace", replace)
        with pytest.raises(OSError, match="No space"):
            writer.write_stack(stack_of(2), tmp_path / "a.tif")
        monkeypatch.undo()
        np.testing.assert_array_equal(io.read(tmp_path / "a.tif").energy, stack_of(1).energy)
        np.testing.assert_array_equal(np.loadtxt(tmp_path / "a.txt"), stack_of(1).energy)
        assert sorted(os.listdir(tmp_path)) == ["a.tif", "a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators only")
def test_a_text_that_is_a_link_to_something_else(tmp_path):
    (tmp_path / "a.txt").symlink_to("nowhere")
    with pytest.warns(UserWarning, match="is left as it is"):
        io.write(stack_of(1), tmp_path / "a.tif")
    assert os.readlink(tmp_path / "a.txt") == "nowhere"
    assert not (tmp_path / "nowhere").exists()
