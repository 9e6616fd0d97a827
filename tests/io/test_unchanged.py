"""Lazy stacks of every format: their files must still be what they were when they were opened."""

from __future__ import annotations

import dataclasses
import os
import pickle
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from tests.io import samples
from tests.io.plain.test_mrc import write_mrc
from tests.io.stxm import test_axis, test_stony_brook

from napari_xanes import SpectralStack, io
from napari_xanes.io.frames import MEMORY_LIMIT
from napari_xanes.io.unchanged import FileState, only_unchanged, unchanged

TEXTS = (".txt", ".dat", ".xsp", ".hdr", ".xim", ".zattrs")
"""Files that are read at once and never again."""

LAZY = sorted(set(samples.STACKS) - {"sdf"})
"""All formats whose pixels stay in their files; SDF is text."""


def opened(format_name: str, folder: Path) -> Iterator[tuple[SpectralStack, Path]]:
    """Yield lazy stacks of a format, each with a file whose pixels it needs."""
    for i, (name, target) in enumerate(samples.STACKS[format_name](make(folder / "first"))):
        is_root = target == f"{name}/zarr.json"
        if target.endswith(TEXTS) or is_root or Path(name).suffix == ".npz":
            continue
        copy = folder / f"copy {i}"
        shutil.copytree(folder / "first", copy)
        yield io.read(copy / name, memory_limit=1), copy / target


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def values_of(stack: SpectralStack) -> list[np.ndarray]:
    """Compute everything that a stack left in its files."""
    assert stack.is_lazy
    metadata = (value for value in stack.metadata.values() if hasattr(value, "dask"))
    return [np.asarray(stack.data), *(np.asarray(value) for value in metadata)]


def replace(path: Path) -> None:
    """Put a copy with the same content and time in the place of a file."""
    copy = path.with_name("copy of it")
    shutil.copy2(path, copy)
    os.replace(copy, path)


def rewrite(path: Path) -> None:
    """Turn the bytes of a file around, in place, a second later."""
    time = path.stat().st_mtime_ns + 10**9
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(time, time))


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0" * 64)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


FAULTS: dict[Callable[[Path], None], str] = {
    replace: "the file changed since it was opened",
    rewrite: "the file changed since it was opened",
    grow: "the file has grown since it was opened",
    cut: "the file changed since it was opened",
    Path.unlink: "no longer there",
}


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@pytest.mark.parametrize("format_name", LAZY)
def test_a_lazy_stack_refuses_a_file_that_changed(format_name: str, tmp_path: Path) -> None:
    n_files = 0
    for fault, message in FAULTS.items():
        for stack, target in opened(format_name, make(tmp_path / fault.__name__)):
            values_of(stack)
            fault(target)
            with pytest.raises(OSError, match=message) as raised:
                values_of(stack)
            assert target.name in str(raised.value)
            n_files += 1
    assert n_files >= len(FAULTS)


@pytest.mark.parametrize("format_name", LAZY)
def test_a_lazy_stack_gives_the_values_of_one_in_memory(format_name: str, tmp_path: Path) -> None:
    boxes = (
        np.s_[1],
        np.s_[:, 1],
        np.s_[::-1, :, 2:],
        np.s_[:, ::-1],
        np.s_[1, 1, 2],
        np.s_[[2, 0]],
        np.s_[::2, :, ::-2],
    )
    for stack, target in opened(format_name, tmp_path):
        path = target if stack.source is None else Path(stack.source.path)
        whole = np.asarray(io.read(path).data)
        for box in boxes:
            index = box if whole.ndim == 3 or not isinstance(box, tuple) else (box[0], slice(None), *box[1:])
            np.testing.assert_array_equal(np.asarray(stack.data[index]), whole[index])


@pytest.mark.parametrize("format_name", LAZY)
def test_the_same_file_opened_twice_shares_no_blocks(format_name: str, tmp_path: Path) -> None:
    for stack, target in opened(format_name, tmp_path):
        path = target if stack.source is None else Path(stack.source.path)
        again = io.read(path, memory_limit=1)
        # Only what is named by its content may be shared (the sorter by dask 2025.1).
        shared = set(stack.data.dask) & set(again.data.dask)
        assert all(str(key).startswith(("shuffle-taker", "shuffle-sorter")) for key in shared)


@pytest.mark.parametrize("format_name", LAZY)
def test_a_lazy_stack_reads_its_file_in_another_process_too(format_name: str, tmp_path: Path) -> None:
    for stack, target in opened(format_name, tmp_path):
        sent = pickle.dumps(stack.data)
        np.testing.assert_array_equal(np.asarray(pickle.loads(sent)), np.asarray(stack.data))
        rewrite(target)
        with pytest.raises(OSError, match="the file changed"):
            values_of(SpectralStack(pickle.loads(sent), stack.energy, metadata=stack.metadata))


def test_a_stack_that_was_replaced_can_be_opened_again(tmp_path: Path) -> None:
    for suffix in (".h5", ".zarr", ".tif"):
        path = tmp_path / f"a{suffix}"
        io.write(SpectralStack(samples.FRAMES, samples.ENERGY), path)
        stack = io.read(path, memory_limit=1)
        io.write(SpectralStack(samples.FRAMES + 1, samples.ENERGY), path)
        with pytest.raises(OSError, match="changed"):
            values_of(stack)
        np.testing.assert_array_equal(values_of(io.read(path, memory_limit=1))[0], samples.FRAMES + 1)


def _stk(path: Path, frames: np.ndarray) -> Path:
    path.with_suffix(".stk").write_bytes(test_stony_brook.stk(frames))
    return path.with_suffix(".stk")


def _ncb(path: Path, frames: np.ndarray) -> Path:
    test_axis.write(path.parent, frames, size=(128, 64))
    return path.parent / "a.ncb"


def _npy(path: Path, frames: np.ndarray) -> Path:
    np.save(path.with_suffix(".npy"), frames)
    return path.with_suffix(".npy")


def _fortran(path: Path, frames: np.ndarray) -> Path:
    return _npy(path, np.asfortranarray(frames))


def _tif(path: Path, frames: np.ndarray) -> Path:
    tifffile.imwrite(path.with_suffix(".tif"), frames, photometric="minisblack")
    return path.with_suffix(".tif")


def _mrc(path: Path, frames: np.ndarray) -> Path:
    write_mrc(path.with_suffix(".mrc"), frames)
    return path.with_suffix(".mrc")


@pytest.mark.parametrize("write", [_stk, _ncb, _npy, _fortran, _tif, _mrc])
def test_raw_arrays_stay_in_their_files(write: Callable[[Path, np.ndarray], Path], tmp_path: Path) -> None:
    frames = np.linspace(1, 900, 4 * 64 * 128, dtype=np.float32).reshape(4, 64, 128).round()
    path = write(tmp_path / "a", frames)
    (tmp_path / "a.txt").write_text("".join(f"{energy}\n" for energy in samples.ENERGY))
    stack = io.read(path, memory_limit=1000)
    # A memory map would be copied into the graph, whole.
    assert len(pickle.dumps(stack.data)) < frames.nbytes / 10
    np.testing.assert_array_equal(np.asarray(stack.data[:, 7, 9]), frames[:, 7, 9])
    np.testing.assert_array_equal(np.asarray(stack.data), frames)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(OSError, match="changed"):
        np.asarray(stack.data[3])


def _zarr(folder: Path, form: int) -> tuple[Path, str]:
    group: Any = zarr.open_group(str(folder / "a.zarr"), mode="w", zarr_format=form)
    group.create_array("images", data=samples.FRAMES, chunks=(1, 3, 5))
    group.create_array("energy", data=np.array(samples.ENERGY))
    return folder / "a.zarr", samples.chunk(folder, "a.zarr/images")


@pytest.mark.parametrize("form", [2, 3])
def test_no_chunk_of_zarr_goes_or_comes(form: int, tmp_path: Path) -> None:
    store, chunk = _zarr(tmp_path, form)
    stack = io.read(store, memory_limit=1)
    removed = (tmp_path / chunk).read_bytes()
    (tmp_path / chunk).unlink()
    with pytest.raises(OSError, match="no longer there"):
        values_of(stack)
    without = io.read(store, memory_limit=1)
    (tmp_path / chunk).write_bytes(removed)
    with pytest.raises(OSError, match="has grown"):
        values_of(without)


@pytest.mark.parametrize("form", [2, 3])
def test_zarr_refuses_an_array_of_another_shape(form: int, tmp_path: Path) -> None:
    store, _ = _zarr(tmp_path, form)
    stack = io.read(store, memory_limit=1)
    array: Any = zarr.open_array(str(store / "images"), mode="r+")
    array.resize((2, 3, 5))
    with pytest.raises(OSError, match="since it was opened"):
        values_of(stack)


def test_a_change_while_a_piece_is_read_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345678")
    with pytest.raises(OSError, match="changed"), unchanged(FileState.of(path)):
        replace(path)

    def fails() -> np.ndarray:
        replace(path)
        raise ValueError("it makes no sense")

    with pytest.raises(OSError, match="changed"):
        only_unchanged(path, fails)()
    with pytest.raises(ValueError, match="no sense"), unchanged(FileState.of(path)):
        raise ValueError("it makes no sense")


def test_a_file_that_is_replaced_while_it_is_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    io.write(SpectralStack(samples.FRAMES, samples.ENERGY), path)
    (reader,) = (reader for reader in io.READERS if reader.name == "nexus")

    def read_and_replace(path: Path) -> Any:
        raw = reader.function(path)
        replace(path)
        return raw

    token = MEMORY_LIMIT.set(1)
    try:
        with pytest.raises(OSError, match="changed"):
            dataclasses.replace(reader, function=read_and_replace).read(path)
    finally:
        MEMORY_LIMIT.reset(token)
