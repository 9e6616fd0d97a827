"""Single NumPy arrays with energies in a second file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import changed, stack_or_documented_error

from napari_xanes import io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
TEXT = "# keV\n" + "".join(f"{energy / 1e3}\n" for energy in ENERGY)


@pytest.mark.parametrize("kind", ["f4", "f8", ">u2", "i4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_array_with_energies_in_a_second_file(tmp_path, frames, kind, order):
    data = np.asarray(frames * 10, dtype=kind, order=order)
    np.save(tmp_path / "a.npy", data)
    (reader,) = (reader for reader in io.READERS if reader.name == "arrays")
    assert "no energies" in reader.why_not_readable(tmp_path / "a.npy")
    np.testing.assert_array_equal(io.read(tmp_path / "a.npy", energies=ENERGY).data, data)
    (tmp_path / "a.txt").write_text(TEXT)
    stack = io.read(tmp_path / "a.npy")
    np.testing.assert_array_equal(stack.data, data)
    assert stack.data.dtype == data.dtype.newbyteorder("=")
    np.testing.assert_array_equal(stack.energy, ENERGY)
    lazy = io.read(tmp_path / "a.npy", memory_limit=10)
    assert lazy.is_lazy
    np.testing.assert_array_equal(lazy.data.compute(), data)


def test_invalid_arrays_are_refused(tmp_path, frames):
    np.save(tmp_path / "objects.npy", np.array([[[print]]], dtype=object), allow_pickle=True)
    np.save(tmp_path / "flat.npy", frames[0])
    np.save(tmp_path / "text.npy", np.full((4, 2, 2), "a"))
    with pytest.raises(ValueError, match="objects"):
        io.read(tmp_path / "objects.npy", energies=[7100])
    with pytest.raises(ValueError, match=r"shape \(3, 5\)"):
        io.read(tmp_path / "flat.npy", energies=ENERGY)
    with pytest.raises(ValueError, match="not numbers"):
        io.read(tmp_path / "text.npy", energies=ENERGY)
    np.save(tmp_path / "a.npy", frames)
    with pytest.raises(ValueError, match="3 energies"):
        io.read(tmp_path / "a.npy", energies=ENERGY[:3])


def test_compressed_archive_of_counts(tmp_path):
    """Counts compressed to a quarter of their size are read, but a huge number of zeros is refused."""
    data = np.random.default_rng(0).poisson(3, (12, 1024, 2048)).astype("u2")
    np.savez_compressed(tmp_path / "a.npz", data=data, energy=7100.0 + np.arange(12))
    assert (tmp_path / "a.npz").stat().st_size < data.nbytes // 4
    np.testing.assert_array_equal(io.read(tmp_path / "a.npz").data, data)
    np.savez_compressed(tmp_path / "b.npz", data=np.zeros((70, 1024, 1024), "u1"), energy=7100.0 + np.arange(70))
    with pytest.raises(ValueError, match=r"b\.npz.* unpacks to 70 MB.* save it with numpy\.savez"):
        io.read(tmp_path / "b.npz")


@settings(max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 130), st.integers(0, 255)), min_size=1, max_size=4),
    st.none() | st.integers(0, 360),
)
def test_damaged(tmp_path, frames, changes, length):
    path = tmp_path / "a.npy"
    np.save(path, frames)
    (tmp_path / "a.txt").write_text(TEXT)
    path.write_bytes(changed(path.read_bytes(), changes, length))
    stack_or_documented_error(path)
