"""Scans in one HDF5 file that another process writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.live.writers import hdf5_writer

import napari_xanes as nx
from napari_xanes.live.ending import Ending
from napari_xanes.live.growing_file import GrowingFile
from napari_xanes.live.opening import open_source


def looked(source: GrowingFile, clock: list[float]) -> Any:
    """Look twice, with time between."""
    source.look()
    clock[0] += 1.0
    return source.look()


def test_frames_under_swmr(tmp_path: Path) -> None:
    path, clock = tmp_path / "scan.h5", [0.0]
    source = GrowingFile(path, {}, now=lambda: clock[0])
    with hdf5_writer(path) as instrument:
        view = looked(source, clock)
        assert view.n_frames == 0
        assert "no frames yet" in view.waiting[0]
        instrument.write(0)
        assert source.look().n_frames == 0, "it may still change"
        assert looked(source, clock).n_frames == 1
        instrument.write(1)
        instrument.write(2, lines=2)
        view = looked(source, clock)
        assert view.stack.energy.tolist() == [8330, 8331]
        assert view.waiting == ("the frame at 8332 eV is being measured: 2 lines",)
        instrument.write(2)
        view = looked(source, clock)
        assert np.asarray(view.stack.data)[:, 0, 0].tolist() == [50, 51, 52]
        assert view.generation == 0
        assert not view.is_complete
        instrument.close()
        view = looked(source, clock)
        assert view.is_complete
        np.testing.assert_array_equal(source.whole().data, np.asarray(view.stack.data))


def test_a_frame_that_changes_after_it_was_taken(tmp_path: Path) -> None:
    path, clock = tmp_path / "scan.h5", [0.0]
    source = GrowingFile(path, {}, now=lambda: clock[0])
    nx.write(nx.SpectralStack(np.ones((2, 3, 4), np.float32), [8330, 8340], "optical_depth"), path)
    first = looked(source, clock)
    with h5py.File(path, "a") as file:
        data = next(item for item in _datasets(file) if item.shape == (2, 3, 4))
        data[1] = 2
    view = looked(source, clock)
    assert view.generation == first.generation + 1
    np.testing.assert_array_equal(np.asarray(view.stack.data)[:, 0, 0], [1, 2])


def _datasets(file: h5py.File) -> list[Any]:
    found: list[Any] = []
    file.visititems(lambda name, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found


def test_a_file_that_lets_nobody_read_says_so(tmp_path: Path) -> None:
    path, clock = tmp_path / "scan.h5", [0.0]
    source = GrowingFile(path, {}, Ending(energies=2), now=lambda: clock[0])
    with hdf5_writer(path, "alone") as instrument:
        instrument.write(0)
        view = looked(source, clock)
        assert view.stack is None
        assert "another program" in view.waiting[0] or "not closed" in view.waiting[0]
        instrument.write(1)
        instrument.close()
        view = looked(source, clock)
        assert view.n_frames == 2
        assert view.is_complete


def test_the_images_of_an_als_header(tmp_path: Path) -> None:
    """The header is there from the start, and stays as it is while its images come."""
    names = sorted((Path(os.environ.get("NAPARI_XANES_DATA", "nowhere")) / "als_fe_l").glob("71214078*"))
    if not names:
        pytest.skip("no real data")
    path, clock = tmp_path / "71214078.hdr", [0.0]
    source = GrowingFile(path, {}, now=lambda: clock[0])
    for n_images in (3, 5):
        for name in names[: n_images + 1]:
            shutil.copyfile(name, tmp_path / name.name)
        view = looked(source, clock)
        assert view.n_frames == n_images
        assert view.generation == 0
    np.testing.assert_array_equal(np.asarray(view.stack.data), source.whole().data)


def test_chunks_of_a_zarr_folder(tmp_path: Path) -> None:
    path, clock = tmp_path / "scan.zarr", [0.0]
    source = None
    for n in (2, 3):
        energies = 8330.0 + np.arange(n)
        nx.write(nx.SpectralStack(np.ones((n, 3, 4), np.float32), energies, "optical_depth"), path)
        source = source or open_source(path)
        assert isinstance(source, GrowingFile)
        source._now = lambda: clock[0]
        assert looked(source, clock).n_frames == n


def test_another_file_of_the_same_name_is_another_scan(tmp_path: Path) -> None:
    path, clock = tmp_path / "scan.h5", [0.0]
    source = GrowingFile(path, {}, now=lambda: clock[0])
    for energies in ([8330.0, 8340.0], [8335.0, 8345.0, 8355.0]):
        nx.write(nx.SpectralStack(np.ones((len(energies), 3, 4), np.float32), energies, "optical_depth"), path)
        view = looked(source, clock)
        assert view.stack.energy.tolist() == energies
    assert view.generation > 0


def test_what_a_path_is_followed_as(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_source(path)
    path.touch()
    assert isinstance(open_source(path), GrowingFile)
