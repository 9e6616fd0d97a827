"""Large arrays go into few files: shards of many chunks, which napari and this package read."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_xanes import SpectralStack, io


@pytest.fixture
def in_shards(monkeypatch):
    """Let even small arrays have many chunks, and slabs of few frames."""
    monkeypatch.setattr("napari_xanes.io.zarr.writer._CHUNK", (3, 8, 8))
    monkeypatch.setattr("napari_xanes.io.zarr.writer._MANY_FILES", 20)
    monkeypatch.setattr("napari_xanes.io.zarr.writer._CHUNKS_ALONG_SHARD", 2)
    monkeypatch.setattr("napari_xanes.io.zarr.writer._SLAB_BYTES", 4 * 3 * 30 * 45)


@pytest.mark.parametrize("volume", [False, True], ids=["images", "volumes"])
@pytest.mark.parametrize("lazy", [False, True], ids=["memory", "lazy"])
def test_many_chunks_go_into_shards(tmp_path, in_shards, lazy, volume):
    import dask.array as da

    data = np.random.default_rng(4).random((10, 30, 45), dtype=np.float32)
    data[:, 8:] = 0  # whole chunks and shards of nothing else are written, too
    data = np.stack([data, 2 * data], axis=1) if volume else data
    stack = SpectralStack(da.from_array(data, chunks=4) if lazy else data, 8300.0 + np.arange(10), "optical_depth")
    io.write(stack, tmp_path / "a.zarr")
    array = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")["image/0"]
    assert array.shards[-2:] == (16, 16)
    n_files = sum(path.is_file() for path in (tmp_path / "a.zarr" / "image" / "0" / "c").rglob("*"))
    assert n_files < np.prod([-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True)]) / 3
    np.testing.assert_array_equal(array[...], data)
    for limit in (None, 0):
        again = io.read(tmp_path / "a.zarr", memory_limit=limit)
        assert again.is_lazy == (limit == 0)
        np.testing.assert_array_equal(np.asarray(again.data), data)
        np.testing.assert_array_equal(np.asarray(again.data[..., 3:20, 7]), data[..., 3:20, 7])


def test_napari_reads_shards(tmp_path, in_shards):
    from napari_builtins.io import napari_get_reader

    data = np.random.default_rng(4).random((10, 30, 45), dtype=np.float32)
    io.write(SpectralStack(data, 8300.0 + np.arange(10), "optical_depth"), tmp_path / "a.zarr")
    read = napari_get_reader(str(tmp_path / "a.zarr"))
    assert read is not None
    (layer, *_) = read(str(tmp_path / "a.zarr"))
    images = layer[0][0] if isinstance(layer[0], list) else layer[0]
    np.testing.assert_array_equal(np.asarray(images), data)


def test_a_shard_that_is_cut_short_is_told(tmp_path, in_shards):
    data = np.random.default_rng(4).random((10, 30, 45), dtype=np.float32)
    io.write(SpectralStack(data, 8300.0 + np.arange(10), "optical_depth"), tmp_path / "a.zarr")
    shard = tmp_path / "a.zarr" / "image" / "0" / "c" / "1" / "0" / "1"
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises((OSError, ValueError), match=r"c/1/0/1"):
        io.read(tmp_path / "a.zarr")
