from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_xanes.history import Source, Step, mask_from_plain, mask_to_plain, to_plain

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53) | st.booleans() | st.text()


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_masks_are_stored_as_run_lengths(mask: np.ndarray) -> None:
    assert np.array_equal(mask_from_plain(mask_to_plain(mask)), mask)


def test_runs_that_do_not_fill_the_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="cover 3 pixels"):
        mask_from_plain({"shape": [2, 2], "runs": [1, 2]})


@given(
    st.dictionaries(st.text(min_size=1), numbers | st.lists(numbers)), st.none() | st.dictionaries(st.text(), numbers)
)
def test_steps_to_plain_values_and_back_are_unchanged(parameters: dict, state: dict | None) -> None:
    step = Step("crop", parameters, state, "1.2.3")
    assert Step.from_plain(step.to_plain(exact=True)) == step


def test_a_step_is_frozen() -> None:
    step = Step("crop", {"energy": [1, 2]})
    with pytest.raises(TypeError):
        step.parameters["energy"] = [3, 4]  # type: ignore[index]


@pytest.mark.parametrize("plain", [3, [], {}, {"crop": {}, "denoise": {}}, {"crop": [1]}, {"two words": {}}])
def test_invalid_steps_are_refused(plain: object) -> None:
    with pytest.raises(ValueError, match="step|parameters"):
        Step.from_plain(plain)


def test_values_that_text_cannot_hold_are_refused() -> None:
    with pytest.raises(TypeError, match="a recipe can't store"):
        to_plain({"a": object()})


def test_a_source_to_plain_values_and_back_is_unchanged() -> None:
    source = Source("/a/b.h5", "sha256:00")
    assert Source.from_plain(source.to_plain()) == source
    original = Source("/a", None, {"select": 1, "files": ["b.xrm"]}, ("frames sorted by energy",))
    assert Source.from_plain(original.to_plain()) == original
    assert original.to_read() == (["/a/b.xrm"], {"select": 1})
    assert Source.from_plain(None) is None
