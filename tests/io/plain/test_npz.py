"""Stacks in NumPy archives."""

from __future__ import annotations

import numpy as np
import pytest
from tests.io.stack_energies import ENERGY, KEV

from napari_xanes import io


def test_npz(tmp_path, frames):
    np.savez(tmp_path / "a.npz", data=frames, energy=KEV, quantity="transmission", pixel_size=0.1)
    stack = io.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("transmission", (0.1, 0.1))


def test_npz_never_loads_objects(tmp_path, frames):
    np.savez(tmp_path / "a.npz", data=np.array([{"a": 1}], dtype=object), energy=KEV)
    with pytest.raises(ValueError, match=r"a\.npz.*allow_pickle=False"):
        io.read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", other=frames)
    with pytest.raises(ValueError, match="no array 'data'"):
        io.read(tmp_path / "b.npz")


def test_truncated_npz(tmp_path, frames):
    np.savez(tmp_path / "a.npz", data=frames, energy=KEV)
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match=r"a\.npz"):
        io.read(tmp_path / "a.npz")
