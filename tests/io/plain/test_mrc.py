"""MRC stacks that are written byte by byte."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import changed, stack_or_documented_error

from napari_xanes import io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
MODES = {"i1": 0, "i2": 1, "f4": 2, "u2": 6, "f2": 12}


def write_mrc(path, data, *, order="<", angstrom=400.0, extended=0, mode=None, axes=(1, 2, 3), stamp=True, flags=None):
    header = bytearray(1024)
    nz, ny, nx = data.shape
    kind = data.dtype.str[1:]
    struct.pack_into(f"{order}4i", header, 0, nx, ny, nz, MODES[kind] if mode is None else mode)
    struct.pack_into(f"{order}3i", header, 28, nx, ny, nz)
    struct.pack_into(f"{order}3f", header, 40, nx * angstrom, ny * angstrom * 2, nz)
    struct.pack_into(f"{order}3i", header, 64, *axes)
    struct.pack_into(f"{order}i", header, 92, extended)
    header[208:212] = b"MAP "
    if stamp:
        header[212:214] = b"\x44\x44" if order == "<" else b"\x11\x11"
    if flags is not None:
        struct.pack_into(f"{order}2i", header, 152, 1146047817, flags)
    path.write_bytes(bytes(header) + b"x" * extended + data.astype(data.dtype.newbyteorder(order)).tobytes())
    path.with_suffix(".txt").write_text("".join(f"{e}\n" for e in ENERGY))
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", MODES)
@pytest.mark.parametrize("stamp", [True, False])
def test_kinds_of_numbers(tmp_path, frames, order, kind, stamp):
    data = (frames * 10).astype(kind)
    stack = io.read(write_mrc(tmp_path / "a.mrc", data, order=order, extended=160, stamp=stamp))
    assert stack.data.dtype == data.dtype
    np.testing.assert_array_equal(stack.data, data)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.pixel_size == (0.08, 0.04)
    assert stack.quantity == ("counts" if kind[0] in "iu" else "optical_depth")


def test_bytes_of_imod_and_lazily(tmp_path, frames):
    data = (frames * 100).astype("u1")
    path = write_mrc(tmp_path / "a.mrc", data.view("i1"), flags=0)
    np.testing.assert_array_equal(io.read(path).data, data)
    lazy = io.read(path, memory_limit=10)
    assert lazy.is_lazy
    np.testing.assert_array_equal(lazy.data.compute(), data)


def test_other_mrc_files_are_declined_or_refused(tmp_path, frames):
    path = write_mrc(tmp_path / "a.mrc", frames, angstrom=1.0)
    (reader,) = (reader for reader in io.READERS if reader.name == "mrc")
    with pytest.raises(ValueError, match="3 energies"):
        io.read(path, energies=ENERGY[:3])
    path.with_suffix(".txt").unlink()
    assert "no energies found beside it" in reader.why_not_readable(path)
    np.testing.assert_array_equal(io.read(path, energies=ENERGY).data, frames)
    for wrong, told in (({"mode": 4}, "mode 4"), ({"axes": (3, 2, 1)}, "not x, y and z")):
        with pytest.raises(ValueError, match=told):
            io.read(write_mrc(path, frames, **wrong))
    whole = write_mrc(path, frames).read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(OSError, match="cut short"):
        io.read(path)
    path.write_bytes(struct.pack("<3i", 10**9, 10**9, 4) + whole[12:])
    with pytest.raises(OSError, match="cut short"):
        io.read(path)


@settings(max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), min_size=1, max_size=4),
    st.none() | st.integers(0, 1264),
)
def test_damaged(tmp_path, frames, changes, length):
    path = write_mrc(tmp_path / "a.mrc", frames)
    path.write_bytes(changed(path.read_bytes(), changes, length))
    stack_or_documented_error(path)
