"""Plans of energies: against closed forms, all choices of small sets, and fits of simulated stacks."""

from __future__ import annotations

import ast
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.advice.candidates import candidate_energies
from napari_xanes.advice.choosing import Chooser, guards
from napari_xanes.advice.dwell_times import influence, share_time
from napari_xanes.advice.moments import covariances, loss, map_error, moments_of_each
from napari_xanes.advice.question import Question, quantity_forms
from napari_xanes.advice.trial_fits import trial_error
from napari_xanes.advice.typical_pixels import question_about, sets_of_members, typical_shares
from napari_xanes.cli import app
from napari_xanes.sample import k_edge_curve
from napari_xanes.theory import load_library


def white_question(columns: np.ndarray, valences: np.ndarray | None, amounts: np.ndarray) -> Question:
    """Return a question without backgrounds, with a variance of 1 at each energy."""
    n = len(columns)
    return Question(
        np.arange(8300.0, 8300.0 + n),
        columns[None],
        amounts[None],
        quantity_forms(amounts, 0, valences)[None],
        np.zeros((1, n, len(amounts))),
        np.ones((1, n, len(amounts))),
        valences,
        0.0,
    )


def smooth_question(rng: np.random.Generator, n: int = 11) -> Question:
    """Return a question of three references with a constant, uneven noise and an uncertain axis."""
    columns = np.column_stack([np.cumsum(rng.standard_normal((n, 3)), axis=0), np.ones(n)])
    amounts = rng.uniform(0.1, 0.4, (1, 4, 3))
    valences = np.array([2.0, 3.0, 4.0])
    forms = quantity_forms(amounts, 1, valences)
    noise, slopes = rng.uniform(0.5, 2, (1, n, 4)), rng.standard_normal((1, n, 4))
    return Question(np.arange(700.0, 700 + n), columns[None], amounts, forms, slopes, noise, valences, 0.1)


@pytest.fixture
def nickel() -> list[Spectrum]:
    grid = np.arange(8280.0, 8440.0, 0.25)
    known = {"normalized": True}
    return [
        Spectrum("Ni2+", grid, k_edge_curve(grid, 8345.0, 0.65, 0.10), 2, metadata=known),
        Spectrum("Ni4+", grid, k_edge_curve(grid, 8348.2, 0.42, 0.07), 4, metadata=known),
    ]


def test_errors_are_those_of_the_least_squares_fit(rng: np.random.Generator) -> None:
    question = smooth_question(rng)
    seconds = rng.uniform(0.5, 2, 11)
    found = covariances(question, moments_of_each(question, seconds).total())[0, :, 0, 0]
    gain = np.linalg.pinv(question.columns[0])
    for p in range(4):
        both = np.diag(question.noise[0, :, p] / seconds) + 0.01 * np.outer(*[question.slopes[0, :, p]] * 2)
        row = question.forms[0, p, 0] @ gain
        assert found[p] == pytest.approx(row @ both @ row, rel=1e-6)


def test_a_straight_line_is_measured_at_both_ends() -> None:
    """The known optimum for a straight line with white noise: half of the points at each end."""
    line = np.linspace(-1, 1, 12)
    question = white_question(np.column_stack([np.ones(12), line]), np.array([2.0, 4.0]), np.array([[0.5, 0.5]]))
    chooser = Chooser(question, np.ones(12), "D")
    chosen = chooser.exchanged(chooser.add(chooser.start(), 4))
    assert sorted(chosen) == [0, 1, 2, 9, 10, 11]


def test_the_error_of_two_references_has_a_closed_form() -> None:
    """References that are 1 at n energies each, and 0 elsewhere: amounts have the variance 1/n."""
    columns = np.repeat(np.eye(2), 5, axis=0)
    question = white_question(columns, np.array([2.0, 4.0]), np.array([[0.5, 0.5]]))
    chooser = Chooser(question, np.ones(10), "A")
    chosen = chooser.add(chooser.start(), 4)
    assert sum(one < 5 for one in chosen) == 3
    # The valence is 2 + 2 b / (a + b), so its change by a and b is -1 and 1 at a = b = 0.5.
    assert float(map_error(question, chooser.moments(chosen))) == pytest.approx(np.sqrt(2 / 3))


@pytest.mark.parametrize("criterion", ["A", "D"])
@pytest.mark.parametrize("seed", range(4))
def test_the_choice_is_the_best_of_all(criterion: str, seed: int) -> None:
    question = smooth_question(np.random.default_rng(seed))
    each = moments_of_each(question, np.ones(11))
    every = [float(loss(question, each.of(np.array(c)).total(), criterion)) for c in combinations(range(11), 6)]
    chooser = Chooser(question, np.ones(11), criterion)
    chosen = chooser.exchanged(chooser.add(chooser.start(), 2))
    found = float(loss(question, chooser.moments(chosen), criterion))
    assert found == pytest.approx(min(every), abs=1e-6)


def test_each_length_of_the_order_is_good(rng: np.random.Generator) -> None:
    question = smooth_question(rng)
    chooser = Chooser(question, np.ones(11), "A")
    chosen = chooser.exchanged(chooser.add(chooser.start(), 4))
    order = chooser.in_order(chosen, 0, 4)
    assert sorted(order) == sorted(chosen)
    for n in (5, 6, 7):
        shorter = [float(map_error(question, chooser.moments(list(c)))) for c in combinations(chosen, n)]
        assert float(map_error(question, chooser.moments(order[:n]))) <= np.quantile(shorter, 0.1)


def test_what_has_been_measured_counts(rng: np.random.Generator) -> None:
    question = smooth_question(rng)
    chooser = Chooser(question, np.ones(11), "A", np.array([0, 1, 2, 3, 4]))
    assert chooser.start() == []
    (next_one,) = chooser.add([], 1)
    each = moments_of_each(question, np.ones(11))
    errors = [float(map_error(question, each.of(np.array([0, 1, 2, 3, 4, c])).total())) for c in range(5, 11)]
    assert next_one == 5 + int(np.argmin(errors))


def test_times_are_the_best_for_their_sum() -> None:
    weights = np.array([4.0, 1.0, 0.25, 0.01])
    found = share_time(weights, 8.0, 0.5)
    best = minimize(
        lambda t: np.sum(weights / t),
        np.full(4, 2.0),
        bounds=[(0.5, None)] * 4,
        constraints={"type": "eq", "fun": lambda t: t.sum() - 8},
    )
    np.testing.assert_allclose(found, best.x, atol=2e-3)
    assert found.sum() == pytest.approx(8)
    np.testing.assert_allclose(share_time(np.zeros(3), 6.0, 0.5), 2.0)


def test_influence_is_the_share_of_the_variance(rng: np.random.Generator) -> None:
    question = smooth_question(rng)
    seconds = rng.uniform(0.5, 2, 11)
    still = Question(**{**vars(question), "energy_sigma": 0.0})
    expected = float(map_error(still, moments_of_each(still, seconds).total())) ** 2
    assert np.sum(influence(question) / seconds) == pytest.approx(expected, rel=1e-6)


def test_trial_fits_agree_with_the_covariance_far_from_bounds(rng: np.random.Generator) -> None:
    question = smooth_question(rng)
    quiet = Question(**{**vars(question), "noise": 1e-6 * question.noise, "energy_sigma": 1e-4})
    draws, shifts = rng.standard_normal((11, 4, 4000)), rng.standard_normal(4000)
    found = trial_error(quiet, np.arange(11), np.ones(11), draws, shifts)
    assert found == pytest.approx(float(map_error(quiet, moments_of_each(quiet, np.ones(11)).total())), rel=0.03)


def test_guards_are_where_nothing_is_chosen(nickel: list[Spectrum]) -> None:
    energy = np.arange(8300.0, 8401.0)
    question = question_about(
        [nickel],
        energy,
        typical_shares(2),
        edge_jump=0.5,
        pre_edge=0.5,
        photons=1e4,
        n_flat=10,
        energy_sigma=0.0,
        constant=True,
        slope=True,
        warnings=[],
    )
    found = energy[guards(question, np.array([45, 46, 47]), 3)]
    assert found.min() < 8330
    assert found.max() > 8360


def test_the_predicted_error_is_that_of_the_fit(nickel: list[Spectrum], rng: np.random.Generator) -> None:
    plan = nx.plan_energies(nickel, photons=3000, edge_jump=0.4, pre_edge=0.3, energy_sigma=0.0, n_flat=1e9, most=14)
    order = np.argsort(plan.energy)
    energy, seconds = plan.energy[order], plan.dwell[order]
    shares = np.repeat(typical_shares(2), 1000, axis=0)
    mu = 0.4 * np.stack([one.at(energy) for one in nickel], axis=1) @ shares.T + 0.3
    lit = 3000 * seconds[:, None]
    measured = -np.log(np.maximum(rng.poisson(lit * np.exp(-mu)), 1) / lit).reshape(-1, 60, 50)
    maps = nx.maps.fit_references(SpectralStack(measured, energy, "optical_depth"), references=nickel, min_jump=0.0)
    errors = maps["valence"].data.ravel() - (2 * shares[:, 0] + 4 * shares[:, 1])
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(plan.error[-1], rel=0.15)


def test_a_plan_goes_on_after_a_stack(nickel: list[Spectrum], rng: np.random.Generator) -> None:
    energy = np.arange(8290.0, 8430.0, 10.0)
    shares = rng.uniform(0.2, 0.8, (30, 30))
    mu = 0.4 * np.tensordot(np.stack([one.at(energy) for one in nickel], 1), np.stack([shares, 1 - shares]), 1)
    stack = SpectralStack(mu + 0.02 * rng.standard_normal(mu.shape), energy, "optical_depth")
    plan = nx.plan_energies(nickel, stack=stack, target=0.2)
    assert plan.present > 0.2 >= plan.error[-1]
    assert not set(plan.energy) & set(energy)
    # The edge of this stack is between two energies.
    assert np.mean(np.abs(plan.energy - 8347) < 10) > 0.5
    enough = nx.plan_energies(nickel, stack=stack, target=2 * plan.present)
    assert len(enough) == 0
    assert "nothing more to measure" in enough.words
    again = nx.plan_energies(nickel, stack=stack, anew=True, most=14)
    assert again.measured.size == 0
    assert again.error[-1] < plan.present


def test_a_plan_says_that_references_do_not_fit(nickel: list[Spectrum], rng: np.random.Generator) -> None:
    energy = np.arange(8290.0, 8430.0, 2.0)
    odd = 0.1 * np.exp(-(((energy - 8352) / 3) ** 2))[:, None, None]
    share = rng.uniform(0, 1, (30, 30))
    mu = 0.4 * (np.tensordot(np.stack([one.at(energy) for one in nickel], 1), np.stack([share, 1 - share]), 1) + odd)
    noise = 0.005 * rng.standard_normal(mu.shape)
    fine, wrong = (SpectralStack(data + noise, energy, "optical_depth") for data in (mu - 0.4 * odd, mu))
    assert not nx.plan_energies(nickel, stack=fine, most=5).warnings
    assert any("can't describe" in text for text in nx.plan_energies(nickel, stack=wrong, most=5).warnings)


def test_a_target_takes_as_few_energies_as_it_needs(nickel: list[Spectrum]) -> None:
    loose, tight = (nx.plan_energies(nickel, photons=2000, target=target) for target in (0.15, 0.08))
    assert loose.error[-1] <= 0.15
    assert tight.error[-1] <= 0.08
    assert len(loose) < len(tight)
    assert loose.dwell.mean() == pytest.approx(1)
    assert "is reached" in tight.words
    never = nx.plan_energies(nickel, photons=2000, target=0.001, most=12)
    assert "calibrate it on a foil" in never.words
    dim = nx.plan_energies(nickel, photons=2000, target=0.03, most=12, energy_sigma=0.0)
    assert "times the exposure" in dim.words


def test_a_library_gives_sets_that_differ() -> None:
    library = load_library("mn-l23")
    sets = sets_of_members(library)
    assert [one.valence for one in sets[0]] == [2, 3, 4]
    assert len({tuple(one.metadata["parameters"]["ten_dq"] for one in members) for members in sets}) == len(sets)


def test_references_that_are_alike_are_refused(nickel: list[Spectrum]) -> None:
    alike = [nickel[0], Spectrum("other", nickel[0].energy, nickel[0].mu, 4, metadata={"normalized": True})]
    with pytest.raises(ValueError, match="can't be told apart"):
        nx.plan_energies(alike)
    with pytest.raises(ValueError, match="can't be told apart"):
        nx.plan_energies(nickel, photons=1.0)
    with pytest.raises(ValueError, match="lie outside the references"):
        nx.plan_energies(nickel, [7000.0, 7010.0])
    with pytest.raises(ValueError, match="do not determine"):
        nx.plan_energies(nickel, [8340.0, 8345.0])
    with pytest.raises(ValueError, match="photons is -1"):
        nx.plan_energies(nickel, photons=-1)
    with pytest.raises(ValueError, match="share a range"):
        candidate_energies(10.0, 5.0)


def test_a_plan_is_saved(nickel: list[Spectrum], tmp_path: Path) -> None:
    plan = nx.plan_energies(nickel, most=10)
    for suffix in ("csv", "py", "png"):
        plan.save(tmp_path / f"plan.{suffix}")
    lines = (tmp_path / "plan.csv").read_text("utf-8-sig").splitlines()
    assert lines[1].startswith("order,energy (eV),exposure (s),error of the valence")
    assert len(lines) == 12
    tree = ast.parse((tmp_path / "plan.py").read_text())
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    assert ast.literal_eval(values["energies"]) == sorted(plan.energy.tolist())
    assert (tmp_path / "plan.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="is saved as"):
        plan.save(tmp_path / "plan.txt")
    with pytest.raises(ValueError, match="no name of a device"):
        plan.bluesky_text("a; b")


def test_the_command_writes_plans(nickel: list[Spectrum], tmp_path: Path) -> None:
    for one in nickel:
        nx.write(one, tmp_path / f"{one.name}.xdi")
    files = [str(tmp_path / f"{one.name}.xdi") for one in nickel]
    run = CliRunner().invoke(app, ["plan", *files, "--target", "0.1", "-o", str(tmp_path / "plan.csv")])
    assert run.exit_code == 0, run.output
    assert "is reached" in run.output
    assert "energy (eV)" in (tmp_path / "plan.csv").read_text("utf-8-sig")
    again = CliRunner().invoke(app, ["plan", *files, "-o", str(tmp_path / "plan.csv")])
    assert isinstance(again.exception, FileExistsError)
    shown = CliRunner().invoke(app, ["plan", "ni-k", "--most", "9"])
    assert shown.exit_code == 0, shown.output
    assert "exposure (s)" in shown.output
