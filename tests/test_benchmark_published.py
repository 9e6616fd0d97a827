"""The table of published numbers: each case has its recipe, and a verdict that can be bad."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.published.cases import CASES, DATA, RECIPES, answer, verdict

import napari_xanes as nx
from napari_xanes.recipe_text import plain_from_yaml


def test_every_case_has_a_recipe_and_every_recipe_a_case() -> None:
    assert {case.recipe for case in CASES} == {path.stem for path in RECIPES.glob("*.yaml")}
    for path in RECIPES.glob("*.yaml"):
        steps = plain_from_yaml(path.read_text(encoding="utf-8"))["steps"]
        assert {name for step in steps for name in step} <= {*nx.ops.OPERATIONS, *nx.maps.ESTIMATORS}


@pytest.mark.parametrize(
    ("value", "sigma", "told"),
    [
        (0.9, None, "same"),
        (1.0, None, "differs"),
        (1.0, 0.06, "within 2 sigma"),
        (1.0, 0.04, "differs"),
        (np.nan, 1.0, "masked"),
    ],
)
def test_verdicts(value: float, sigma: float | None, told: str) -> None:
    assert verdict(CASES[0], value, sigma) == told


@pytest.mark.parametrize("case", [CASES[0], CASES[8], CASES[-1]], ids=lambda case: case.what)
def test_numbers_of_the_page(case) -> None:
    """What the page says of three cases is so: one agrees, one differs and says why, one is a stack."""
    if not (DATA / case.data).exists():
        pytest.skip(f"{case.data} is not here; set NAPARI_XANES_DATA to the folder of real files")
    assert (verdict(case, *answer(case)) == "differs") == bool(case.why)
