"""Stacks of aXis2000, with text and images written after the description of the layout."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import assert_documented, drawn

from napari_xanes import io
from napari_xanes.io.stxm import axis

ENERGY = (280.0, 285.5, 290.25, 320.0)


def sidecar(scale=-1.0, x=(-3.0, -1.0), y=(1.0, 1.5), size=(5, 3), energy=ENERGY):
    lines = [f"{size[0]} {size[1]} {scale}", f"{x[0]} {x[1]}", f"{y[0]} {y[1]}", f"{len(energy)}"]
    lines += [f"{e:.3f}" for e in energy]
    return "\n".join([*lines, *(f"a{i:03d}.img  {e:.2f}  {2.5:.2f}" for i, e in enumerate(energy))]) + "\n"


def write(folder, frames, *, scale=-1.0, suffix=".ncb", **said):
    kind = "f" if scale < 0 else "h"
    factor = 1 if scale < 0 else scale
    values = [float(v) if scale < 0 else round(float(v) * factor) for v in frames.ravel()]
    (folder / f"a{suffix}").write_bytes(struct.pack(f"<{len(values)}{kind}", *values))
    (folder / "a.dat").write_text(sidecar(scale, **said))
    return folder / f"a{suffix}"


def test_floats(tmp_path, frames):
    stack = io.read(write(tmp_path, frames))
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size, stack.data.dtype) == ("counts", (0.25, 0.5), np.float32)
    np.testing.assert_allclose(stack.metadata["exposure"], 0.0025)


def test_opening_the_text_file_gives_the_same_stack(tmp_path, frames):
    write(tmp_path, frames, suffix=".NCB")
    np.testing.assert_array_equal(io.read(tmp_path / "a.dat").data, frames)


def test_images_and_their_text_together_are_one_stack(tmp_path, frames):
    images = write(tmp_path, frames)
    for both in ([images, tmp_path / "a.dat"], [tmp_path / "a.dat", images]):
        np.testing.assert_array_equal(io.read(both).data, frames)


def test_whole_numbers_are_divided(tmp_path, frames):
    stack = io.read(write(tmp_path, frames, scale=64.0))
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.data.dtype == np.float32


def test_reversed_axes_are_turned(tmp_path, frames):
    stack = io.read(write(tmp_path, frames, x=(-1.0, -3.0), y=(1.5, 1.0)))
    np.testing.assert_array_equal(stack.data, frames[:, ::-1, ::-1])
    assert stack.pixel_size == (0.25, 0.5)
    assert "x runs from -1 to -3 in the file" in stack.metadata["notes"][1]


@pytest.mark.parametrize("scale", [-1.0, 64.0])
def test_large_stacks_stay_in_their_file(tmp_path, frames, scale):
    stack = io.read(write(tmp_path, frames, scale=scale, y=(1.5, 1.0)), memory_limit=16)
    assert not isinstance(stack.data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(stack.data), frames[:, ::-1])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": (5, 4)}, r"its text needs 320 bytes of images, a\.ncb has 240"),
        ({"size": (1 << 40, 1 << 40)}, "its text needs"),
        ({"size": (-5, -3)}, "announces -5 x -3 pixels"),
        ({"scale": 64.0}, "its text needs 120 bytes"),
        ({"energy": (1.0,)}, "its text needs 60 bytes"),
        ({"x": ("left", "right")}, "no text of aXis2000"),
        ({"y": (0.0, float("nan"))}, "announces"),
    ],
)
def test_text_and_images_must_agree(tmp_path, frames, change, reason):
    path = write(tmp_path, frames)
    (tmp_path / "a.dat").write_text(sidecar(**change))
    with pytest.raises(ValueError, match=rf"a\.ncb.*aXis2000: .*{reason}"):
        io.read(path)


def test_error_names_what_is_missing(tmp_path, frames):
    path = write(tmp_path, frames)
    (tmp_path / "a.dat").write_text("\n".join(sidecar().splitlines()[:6]))
    assert "2 energies instead of 4" in axis.why_not_readable(path)
    (tmp_path / "a.dat").unlink()
    assert axis.why_not_readable(path) == "no a.dat beside it"
    other = write(tmp_path, frames, energy=(1.0, 2.0, 0.0, -5.0))
    with pytest.raises(ValueError, match="energies in the text can't be any"):
        io.read(other)
    np.testing.assert_array_equal(io.read(other, energies=ENERGY).energy, ENERGY)


@settings(max_examples=300, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_damaged_files_give_a_stack_or_a_documented_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "axis_fuzz"
    folder.mkdir(exist_ok=True)
    path = write(folder, np.ones((4, 3, 5), np.float32))
    name = data.draw(st.sampled_from(["a.dat", "a.dat", "a.dat", "a.ncb"]))
    whole = (folder / name).read_bytes()
    place = st.one_of(st.integers(0, 30), st.integers(0, len(whole) - 1))
    value = st.one_of(st.sampled_from(list(b"0123456789 -.\neE")), st.integers(0, 255))
    content = drawn(data, whole, place, value)
    (folder / name).write_bytes(content)
    try:
        if axis.why_not_readable(path) is None:
            stack = axis.read(path)
            assert stack.data.shape[0] == stack.energy.size
            assert stack.data.size * axis._pair(path)[1].dtype.itemsize == path.stat().st_size
    except (OSError, ValueError) as error:
        assert_documented(error, "a.ncb", "a.dat")
