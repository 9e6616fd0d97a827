"""The recipe of the chosen stack: one for each stack of the window, and the steps of a result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.state.recipe import RecipeState
from napari_xanes.gui.state.stack_recipe import Problem
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import Step

CROP, SLOPE = Step("crop", {"region": (2, 20, 3, 30)}), Step("derivative")


@pytest.fixture
def recipe(viewer: Any) -> RecipeState:
    return workspace_of(viewer).recipe


def names(recipe: RecipeState) -> list[str]:
    return [entry.step.name for entry in recipe.draft]


def test_each_stack_keeps_its_own_recipe(recipe: RecipeState, add_stack: Any, viewer: Any, stack: Any) -> None:
    assert (recipe.current, recipe.row, names(recipe)) == (None, -1, [])
    recipe.add(CROP)
    assert names(recipe) == []
    first = add_stack()
    recipe.add(CROP)
    recipe.add(SLOPE)
    second = add_stack(name="second")
    assert names(recipe) == []
    assert recipe.base is second
    viewer.layers.selection.active = first
    assert names(recipe) == ["crop", "derivative"]
    viewer.layers.remove(first)
    assert recipe.base is second


def test_a_draft_is_edited_row_by_row(recipe: RecipeState, add_stack: Any) -> None:
    add_stack()
    heard: list[Any] = []
    recipe.changed.connect(lambda: heard.append("changed"))
    recipe.selected.connect(heard.append)
    recipe.add(CROP)
    assert heard == ["changed", 0]
    recipe.add(SLOPE)
    recipe.duplicate(0)
    assert (names(recipe), recipe.row) == (["crop", "crop", "derivative"], 1)
    recipe.move(2, 0)
    assert (names(recipe), recipe.row) == (["derivative", "crop", "crop"], 0)
    recipe.move(0, 3)
    assert names(recipe)[0] == "derivative", "no row behind the last"
    recipe.switch(1, False)
    assert recipe.current.rows == [0, 2]
    recipe.remove(2)
    assert (names(recipe), recipe.row) == (["derivative", "crop"], 1)
    heard.clear()
    recipe.change(1, CROP)
    recipe.select(1)
    assert heard == [], "nothing changed"
    recipe.change(1, Step("crop"))
    recipe.select(0)
    assert heard == ["changed", 0]


def test_a_result_has_the_recipe_of_its_stack(recipe: RecipeState, add_stack: Any, viewer: Any) -> None:
    source = add_stack()
    recipe.add(CROP)
    current = recipe.current
    made = nx.run(recipe.draft.enabled, stack_of(source))
    layer = add_stack(made)
    recipe.show(current, current.draft.enabled, made, layer)
    assert recipe.current is current
    assert current.up_to_date
    assert current.done(0).parameters["region"] == [2, 20, 3, 30]
    recipe.switch(0, False)
    assert not current.up_to_date
    assert current.done(0) is None
    assert current.runner().pending([CROP]) == ()
    viewer.layers.remove(source)
    assert recipe.base is layer, "without its stack, the result is where the next steps start from"
    assert [step.name for step in recipe.current.before()] == ["crop"]


def test_a_stack_from_elsewhere_tells_its_steps(recipe: RecipeState, add_stack: Any, viewer: Any) -> None:
    source = add_stack()
    made = nx.run([CROP, SLOPE], stack_of(source))
    layer = add_stack(made)
    assert names(recipe) == ["crop", "derivative"]
    assert recipe.base is source
    assert recipe.current.up_to_date
    assert not recipe.current.owns_result, "another tool made it: the next result must not take its place"
    np.testing.assert_array_equal(recipe.current.runner().run([CROP, SLOPE]).data, layer.data)
    viewer.layers.selection.active = source
    assert names(recipe) == []


def test_a_corrected_stack_is_computed_anew(recipe: RecipeState, add_stack: Any) -> None:
    layer = add_stack()
    runner = recipe.current.runner()
    assert recipe.current.runner() is runner
    layer.metadata = {**layer.metadata, "xanes": {**layer.metadata["xanes"], "quantity": "fluorescence"}}
    assert recipe.current.runner() is not runner
    assert recipe.current.runner().run([SLOPE]).history[-1].name == "derivative"


def test_a_loaded_recipe_leaves_maps_to_the_map_step(recipe: RecipeState, add_stack: Any) -> None:
    add_stack()
    assert recipe.load([CROP, Step("edge_energy")]) == ["edge_energy"]
    assert [entry.enabled for entry in recipe.draft] == [True, False]


def test_a_problem_is_told_until_the_draft_changes(recipe: RecipeState, add_stack: Any) -> None:
    add_stack()
    recipe.add(CROP)
    recipe.report(recipe.current, Problem(0, "no"))
    assert recipe.current.problem == Problem(0, "no")
    recipe.switch(0, False)
    assert recipe.current.problem is None
