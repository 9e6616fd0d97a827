"""Pipes, sockets, devices, links in a circle and growing files: an error or a result, and never waiting for ever."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.io import samples
from tests.io.fuzzing import assert_documented
from tests.io.test_path_safety import READ, WRITERS, _needed

from napari_xanes import SpectralStack, io, theory
from napari_xanes.io.special_files import refuse_special_file

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")

FORMATS = [("stack", r) for r in io.READERS] + [("spectra", r) for r in io.SPECTRA_READERS]
FORMATS += [("maps", r) for r in io.MAP_READERS]


@contextmanager
def within(seconds):
    """Raise AssertionError where the block waits for ever."""

    def stop(*_):
        raise AssertionError(f"still waiting after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def special_files(folder):
    """Yield a name and a path of each kind."""
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket may have a hundred characters only
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
    (folder / "circle").symlink_to(folder / "circle")
    return {
        "a pipe": folder / "pipe",
        "a socket": folder / "socket",
        "a device": Path("/dev/zero"),
        "a circle": folder / "circle",
    }


@pytest.mark.parametrize(("what", "reader"), FORMATS, ids=lambda value: getattr(value, "name", value))
def test_every_reader_refuses_special_files(what, reader, tmp_path):
    for kind, path in special_files(tmp_path).items():
        for pattern in reader.patterns[:1]:
            link = tmp_path / pattern.replace("*", kind.replace(" ", "_"))
            link.symlink_to(path)
            for read in (READ[what], reader.read, reader.why_not_readable):
                with within(5), pytest.raises(OSError, match=kind) as refused:
                    read(link)
                assert link.name in str(refused.value)


@pytest.mark.parametrize(("what", "name"), WRITERS)
def test_pipes_in_the_place_of_other_files_of_a_scan(what, name, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    for opened in {opened for opened, _ in WRITERS[what, name](whole)}:
        for number, other in enumerate(p for p in _needed(whole, opened) if p != whole / opened):
            folder = Path(shutil.copytree(whole, tmp_path / f"{opened.replace('/', ' ')} {number}"))
            (folder / other.relative_to(whole)).unlink()
            os.mkfifo(folder / other.relative_to(whole))
            assert_read_or_refused(what, folder / opened)


def assert_read_or_refused(what, path):
    with within(10), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = READ[what](path)
            if what == "stack":
                np.asarray(value.data)
        except (OSError, ValueError) as error:
            assert_documented(error, path.name)


def test_zarr_metadata_and_chunks_that_are_pipes(tmp_path):
    path = tmp_path / "a.zarr"
    io.write(SpectralStack(samples.FRAMES, samples.ENERGY, metadata={"i0": np.ones(4)}), path)
    # Nobody reads what is said of the groups in the root.
    groups = {path / "image/zarr.json", path / "napari_xanes/zarr.json"}
    for file in [p for p in path.rglob("*") if p.is_file() and p not in groups]:
        content = file.read_bytes()
        file.unlink()
        os.mkfifo(file)
        for memory_limit in (None, 10):
            with within(10), pytest.raises((OSError, ValueError), match=r"a\.zarr"):
                np.asarray(io.read(path, memory_limit=memory_limit).data)
        file.unlink()
        file.write_bytes(content)
    np.testing.assert_array_equal(io.read(path).data, samples.FRAMES)


def test_a_zarr_folder_is_not_replaced_by_what_a_pipe_says(tmp_path):
    for name in ("zarr.json", ".zattrs"):
        folder = tmp_path / f"{name[1:]}.zarr"
        folder.mkdir()
        os.mkfifo(folder / name)
        with within(5), pytest.raises(FileExistsError, match="was not written by napari-xanes"):
            io.write(SpectralStack(samples.FRAMES, samples.ENERGY), folder)


def test_libraries_and_text_that_are_pipes(tmp_path):
    for name in ("a.npz", "a.txt"):
        os.mkfifo(tmp_path / name)
        with within(5), pytest.raises(OSError, match="a pipe"):
            theory.load_library(tmp_path / name)


def test_ordinary_paths_pass(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").symlink_to("a")
    for name in ("a", "b", "nothing", ".", "nul\0"):
        refuse_special_file(tmp_path / name)


@pytest.mark.parametrize(("what", "name"), WRITERS)
def test_files_that_grow_while_they_are_read(what, name, tmp_path):
    """Read a part of the file; then the rest arrives, and more. A lazy stack of the part is computed after that."""
    whole = tmp_path / "whole"
    whole.mkdir()
    for opened, target in WRITERS[what, name](whole):
        content = (whole / target).read_bytes()
        for percent in (30, 60, 90, 100):
            folder = Path(shutil.copytree(whole, tmp_path / f"{target.replace('/', ' ')} {percent}"))
            part = content[: len(content) * percent // 100]
            (folder / target).write_bytes(part)
            with within(10), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    value = (
                        io.read(folder / opened, memory_limit=10) if what == "stack" else READ[what](folder / opened)
                    )
                    (folder / target).write_bytes(content + content[: len(content) // 2])
                    if what == "stack":
                        np.asarray(value.data)
                except (OSError, ValueError) as error:
                    assert_documented(error, folder.name, Path(target).name, "changed")
            (folder / target).write_bytes(content + content[: len(content) // 2])
            assert_read_or_refused(what, folder / opened)
