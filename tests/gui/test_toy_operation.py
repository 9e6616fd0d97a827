"""The form of an operation that is defined outside the package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest

from napari_xanes import SpectralStack
from napari_xanes.gui.forms.form import Form
from napari_xanes.ops import OPERATIONS
from napari_xanes.parameters import Param
from napari_xanes.registry import method


@method(looks_at="neighbours")
def blur(
    stack: SpectralStack,
    /,
    *,
    width: Annotated[float, Param(unit="pixels", ge=0, le=50)] = 1.5,
    shape: Literal["gauss", "box"] = "gauss",
) -> SpectralStack:
    """Blur each frame.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Any quantity.
    width : float
        Full width, in pixels.
    shape : {"gauss", "box"}
        Shape of the kernel.
    """
    return stack


@pytest.fixture
def registered() -> Iterator[None]:
    OPERATIONS.register(blur)
    yield
    OPERATIONS.unregister("blur")


@pytest.mark.usefixtures("registered")
def test_the_form_shows_its_parameters(qtbot: Any) -> None:
    form = Form(OPERATIONS["blur"])
    qtbot.addWidget(form)
    assert form.values() == {"width": 1.5, "shape": "gauss"}
    form.fill({"width": 3.0, "shape": "box"})
    assert form.values() == {"width": 3.0, "shape": "box"}
