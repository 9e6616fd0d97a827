"""Registration of methods, with an operation that is defined outside the package."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from tests.method_contracts import Check, checks_of
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes import Recipe, SpectralStack, Step
from napari_xanes.cli import app
from napari_xanes.ops import OPERATIONS
from napari_xanes.parameters import Param
from napari_xanes.registry import method


def _fit(stack: SpectralStack, *, level: float | None) -> dict[str, Any]:
    return {"level": float(np.nanmean(stack.data)) if level is None else level}


@method(looks_at="frame", fit=_fit)
def subtract(
    stack: SpectralStack, /, *, level: Annotated[float | None, Param(unit="OD", ge=-10, le=10, auto="mean")] = None
) -> SpectralStack:
    """Subtract one number from all values.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth.
    level : float, optional
        What to subtract, in OD; the mean of the stack by default.

    Returns
    -------
    SpectralStack
        float32.

    Raises
    ------
    ValueError
        Never.

    Examples
    --------
    >>> float(subtract(SpectralStack(np.ones((1, 2, 2), np.float32), [8330])).data.max())
    0.0
    """
    assert level is not None
    return stack.with_data(stack.data - np.float32(level))


@pytest.fixture
def registered() -> Iterator[None]:
    OPERATIONS.register(subtract)
    yield
    OPERATIONS.unregister("subtract")


@pytest.mark.usefixtures("registered")
class TestAnOperationFromOutsideThePackage:
    def test_is_in_the_registry(self) -> None:
        assert OPERATIONS["subtract"] is nx.ops.subtract is subtract
        assert list(OPERATIONS)[-1] == "subtract"
        assert len(OPERATIONS) == len(list(OPERATIONS))

    def test_runs_as_a_step_of_a_recipe(self, tmp_path: Path, depth_stack: SpectralStack) -> None:
        first = nx.run([Step("crop"), Step("subtract")], depth_stack)
        np.testing.assert_allclose(first.data, depth_stack.data - depth_stack.data.mean(), atol=1e-6)
        Recipe(first.history).save(tmp_path / "recipe.yaml", exact=True)
        repeated = nx.run(Recipe.load(tmp_path / "recipe.yaml"), depth_stack)
        np.testing.assert_array_equal(repeated.data, first.data)

    def test_is_listed_on_the_command_line(self) -> None:
        listed = json.loads(CliRunner().invoke(app, ["ops", "--json"], catch_exceptions=False).stdout)
        entry = listed["operations"][-1]
        assert (entry["name"], entry["summary"]) == ("subtract", "Subtract one number from all values.")
        assert entry["parameters"][0]["unit"] == "OD"
        assert "level: float, at least -10 and at most 10 OD; default mean" in CliRunner().invoke(app, ["ops"]).stdout

    @pytest.mark.parametrize("check", checks_of(subtract), ids=lambda check: check.__name__)
    def test_keeps_the_contract(self, check: Check, depth_stack: SpectralStack) -> None:
        check(subtract, depth_stack, {})


def test_a_removed_operation_is_not_found(registered: None) -> None:
    OPERATIONS.unregister("subtract")
    assert "subtract" not in OPERATIONS
    with pytest.raises(ValueError, match="there is no step 'subtract'"):
        Recipe.from_yaml("- subtract")
    OPERATIONS.register(subtract)


def test_a_name_cannot_be_registered_twice(registered: None) -> None:
    with pytest.raises(ValueError, match="there is a method 'subtract' already"):
        OPERATIONS.register(subtract)
    with pytest.raises(TypeError, match="decorate the function"):
        OPERATIONS.register(subtract.function)  # type: ignore[arg-type]


def test_the_log_reports_estimated_values(depth_stack: SpectralStack, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="napari_xanes"):
        subtract(depth_stack)
    messages = {record.levelname: record.getMessage() for record in caplog.records}
    assert messages["INFO"].startswith("subtract: from 'mixture': level = 0.")
    assert messages["DEBUG"].startswith("subtract: 0.")
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="napari_xanes"):
        nx.run([Step("crop")], depth_stack)
    assert [record.getMessage() for record in caplog.records] == ["step 1 of 1: crop"]


def test_a_method_needs_a_stack() -> None:
    with pytest.raises(TypeError, match="subtract works on a SpectralStack, not on a list"):
        subtract([1.0])  # type: ignore[arg-type]


def test_summaries_are_read_without_importing() -> None:
    from napari_xanes.ops import OPERATIONS

    assert all(OPERATIONS.summary(name) == OPERATIONS[name].summary != "" for name in OPERATIONS)
