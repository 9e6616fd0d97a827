"""Frames in a folder: which are complete, in which order, and what happens when they change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.live.writers import age, frame_path, transmission, write_frame

import napari_xanes as nx
from napari_xanes.live.ending import Ending
from napari_xanes.live.frame_folder import FrameFolder

READING = {"quantity": "transmission"}


@pytest.fixture(scope="module")
def stack() -> nx.SpectralStack:
    return transmission(size=6, every=4)


def test_frames_are_those_of_read(tmp_path: Path, stack: nx.SpectralStack) -> None:
    source = FrameFolder(tmp_path, READING)
    assert source.look().stack is None
    for i in (3, 0, 7):
        write_frame(tmp_path, stack, i)
    view = source.look()
    assert view.stack is not None
    assert view.stack.is_lazy
    assert view.n_frames == 3
    read = nx.read(tmp_path, **READING)
    np.testing.assert_array_equal(view.stack.energy, read.energy)
    np.testing.assert_array_equal(np.asarray(view.stack.data), read.data)
    np.testing.assert_array_equal(source.whole().data, read.data)
    assert source.look().generation == view.generation


def test_a_file_that_still_grows_waits(tmp_path: Path, stack: nx.SpectralStack) -> None:
    source = FrameFolder(tmp_path, READING, settle=30.0)
    write_frame(tmp_path, stack, 0)
    write_frame(tmp_path, stack, 1, settled=False)
    view = source.look()
    assert view.n_frames == 1
    assert view.waiting == (f"{frame_path(tmp_path, stack.energy[1]).name} is still being written",)
    age(frame_path(tmp_path, stack.energy[1]))
    assert source.look().n_frames == 2


def test_a_damaged_file_is_taken_when_it_heals(tmp_path: Path, stack: nx.SpectralStack) -> None:
    source = FrameFolder(tmp_path, READING, Ending(energies=3))
    for i in range(3):
        write_frame(tmp_path, stack, i)
    path = frame_path(tmp_path, stack.energy[1])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    age(path)
    for _ in range(2):
        view = source.look()
        assert view.n_frames == 2
        assert not view.is_complete
        assert "left out until it heals" in view.waiting[0]
        assert source.path is None, "read would not leave it out"
    path.write_bytes(whole)
    age(path, 50)
    view = source.look()
    assert view.n_frames == 3
    assert view.waiting == ()
    assert view.is_complete
    assert view.generation == 0, "frames that were there have not changed"
    assert source.path == tmp_path


def test_a_frame_that_comes_twice(tmp_path: Path, stack: nx.SpectralStack) -> None:
    """The last one wins, and this is told."""
    source = FrameFolder(tmp_path, READING)
    for i in range(3):
        write_frame(tmp_path, stack, i)
    first = source.look()
    path = frame_path(tmp_path, stack.energy[1])
    tifffile.imwrite(path, np.full(stack.shape[1:], 0.25, np.float32))
    age(path, 50)
    view = source.look()
    assert view.generation == first.generation + 1
    assert view.told == (f"{path.name} was written again: the new one is taken",)
    assert view.stack is not None
    assert np.asarray(view.stack.data[1]).tolist() == np.full(stack.shape[1:], 0.25).tolist()
    path.unlink()
    view = source.look()
    assert view.told == (f"{path.name} is gone",)
    assert view.n_frames == 2


def test_a_late_flat_makes_all_frames_new(tmp_path: Path, stack: nx.SpectralStack) -> None:
    source = FrameFolder(tmp_path, {"quantity": "counts"})
    for i in range(3):
        write_frame(tmp_path, stack, i)
    first = source.look()
    flat = tmp_path / "flat_0001.tif"
    tifffile.imwrite(flat, np.full(stack.shape[1:], 2, np.float32))
    age(flat)
    view = source.look()
    assert view.generation == first.generation + 1
    assert "taken anew" in view.told[0]
    assert view.stack is not None
    assert view.stack.corrections.flat is not None


def test_given_energies_belong_to_numbers(tmp_path: Path, stack: nx.SpectralStack) -> None:
    """A file that comes late holds those after it back: otherwise they would have its energy."""
    source = FrameFolder(tmp_path, {**READING, "energies": stack.energy})

    def write(number: int) -> None:
        path = tmp_path / f"frame_{number:03d}.tif"
        tifffile.imwrite(path, np.asarray(stack.data[number - 1]))
        age(path)

    write(1), write(3)
    view = source.look()
    assert view.n_frames == 1
    assert view.waiting == ("a file before frame_003.tif is missing: 1 file waits for it",)
    assert view.expected == stack.energy.size
    write(2)
    view = source.look()
    assert view.stack is not None
    np.testing.assert_array_equal(view.stack.energy, stack.energy[:3])
    np.testing.assert_array_equal(np.asarray(view.stack.data), stack.data[:3])
    for number in range(4, stack.energy.size + 1):
        write(number)
    assert source.look().is_complete


def test_unfinished_names_and_other_files_are_passed_over(tmp_path: Path, stack: nx.SpectralStack) -> None:
    (tmp_path / "notes.txt").write_text("sample 3")
    (tmp_path / "scan_700eV.tif.part").write_bytes(b"II*\0")
    for name in ("notes.txt", "scan_700eV.tif.part"):
        age(tmp_path / name)
    source = FrameFolder(tmp_path, READING)
    assert source.look().n_frames == 0
    write_frame(tmp_path, stack, 0)
    assert source.look().n_frames == 1


@pytest.mark.parametrize("ending", [Ending(energies=2), Ending(file="*.done"), Ending(silence=0.0)])
def test_what_ends_a_scan(tmp_path: Path, stack: nx.SpectralStack, ending: Ending) -> None:
    source = FrameFolder(tmp_path, READING, ending)
    assert not source.look().is_complete
    write_frame(tmp_path, stack, 0)
    write_frame(tmp_path, stack, 1)
    if ending.file:
        assert not source.look().is_complete
        (tmp_path / "scan.done").touch()
    assert source.look().is_complete


def test_nothing_ends_by_itself(tmp_path: Path, stack: nx.SpectralStack) -> None:
    source = FrameFolder(tmp_path, READING)
    write_frame(tmp_path, stack, 0)
    assert not any(source.look().is_complete for _ in range(3))
