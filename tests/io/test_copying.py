"""Working copies: the same numbers, used only for the same files, whole or not at all."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pytest
import tifffile

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.io import copied_frames, copy_cache
from napari_xanes.io.copied_frames import is_copied, source_key, with_copy
from napari_xanes.io.copying import copy_if_slow
from napari_xanes.io.lazy_sources import sources_of
from napari_xanes.progress import Cancelled

SHAPE = (6, 64, 70)
ENERGY = 8330.0 + 5 * np.arange(SHAPE[0])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache."""
    monkeypatch.setenv(copy_cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(copied_frames, "MOST_PIXELS", 64 * 64)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(3).integers(1, 4000, SHAPE).astype(np.uint16)


def write_hdf5(path: Path, frames: np.ndarray, *, chunk: tuple[int, ...] | None = None, gzip: int | None = 1) -> Path:
    """Write a Data Exchange file with flats, compressed frame by frame."""
    options = {"chunks": chunk or (1, *frames.shape[1:]), "compression": gzip and "gzip", "compression_opts": gzip}
    with h5py.File(path, "w") as file:
        file.create_dataset("exchange/data", data=frames, **options)
        file.create_dataset("exchange/data_white", data=frames + 100, **options)
        file["exchange/energy"] = ENERGY
        file["exchange/energy"].attrs["units"] = "eV"
    return path


def write_tiffs(folder: Path, frames: np.ndarray) -> Path:
    folder.mkdir()
    for energy, frame in zip(ENERGY, frames, strict=True):
        tifffile.imwrite(folder / f"scan_{energy:.1f}eV.tif", frame, compression="zlib")
    return folder


def write_pages(path: Path, frames: np.ndarray) -> Path:
    tifffile.imwrite(path, frames, compression="zlib", photometric="minisblack")
    path.with_suffix(".txt").write_text("\n".join(map(str, ENERGY)))
    return path


def lazily(path: Path) -> nx.SpectralStack:
    return nx.read(path, memory_limit=0)


SLOW = {"hdf5": ("a.h5", write_hdf5), "files": ("series", write_tiffs), "pages": ("a.tif", write_pages)}


@pytest.mark.parametrize("kind", SLOW)
def test_a_copy_holds_the_same_numbers_and_is_found_again(tmp_path: Path, frames: np.ndarray, kind: str) -> None:
    name, write = SLOW[kind]
    path = write(tmp_path / name, frames)
    stack, done = lazily(path), []
    assert io.is_slow_by_pixels(stack)
    copy = nx.working_copy(stack, progress=lambda share, text: done.append(share))
    assert done == sorted(done)
    assert done[-1] == 1
    for one in (copy, lazily(path)):
        assert is_copied(one)
        assert not io.is_slow_by_pixels(one)
        assert one.data.dtype == stack.data.dtype
        np.testing.assert_array_equal(np.asarray(one.data), frames)
        np.testing.assert_array_equal(one.data[:, 7, 30].compute(), frames[:, 7, 30])
        assert (one.source, one.quantity, one.energy.tolist()) == (stack.source, stack.quantity, stack.energy.tolist())
        assert set(one.metadata) == set(stack.metadata)
        if "flat" in stack.metadata:
            np.testing.assert_array_equal(np.asarray(one.metadata["flat"]), np.asarray(stack.metadata["flat"]))
    assert [found.source for found in io.working_copies()] == [str(path)]
    np.testing.assert_array_equal(nx.read(path).data, frames, "a stack in memory comes from its own file")


def test_flats_come_from_the_copy_too(tmp_path: Path, frames: np.ndarray) -> None:
    path = write_hdf5(tmp_path / "a.h5", frames)
    depth = np.asarray(nx.ops.optical_depth(nx.read(path)).data)
    copy = nx.working_copy(lazily(path))
    assert all(isinstance(one, copied_frames._CopiedArray) for one in sources_of(copy.metadata["flat"]))
    np.testing.assert_array_equal(np.asarray(nx.ops.optical_depth(copy).data), depth)


def test_layouts_that_are_quick_by_pixels_need_none(tmp_path: Path, frames: np.ndarray) -> None:
    assert not io.is_slow_by_pixels(lazily(write_hdf5(tmp_path / "tiles.h5", frames, chunk=(6, 32, 32))))
    assert not io.is_slow_by_pixels(lazily(write_hdf5(tmp_path / "raw.h5", frames, gzip=None)))
    nx.write(lazily(tmp_path / "tiles.h5"), tmp_path / "a.zarr")
    assert not io.is_slow_by_pixels(lazily(tmp_path / "a.zarr"))
    assert not io.is_slow_by_pixels(nx.read(write_hdf5(tmp_path / "small.h5", frames)))


def change_time(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


@pytest.mark.parametrize("change", [change_time, lambda path: os.truncate(path, path.stat().st_size + 1)])
def test_a_copy_is_not_used_once_the_file_changed(tmp_path: Path, frames: np.ndarray, change: object) -> None:
    path = write_hdf5(tmp_path / "a.h5", frames)
    copy = nx.working_copy(lazily(path))
    change(path)  # type: ignore[operator]
    with pytest.raises(OSError, match=r"open it again"):
        copy.data[0].compute()
    assert not is_copied(lazily(path))
    assert [found.is_current for found in io.working_copies()] == [False]


def test_another_file_of_the_same_size_and_time_is_another_source(tmp_path: Path, frames: np.ndarray) -> None:
    path = write_hdf5(tmp_path / "a.h5", frames)
    nx.working_copy(lazily(path))
    write_hdf5(tmp_path / "b.h5", frames[::-1])
    stat = path.stat()
    os.utime(tmp_path / "b.h5", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (tmp_path / "b.h5").replace(path)
    again = lazily(path)
    assert not is_copied(again)
    np.testing.assert_array_equal(np.asarray(again.data), frames[::-1])


def test_one_changed_file_of_a_series_is_enough(tmp_path: Path, frames: np.ndarray) -> None:
    folder = write_tiffs(tmp_path / "series", frames)
    nx.working_copy(lazily(folder))
    (tmp_path / "series" / "notes.md").write_text("results of today")
    assert is_copied(lazily(folder)), "other files in the folder do not count"
    change_time(next(folder.glob("*8345*")))
    assert not is_copied(lazily(folder))


def test_stacks_of_one_file_have_copies_of_their_own(tmp_path: Path, frames: np.ndarray) -> None:
    path = write_hdf5(tmp_path / "a.h5", frames)
    nx.working_copy(lazily(path))
    other = nx.read(path, energies=ENERGY[::-1], memory_limit=0)
    assert not is_copied(other), "frames in another order"
    np.testing.assert_array_equal(np.asarray(nx.working_copy(other).data), frames[::-1])
    assert is_copied(lazily(path))
    assert len(io.working_copies()) == 2


def test_what_was_cut_or_changed_is_read_again_whole(tmp_path: Path, frames: np.ndarray) -> None:
    path = write_hdf5(tmp_path / "a.h5", frames)
    stack = lazily(path)
    np.testing.assert_array_equal(np.asarray(nx.working_copy(stack.with_data(stack.data * 2)).data), frames)
    with pytest.raises(ValueError, match=r"no longer what"):
        nx.working_copy(stack.isel(frames=slice(0, 3)))
    with pytest.raises(ValueError, match=r"napari_xanes.write"):
        nx.working_copy(nx.ops.crop(stack, energy=(8330, 8350)))
    with pytest.raises(ValueError, match=r"napari_xanes.write"):
        nx.working_copy(nx.SpectralStack(da.ones(SHAPE), ENERGY))


@pytest.mark.parametrize("when", [0.0, 0.9])
def test_an_interrupted_copy_leaves_nothing(
    tmp_path: Path, cache: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch, when: float
) -> None:
    monkeypatch.setattr("napari_xanes.io.zarr.writer._SLAB_BYTES", 2 * frames[0].nbytes)
    stack = lazily(write_hdf5(tmp_path / "a.h5", frames))

    def stop(done: float, _text: str) -> None:
        if done > when:
            raise Cancelled

    with pytest.raises(Cancelled):
        nx.working_copy(stack, progress=stop)
    assert list(cache.iterdir()) == []
    assert not is_copied(lazily(tmp_path / "a.h5"))


def test_a_damaged_copy_is_not_used_or_says_so(tmp_path: Path, frames: np.ndarray) -> None:
    path = write_hdf5(tmp_path / "a.h5", frames)
    copy = nx.working_copy(lazily(path))
    chunks = sorted((io.working_copies()[0].folder / "0" / "c").rglob("*"))
    chunk = next(file for file in chunks if file.is_file())
    chunk.write_bytes(b"\0" * chunk.stat().st_size)
    with pytest.raises(OSError, match=r"cache --empty"):
        lazily(path).data.compute()
    chunk.unlink()
    assert not is_copied(lazily(path)), "a chunk is missing"
    with pytest.raises(OSError, match=r"cache --empty"):
        copy.data.compute()
    np.testing.assert_array_equal(np.asarray(nx.working_copy(lazily(path)).data), frames, "made again")


def test_copies_go_to_other_processes(tmp_path: Path, frames: np.ndarray) -> None:
    copy = nx.working_copy(lazily(write_hdf5(tmp_path / "a.h5", frames)))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(copy)).data.compute(), frames)


def test_a_file_that_grows_has_no_copy(tmp_path: Path, frames: np.ndarray) -> None:
    path = write_hdf5(tmp_path / "a.h5", frames)
    stack = lazily(path)
    (source,) = sources_of(stack.data)
    source.ends = b"two hashes"
    assert not io.is_slow_by_pixels(stack)
    assert source_key(stack) is None
    assert with_copy(stack) is stack


def test_only_large_stacks_that_are_slow_are_copied_for_a_run(tmp_path: Path, frames: np.ndarray) -> None:
    path, quick = write_hdf5(tmp_path / "a.h5", frames), write_hdf5(tmp_path / "tiles.h5", frames, chunk=(6, 32, 32))
    assert not copy_if_slow(path), "it is read into the memory"
    token = copied_frames.frames.MEMORY_LIMIT.set(1)
    try:
        assert not copy_if_slow(quick)
        assert copy_if_slow(path)
        assert copy_if_slow(path), "which there is"
    finally:
        copied_frames.frames.MEMORY_LIMIT.reset(token)
    assert len(io.working_copies()) == 1


def test_no_copy_of_what_the_user_declined(tmp_path: Path, frames: np.ndarray) -> None:
    stack = lazily(write_hdf5(tmp_path / "a.h5", frames))
    copy_cache.decline(source_key(stack) or "")
    assert not io.is_slow_by_pixels(lazily(tmp_path / "a.h5"))
    assert not copied_frames.has_slow_source(nx.ops.optical_depth(lazily(tmp_path / "a.h5")))
    io.remove_copies()
    assert io.is_slow_by_pixels(stack)


def test_steps_on_a_slow_file_are_slow_too(tmp_path: Path, frames: np.ndarray) -> None:
    stack = lazily(write_hdf5(tmp_path / "a.h5", frames))
    depth = nx.ops.optical_depth(stack)
    assert copied_frames.has_slow_source(depth)
    assert source_key(depth) == source_key(stack)
    assert not io.is_slow_by_pixels(depth), "a copy is made of what was read"
    assert not copied_frames.has_slow_source(nx.ops.optical_depth(nx.working_copy(stack)))
    assert not copied_frames.has_slow_source(nx.ops.optical_depth(nx.read(tmp_path / "a.h5")))
