"""HDF5 files of other programs: nothing outside them is read, and metadata of single pixels are skipped."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import KEV

from napari_xanes import io
from napari_xanes.io import allocation_limits
from napari_xanes.io.hdf5 import file as hdf5


@pytest.mark.parametrize(
    "reader", ["exchange", "exchange_mantis", "pyxas", "mistral", "ptychography", "fxi_tomography"]
)
def test_nothing_outside_the_file_is_read(tmp_path, frames, reader):
    names = {"exchange": "exchange/data", "exchange_mantis": "exchange/data", "pyxas": "img"}
    names |= {"mistral": "SpecNormalized/spectroscopy_normalized", "fxi_tomography": "img_tomo"}
    name = names.get(reader, "entry_1/image_1/data")
    values = frames[0] + 0j if reader == "ptychography" else frames
    keys = (
        {"exchange/energy": KEV, "XEng": KEV, "SpecNormalized/energy": KEV, "X_eng": 7.1}
        if reader != "pyxas"
        else {"XEng": KEV}
    )
    (tmp_path / "raw").write_bytes(values.tobytes())
    path = tmp_path / "a.h5"
    for how in ("external", "virtual", "link"):
        with h5py.File(path, "w") as file, h5py.File(tmp_path / "other.h5", "w") as other:
            other["data"] = values
            for key, value in keys.items():
                file[key] = value
            if reader == "exchange_mantis":
                file["implements"], file["spectromicroscopy/x"] = "exchange", 0
            if how == "external":
                file.create_dataset(name, values.shape, values.dtype, external=[("raw", 0, values.nbytes)])
            elif how == "link":
                file[name] = h5py.ExternalLink("other.h5", "/data")
            else:
                layout = h5py.VirtualLayout(values.shape, values.dtype)
                layout[...] = h5py.VirtualSource("other.h5", "data", values.shape)
                file.create_virtual_dataset(name, layout)
        with pytest.raises(ValueError, match=r"lie in other files|lies in another file"):
            io.read(path)


def test_times_and_positions_of_every_pixel_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(allocation_limits, "LONGEST_LIST", 50)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"], entry["definition"] = "NXentry", "NXstxm"
        group = entry.create_group("counter0")
        group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": ["energy", "sample_y", "sample_x"]})
        group["data"], group["energy"] = np.ones((3, 4, 5)), [7100.0, 7110, 7120]
        group["count_time"] = np.full((3, 4, 5), 0.1)
        group["sample_x"] = group["sample_y"] = np.zeros(60)
        group["stxm_scan_type"] = "sample image stack"
    stack = io.read(tmp_path / "a.hdf5")
    assert (stack.shape, stack.pixel_size, "exposure" in stack.metadata) == ((3, 4, 5), None, False)


def test_an_axis_of_length_one_is_not_a_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(allocation_limits, "ONE_PIECE", 4096)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = np.zeros((1, 40, 32, 32), np.float32)
        data[..., 0] = np.arange(40)[:, None]
        file.create_dataset("data", data=data, chunks=(1, 1, 32, 32), compression="gzip")
        assert hdf5.array(file, "data") is not None
        file.create_dataset("whole", data=data, chunks=(1, 40, 32, 32), compression="gzip")
        with pytest.raises(ValueError, match="in one piece"):
            hdf5.array(file, "whole")
