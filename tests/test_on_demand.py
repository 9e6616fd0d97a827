"""A part of a lazy stack is the same part of the whole, and is made from no more than it needs."""

from __future__ import annotations

import pickle
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chunked import Chunked

import napari_xanes as nx
from napari_xanes import blocks, io
from napari_xanes.frames import map_frames
from napari_xanes.io.hdf5.file import LazyDataset, load
from napari_xanes.on_demand import Made, array_behind, made_on_demand, read_at_once

DATA = np.arange(5 * 12 * 7, dtype=np.float32).reshape(5, 12, 7)


class Stored(Chunked):
    """An array of which rows are read alone, as those of a file that is not compressed."""

    read_at_once = (1, 1)


def doubled(read: Any, frames: slice, rows: slice) -> np.ndarray:
    return np.asarray(2 * read(frames, rows), np.float32)


@st.composite
def parts(draw: st.DrawFn) -> tuple[Any, ...]:
    """Return an index of three axes: numbers, and slices in steps."""
    index = []
    for n in DATA.shape:
        start = draw(st.integers(0, n - 1))
        stop = draw(st.integers(start + 1, n))
        index.append(draw(st.sampled_from([start, slice(start, stop), slice(start, stop, 3), slice(None)])))
    return tuple(index)


@given(parts(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_part_is_that_of_the_whole(index: tuple[Any, ...], rows_alone: bool) -> None:
    source = (Stored if rows_alone else Chunked)(DATA).lazy((2, 12, 7))
    np.testing.assert_array_equal(np.asarray(made_on_demand(doubled, source)[index]), 2 * DATA[index])


def test_of_rows_only_those_are_read() -> None:
    stored = Stored(DATA)
    lazy = blocks.transform_frames(lambda block, frames, pixels: block + 1, stored.lazy((5, 12, 7)))
    twice = blocks.transform_frames(lambda block, frames, pixels: block + 1, lazy)
    stored.pixels = 0
    np.testing.assert_array_equal(np.asarray(twice[1:3, 2::5]), DATA[1:3, 2::5] + 2)
    assert stored.pixels == 2 * 2 * 7


def test_compressed_frames_are_read_once_for_a_part() -> None:
    chunked = Chunked(DATA, frames=2)
    lazy = map_frames(lambda frame, i: frame[::-1] + i, chunked.lazy())
    expected = DATA[:, ::-1] + np.arange(5)[:, None, None]
    np.testing.assert_array_equal(np.asarray(lazy[:4, 3::4]), expected[:4, 3::4])
    assert chunked.decoded.tolist() == [1, 1, 0]


def test_whole_spectra_are_made_where_one_frame_is_asked_for() -> None:
    lazy = blocks.transform(lambda block, pixels: block - block.mean(axis=0), Stored(DATA).lazy((2, 12, 7)))
    np.testing.assert_allclose(np.asarray(lazy[3, 4:6]), (DATA - DATA.mean(axis=0))[3, 4:6])


def test_steps_lie_directly_on_the_array_of_a_file(tmp_path: Any) -> None:
    """dask keeps the array under a name that `array_behind` knows: else each part costs a computation of dask."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("packed", data=DATA, chunks=(2, 6, 7), compression="gzip")
        file["plain"], file["swapped"] = DATA, DATA.astype(">f4")
    with h5py.File(tmp_path / "a.h5") as file:
        token = io.frames.MEMORY_LIMIT.set(1)
        try:
            packed, plain, swapped = (load(file[name]) for name in ("packed", "plain", "swapped"))
        finally:
            io.frames.MEMORY_LIMIT.reset(token)
    assert all(isinstance(array_behind(data), LazyDataset) for data in (packed, plain, swapped))
    assert read_at_once(packed) == (2, 6)
    assert read_at_once(plain) == read_at_once(made_on_demand(doubled, plain)) == (1, 1)
    np.testing.assert_array_equal(np.asarray(swapped), DATA)
    assert array_behind(plain[1:]) is None
    assert isinstance(array_behind(made_on_demand(doubled, plain[1:])), Made)
    np.testing.assert_array_equal(np.asarray(made_on_demand(doubled, plain[1:])[:, 3]), 2 * DATA[1:, 3])


def test_what_is_made_can_be_sent() -> None:
    offset = 3.0
    lazy = blocks.transform_frames(lambda block, frames, pixels: block + offset, da.from_array(DATA, chunks=(2, 12, 7)))
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(lazy))[:, 4]), DATA[:, 4] + 3)


@pytest.mark.parametrize("missing", [False, True])
def test_a_recipe_in_bands_gives_the_same_as_in_memory(
    missing: bool, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    sample = nx.sample.nmc_ni_k(size=40, seed=2).stack
    counts = sample.data.astype(np.float32)
    if missing:
        counts[rng.random(counts.shape) < 0.003] = np.nan
        counts[:, 10:14, 20:40] = np.nan
    shifts = (rng.uniform(-4, 4, (len(counts), 2))).tolist()
    steps = [
        nx.Step("optical_depth"),
        nx.Step("align", {"shifts": shifts}),
        nx.Step("normalize_edge"),
        nx.Step("fit_references", {"references": sample.metadata["references"]}),
    ]
    monkeypatch.setattr(blocks, "SLAB_BYTES", counts[:, :9].nbytes)  # bands of nine rows
    whole, *_ = results = [
        nx.run(steps, sample.with_data(data)) for data in (counts, Stored(counts).lazy((2, *counts.shape[1:])))
    ]
    assert set(results[1]) == set(whole)
    for name, expected in whole.items():
        got = results[1][name]
        np.testing.assert_array_equal(got.mask, expected.mask)
        np.testing.assert_allclose(got.data, expected.data, rtol=1e-4, atol=1e-5, err_msg=name)
        if expected.sigma is not None:
            np.testing.assert_allclose(got.sigma, expected.sigma, rtol=1e-4, atol=1e-5, err_msg=name)
