"""Damaged files of STXM_Control give a stack with the images as they are, or a documented error."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io import samples
from tests.io.fuzzing import assert_documented

from napari_xanes import io

SIGNS = st.one_of(st.sampled_from(b'0123456789-.,;={}()"\t\n enN\0'), st.integers(0, 255))
NUMBERS = st.sampled_from([b"0", b"-1", b"3", b"1e9", b"999999999999", b"nan", b"inf", b"7,5", b"", b"(2, 1, 2)"])
FILES = ("a.hdr", "a_a000.xim", "a_a003.xim", "i0.xsp")


@settings(max_examples=400, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_damaged_scans_give_a_stack_or_a_documented_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "sdf_fuzz"
    if not folder.exists():
        folder.mkdir()
        samples.STACKS["sdf"](folder)
    path = folder / data.draw(st.sampled_from(FILES))
    whole = path.read_bytes()
    content = bytearray(whole)
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), SIGNS), max_size=5)):
        content[at] = value
    if data.draw(st.booleans()):
        words = bytes(content).split(b" ")
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(NUMBERS)
        content = bytearray(b" ".join(words))
    del content[data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content)))) :]
    path.write_bytes(content)
    opened = folder / "a.hdr"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            stack = io.read(opened)
        assert stack.energy.size == stack.shape[0] <= 4
        assert stack.data.nbytes <= 8 * samples.FRAMES.size
        assert stack.metadata.get("i0", stack.energy).shape == stack.energy.shape
        if path.name != "a.hdr":
            is_whole = np.isclose(stack.data, samples.FRAMES[0], rtol=1e-5).all(axis=(1, 2))
            assert is_whole.sum() >= 3
    except (OSError, ValueError) as error:
        assert_documented(error, folder.name, *FILES)
    finally:
        path.write_bytes(whole)
