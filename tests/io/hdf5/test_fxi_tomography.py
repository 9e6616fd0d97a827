"""Tomographies of FXI at several energies: one projection becomes a stack."""

from __future__ import annotations

import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import ENERGY, KEV, read_with_warnings, reader_of, write

from napari_xanes import io, ops


def write_fly(path, projections, kev, *, zfly=False, angles=None, flat=200, **more):
    angles = np.linspace(-80, 80, len(projections)) if angles is None else angles
    flats = np.stack([np.full(projections.shape[1:], flat + d, np.uint16) for d in (-10, 10)])
    darks = np.full((3, *projections.shape[1:]), 7, np.uint16)
    if zfly:
        items = {"Exchange/data": projections, "Exchange/flat": flats, "Exchange/dark": darks, "Exchange/angle": angles}
        items |= {"Experiment/X_eng (keV)": kev, "Experiment/Pixel Size": "20.6nm", "Experiment/note": "NMC"}
    else:
        items = {"img_tomo": projections, "img_bkg": flats, "img_dark": darks, "angle": angles, "X_eng": kev}
        items |= {"img_bkg_avg": flats.mean(0, keepdims=True), "scan_id": 3, "Pixel Size": "20.6nm"}
    return write(path, **{name: value for name, value in (items | more).items() if value is not None})


def write_series(folder, volumes, kev, **keywords):
    paths = [folder / f"fly_scan_id_{9 + i}.h5" for i in range(len(kev))]
    for path, volume, key in zip(paths, volumes, kev, strict=True):
        write_fly(path, volume, key, **keywords)
    return paths


@pytest.fixture
def volumes():
    """Projections (E, angle, Y, X), each value different."""
    return np.arange(10, 10 + 4 * 6 * 3 * 5, dtype=np.uint16).reshape(4, 6, 3, 5)


@pytest.mark.parametrize("zfly", [False, True])
def test_fxi_tomography_is_a_stack_of_one_projection(tmp_path, volumes, zfly):
    paths = write_series(tmp_path, volumes, KEV[::-1], zfly=zfly)
    assert reader_of(tmp_path) == reader_of(paths[0]) == "fxi_tomography"
    for where in (tmp_path, paths, [str(p) for p in reversed(paths)]):
        stack = io.read(where)
        np.testing.assert_array_equal(stack.data, volumes[::-1, 0])
        np.testing.assert_array_equal(stack.energy, ENERGY)
        assert (stack.quantity, stack.pixel_size, stack.data.dtype) == ("counts", (0.0206, 0.0206), np.uint16)
        np.testing.assert_array_equal(stack.metadata["flat"], np.full(stack.shape, 200))
        np.testing.assert_array_equal(stack.metadata["dark"], np.full(stack.shape, 7))
        assert (stack.metadata["n_flat"], stack.metadata["angle"]) == (2, -80)
        assert stack.metadata["detector"] == "projection 0"
        assert any("one of 6 stacks" in note for note in stack.metadata["notes"])
    depth = ops.optical_depth(stack)
    counts = volumes[::-1, 0].astype(float) - 7
    np.testing.assert_allclose(depth.data, -np.log(counts / 193), rtol=1e-5)


@pytest.mark.parametrize("select", [4, "4", "projection 4"])
def test_fxi_tomography_at_another_angle(tmp_path, volumes, select):
    write_series(tmp_path, volumes, KEV)
    stack = io.read(tmp_path, select=select, memory_limit=10)
    assert stack.is_lazy
    np.testing.assert_array_equal(np.asarray(stack.data), volumes[:, 4])
    np.testing.assert_array_equal(np.asarray(stack.metadata["flat"]), np.full(stack.shape, 200))
    assert stack.metadata["angle"] == 48
    with pytest.raises(ValueError, match="select='6' is none of the stacks"):
        io.read(tmp_path, select="6")


def test_fxi_tomography_of_one_file(tmp_path, volumes):
    stack = io.read(write_fly(tmp_path / "a.h5", volumes[0], 7.1))
    np.testing.assert_array_equal(stack.data, volumes[:1, 0])


def test_fxi_tomography_interrupted(tmp_path, volumes):
    paths = write_series(tmp_path, volumes, KEV)
    paths[3].write_bytes(paths[3].read_bytes()[:-200])
    write_fly(paths[2], volumes[2] * 0, KEV[2])
    (tmp_path / "notes.h5").write_bytes(b"not HDF5")
    write(tmp_path / "other.h5", something=1)
    stack, notes = read_with_warnings(tmp_path)
    assert notes[0].startswith("1 of 5 files can't be used and is left out: fly_scan_id_12.h5 (can't be opened as HDF5")
    assert "last 1 of 3 frames is empty" in notes[1]
    np.testing.assert_array_equal(stack.data, volumes[:2, 0])
    assert len(stack.metadata["flat"]) == 2
    write_fly(paths[2], volumes[2][:2], KEV[2])
    stack, notes = read_with_warnings(tmp_path, select=4)
    assert notes[1] == "1 of 3 files has no projection 4 and is left out: fly_scan_id_11.h5"
    np.testing.assert_array_equal(stack.data, volumes[:2, 4])


def test_fxi_tomography_reports_files_that_do_not_belong_together(tmp_path, volumes):
    paths = write_series(tmp_path, volumes, KEV)
    write_fly(paths[1], volumes[1], KEV[1], angles=np.linspace(-40, 80, 6))
    with pytest.warns(UserWarning, match="taken at -80 to -40 degrees"):
        io.read(tmp_path)
    write_fly(paths[1], volumes[1], KEV[0], img_bkg=None, img_bkg_avg=None)
    stack, notes = read_with_warnings(tmp_path)
    assert "1 of 4 frames has no flat" in notes[0]
    assert "1 file repeats the energy" in notes[1]
    assert "flat" not in stack.metadata
    write_fly(paths[1], volumes[1][:, :, :4], KEV[1])
    with pytest.raises(ValueError, match=r"fly_scan_id_10\.h5: its frame is \(3, 4\)"):
        io.read(tmp_path)


def test_files_that_are_not_a_series_open_one_by_one(tmp_path, frames, volumes):
    paths = [write(tmp_path / f"{i}.h5", img=frames, XEng=KEV) for i in range(2)]
    with pytest.raises(ValueError, match="2 of 2 files are stacks"):
        io.read(paths)
    with pytest.raises(ValueError, match="2 of 2 files are stacks"):
        io.read([paths[0], write_fly(tmp_path / "c.h5", volumes[0], 7.1)])
