from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_xanes import Recipe
from napari_xanes.arguments import load_region
from napari_xanes.history import Source, Step, to_plain
from napari_xanes.run_lengths import mask_from_plain, mask_to_plain

# Few letters: Hypothesis would load its table of all of them, and take that long for a test that is too slow.
texts = st.text("aÄµ𝜇0 _.:'\"\\\n\0{}[]#", max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53) | st.booleans() | texts


def mask_of(n_rows: int, n_columns: int, content: bytes) -> np.ndarray:
    bits = np.unpackbits(np.frombuffer(content, np.uint8))[: n_rows * n_columns]
    return bits.astype(bool).reshape(n_rows, n_columns)


@given(st.builds(mask_of, st.integers(1, 12), st.integers(1, 12), st.binary(min_size=18, max_size=18)))
def test_masks_are_stored_as_run_lengths(mask: np.ndarray) -> None:
    assert np.array_equal(mask_from_plain(mask_to_plain(mask)), mask)


def test_runs_that_do_not_fill_the_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="cover 3 pixels"):
        mask_from_plain({"shape": [2, 2], "runs": [1, 2]})


@pytest.mark.parametrize(
    "plain",
    [
        {"shape": [10**6, 10**6], "runs": [10**12]},
        {"shape": [2, 2], "runs": [2**63 - 1, 2**63 - 1, 6]},
        {"shape": [-2, -2], "runs": [4]},
        {"shape": [2, 2], "runs": [5, -1]},
        {"shape": [2, 2], "runs": [1.5, 2.5]},
        {"shape": [2.0, 2], "runs": [4]},
        {"shape": [2, 2], "runs": ["4"]},
        {"shape": [2, 2], "runs": 4},
        {"shape": [4], "runs": [4]},
        {"shape": [0, 4], "runs": []},
        {"shape": "22", "runs": [4]},
    ],
)
def test_a_mask_is_made_only_of_runs_that_fill_a_possible_image(plain: dict) -> None:
    with pytest.raises(ValueError, match="mask"):
        mask_from_plain(plain)


@given(
    st.dictionaries(texts.filter(bool), numbers | st.lists(numbers, max_size=5), max_size=5),
    st.none() | st.dictionaries(texts, numbers, max_size=5),
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


@pytest.mark.parametrize(
    "value",
    [
        1 + 2j,
        np.complex64(1 + 2j),
        np.ones(2, complex),
        np.array([1, 2j], object),
        np.datetime64("2024-01-01"),
        np.bytes_(b"a"),
        b"a",
        np.zeros(1, [("a", "f4")]),
    ],
)
def test_values_of_other_types_are_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match="a recipe can't store"):
        Recipe([Step("crop", {"energy": value})]).to_yaml()


def test_numbers_of_numpy_become_numbers_of_yaml() -> None:
    values = [np.longdouble(1.5), np.ones((1, 2), np.longdouble), np.float16(0.5), np.array([2, 0.5], object)]
    step = Step("crop", {"energy": values})
    assert Recipe.from_yaml(Recipe([step]).to_yaml())[0].parameters["energy"] == [1.5, [[1.0, 1.0]], 0.5, [2, 0.5]]
    assert to_plain(np.longdouble(1) / 3) == 1 / 3
    assert to_plain(np.array(["a", "b"])) == ["a", "b"]


def test_values_that_nest_without_end_are_refused() -> None:
    endless: list = []
    endless.append(endless)
    with pytest.raises(ValueError, match="more than 60 levels"):
        to_plain(endless)


def test_texts_and_numbers_of_numpy_become_plain() -> None:
    plain = to_plain([np.str_("a"), np.float64(1.5), np.int16(3), np.bool_(True)])
    assert plain == ["a", 1.5, 3, True]
    assert [type(item) for item in plain] == [str, float, int, bool]  # type: ignore[union-attr]


@pytest.mark.parametrize("plain", [{"crop": {}, "state": [1]}, {"crop": {}, "state": "x"}])
def test_the_state_of_a_step_is_a_mapping(plain: dict) -> None:
    with pytest.raises(ValueError, match="state"):
        Step.from_plain(plain)


def test_a_source_to_plain_values_and_back_is_unchanged() -> None:
    source = Source("/a/b.h5", "sha256:00")
    assert Source.from_plain(source.to_plain()) == source
    original = Source("/a", None, {"select": 1, "files": ["b.xrm"]}, ("frames sorted by energy",))
    assert Source.from_plain(original.to_plain()) == original
    assert original.to_read() == (["/a/b.xrm"], {"select": 1})
    assert Source.from_plain(None) is None


def test_masks_of_volumes_are_run_lengths_too() -> None:
    mask = np.zeros((3, 40, 50), dtype=bool)
    mask[1, 5:20, 10:30] = True
    plain = to_plain(mask)
    assert plain == mask_to_plain(mask)
    assert np.array_equal(load_region(plain), mask)
    assert np.array_equal(load_region(mask.tolist()), mask)  # as older recipes hold it


def test_a_null_character_is_in_no_path() -> None:
    with pytest.raises(ValueError, match="a path can't hold a null character"):
        Step.from_plain({"crop": {}, "files": {"a\0b": "sha256:0"}})
