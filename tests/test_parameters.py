from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pytest

from napari_xanes.parameters import Param, parameters_of, validator


def example(
    stack: object,
    /,
    *,
    e0: Annotated[float | None, Param(unit="eV", ge=0, le=1e5, auto="from the data")] = None,
    window: Annotated[tuple[float, float], Param(unit="eV", ge=-200)] = (-60.0, -15.0),
    order: Annotated[int, Param(ge=0, le=3)] = 1,
    frames: list[int] | None = None,
    ranges: list[tuple[float, float]] | None = None,
    shape: Literal["line", "step"] = "line",
    flatten: bool = False,
    progress: object = None,
) -> None:
    """Do nothing.

    Parameters
    ----------
    stack : object
        Anything.
    e0 : float, optional
        Edge energy,
        on two lines.
    window : tuple of float
        Range.
    order, frames, ranges, flatten : int
        Shared text.

    Returns
    -------
    None
        Nothing.
    """


def test_the_signature_is_the_only_declaration() -> None:
    parameters = parameters_of(example)
    assert list(parameters) == ["e0", "window", "order", "frames", "ranges", "shape", "flatten"]
    assert (parameters["e0"].kind, parameters["e0"].optional, parameters["e0"].spec.unit) == ("float", True, "eV")
    assert parameters["e0"].description == "Edge energy, on two lines."
    assert parameters["order"].description == parameters["flatten"].description == "Shared text."
    assert parameters["shape"].choices == ("line", "step")
    assert parameters["window"].kind == "range"
    assert parameters["e0"].describe()["maximum"] == 1e5


def test_parameters_are_completed_and_converted() -> None:
    check = validator("example", parameters_of(example))
    assert check({"window": [-50, -10]}) == {
        "e0": None,
        "window": (-50.0, -10.0),
        "order": 1,
        "frames": None,
        "ranges": None,
        "shape": "line",
        "flatten": False,
    }


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"e0": -1}, "e0 = -1 is out of bounds; allowed: at least 0 and at most 100000 eV"),
        ({"window": (-300, 0)}, "window = .* out of bounds"),
        ({"order": 1.5}, "order = 1.5"),
        ({"shape": "curve"}, "shape = 'curve'.*'line' or 'step'"),
        ({"flaten": True}, "no parameter 'flaten'; it has e0, window"),
        ({"e0": "edge"}, "e0 = 'edge'"),
        ({"e0": True}, "example: e0 = True: a number is needed here, not true or false"),
        ({"order": np.False_}, "order = .*False.* a number is needed"),
        ({"window": (-50, False)}, "window = .* a number is needed"),
        ({"frames": [True]}, r"frames = \[True\]: a number is needed"),
        ({"ranges": [(1, 2), [True, 3]]}, "ranges = .* a number is needed"),
    ],
)
def test_errors_name_the_parameter_its_value_and_what_to_do(values: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        validator("example", parameters_of(example))(values)


@pytest.mark.parametrize("word", ["auto", "fit"])
def test_a_word_stands_for_a_number_from_the_data(word: str) -> None:
    check = validator("example", parameters_of(example))
    assert check({"e0": word})["e0"] is None
    with pytest.raises(ValueError, match=f"order = '{word}'"):
        check({"order": word})


def test_a_type_that_no_form_knows_is_refused() -> None:
    def odd(stack: object, /, *, thing: dict[str, int]) -> None: ...

    with pytest.raises(TypeError, match="can't have the type"):
        parameters_of(odd)


def test_an_outer_declaration_changes_what_it_says_and_no_more() -> None:
    def nested(stack: object, /, *, thing: Any = None) -> None: ...

    inner = Annotated[float | None, Param(unit="eV", kind="reference", files=True, auto="inner")]
    nested.__annotations__ = {"thing": Annotated[inner, Param(auto="outer")]}
    assert parameters_of(nested)["thing"].spec == Param(unit="eV", kind="reference", files=True, auto="outer")


def test_the_calibration_of_a_library_says_who_needs_it() -> None:
    from napari_xanes.maps import ESTIMATORS

    calibration = ESTIMATORS["match_library"].parameters["calibration"]
    assert calibration.default_text == "none; K edges of theory need one"
    assert (calibration.kind, calibration.spec.files) == ("reference", True)
