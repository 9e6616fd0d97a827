from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qtpy.QtWidgets import QCheckBox

from napari_xanes import SpectralStack, Spectrum, Step
from napari_xanes.gui.dock_layout import DOCK_WIDTH
from napari_xanes.gui.forms.form import Form
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.forms.viewer_fields import viewer_fields
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.parameters import Param
from napari_xanes.recipe import method_of
from napari_xanes.registry import method

METHODS = [*OPERATIONS, *ESTIMATORS]


@method(looks_at="frame")
def everything(
    stack: SpectralStack,
    /,
    *,
    number: Annotated[float, Param(unit="eV")] = 1e-6,
    automatic: Annotated[float | None, Param(unit="eV", ge=0, auto="from the data")] = None,
    window: tuple[float, float] | None = None,
    windows: list[tuple[float, float]] | None = None,
    values: list[float] | None = None,
    frames: list[int] | None = None,
    count: Annotated[int, Param(ge=0, le=9)] = 3,
    kind: Literal["line", "broad_step"] = "line",
    text: str = "",
    flag: bool = False,
) -> SpectralStack:
    """Use every kind of field."""
    return stack


@pytest.fixture
def form(qtbot: Any) -> Form:
    built_form = Form(everything)
    qtbot.addWidget(built_form)
    return built_form


numbers = st.floats(-1e9, 1e9, allow_nan=False) | st.sampled_from([1e-6, 12658.0, 1e-300, 0.1 + 0.2])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=numbers,
    automatic=st.none() | st.floats(0, 1e6),
    window=st.none() | st.tuples(numbers, numbers).filter(lambda w: w[0] < w[1]),
    windows=st.none() | st.lists(st.tuples(numbers, numbers).filter(lambda w: w[0] < w[1]), min_size=1, max_size=3),
    values=st.none() | st.lists(numbers, min_size=1, max_size=4),
    frames=st.none() | st.lists(st.integers(-9, 9), min_size=1, max_size=4),
    count=st.integers(0, 9),
    kind=st.sampled_from(["line", "broad_step"]),
    flag=st.booleans(),
)
def test_form_returns_what_the_user_enters(form: Form, **values: Any) -> None:
    form.fill(values)
    result = form.values()
    assert {name: result[name] for name in values} == values


def test_defaults_are_shown_and_empty_is_automatic(form: Form) -> None:
    values = form.values()
    assert values["number"] == 1e-6
    assert values["automatic"] is None
    assert form.field("automatic").widget.placeholderText() == "automatic: from the data"


@pytest.mark.parametrize(
    ("name", "typed", "text"),
    [
        ("number", "edge", "number: 'edge' is not a number"),
        ("automatic", "-3", "automatic: -3.0 is out of bounds; allowed: at least 0 eV"),
        ("values", "1, x", "values: 'x' is not a number"),
    ],
)
def test_a_wrong_field_is_marked(form: Form, name: str, typed: str, text: str) -> None:
    form.field(name).widget.setText(typed)
    with pytest.raises(ValueError, match=text):
        form.values()
    assert "D55E00" in form.field(name).widget.styleSheet()
    form.field(name).widget.setText("1")
    assert form.field(name).widget.styleSheet() == ""


def test_the_reason_stands_above_its_field_and_goes_with_a_change(form: Form) -> None:
    fields = ("number", "values")
    for name in fields:
        form.mark(name, f"wrong {name}")
        rows, field = form._rows, form.field(name).widget
        assert rows.getWidgetPosition(form._problem)[0] == rows.getWidgetPosition(field)[0] - 1
        assert form._problem.text() == f"wrong {name}"
        assert not form._problem.isHidden()
    form.mark(None, "nothing can be done")
    assert form._rows.getWidgetPosition(form._problem)[0] == 0
    assert not any(form.field(name).widget.styleSheet() for name in fields)
    count = form._rows.rowCount()
    form.field("number").widget.setText("1")
    assert form._problem.isHidden()
    assert form._rows.rowCount() == count - 1


def test_range_with_one_number_is_refused(form: Form) -> None:
    form.fill({"window": (1.0, 2.0)})
    assert form.values()["window"] == (1.0, 2.0)
    form.fill({"window": (5.0, 2.0)})
    with pytest.raises(ValueError, match="must go up"):
        form.values()


@pytest.mark.parametrize("name", METHODS)
def test_the_form_of_every_method_gives_a_valid_step(name: str, viewer: Any, add_stack: Any, qtbot: Any) -> None:
    layer = add_stack()
    from napari_xanes.gui.state.workspace import workspace_of

    workspace_of(viewer).references.offer(layer)
    stacks = StackBox(viewer)
    qtbot.addWidget(stacks)
    form = Form(method_of(name), viewer_fields(viewer, stacks))
    qtbot.addWidget(form)
    required = {key for key, one in method_of(name).parameters.items() if one.required}
    form.fill({key: value for key, value in {"centers": [8333.0]}.items() if key in required})
    values = form.values()
    assert set(values) == set(method_of(name).parameters)
    for key, parameter in method_of(name).parameters.items():
        assert parameter.kind == "references" or key in required or values[key] == parameter.default
    assert method_of(name).validated(Step(name, values).parameters)
    # What is wider is cut off, because the area around a form scrolls up and down only.
    if not any(box.isVisibleTo(form) for box in form.findChildren(ReferenceList)):
        assert form.minimumSizeHint().width() <= DOCK_WIDTH - 60


def test_known_spectra_are_used_to_align_only_on_request(viewer: Any, add_stack: Any, qtbot: Any) -> None:
    layer = add_stack()
    from napari_xanes.gui.state.workspace import workspace_of

    workspace_of(viewer).references.offer(layer)
    stacks = StackBox(viewer)
    qtbot.addWidget(stacks)
    form = Form(method_of("align"), viewer_fields(viewer, stacks))
    qtbot.addWidget(form)
    assert form.values()["references"] is None
    box = form.field("references").widget.findChild(QCheckBox)
    with qtbot.waitSignal(form.changed):
        box.setChecked(True)
    assert [item.name for item in form.values()["references"]] == ["low", "high"]
    for name in ("low", "high"):
        workspace_of(viewer).references.set_checked(name, False)
    with pytest.raises(ValueError, match="no ticked reference"):
        form.values()
    form.fill({"references": None})
    assert form.values()["references"] is None
    form.fill({"references": layer.metadata["xanes"]["metadata"]["references"]})
    assert box.isChecked(), "a recipe asks for them"


def test_a_region_layer_can_be_chosen(viewer: Any, add_stack: Any, qtbot: Any) -> None:
    add_stack()
    labels = np.zeros((24, 32), int)
    labels[2:5, 3:9] = 2
    viewer.add_labels(labels, name="empty corner", scale=(0.05, 0.05))
    stacks = StackBox(viewer)
    qtbot.addWidget(stacks)
    form = Form(OPERATIONS["optical_depth"], viewer_fields(viewer, stacks))
    qtbot.addWidget(form)
    box = form.field("i0").widget
    box.setCurrentText("region: empty corner")
    np.testing.assert_array_equal(form.values()["i0"], labels > 0)
    viewer.layers["empty corner"].data = np.zeros((24, 32), int)
    with pytest.raises(ValueError, match="marks no pixel"):
        form.values()
    spectrum = Spectrum("I0 of yesterday", [8000, 9000], [1, 1])
    form.fill({"i0": spectrum})
    assert box.currentText() == "I0 of yesterday"
    assert form.values()["i0"] is spectrum


def test_labels_and_shapes_give_regions_one_by_one(viewer: Any, add_stack: Any, qtbot: Any) -> None:
    add_stack()
    labels = np.zeros((24, 32), int)
    labels[2:5, 3:9], labels[10:12, 3:9] = 2, 5
    viewer.add_labels(labels, name="grains", scale=(0.05, 0.05))
    boxes = [np.array([[2, 3], [2, 8], [4, 8], [4, 3]]), np.array([[10, 3], [10, 8], [11, 8], [11, 3]])]
    viewer.add_shapes(boxes, shape_type="rectangle", name="drawn", scale=(0.05, 0.05))
    stacks = StackBox(viewer)
    qtbot.addWidget(stacks)
    form = Form(OPERATIONS["normalize_edge"], viewer_fields(viewer, stacks))
    qtbot.addWidget(form)
    box = form.field("regions").widget
    assert box.currentText() == "automatic: one for all"
    box.setCurrentText("region: grains")
    np.testing.assert_array_equal(form.values()["regions"].labels, labels)
    box.setCurrentText("region: drawn")
    first, second = form.values()["regions"]
    assert first[2:5, 3:9].mean() > 0.5
    assert second[10:12, 3:9].mean() > 0.5
    assert not (first & second).any()


@pytest.mark.parametrize(
    ("step", "name", "first"),
    [("crop", "region", "whole image"), ("repair", "pixels", "automatic: dead, stuck, flickering")],
)
def test_a_region_that_is_not_given_says_what_is_taken(
    step: str, name: str, first: str, viewer: Any, add_stack: Any, qtbot: Any
) -> None:
    add_stack()
    stacks = StackBox(viewer)
    form = Form(OPERATIONS[step], viewer_fields(viewer, stacks))
    qtbot.addWidget(stacks)
    qtbot.addWidget(form)
    assert form.field(name).widget.currentText() == first
    assert form.values()[name] is None


def test_ranges_are_typed_as_words(form: Form) -> None:
    line = form.field("windows").widget
    for text in ("8300 to 8340, 8350 to 8400.5", "8300–8340; 8350:8400.5"):
        line.setText(text)
        assert form.values()["windows"] == [(8300, 8340), (8350, 8400.5)]
    for text, problem in (("8300", "'8300' is no range; write"), ("8340 to 8300", "must go up")):
        line.setText(text)
        with pytest.raises(ValueError, match=problem):
            form.values()
