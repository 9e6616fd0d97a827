"""Stony Brook stacks, written number by number after the description of the layout."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import assert_documented, drawn

from napari_xanes import io
from napari_xanes.io.rising_positions import turn_to_rise
from napari_xanes.io.stxm import stony_brook

ENERGY = [280.0, 285.5, 290.25, 320.0]


def stk(frames, energy=ENERGY, dwell=None, *, x0=-3.0, dx=0.5, y0=1.0, dy=0.25, head=None):
    """Return the bytes of a file. `frames` has shape (E, Y, X) and is stored with x fastest, then y, then energy."""
    images, rows, columns = frames.shape
    content = struct.pack(">3i", *(head or (columns, rows, images)))
    for values in (
        [x0 + dx * i for i in range(columns)],
        [y0 + dy * i for i in range(rows)],
        energy,
        dwell or [2.0] * images,
    ):
        content += struct.pack(f">{len(values)}f", *values)
    for e in range(images):
        for y in range(rows):
            for x in range(columns):
                content += struct.pack(">f", frames[e, y, x])
    return content


def test_stack(tmp_path, frames):
    path = tmp_path / "a.stk"
    path.write_bytes(stk(frames))
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.data.dtype, stack.data.dtype.isnative, stack.quantity) == (np.float32, True, "counts")
    assert stack.pixel_size == (0.25, 0.5)
    assert stack.metadata["exposure"] == 0.002
    assert "eV" in stack.metadata["energy_unit"]


def test_unsorted_energies_dwell_times_and_uneven_positions(tmp_path, frames):
    path = tmp_path / "another.name"
    path.write_bytes(stk(frames, ENERGY[::-1], [1.0, 2.0, 3.0, 4.0], dx=0.0))
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames[::-1])
    np.testing.assert_allclose(stack.metadata["exposure"], [0.004, 0.003, 0.002, 0.001])
    assert stack.pixel_size is None


def test_positions_that_are_not_numbers_are_unknown(tmp_path, frames):
    content = bytearray(stk(frames))
    content[32:36] = b"\x7f\x80\x00\x01"  # a signaling NaN
    path = tmp_path / "a.stk"
    path.write_bytes(content)
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.pixel_size is None


def test_large_stacks_stay_in_their_file(tmp_path, frames):
    path = tmp_path / "a.stk"
    path.write_bytes(stk(frames))
    stack = io.read(path, memory_limit=16)
    assert not isinstance(stack.data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(stack.data), frames)


@pytest.mark.parametrize(
    ("head", "reason"),
    [((5, 3, 5), "needs .* bytes, the file has"), ((1 << 30, 1 << 30, 1 << 30), "needs"), ((0, 3, 4), "no numbers")],
)
def test_header_and_size_must_agree(tmp_path, frames, head, reason):
    path = tmp_path / "a.stk"
    path.write_bytes(stk(frames, head=head))
    with pytest.raises(ValueError, match=rf"a\.stk.*Stony Brook: .*{reason}"):
        io.read(path)


@pytest.mark.parametrize(("dx", "dy"), [(-0.5, 0.25), (0.5, -0.25), (-0.5, -0.25)])
def test_images_of_falling_positions_are_turned(tmp_path, frames, dx, dy):
    path = tmp_path / "a.stk"
    path.write_bytes(stk(frames[:, :: 1 if dy > 0 else -1, :: 1 if dx > 0 else -1], dx=dx, dy=dy))
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    assert len(stack.metadata["notes"]) == (dx < 0) + (dy < 0)


def test_cut_short(tmp_path, frames):
    path = tmp_path / "a.stk"
    path.write_bytes(stk(frames)[:-1])
    with pytest.raises(ValueError, match="its header needs 316 bytes, the file has 315"):
        io.read(path)


def test_impossible_energies_are_refused(tmp_path, frames):
    path = tmp_path / "a.stk"
    path.write_bytes(stk(frames, [np.nan, 1, 2, 3]))
    with pytest.raises(ValueError, match="energies in it can't be any"):
        io.read(path)
    np.testing.assert_array_equal(io.read(path, energies=ENERGY).energy, ENERGY)


@settings(max_examples=300, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_damaged_files_give_a_stack_or_a_documented_error(tmp_path_factory, data):
    whole = stk(np.ones((4, 3, 5), np.float32))
    place = st.one_of(st.integers(0, 11), st.integers(12, 76), st.integers(0, len(whole) - 1))
    content = drawn(data, whole, place, st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "fuzz.stk"
    path.write_bytes(content)
    try:
        if stony_brook.why_not_readable(path) is None:
            stack = stony_brook.read(path)
            assert stack.data.shape == (stack.energy.size, 3, 5)
            turn, _ = turn_to_rise(np.frombuffer(content[32:44], ">f4"), np.frombuffer(content[12:32], ">f4"))
            np.testing.assert_array_equal(stack.data, turn(np.frombuffer(content[76:], ">f4").reshape(4, 3, 5)))
    except (OSError, ValueError) as error:
        assert_documented(error, path.name)
