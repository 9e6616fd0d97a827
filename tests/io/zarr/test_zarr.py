"""Zarr folders: written by us, written by other programs, and invalid ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import assert_documented

from napari_xanes import SpectralStack, Spectrum, Step, io

ENERGY = np.array([7100.0, 7110.5, 7112.25, 7130.0])
quiet = {"suppress_health_check": [HealthCheck.function_scoped_fixture]}


def ome(root, array, axes, steps, *, version="0.4", **more):
    about = {"version": version, "axes": axes, "datasets": [{"path": array, "coordinateTransformations": steps}]}
    if version == "0.5":
        root.attrs["ome"] = {"version": "0.5", "multiscales": [about]} | more
    else:
        root.attrs["multiscales"] = [about]
        for key, value in more.items():
            root.attrs[key] = value


@settings(max_examples=25, **quiet)
@given(
    shape=st.lists(st.integers(1, 4), min_size=3, max_size=4),
    dtype=st.sampled_from(["f4", "f8", "u2", "i4", "u1", ">f4"]),
    start=st.floats(30, 9000),
    step=st.floats(1e-3, 100),
    size=st.none() | st.floats(1e-3, 10),
    quantity=st.sampled_from(["counts", "transmission", "optical_depth", "fluorescence", "normalized"]),
    note=st.none() | st.text(max_size=5) | st.floats(allow_nan=False) | st.lists(st.integers(0, 9), max_size=2),
)
def test_round_trip(tmp_path, shape, dtype, start, step, size, quantity, note):
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    history = (Step("crop", {"energy": [1, float("inf")]}, {"n": 3}, "0.1.0"),)
    extra = {"note": note, "flat": data * 2, "i0": np.ones(shape[0]), "empty": np.zeros((0, 3)), "mask": data[0] > 1}
    extra |= {"references": [Spectrum("NiO", [8300, 8400], [0, 1], 2)], "box": (0, 3)}
    stack = SpectralStack(data, start + step * np.arange(shape[0]) ** 1.5, quantity, size, history, None, extra)
    io.write(stack, tmp_path / "a.zarr")
    restored = io.read(tmp_path / "a.zarr")
    assert restored.data.dtype == data.dtype.newbyteorder("=")
    np.testing.assert_array_equal(restored.data, data)
    np.testing.assert_array_equal(restored.energy, stack.energy)
    assert (restored.quantity, restored.pixel_size, restored.history) == (quantity, stack.pixel_size, history)
    assert (restored.metadata["note"], restored.metadata["box"]) == (note, (0, 3))
    for key in ("flat", "i0", "empty", "mask"):
        np.testing.assert_array_equal(restored.metadata[key], extra[key])
    assert restored.metadata["references"][0].valence == 2
    assert set(restored.metadata) == set(extra)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_lazy_stack_and_metadata_for_other_programs(tmp_path):
    import dask.array as da

    data = np.random.default_rng(1).random((25, 200, 150), dtype=np.float32)
    energy = 8300.0 + 2 * np.arange(25)
    io.write(SpectralStack(da.from_array(data, chunks=(7, 90, -1)), energy, "transmission", 0.05), tmp_path / "a.zarr")
    lazy = io.read(tmp_path / "a.zarr", memory_limit=1000)
    assert lazy.is_lazy
    np.testing.assert_array_equal(lazy.data[3:5, 10:30].compute(), data[3:5, 10:30])
    root = zarr.open_group(str(tmp_path / "a.zarr"), mode="r+")
    assert root["image/0"].chunks == (10, 128, 128)
    (scale,) = root.attrs["ome"]["multiscales"]
    assert [axis["name"] for axis in scale["axes"]] == ["energy", "y", "x"]
    # Without our own attribute it is ordinary OME-Zarr. Without an array of energies, its axis still gives them.
    del root.attrs["napari_xanes"]
    for _ in range(2):
        foreign = io.read(tmp_path / "a.zarr")
        np.testing.assert_array_equal(foreign.data, data)
        np.testing.assert_allclose(foreign.energy, energy)
        assert foreign.pixel_size == (0.05, 0.05)
        if "energy" in root:
            del root["energy"]


@pytest.mark.parametrize(("version", "form"), [("0.4", 2), ("0.5", 3)])
@pytest.mark.parametrize("unit", ["electronvolt", "keV"])
def test_energies_are_read_from_ome_axes(tmp_path, frames, version, form, unit):
    root = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=form)
    image = root.create_array("full", shape=(1, 4, 1, 3, 5), chunks=(1, 2, 1, 2, 2), dtype="f4")
    image[...] = frames[None, :, None]
    k = 1e3 if unit == "electronvolt" else 1.0
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel", "unit": unit}]
    axes += [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    steps = [
        {"type": "scale", "scale": [1, 0.01 * k, 1, 40, 20]},
        {"type": "translation", "translation": [0, 7.1 * k, 0, 0, 0]},
    ]
    ome(root, "full", axes, steps, version=version)
    stack = io.read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_allclose(stack.energy, [7100, 7110, 7120, 7130])
    assert stack.pixel_size == (0.04, 0.02)


def test_axes_of_length_one_before_the_energies(tmp_path):
    """Write images (T, C, Z, Y, X) as ome-zarr does, compressed to a quarter of their size."""
    data = np.random.default_rng(0).poisson(3, (12, 1024, 2048)).astype("u2")
    root = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    root.create_array("0", data=data[None, :, None], chunks=(1, 1, 1, 512, 512))
    root.attrs["energy"] = (7100.0 + np.arange(12)).tolist()
    ome(root, "0", [{"name": name} for name in "tczyx"], [{"type": "scale", "scale": [1] * 5}])
    np.testing.assert_array_equal(io.read(tmp_path / "a.zarr").data, data)
    lazy = io.read(tmp_path / "a.zarr", memory_limit=10).data
    assert lazy.chunks[0] == (1,) * 12
    np.testing.assert_array_equal(np.asarray(lazy[3]), data[3])


def test_zstandard_without_sizes(tmp_path, frames):
    """Write data as programs do that compress during the computation; here the blocks are not compressed."""
    array = zarr.create_array(str(tmp_path / "a.zarr"), data=frames, zarr_format=2, compressors=numcodecs.Zstd())
    array.attrs["energy"] = ENERGY.tolist()
    block = (frames.nbytes << 3 | 1).to_bytes(3, "little")
    (tmp_path / "a.zarr" / "0.0.0").write_bytes(b"\x28\xb5\x2f\xfd\0\x58" + block + frames.tobytes())
    np.testing.assert_array_equal(io.read(tmp_path / "a.zarr").data, frames)


def test_energies_are_read_from_channel_names(tmp_path, frames):
    root = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    volume = np.stack([frames, frames + 10])
    root.create_array("0", data=volume)
    axes = [{"name": "z", "type": "space"}, {"name": "c", "type": "channel"}, {"name": "y"}, {"name": "x"}]
    channels = [{"label": f"{energy} eV"} for energy in ENERGY]
    ome(root, "0", axes, [{"type": "scale", "scale": [1, 1, 1, 1]}], omero={"channels": channels})
    stack = io.read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(stack.data, volume.swapaxes(0, 1))
    np.testing.assert_array_equal(stack.energy, ENERGY)


@pytest.mark.parametrize("form", [2, 3])
def test_plain_zarr(tmp_path, frames, form):
    path = tmp_path / "a.zarr"
    array = zarr.create_array(str(path), data=(frames * 100).astype("u2"), zarr_format=form)
    with pytest.raises(ValueError, match="no energies in it"):
        io.read(path)
    assert io.read(path, energies=ENERGY).quantity == "counts"
    array.attrs["energy"] = (ENERGY[::-1] / 1e3).tolist()
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, (frames * 100).astype("u2")[::-1])
    np.testing.assert_allclose(stack.energy, ENERGY)
    group = zarr.open_group(str(tmp_path / "b.zarr"), mode="w", zarr_format=form)
    group.create_array("images", data=frames)
    group.create_array("energies", data=ENERGY / 1e3).attrs["units"] = "keV"
    np.testing.assert_allclose(io.read(tmp_path / "b.zarr").energy, ENERGY)
    with pytest.raises(ValueError, match="3 energies"):
        io.read(tmp_path / "b.zarr", energies=ENERGY[:3])


def test_ordinary_zarr_is_declined(tmp_path):
    (reader,) = (reader for reader in io.READERS if reader.name == "zarr_folder")
    zarr.create_array(str(tmp_path / "a.zarr"), data=np.zeros((4, 5)))
    assert "no image stack" in reader.why_not_readable(tmp_path / "a.zarr")
    zarr.open_group(str(tmp_path / "b.zarr"), mode="w")
    assert "no image stack" in reader.why_not_readable(tmp_path / "b.zarr")


def test_a_failed_write_leaves_the_old_store(tmp_path, depth_stack):
    class Broken:
        dtype, ndim, shape, nbytes = np.dtype("f4"), 3, depth_stack.shape, depth_stack.data.nbytes

        def __getitem__(self, index):
            raise OSError("the disk is gone")

    path = tmp_path / "a.zarr"
    io.write(depth_stack, path)
    with pytest.raises(OSError, match="the disk is gone"):
        io.write(SpectralStack(Broken(), depth_stack.energy), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]
    np.testing.assert_array_equal(io.read(path).data, depth_stack.data)
    io.write(depth_stack.with_data(depth_stack.data * 2), path)
    np.testing.assert_array_equal(io.read(path).data, depth_stack.data * 2)


def test_other_folders_are_not_replaced(tmp_path, depth_stack):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr/precious.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="name another"):
        io.write(depth_stack, tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr/precious.txt").read_text() == "mine"
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        io.write(depth_stack, tmp_path / "no/a.zarr")


def test_links_out_of_the_folder_are_not_followed(tmp_path, depth_stack):
    io.write(depth_stack, tmp_path / "a.zarr")
    shutil.move(tmp_path / "a.zarr/image", tmp_path / "secret")
    (tmp_path / "a.zarr/image").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="leads out of the folder"):
        io.read(tmp_path / "a.zarr")


def test_nothing_is_unpickled(tmp_path, frames):
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=frames, zarr_format=2).attrs["energy"] = ENERGY.tolist()
    about = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps(about | {"filters": [{"id": "pickle"}]}))
    with pytest.raises(ValueError, match=r"a\.zarr"):
        io.read(path)


def test_without_the_package_zarr(tmp_path, depth_stack):
    path = tmp_path / "a.zarr"
    io.write(depth_stack, path)
    code = f"import sys; sys.modules['zarr'] = None; from napari_xanes import io; io.read({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "install it: pip install 'zarr>=3.1'" in done.stderr.splitlines()[-1]
    ordinary = (
        "import sys; sys.modules['zarr'] = None; from napari_xanes import io; "
        f"io.READERS[-1].why_not_readable({str(path)!r})"
    )
    subprocess.run([sys.executable, "-c", ordinary], check=True)


def test_sizes_larger_than_the_files_are_refused(tmp_path, frames):
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=frames, zarr_format=2).attrs["energy"] = ENERGY.tolist()
    about = json.loads((path / ".zarray").read_text())
    for change in (
        {"shape": [4, 10**6, 10**6]},
        {"shape": [4, 3, 10**8], "chunks": [1, 1, 1]},
        {"chunks": [4, 3, 10**9]},
    ):
        (path / ".zarray").write_text(json.dumps(about | change))
        with pytest.raises(ValueError, match="promises"):
            io.read(path)


@settings(max_examples=250, derandomize=True, **quiet)
@given(dice=st.randoms(use_true_random=False))
def test_damaged(tmp_path, frames, dice):
    whole = tmp_path / "whole"
    if not whole.exists():
        whole.mkdir()
        io.write(SpectralStack(frames, ENERGY, metadata={"i0": np.ones(4)}), whole / "own.zarr")
        for form in (2, 3):
            group = zarr.open_group(str(whole / f"v{form}.zarr"), mode="w", zarr_format=form)
            group.create_array("images", data=frames)
            group.create_array("energy", data=ENERGY)
    name = dice.choice(["own.zarr", "v2.zarr", "v3.zarr"])
    path = tmp_path / name
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(whole / name, path)
    files = sorted(p for p in path.rglob("*") if p.is_file())
    for _ in range(dice.choice((1, 1, 2))):
        file = dice.choice(files)
        content = bytearray(file.read_bytes() or b" ")
        kind = dice.randrange(4)
        if kind == 0:
            content = content[: dice.randrange(len(content) + 1)]
        elif kind == 1 and (numbers := [i for i, c in enumerate(content) if chr(c).isdigit()]):
            at = dice.choice(numbers)
            content[at : at + 1] = dice.choice([b"0", b"-1", b"99999999", b"null", b"7"])
        else:
            for _ in range(dice.choice((1, 4))):
                content[dice.randrange(len(content))] = dice.randrange(256)
        file.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            stack = io.read(path, memory_limit=1 << 26)
        except (OSError, ValueError) as error:
            assert_documented(error, name)
        else:
            assert stack.energy.size == stack.shape[0]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_whole_numbers_that_xarray_packed(zarr_format, tmp_path):
    stored = np.arange(60, dtype=np.int16).reshape(4, 3, 5)
    names = ["energy", "y", "x"]
    for name, named in (("a.zarr", True), ("b.zarr", False)):
        group = zarr.open_group(tmp_path / name, mode="w", zarr_format=zarr_format)
        dimensions = {"dimension_names": names} if named and zarr_format == 3 else {}
        array = group.create_array("image", data=stored, **dimensions)
        array.attrs.update({"scale_factor": 0.5, "add_offset": 7.0})
        if named and zarr_format == 2:
            array.attrs["_ARRAY_DIMENSIONS"] = names
        group.create_array("energy", data=np.array([7100.0, 7110, 7120, 7130]))
    np.testing.assert_array_equal(io.read(tmp_path / "a.zarr").data, np.float32(0.5 * stored + 7))
    # A scale factor of an image without named dimensions is something else.
    np.testing.assert_array_equal(io.read(tmp_path / "b.zarr").data, stored)
