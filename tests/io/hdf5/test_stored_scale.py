from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.stack_energies import ENERGY

from napari_xanes import io

STORED = np.arange(60, dtype=np.int16).reshape(4, 3, 5) + 1


def written(path, fields=(), **attributes):
    with h5py.File(path, "w") as file:
        file["entry1/definition"] = "NXstxm"
        group = file["entry1"].create_group("counter0")
        group.attrs["NX_class"], group["data"], group["energy"] = "NXdata", STORED, ENERGY
        for name, value in dict(fields).items():
            group[name] = value
        group["data"].attrs.update(attributes)
    return path


@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
@pytest.mark.parametrize(
    ("fields", "attributes"),
    [
        ({"data_scaling_factor": 0.5, "data_offset": [7.0]}, {}),
        ({"scaling_factor": 0.5, "offset": 7.0}, {}),
        ({}, {"scale_factor": 0.5, "add_offset": np.array([7.0])}),
    ],
    ids=["nexus", "nexus before 2024", "netcdf"],
)
def test_whole_numbers_become_the_values_that_they_stand_for(fields, attributes, memory_limit, tmp_path):
    stack = io.read(written(tmp_path / "a.nxs", fields, **attributes), memory_limit=memory_limit)
    np.testing.assert_array_equal(np.asarray(stack.data), np.float32(0.5 * STORED + 7))
    assert stack.data.dtype == np.float32
    assert "stored numbers times 0.5 plus 7, as the file says" in stack.metadata["notes"]


def test_an_offset_alone(tmp_path):
    np.testing.assert_array_equal(io.read(written(tmp_path / "a.nxs", {"data_offset": -1.0})).data, STORED - 1.0)
    np.testing.assert_array_equal(io.read(written(tmp_path / "c.nxs", {}, add_offset=-1.0)).data, STORED - 1.0)
    # Microscopes call an angle of the undulator so.
    np.testing.assert_array_equal(io.read(written(tmp_path / "b.nxs", {"offset": [1.0, 2, 3, 4]})).data, STORED)


@pytest.mark.parametrize("factor", [0.0, np.nan, "half", [1.0, 2.0]])
def test_what_is_no_factor_is_refused(factor, tmp_path):
    with pytest.raises(ValueError, match="its scaling factor and offset are .* not numbers"):
        io.read(written(tmp_path / "a.nxs", {}, scale_factor=factor))
