from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_xanes as nx
from napari_xanes import Recipe, SpectralStack, Spectrum, Step
from napari_xanes.history import READ_KEYWORDS
from napari_xanes.recipe import as_python


def test_steps_follow_each_other_and_are_recorded(count_stack: SpectralStack) -> None:
    before = count_stack.data.copy()
    result = nx.run([Step("optical_depth"), Step("crop", {"energy": (8300, 8400)})], count_stack)
    assert [step.name for step in result.history] == ["optical_depth", "crop"]
    assert all(step.version == nx.__version__ for step in result.history)
    assert count_stack.history == ()
    np.testing.assert_array_equal(count_stack.data, before)


def test_calling_directly_is_the_same(count_stack: SpectralStack) -> None:
    called = nx.ops.crop(nx.ops.optical_depth(count_stack), energy=(8300, 8400))
    ran = nx.run([Step("optical_depth"), Step("crop", {"energy": (8300, 8400)})], count_stack)
    np.testing.assert_array_equal(called.data, ran.data)
    assert called.history == ran.history


def test_a_saved_recipe_gives_the_same_maps(
    tmp_path: Path, count_stack: SpectralStack, references: list[Spectrum]
) -> None:
    first = nx.run([Step("optical_depth"), Step("fit_references", {"references": references})], count_stack)
    for exact in (False, True):
        Recipe(first.history).save(tmp_path / "recipe.yaml", exact=exact)
        repeated = nx.run(Recipe.load(tmp_path / "recipe.yaml"), count_stack)
        for name in first:
            np.testing.assert_array_equal(repeated[name].data, first[name].data)


def test_paths_in_a_recipe_are_relative_to_its_folder(tmp_path: Path, depth_stack: SpectralStack) -> None:
    energy = np.arange(8250.0, 8500.0)
    text = "".join(f"{e} {1 / (1 + np.exp(-(e - 8345) / 2))}\n" for e in energy)
    (tmp_path / "oxide.txt").write_text(text)
    (tmp_path / "recipe.yaml").write_text("- fit_references:\n    references: [{path: oxide.txt, valence: 2}]\n")
    maps = nx.run(Recipe.load(tmp_path / "recipe.yaml"), depth_stack)
    assert "oxide" in maps


def test_mistakes_are_found_before_anything_runs(count_stack: SpectralStack) -> None:
    calls: list[float] = []
    wrong = [Step("optical_depth"), Step("crop", {"energie": (1, 2)})]
    with pytest.raises(ValueError, match="no parameter 'energie'"):
        nx.run(wrong, count_stack, progress=lambda done, text: calls.append(done))
    assert calls == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: [", "not YAML"),
        ("format: napari-xanes recipe 9\nsteps: [crop]", "unknown recipe format 'napari-xanes recipe 9'"),
        ("crop", "a list of steps"),
        ("steps: []", "a list of steps"),
        ("- sharpen", "there is no step 'sharpen'; operations: optical_depth"),
        ("- {crop: {}, optical_depth: {}}", "exactly one"),
        ("- !!python/object/apply:os.system [ls]", "not YAML"),
    ],
)
def test_error_for_an_invalid_recipe_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        Recipe.load(path)
    assert str(path) in str(caught.value)


def test_no_step_can_follow_maps(depth_stack: SpectralStack, references: list[Spectrum]) -> None:
    steps = [Step("fit_references", {"references": references}), Step("crop")]
    with pytest.raises(ValueError, match="crop can't follow fit_references"):
        nx.run(steps, depth_stack)


def test_progress_goes_from_0_to_1(count_stack: SpectralStack) -> None:
    reports: list[float] = []
    nx.run([Step("optical_depth"), Step("normalize_edge")], count_stack, progress=lambda d, t: reports.append(d))
    assert reports == sorted(reports)
    assert reports[-1] == pytest.approx(1)


def test_progress_callback_can_cancel(count_stack: SpectralStack) -> None:
    from napari_xanes.progress import Cancelled

    def stop(done: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        nx.run([Step("optical_depth")], count_stack, progress=stop)


def test_the_python_script_does_the_same(tmp_path: Path, count_stack: SpectralStack) -> None:
    nx.write(count_stack, tmp_path / "counts.h5")
    expected = nx.run([Step("optical_depth"), Step("crop", {"energy": (8300, 8400)})], count_stack)
    scope: dict = {}
    exec(as_python(expected.history, nx.Source(str(tmp_path / "counts.h5"))), scope)
    np.testing.assert_array_equal(scope["result"].data, expected.data)


words = st.text(max_size=30) | st.sampled_from(
    [
        "'",
        '"',
        "\n",
        "\\",
        "'); import os; os.system('ls'); ('",
        "\u2028",
        "\ud800",
        "{x}",
        "%s",
        "a\nb",
        "x=print(1) or None, y",
    ]
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


def value_of(node: ast.AST) -> object:
    """Return the value of a literal; the only calls in it are `float("nan")` and the like."""
    if isinstance(node, ast.Call):
        assert ast.unparse(node.func) == "float"
        assert not node.keywords
        (text,) = node.args
        assert isinstance(text, ast.Constant)
        assert text.value in ("nan", "inf", "-inf")
        return float(text.value)
    if isinstance(node, ast.List):
        return [value_of(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        assert all(isinstance(key, ast.Constant) for key in node.keys)
        return {key.value: value_of(item) for key, item in zip(node.keys, node.values, strict=True)}
    return ast.literal_eval(node)


@settings(max_examples=200)
@given(
    words.filter(lambda text: "\0" not in text),
    st.dictionaries(words | st.sampled_from(["select", "repeat", "energies", "quantity"]), plain, max_size=4),
    st.lists(st.sampled_from(["a.xrm", "b'.xrm", "c\n.xrm", 'd".xrm']), max_size=2),
    st.lists(
        st.tuples(st.sampled_from(["crop", "my_step", "ﬁt"]), st.dictionaries(words, plain, max_size=3)), max_size=3
    ),
)
def test_a_script_holds_nothing_but_literals(
    path: str, reading: dict, files: list[str], named: list[tuple[str, dict]]
) -> None:
    """Names, paths and parameters may come from a file that someone prepared."""
    steps = [Step(name, parameters) for name, parameters in named]
    source = nx.Source(path, reading=reading | ({"files": files} if files else {}))
    imported, stack, result = ast.parse(as_python(steps, source)).body
    assert ast.unparse(imported) == "import napari_xanes as nx"
    assert ast.unparse(stack.value.func) == "nx.read"
    (paths,) = stack.value.args
    assert value_of(paths) == ([str(Path(path) / name) for name in files] if files else path)
    keywords = {keyword.arg: value_of(keyword.value) for keyword in stack.value.keywords}
    known = {name: value for name, value in reading.items() if name in READ_KEYWORDS}
    assert repr(keywords) == repr(known)  # repr, because nan is not equal to itself
    assert ast.unparse(result.value.func) == "nx.run"
    listed, name = result.value.args
    assert ast.unparse(name) == "stack"
    for node, step in zip(listed.elts, steps, strict=True):
        assert ast.unparse(node.func) == "nx.Step"
        assert not node.keywords
        assert repr([value_of(argument) for argument in node.args]) == repr([step.name, dict(step.parameters)])


def test_a_script_takes_the_keywords_that_read_has() -> None:
    from inspect import signature

    script = as_python([], nx.Source("a.h5", reading={"select": "x", "print(1) or energies": None, "mode": "fast"}))
    assert "nx.read('a.h5', select='x')" in script
    assert "left out: 2" in script
    assert "print" not in script
    assert set(READ_KEYWORDS) < set(signature(nx.read).parameters)


@pytest.mark.parametrize("name", ["../secret.xrm", "/etc/passwd", "a/../../b", "C:\\b.xrm", "..\\b.xrm", 3])
def test_a_script_names_no_file_outside_the_folder_of_a_series(name: object) -> None:
    with pytest.raises(ValueError, match="not names in this folder"):
        as_python([], nx.Source("/data/scan", reading={"files": ["a.xrm", name]}))


def test_no_part_of_a_recipe_is_read_as_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    recipe = Recipe([Step("optical_depth"), Step("crop", {"energy": [8300, 8400]}), Step("optical_depth")])
    recipe.save(path)
    content = path.read_bytes().rstrip()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"recipe\.yaml: "):
            Recipe.load(path)
    path.write_bytes(content)
    assert list(Recipe.load(path)) == list(recipe)
    path.write_text("steps:\n- crop: {energy: [8300, 8400]}\n")
    assert len(Recipe.load(path)) == 1
