from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import Recipe, SpectralStack, Spectrum, Step
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
        ("- sharpen", "there is no step 'sharpen'; operations: crop"),
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
