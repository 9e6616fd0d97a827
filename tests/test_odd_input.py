"""Every method with odd stacks, references and values of parameters: a result, or an error that says why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.method_contracts import as_lazy, values_to_try
from tests.odd_input import SPECTRA, STACKS, odd_references, runs_or_says_why

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.recipe import method_of
from napari_xanes.stack import UNITS

METHODS = [*OPERATIONS, *ESTIMATORS]

PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "optical_depth": [{}, {"i0": "empty"}],
    "denoise": [{"references": True}, {"references": True, "noise": "tv"}, {"references": True, "noise": "none"}, {}],
    "denoise_blind_spot": [{"steps": 10, "device": "cpu"}],
    "normalize": [{}, {"by": "min-max", "background": (8270.0, 8300.0)}, {"by": "vector"}],
    "normalize_edge": [{}, {"method": "mback", "absorber": "Ni K"}],
    "fit_references": [{"references": True}, {"references": True, "fractions": True}],
    "edge_energy": [{}, {"references": True}],
    "match_library": [{"library": "mn-l23-oh"}],
    "search_references": [{"library": True}],
    "fit_peaks": [{"centers": [8349.0]}],
    "calibrate_energy": [
        {"offset": 0.5},
        {"value": 8345.0},
        {"value": 8345.0, "feature": "white line"},
        {"reference": True, "feature": "shape"},
    ],
    "drop_frames": [{}, {"frames": [0]}, {"energies": [8345.0]}],
    "interpolate_energy": [{"step": 1.0}, {"onto": True}, {"energies": [8340.0, 8341.5]}],
    "bin": [{}, {"pixels": 1, "energies": 3}, {"pixels": 3, "energies": 2}],
    "smooth": [{}, {"pixels": 0.0, "energies": 2.0}],
    "derivative": [{}, {"half_width": 3.0}],
    "difference_map": [{"signal": (8335.0, 8350.0), "background": (8270.0, 8324.0)}],
    "repair": [{}, {"fill": "NaN", "missing": True}],
    "correct_dead_time": [{"exposure": 1.0}, {"exposure": 1.0, "model": "paralyzable"}],
    "remove_stripes": [{}, {"along": "y", "components": 2}],
}
"""What each method is tried with; True stands for the references of the fixture, or the first of them."""

LAZY = ["one row", "one column", "one pixel", "one energy", "two energies", "masked", "NaN", "constant"]

CASES = [(name, i) for name in METHODS for i in range(len(PARAMETERS.get(name, [{}])))]


class _Stacks:
    """The stack that a method accepts, made when it is asked for: a library takes longer to load than most tests."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request

    def __getitem__(self, name: str) -> SpectralStack:
        counts = name in ("optical_depth", "correct_dead_time")
        fixture = "count_stack" if counts else "l_edge_stack" if name == "match_library" else "depth_stack"
        stack: SpectralStack = self._request.getfixturevalue(fixture)
        return stack


@pytest.fixture
def stacks(request: pytest.FixtureRequest) -> _Stacks:
    return _Stacks(request)


def _parameters(name: str, number: int, references: list[Spectrum]) -> dict[str, Any]:
    chosen = PARAMETERS.get(name, [{}])[number]
    stands_for = {"references": references, "reference": references[0], "library": references, "onto": references[0]}
    return {key: stands_for[key] if value is True and key in stands_for else value for key, value in chosen.items()}


@pytest.mark.parametrize("odd", STACKS)
@pytest.mark.parametrize(("name", "number"), CASES)
def test_odd_stacks(name: str, number: int, odd: str, stacks: Any, references: list[Spectrum]) -> None:
    runs_or_says_why(method_of(name), STACKS[odd](stacks[name]), _parameters(name, number, references))


@pytest.mark.parametrize("odd", LAZY)
@pytest.mark.parametrize("name", [name for name in METHODS if name != "match_library"])
def test_odd_lazy_stacks(name: str, odd: str, stacks: Any, references: list[Spectrum]) -> None:
    runs_or_says_why(method_of(name), as_lazy(STACKS[odd](stacks[name])), _parameters(name, 0, references))


@pytest.mark.parametrize("odd", STACKS)
@pytest.mark.parametrize("name", ["denoise", "denoise_pca", "denoise_nlm", "fit_references", "edge_energy"])
def test_odd_counts_with_known_noise(
    name: str, odd: str, count_stack: SpectralStack, references: list[Spectrum]
) -> None:
    counted = replace(count_stack, metadata={**count_stack.metadata, "gain": 1.0})
    try:
        depth = nx.ops.optical_depth(STACKS[odd](counted))
    except ValueError:
        return  # `test_odd_stacks` looks at the error
    runs_or_says_why(method_of(name), depth, _parameters(name, 0, references))


@pytest.mark.parametrize("quantity", UNITS)
@pytest.mark.parametrize("name", METHODS)
def test_every_quantity(name: str, quantity: Any, stacks: Any, references: list[Spectrum]) -> None:
    stack = SpectralStack(np.array(stacks[name].data), stacks[name].energy, quantity)
    runs_or_says_why(method_of(name), stack, _parameters(name, 0, references))


@pytest.mark.parametrize("odd", SPECTRA)
@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("fit_references", "references"),
        ("denoise", "references"),
        ("edge_energy", "references"),
        ("optical_depth", "i0"),
        ("match_library", "library"),
    ],
)
def test_odd_references(
    name: str, parameter: str, odd: str, depth_stack: SpectralStack, count_stack: SpectralStack, references: Any
) -> None:
    given = odd_references(odd, references)
    if parameter == "i0":
        given = given[0] if given else None
    runs_or_says_why(method_of(name), count_stack if parameter == "i0" else depth_stack, {parameter: given})


@pytest.mark.parametrize("name", METHODS)
def test_every_value_of_a_parameter(name: str, stacks: Any, references: list[Spectrum]) -> None:
    method = method_of(name)
    for parameter in method.parameters.values():
        for value in values_to_try(parameter):
            if (parameter.name == "steps" and value > 100) or parameter.name == "adapt":
                continue  # too long
            runs_or_says_why(method, stacks[name], _parameters(name, 0, references) | {parameter.name: value})


@pytest.mark.parametrize("odd", SPECTRA)
@pytest.mark.parametrize("feature", ["edge", "white line", "shape"])
def test_odd_spectra_are_aligned(odd: str, feature: Any, depth_stack: SpectralStack, references: Any) -> None:
    def align(stack: SpectralStack, **parameters: Any) -> SpectralStack:
        nx.align_spectra(odd_references(odd, references), references[0], **parameters)
        return stack

    runs_or_says_why(align, depth_stack, {"feature": feature})


def test_stacks_of_truth_values_and_energies_that_fall_are_refused(depth_stack: SpectralStack) -> None:
    with pytest.raises(TypeError, match="data must be real numbers, not bool"):
        depth_stack.with_data(depth_stack.data > 0)
    with pytest.raises(ValueError, match="out of order"):
        SpectralStack(depth_stack.data, depth_stack.energy[::-1])
