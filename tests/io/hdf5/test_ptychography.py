"""Ptychographic images in CXI files."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import ENERGY, JOULE, read_with_warnings, reader_of, write

from napari_xanes import io
from napari_xanes.io.hdf5 import ptychography


def write_cxi(path, image, ev, **more):
    items = {
        "entry_1/image_1/data": image,
        "entry_1/instrument_1/source_1/energy": ev and ev * JOULE,
        "cxi_version": 140,
    }
    return write(path, **{name: value for name, value in (items | more).items() if value is not None})


def test_ptychography(tmp_path, frames):
    phase = np.exp(1j * np.linspace(0, 3, frames.size)).reshape(frames.shape)
    paths = [tmp_path / f"scan_{9 + i}.cxi" for i in range(4)]
    for path, image, ev in zip(paths, *(np.sqrt(frames[::-1]) * phase, ENERGY[::-1]), strict=True):
        write_cxi(path, image.astype(np.complex64), ev)
    assert reader_of(tmp_path) == reader_of(paths[0]) == "ptychography"
    for where in (tmp_path, paths):
        stack = io.read(where)
        np.testing.assert_allclose(stack.data, frames, rtol=1e-6)
        np.testing.assert_allclose(stack.energy, ENERGY, rtol=1e-8)
        assert (stack.quantity, stack.data.dtype, stack.metadata["energy_unit"]) == ("transmission", np.float32, "J")
        assert "squared modulus" in stack.metadata["notes"][0]
    lazy = io.read(tmp_path, memory_limit=10)
    assert lazy.is_lazy
    np.testing.assert_array_equal(np.asarray(lazy.data), stack.data)
    paths[0].write_bytes(paths[0].read_bytes()[:300])
    write_cxi(paths[3], np.zeros((3, 5), np.complex64), ENERGY[0])
    stack, messages = read_with_warnings(tmp_path)
    assert stack.shape[0] == 2
    assert "1 of 4 files can't be used" in messages[0]
    assert "last 1 of 3 frames is empty" in messages[1]


def test_ptychography_refused(tmp_path, frames):
    path = write_cxi(tmp_path / "a.cxi", frames[0], 700.0)
    with pytest.raises(ValueError, match="no complex image"):
        io.read(path)
    with pytest.raises(ValueError, match=r"no photon energy at /entry_1.*pass energies="):
        io.read(write_cxi(path, frames[0] + 0j, None))
    assert io.read(path, energies=[700.0]).shape == (1, 3, 5)
    with pytest.raises(ValueError, match=r"must be one image \(Y, X\)"):
        io.read(write_cxi(path, frames + 0j, 700.0))
    write_cxi(path, frames[0] + 0j, 700.0)
    write_cxi(tmp_path / "b.cxi", frames[0, :2] + 0j, 701.0)
    with pytest.raises(ValueError, match=r"b\.cxi: its frame is \(2, 5\), that of a\.cxi \(3, 5\)"):
        io.read(tmp_path)


def test_none_of_several_files(tmp_path, frames):
    paths = [write_cxi(tmp_path / f"a_{i}.cxi", frames[i], 1.1e-16) for i in range(2)]
    for path in paths:
        path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ValueError, match=r"none of 2 files can be used: a_0\.cxi .* damaged .*, a_1\.cxi .* damaged"):
        ptychography.read(tmp_path)


@pytest.mark.skipif(not hasattr(h5py.h5t, "COMPLEX_IEEE_F32LE"), reason="this HDF5 has no complex numbers of its own")
@pytest.mark.parametrize(("kind", "dtype"), [("COMPLEX_IEEE_F32LE", "<c8"), ("COMPLEX_IEEE_F64LE", "<c16")])
def test_complex_numbers_of_hdf5_2(kind, dtype, tmp_path, frames):
    for number, frame in enumerate(frames):
        with h5py.File(tmp_path / f"{number}.cxi", "w") as file:
            links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
            links.set_create_intermediate_group(True)
            space = h5py.h5s.create_simple(frame.shape)
            place = b"entry_1/image_1/data"
            image = h5py.Dataset(h5py.h5d.create(file.id, place, getattr(h5py.h5t, kind), space, lcpl=links))
            image[...] = (np.sqrt(frame) * np.exp(2j)).astype(dtype)
            file["entry_1/instrument_1/source_1/energy"] = (700 + number) * 1.602176634e-19
    stack = io.read(tmp_path)
    np.testing.assert_allclose(stack.data, frames, rtol=1e-6)
    assert (stack.quantity, stack.energy.tolist()) == ("transmission", [700, 701, 702, 703])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ([5e-8, 3e-8], (0.01, 0.01)),
        ([3e-8, 5e-8, 0], (0.01, 0.01)),
        ([5e-8, 6e-8], None),
        ([0, 0], None),
        ([np.nan, 1], None),
    ],
)
def test_the_size_of_the_image_gives_pixels_where_they_are_square(tmp_path, size, expected):
    path = write_cxi(tmp_path / "a.cxi", np.ones((3, 5), np.complex64), 710, **{"entry_1/image_1/image_size": size})
    assert io.read(path).pixel_size == expected
