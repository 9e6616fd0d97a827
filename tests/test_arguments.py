from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.arguments import as_mask
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.recipe import method_of
from napari_xanes.theory.library.rebuilding import rebuild


@pytest.mark.parametrize(
    ("region", "text"),
    [
        (np.zeros((4, 5), bool), "empty"),
        (np.ones((5, 4), bool), "has shape"),
        ((0, 5, 0, 5), "does not lie"),
        ((2, 2, 0, 5), "does not lie"),
        ((1, 2), "is a boolean mask or a box"),
    ],
)
def test_regions_that_do_not_fit_are_refused(region: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        as_mask(region, (4, 5))  # type: ignore[arg-type]


ENERGY = {"name": "a", "energy": [8300, 8310], "mu": [1, 2]}

ODD_VALUES: list[object] = [
    *[None, True, 0, -1, float("inf"), float("nan"), 2**70, "", "x", "auto", "\0", "a" * 5000, "/dev/null"],
    *[[], [[]], [1, 2], ["x"], [None], [["a"]], [[True, False], [True]], [2**70] * 4, [0, 1, 0, "x"], [0, 1e30, 0, 1]],
    *[{}, {1: 2}, {"mu": 1}, {"path": 3}, {"path": "x"}, {"path": None}, {"path": "x", "name": [1]}],
    *[{"path": "/tmp", "reading": 3}, {"path": "/nope", "reading": {"a": 1}}, {"path": "x", "steps": 3}],
    *[ENERGY | {"energy": "x"}, ENERGY | {"mu": {}}, ENERGY | {"mu": [None, 1]}, ENERGY | {"sigma": {}}],
    *[ENERGY | {"valence": "x"}, ENERGY | {"valence": []}, ENERGY | {"name": 3}, ENERGY | {"energy": [1, 2]}],
    *[{"shape": [1, 1]}, {"shape": [10**6] * 2, "runs": [10**12]}, {"shape": 3, "runs": 4}],
    *[{"build": value} for value in ({}, 3, {"grids": 3}, {"grids": [{}]}, {"grids": [3]}, {"grids": []})],
    *[{"spectra": value} for value in (3, [], "x", ["x"], [3], [{}], [ENERGY | {"mu": 1}])],
    *[{"energy": value, "profile": [1]} for value in ([1, 2], {}, "x", 3)],
]


@pytest.mark.parametrize("name", [*OPERATIONS, *ESTIMATORS])
def test_odd_values_of_a_recipe_are_taken_or_refused_in_words(name: str) -> None:
    """No value in a recipe ends in an error of the program, or takes memory that it only promises."""
    method = method_of(name)
    needed = {p.name: ENERGY for p in method.parameters.values() if p.required}
    for parameter in method.parameters:
        for value in ODD_VALUES:
            try:
                method.validated({**needed, parameter: value})
            except (ValueError, OSError) as error:
                assert len(str(error)) < 10_000  # noqa: PT017


def test_a_library_is_not_built_of_more_spectra_than_fit_into_memory() -> None:
    values = [0.001 * i for i in range(1, 1001)]
    grid = {"ion": "Mn2+", "ten_dq": values, "slater_scale": values, "charge_transfer": [None]}
    plain = {"grids": [grid], "lorentz_l3": 0.2, "lorentz_l2": 0.4, "growth": 0, "temperature": 300}
    with pytest.raises(ValueError, match="1000000 spectra, 100000 are allowed"):
        rebuild(plain | {"model_error": False, "name": "large"})
