"""Stores that lack chunks: our own are refused, others are read with the gaps told. Damaged chunks are named."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import zarr
from tests.io.zarr.old_store import write_old_store

from napari_xanes import SpectralStack, io
from napari_xanes.io.zarr.chunks import ChunkFiles

ENERGY = np.array([7100.0, 7110.5, 7112.25, 7130.0])
FRAMES = np.random.default_rng(3).random((4, 6, 5), np.float32) + 1

LAYOUTS = {
    "v2 dots": {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "."}},
    "v2 folders": {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    "v3 folders": {"zarr_format": 3},
    "v3 dots": {"zarr_format": 3, "chunk_key_encoding": {"name": "default", "separator": "."}},
    "v3 as v2 dots": {"zarr_format": 3, "chunk_key_encoding": {"name": "v2", "separator": "."}},
    "v3 as v2 folders": {"zarr_format": 3, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    "shards": {"zarr_format": 3, "shards": (4, 4, 4)},
    "shards, dots": {
        "zarr_format": 3,
        "shards": (4, 4, 4),
        "chunk_key_encoding": {"name": "default", "separator": "."},
    },
}


def foreign(path, frames=FRAMES, *, zarr_format=3, **layout):
    """Write a store that is not ours: chunks of (2, 4, 4), energies as an attribute."""
    root = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    about = {"chunks": (2, 4, 4), "dtype": frames.dtype, "fill_value": 0, "config": {"write_empty_chunks": True}}
    array = root.create_array("images", shape=frames.shape, **about | layout)
    array[...] = frames
    array.attrs["energy"] = ENERGY.tolist()
    return array


def chunks_of(folder):
    """Return the files of the chunks of an array by name."""
    found = [p for p in folder.rglob("*") if p.is_file() and p.name[0] != "." and p.suffix != ".json"]
    return {str(p.relative_to(folder)): p for p in found}


def read_told(path, **more):
    with pytest.warns(UserWarning, match="chunks") as told:
        stack = io.read(path, **more)
    (message,) = (str(warning.message) for warning in told)
    assert message.removeprefix(f"{path.name}: ") in stack.metadata["warnings"]
    return stack, message


@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_chunks_of_others_are_nan_and_told(layout, memory_limit, tmp_path):
    array = foreign(tmp_path / "a.zarr", **LAYOUTS[layout])
    chunks = chunks_of(tmp_path / "a.zarr/images")
    rows, expected = (4, FRAMES.copy()) if "shards" in layout else (2, FRAMES.copy())
    assert len(chunks) == 4 * (4 // rows)
    # One of four, or eight, of which the last one in Y and X is cut by the border.
    chunks[array.metadata.encode_chunk_key((0, 1, 0))].unlink()
    expected[:rows, 4:, :4] = np.nan
    stack, message = read_told(tmp_path / "a.zarr", memory_limit=memory_limit)
    assert stack.is_lazy == (memory_limit is not None)
    np.testing.assert_array_equal(np.asarray(stack.data), expected)
    assert f"{rows // 2} of 8 chunks of images" in message
    assert "NaN" in message


@pytest.mark.parametrize("layout", LAYOUTS)
def test_whole_stores_of_others_are_read_without_a_word(layout, tmp_path):
    foreign(tmp_path / "a.zarr", **LAYOUTS[layout])
    for memory_limit in (None, 10):
        stack = io.read(tmp_path / "a.zarr", memory_limit=memory_limit)
        np.testing.assert_array_equal(np.asarray(stack.data), FRAMES)
        assert "warnings" not in stack.metadata


def test_integers_have_no_nan(tmp_path):
    counts = (FRAMES * 1000).astype("u2")
    foreign(tmp_path / "a.zarr", counts)
    (tmp_path / "a.zarr/images/c/1/0/0").unlink()
    stack, message = read_told(tmp_path / "a.zarr")
    counts[2:, :4, :4] = 0
    np.testing.assert_array_equal(stack.data, counts)
    assert "1 of 8 chunks" in message
    assert "fill value 0" in message


@pytest.mark.parametrize("place", ["start", "end"])
def test_chunks_that_a_shard_leaves_out_are_told(place, tmp_path):
    """Empty inner chunks are not stored, and dask may lose others while it writes a shard."""
    from zarr.codecs import ShardingCodec

    frames = FRAMES.copy()
    frames[:2, :4, :4] = 0
    more = {"config": {"write_empty_chunks": False}}
    if place == "start":
        more |= {"chunks": (4, 8, 8), "serializer": ShardingCodec(chunk_shape=(2, 4, 4), index_location="start")}
        more["compressors"] = None
    else:
        more |= {"shards": (4, 8, 8)}
    foreign(tmp_path / "a.zarr", frames, **more)
    assert list(chunks_of(tmp_path / "a.zarr/images")) == ["c/0/0/0"]
    stack, message = read_told(tmp_path / "a.zarr")
    frames[:2, :4, :4] = np.nan
    np.testing.assert_array_equal(stack.data, frames)
    assert "1 of 8 chunks" in message


def test_a_store_without_any_chunk_is_refused(tmp_path):
    foreign(tmp_path / "a.zarr")
    shutil.rmtree(tmp_path / "a.zarr/images/c")
    with pytest.raises(ValueError, match="8 chunks, of which none is there"):
        io.read(tmp_path / "a.zarr")


def own(path, frames=FRAMES):
    io.write(SpectralStack(frames, ENERGY, metadata={"flat": frames[0]}), path)


@pytest.mark.parametrize("write", [own, lambda path: write_old_store(path, FRAMES, ENERGY)], ids=["today", "old"])
def test_our_own_stores_are_whole_or_refused(write, tmp_path):
    path = tmp_path / "a.zarr"
    write(path)
    whole = io.read(path)
    np.testing.assert_array_equal(whole.data, FRAMES)
    for chunk in chunks_of(path).values():
        content = chunk.read_bytes()
        chunk.unlink()
        for memory_limit in (None, 10):
            with pytest.raises(OSError, match=f"chunks are missing, such as {re.escape(str(chunk))}"):
                io.read(path, memory_limit=memory_limit)
        chunk.write_bytes(content)
    np.testing.assert_array_equal(io.read(path).data, FRAMES)


@pytest.mark.parametrize("name", ["image/0", "image", "energy", "napari_xanes/0_flat", "napari_xanes"])
def test_missing_arrays_are_named(name, tmp_path):
    own(tmp_path / "a.zarr")
    shutil.rmtree(tmp_path / "a.zarr" / name)
    with pytest.raises(OSError, match=rf"a\.zarr/{name}.* is missing; copy the whole folder again"):
        io.read(tmp_path / "a.zarr")


def test_empty_chunks_are_written(tmp_path):
    own(tmp_path / "a.zarr", np.zeros((4, 200, 150), np.float32))
    assert len(chunks_of(tmp_path / "a.zarr/image")) == 4
    assert not io.read(tmp_path / "a.zarr").data.any()


def test_gaps_in_our_own_stores_are_read_on_request(tmp_path):
    own(tmp_path / "a.zarr", np.ones((4, 200, 150), np.float32))
    (tmp_path / "a.zarr/image/0/c/0/1/1").unlink()
    about = json.loads((tmp_path / "a.zarr/zarr.json").read_text())
    about["attributes"]["napari_xanes"]["complete"] = False
    (tmp_path / "a.zarr/zarr.json").write_text(json.dumps(about))
    stack, message = read_told(tmp_path / "a.zarr")
    assert "1 of 4 chunks of image/0" in message
    assert np.isnan(stack.data[:, 128:, 128:]).all()
    assert np.isfinite(stack.data).sum() == 4 * (200 * 150 - 72 * 22)


@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
def test_each_changed_byte_of_a_chunk_is_found_and_the_chunk_is_named(memory_limit, tmp_path):
    path = tmp_path / "a.zarr"
    own(path, np.ones((4, 200, 150), np.float32))
    chunk = path / "image/0/c/0/1/0"
    content = chunk.read_bytes()
    for at in range(len(content)):
        chunk.write_bytes(content[:at] + bytes([content[at] ^ 8]) + content[at + 1 :])
        with pytest.raises((OSError, ValueError), match=re.escape(str(chunk))):
            np.asarray(io.read(path, memory_limit=memory_limit).data)


def test_a_damaged_chunk_of_others_is_named(tmp_path):
    foreign(tmp_path / "a.zarr", zarr_format=2)
    lazy = io.read(tmp_path / "a.zarr", memory_limit=10)
    (tmp_path / "a.zarr/images/0.1.1").write_bytes(b"nonsense")
    np.testing.assert_array_equal(lazy.data[2:].compute(), FRAMES[2:])
    with pytest.raises((OSError, ValueError), match=re.escape(str(tmp_path / "a.zarr/images/0.1.1"))):
        lazy.data.compute()


@pytest.mark.parametrize("layout", [None, "v2 dots", "v3 folders", "shards"])
def test_lazy_stacks_do_not_become_zeros_or_other_data(layout, tmp_path):
    path = tmp_path / "a.zarr"
    write = own if layout is None else lambda path: foreign(path, **LAYOUTS[layout])
    write(path)
    lazy = io.read(path, memory_limit=10)
    chunk = next(iter(chunks_of(path / ("images" if layout else "image")).values()))
    chunk.rename(tmp_path / "chunk")
    with pytest.raises(OSError, match=re.escape(str(chunk))):
        lazy.data.compute()
    (tmp_path / "chunk").rename(chunk)
    np.testing.assert_array_equal(lazy.data.compute(), FRAMES)
    path.rename(tmp_path / "b.zarr")
    with pytest.raises(OSError, match=r"a\.zarr.* changed since it was opened"):
        lazy.data.compute()
    write(path)
    with pytest.raises(OSError, match="changed since it was opened"):
        lazy.data.compute()


def test_chunks_are_found_by_their_names_alone(tmp_path):
    """The files are links to nothing, so none of them can have been opened."""
    for name in ("0/0", "0/1", "2/1", "1/01", "1/7", "x/0", ".hidden", "0/0.partial"):
        (tmp_path / "c" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "c" / name).symlink_to("nowhere")
    for name in ("c.0.0", "c.2.1", "c.0", "0.1", "c.00.1", "d.0.1", "c.0.1.json", "zarr.json"):
        (tmp_path / name).symlink_to("nowhere")
    expected = np.array([[1, 1], [0, 0], [0, 1]], bool)
    np.testing.assert_array_equal(ChunkFiles((3, 2), "c", "/").found(tmp_path), expected)
    expected[0, 1] = False
    np.testing.assert_array_equal(ChunkFiles((3, 2), "c", ".").found(tmp_path), expected)
    np.testing.assert_array_equal(ChunkFiles((3, 2), "", ".").found(tmp_path), [[0, 1], [0, 0], [0, 0]])
    assert not ChunkFiles((3, 2), "", "/").found(tmp_path).any()
