"""Damaged EDF files give a stack or a documented error."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.edf.edf_files import edf, id21, picture
from tests.io.fuzzing import assert_documented

from napari_xanes.io.edf import series as edf_series

PLACES = st.one_of(st.integers(0, 250), st.integers(0, 2 * 552 - 1))
SIGNS = st.one_of(st.sampled_from(b"0123456789-;={}\n \0.eD_"), st.integers(0, 255))


@settings(max_examples=600, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_damaged_files_give_a_stack_or_a_documented_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "edf_fuzz"
    folder.mkdir(exist_ok=True)
    images = [picture(1), picture(2)]
    whole = b"".join(edf(image, {"energy": 7.1 + i}) for i, image in enumerate(images))
    content = bytearray(whole)
    for at, value in data.draw(st.lists(st.tuples(PLACES, SIGNS), max_size=6)):
        content[at] = value
    del content[data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole)))) :]
    path = folder / "fuzz.edf"
    path.write_bytes(content)
    untouched = content[:512] == whole[:512] and len(content) >= 552
    try:
        if edf_series.why_not_readable(path) is None:
            stack = edf_series.read(path)
            assert stack.data.shape[0] == stack.energy.size
            assert stack.data.nbytes <= 8 * len(whole)
            if untouched and 7100 in stack.energy:
                first = stack.data[stack.energy.tolist().index(7100)]
                np.testing.assert_array_equal(first, np.frombuffer(content[512:552], "<u2").reshape(4, 5))
    except (OSError, ValueError) as error:
        assert_documented(error, path.name)


@settings(max_examples=250, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_a_damaged_file_in_a_series_does_not_change_other_frames(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "edf_series_fuzz"
    if not folder.exists():
        folder.mkdir()
        id21(folder, energies=(7.1, 7.11))
    path = folder / data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir())))
    whole = path.read_bytes()
    content = bytearray(whole)
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), SIGNS), max_size=6)):
        content[at] = value
    del content[data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole)))) :]
    path.write_bytes(content)
    try:
        if edf_series.why_not_readable(folder) is None:
            stack = edf_series.read(folder)
            assert stack.data.shape == (stack.energy.size, 4, 5)
            for i, energy in enumerate((7100, 7110)):
                if energy in stack.energy and f"data_0000_000{i}" not in path.name and stack.data.shape[0] == 2:
                    np.testing.assert_array_equal(
                        stack.data[stack.energy.tolist().index(energy)], picture(1000 * (i + 1))
                    )
            assert stack.metadata.get("flat", stack.data).shape == stack.data.shape
            assert stack.metadata.get("dark", stack.data).shape[-2:] == (4, 5)
    except (OSError, ValueError) as error:
        assert_documented(error, folder.name, path.name)
    finally:
        path.write_bytes(whole)
