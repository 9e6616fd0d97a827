"""Rules for every operation and every estimator."""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from tests.method_contracts import Check, checks_of, values_to_try
from tests.odd_input import runs_or_says_why

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.parameters import Param, Parameter, PlainKind
from napari_xanes.recipe import method_of
from napari_xanes.registry import LooksAt, method

METHODS = [*OPERATIONS, *ESTIMATORS]

CASES = [(name, check) for name in METHODS for check in checks_of(method_of(name))]


@pytest.fixture
def stack_for(
    count_stack: SpectralStack,
    depth_stack: SpectralStack,
    l_edge_stack: SpectralStack,
    drift_stack: SpectralStack,
) -> dict[str, SpectralStack]:
    """Return a stack that the method accepts."""
    special = {
        "align": drift_stack,
        "correct_beam": count_stack,
        "correct_dead_time": count_stack,
        "match_library": l_edge_stack,
        "optical_depth": count_stack,
    }
    return {name: special.get(name, depth_stack) for name in METHODS}


@pytest.fixture
def needed(references: list[Spectrum], depth_stack: SpectralStack) -> dict[str, dict[str, Any]]:
    """Return values for parameters without a default, and for parameters that determine the run time."""
    special: dict[str, dict[str, Any]] = {
        "match_library": {"library": "mn-l23-oh"},
        "fit_references": {"references": references},
        "fit_peaks": {"centers": [8349.0]},
        "search_references": {"library": references},
        "bin": {"pixels": 1},
        "calibrate_energy": {"offset": 0.5},
        "difference_map": {"signal": (8335.0, 8350.0), "background": (8270.0, 8324.0)},
        "correct_beam": {"factors": np.linspace(0.9, 1.1, depth_stack.energy.size).tolist()},
        "correct_dead_time": {"dead_time": 100.0, "exposure": 1.0},
        "drop_frames": {"energies": [8450.0]},
        "interpolate_energy": {"energies": (depth_stack.energy[:-1] + 0.25).tolist()},
        "complete_sparse": {"references": references},
        "denoise_blind_spot": {"steps": 10, "device": "cpu"},
    }
    return {name: special.get(name, {}) for name in METHODS}


@pytest.mark.parametrize(("name", "check"), CASES, ids=[f"{name}-{check.__name__}" for name, check in CASES])
def test_method_keeps_the_contract(
    name: str, check: Check, stack_for: Any, needed: Any, references: list[Spectrum]
) -> None:
    volumes = check.__name__ == "slices_of_volumes_are_processed_like_images"
    parameters = {"references": references} if volumes and name == "denoise" else needed[name]
    check(method_of(name), stack_for[name], parameters)


@pytest.mark.parametrize("name", [name for name in METHODS if method_of(name).fit])
def test_a_state_that_somebody_edited(name: str, stack_for: Any, needed: Any) -> None:
    """An empty one is estimated again; one that lacks a part is a result, or an error that says what to do."""
    method, stack = method_of(name), stack_for[name]
    done = method(stack, **needed[name]).history[-1]
    assert method.apply(stack, replace(done, state={})).history[-1].state == done.state
    for part in done.state:
        for state in ({k: v for k, v in done.state.items() if k != part}, {**done.state, part: None}):
            runs_or_says_why(partial(method.apply, step=replace(done, state=state)), stack, {})


def test_every_kind_of_parameter_has_test_values() -> None:
    used = {parameter.kind for name in METHODS for parameter in method_of(name).parameters.values()}
    assert used >= {"references", "reference", "calibration", "i0", "region", "library"}
    for kind in {*get_args(PlainKind), *used}:
        choices = ("a",) if kind == "choice" else ()
        assert values_to_try(Parameter("p", kind, None, False, choices, Param(), "", None)), kind


def test_every_method_declares_what_data_it_uses() -> None:
    for name in METHODS:
        assert method_of(name).looks_at in get_args(LooksAt), name
    with pytest.raises(TypeError, match="looks_at"):
        method()  # type: ignore[call-arg]


def test_public_functions_are_documented() -> None:
    for function in (nx.read, nx.read_maps, nx.read_spectra, nx.write, nx.run):
        text = inspect.getdoc(function) or ""
        assert "Parameters\n" in text, function
        assert "Raises\n" in text, function


def test_no_function_has_the_name_of_a_module() -> None:
    """Importing the module would put it in the place of the function."""
    modules = {path.stem for path in Path(nx.__file__).parent.iterdir() if path.suffix in ("", ".py")}
    assert modules & set(nx.__all__) == {"io", "maps", "ops", "sample", "theory"}


def test_names_refer_to_the_functions() -> None:
    assert nx.ops.crop is OPERATIONS["crop"]
    assert nx.maps.fit_references is ESTIMATORS["fit_references"]
    with pytest.raises(AttributeError, match="there are optical_depth"):
        nx.ops.sharpen  # noqa: B018


def test_registered_files_exist() -> None:
    for package, registry in (("ops", OPERATIONS), ("maps", ESTIMATORS)):
        for name, registered in registry.items():
            home = Path(inspect.getfile(registered.function))
            assert home.parent.name == package
            assert registered.name == name
