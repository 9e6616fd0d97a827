from __future__ import annotations

import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from napari_xanes import recipe_text
from napari_xanes.recipe_text import plain_from_yaml

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_what_yaml_writes_is_read_back(value: object) -> None:
    text = yaml.safe_dump(value, sort_keys=False)
    assert repr(plain_from_yaml(text)) == repr(value)  # repr, because nan is not equal to itself
    assert repr(plain_from_yaml(text)) == repr(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text", ["a: [1, 1.5, 1.0e-06, .inf, on, ~, 0x1F, 1_000]", "'a b': \"c\\n\"", "", "- |\n  a\n  b\n"]
)
def test_values_are_those_of_yaml(text: str) -> None:
    assert plain_from_yaml(text) == yaml.safe_load(text)


def test_shared_values_are_read_and_dates_stay_text() -> None:
    assert plain_from_yaml("- &a {x: [1]}\n- *a\n") == [{"x": [1]}, {"x": [1]}]
    assert plain_from_yaml("name: 2026-01-02") == {"name": "2026-01-02"}


def test_file_names_that_are_not_utf_8_survive() -> None:
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    assert plain_from_yaml(yaml.safe_dump({"path": name})) == {"path": name}


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "more than 20000000 values"),
        ("[" * 100_000, "60 levels"),
        ("- " * 3000 + "x", "60 levels"),
        ("".join(f"{' ' * i}a:\n" for i in range(200)), "60 levels"),
        ("{a: " * 500, "60 levels"),
        ("&a [*a]", "contains itself"),
        ("&a {b: [{c: *a}]}", "contains itself"),
        ("- *nobody", "nobody"),
        ("a: 1\na: 2", "there twice"),
        ("- &a {x: 1}\n- {<<: *a}", "merge"),
        ("a: !!python/object/apply:os.system [ls]", "python/object"),
        ("a: !!binary aGk=", "binary"),
        ("a: !!set {b}", "set"),
        ("a: !!bool maybe", "no bool"),
        ("a: !!int x", "no int"),
        ("a: !!float x", "no float"),
        ("? [a]\n: 1", "key of a mapping"),
        ("a: 1\n---\nb: 2", "several"),
        ("a: \ud800", "half a character"),
        ("a: \0", "not YAML"),
        ("a: [", "not YAML"),
        ("a: " + "9" * 5000, "no int"),
    ],
)
def test_other_texts_are_refused_in_little_memory(text: str, message: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            plain_from_yaml(text)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_texts_have_a_longest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe_text, "MAX_TEXT", 1000)
    with pytest.raises(ValueError, match="too long for a recipe"):
        plain_from_yaml("# " + "x" * 1000)
