"""Drafts of recipes: editing them, and computing only what has changed."""

from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import draft as draft_module
from napari_xanes.draft import Draft, DraftRunner, StepError, is_quick
from napari_xanes.history import Step
from napari_xanes.progress import Cancelled


@pytest.fixture(scope="module")
def stack() -> nx.SpectralStack:
    return nx.sample.nmc_ni_k(size=24).stack


@pytest.fixture
def carried_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the steps that are carried out, in their order."""
    names: list[str] = []
    real_run = draft_module.run

    def counting_run(steps, stack, **keywords):
        names.extend(step.name for step in steps)
        return real_run(steps, stack, **keywords)

    monkeypatch.setattr(draft_module, "run", counting_run)
    return names


DEPTH, SMOOTH = Step("optical_depth"), Step("smooth", {"pixels": 1.0})


def edge(e0: float | None = None) -> Step:
    return Step("normalize_edge", {} if e0 is None else {"e0": e0})


def test_a_draft_runs_as_the_recipe_does(stack: nx.SpectralStack) -> None:
    steps = [DEPTH, edge()]
    drafted, recipe = DraftRunner(stack).run(steps), nx.run(steps, stack)
    np.testing.assert_array_equal(drafted.data, recipe.data)
    assert drafted.history == recipe.history


def test_a_changed_step_computes_only_itself_and_those_behind_it(
    stack: nx.SpectralStack, carried_out: list[str]
) -> None:
    runner = DraftRunner(stack)
    runner.run([DEPTH, edge(), SMOOTH])
    carried_out.clear()
    changed = runner.run([DEPTH, edge(8340.0), SMOOTH])
    assert carried_out == ["normalize_edge", "smooth"]
    np.testing.assert_array_equal(changed.data, nx.run([DEPTH, edge(8340.0), SMOOTH], stack).data)


def test_switching_the_last_step_off_and_asking_again_computes_nothing(
    stack: nx.SpectralStack, carried_out: list[str]
) -> None:
    runner = DraftRunner(stack)
    runner.run([DEPTH, edge()])
    carried_out.clear()
    assert runner.run([DEPTH]).quantity == "optical_depth"
    assert runner.run([]) is stack
    assert runner.run([DEPTH, edge()]).quantity == "normalized"
    assert carried_out == []
    assert runner.pending([DEPTH, edge()]) == ()
    assert runner.pending([DEPTH, edge(8340.0)]) == (edge(8340.0),)


def test_results_of_replaced_steps_are_not_taken_for_those_of_others(stack: nx.SpectralStack) -> None:
    runner = DraftRunner(stack)
    runner.run([DEPTH, edge(), SMOOTH])
    runner.run([DEPTH, SMOOTH])
    np.testing.assert_array_equal(
        runner.run([DEPTH, edge(8340.0), SMOOTH]).data, nx.run([DEPTH, edge(8340.0), SMOOTH], stack).data
    )


def test_old_results_go_when_they_take_too_much_memory(stack: nx.SpectralStack, carried_out: list[str]) -> None:
    steps = [DEPTH, *(Step("smooth", {"pixels": 0.5 + i / 10}) for i in range(6))]
    runner = DraftRunner(stack)
    runner.run(steps)
    kept = sum(result.data.nbytes for result in runner._results.values())
    assert kept <= draft_module.MEMORY_SHARE * stack.data.nbytes
    carried_out.clear()
    runner.run([*steps[:-1], Step("smooth", {"pixels": 2.0})])
    assert carried_out == ["smooth"], "the newest results are those that stay"


def test_an_error_names_its_step_and_keeps_the_steps_before_it(stack: nx.SpectralStack, carried_out: list[str]) -> None:
    runner = DraftRunner(stack)
    with pytest.raises(StepError, match="9000") as caught:
        runner.run([DEPTH, edge(9000.0)])
    assert (caught.value.index, caught.value.step.name) == (1, "normalize_edge")
    carried_out.clear()
    runner.run([DEPTH, edge()])
    assert carried_out == ["normalize_edge"]


def test_a_step_that_makes_maps_is_refused(stack: nx.SpectralStack) -> None:
    with pytest.raises(StepError, match="makes maps, no stack"):
        DraftRunner(stack).run([DEPTH, Step("edge_energy")])


def test_a_cancelled_run_keeps_what_is_done(stack: nx.SpectralStack, carried_out: list[str]) -> None:
    def cancel_in_the_second_half(done: float, message: str) -> None:
        if done > 0.5:
            raise Cancelled

    runner = DraftRunner(stack)
    with pytest.raises(Cancelled):
        runner.run([DEPTH, Step("denoise_pca")], progress=cancel_in_the_second_half)
    assert runner.pending([DEPTH, edge()]) == (edge(),)


def test_a_draft_is_edited_step_by_step() -> None:
    draft = Draft.of([DEPTH, edge()]).added(SMOOTH).added(Step("crop"), 0)
    assert [entry.step.name for entry in draft] == ["crop", "optical_depth", "normalize_edge", "smooth"]
    assert [step.name for step in draft.switched(1, False).enabled] == ["crop", "normalize_edge", "smooth"]
    assert draft.switched(1, False).switched(1, True) == draft
    assert [entry.step.name for entry in draft.moved(3, 0)] == ["smooth", "crop", "optical_depth", "normalize_edge"]
    assert draft.removed(0) == Draft.of([DEPTH, edge(), SMOOTH])
    assert draft.changed(2, edge(8340.0)).enabled[2].parameters == {"e0": 8340.0}


def test_a_draft_of_a_history_estimates_anew(stack: nx.SpectralStack) -> None:
    done = nx.run([DEPTH, edge()], stack)
    assert done.history[1].state
    assert all(step.state is None for step in Draft.of(done.history).enabled)


def test_steps_that_look_at_one_pixel_are_quick() -> None:
    assert is_quick(edge())
    assert is_quick(DEPTH)
    assert not is_quick(Step("align"))
    assert not is_quick(Step("denoise"))


def test_steps_that_make_maps_or_are_not_known_are_not_quick() -> None:
    assert not is_quick(Step("edge_energy"))
    assert not is_quick(Step("of_another_package"))


def test_results_of_quick_steps_go_first_when_memory_is_short(stack: nx.SpectralStack, carried_out: list[str]) -> None:
    steps = [DEPTH, SMOOTH, *(Step("crop", {"energy": (8200.0 + i, 9000.0)}) for i in range(5))]
    runner = DraftRunner(stack)
    runner.run(steps)
    carried_out.clear()
    runner.run([*steps[:2], edge()])
    assert carried_out == ["normalize_edge"], "what took long is still there"


def test_a_result_from_elsewhere_is_not_computed_again(stack: nx.SpectralStack, carried_out: list[str]) -> None:
    runner, depth = DraftRunner(stack), nx.ops.optical_depth(stack)
    runner.remember([DEPTH], depth)
    assert runner.run([DEPTH]) is depth
    assert runner.run([DEPTH, edge()]).quantity == "normalized"
    assert carried_out == ["normalize_edge"]
