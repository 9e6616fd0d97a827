"""A form for any operation or estimator, made from its declared parameters.

Numbers have text fields: 1e-6 stays exactly as typed, and an empty field means "automatic".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_xanes.arguments import load_ranges
from napari_xanes.gui.dock_layout import narrowed, say
from napari_xanes.parameters import Parameter
from napari_xanes.registry import Method


@dataclass(frozen=True)
class Field:
    """The widget of one parameter, with functions that read and fill it.

    ``get`` raises a ValueError if the text can't be converted to the kind of the parameter. ``suggest`` shows the value
    that was estimated where the field is empty; None shows none.
    """

    widget: QWidget
    get: Callable[[], Any]
    set: Callable[[Any], None]
    changed: Any
    suggest: Callable[[Any], None] = lambda value: None


FieldMaker = Callable[[Parameter], Field]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number; type one, such as 8345.2") from None


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number; type one, such as 3") from None


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(_text_of(item) for item in value)
    return repr(value) if isinstance(value, float) else str(value)


def _estimated(value: Any) -> str:
    """Return an estimated value in five or six digits: enough to judge it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_estimated, value)) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _line(parameter: Parameter, read: Callable[[str], Any], write: Callable[[Any], str] = _text_of) -> Field:
    """Make a text field; an empty field means None if the parameter is optional."""
    line = LineEdit()

    def suggest(value: Any) -> None:
        if parameter.optional:
            text = parameter.spec.auto if value is None else _estimated(value)
            line.native.setPlaceholderText(f"automatic: {text}" if text else "automatic")

    suggest(None)

    def get() -> Any:
        text = line.value.strip()
        if not text and parameter.optional:
            return None
        return read(text)

    return Field(line.native, get, lambda value: setattr(line, "value", write(value)), line.changed, suggest)


def _pair(parameter: Parameter) -> Field:
    """Make two text fields for the lower and upper end of a range."""
    ends = [LineEdit(), LineEdit()]
    row = Container(widgets=ends, layout="horizontal", labels=False)
    row.margins = (0, 0, 0, 0)

    def suggest(value: Any) -> None:
        for end, hint, estimate in zip(ends, ("from", "to"), value or ("", ""), strict=True):
            automatic = "auto" if value is None else f"auto {round(estimate, 1):g}"  # there is room for no more
            end.native.setPlaceholderText(automatic if parameter.optional else hint)

    suggest(None)

    def get() -> tuple[float, float] | None:
        texts = [end.value.strip() for end in ends]
        if not any(texts) and parameter.optional:
            return None
        if not all(texts):
            raise ValueError(
                "one end of the range is missing; fill in both ends" + (" or none" if parameter.optional else "")
            )
        low, high = (_number(text) for text in texts)
        if low >= high:
            raise ValueError(f"the range must go up, but it goes from {low:g} to {high:g}; exchange the ends")
        return low, high

    def fill(value: Any) -> None:
        for end, part in zip(ends, value or (None, None), strict=True):
            end.value = _text_of(part)

    return Field(row.native, get, fill, row.changed, suggest)


def _choice(parameter: Parameter) -> Field:
    box = ComboBox(choices=[(choice.replace("_", " "), choice) for choice in parameter.choices])
    return _plain(box)


def _whole(parameter: Parameter) -> Field:
    low, high = parameter.spec.ge, parameter.spec.le
    box = SpinBox(min=int(-(2**31) if low is None else low), max=int(2**31 - 1 if high is None else high))
    return _plain(box)


def _plain(widget: ValueWidget[Any]) -> Field:
    return Field(widget.native, lambda: widget.value, lambda value: setattr(widget, "value", value), widget.changed)


def _several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return what reads a list of values, separated by commas or semicolons."""
    return lambda text: [read(part.strip()) for part in text.replace(";", ",").split(",") if part.strip()]


_RANGE = re.compile(r"\s*(\S+?)\s*(?:\bto\b|–|\.\.|:)\s*(\S+)\s*")


def _ranges(text: str) -> list[tuple[float, float]]:
    """Read ranges such as "8300 to 8340, 8350 to 8400"."""
    ranges = []
    for part in text.replace(";", ",").split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise ValueError(f"{part.strip()!r} is no range; write 8300 to 8340, 8350 to 8400")
        low, high = (_number(end) for end in found.groups())
        if low >= high:
            raise ValueError(f"the range must go up, but it goes from {low:g} to {high:g}; exchange the ends")
        ranges.append((low, high))
    return ranges


def _text_of_ranges(value: Any) -> str:
    return ", ".join(f"{_text_of(low)} to {_text_of(high)}" for low, high in load_ranges(value) or ())


MAKERS: dict[str, FieldMaker] = {
    "float": lambda p: _line(p, _number),
    "int": lambda p: _line(p, _integer) if p.optional else _whole(p),
    "bool": lambda p: _plain(CheckBox(text="")),
    "text": lambda p: _line(p, str),
    "choice": _choice,
    "range": _pair,
    "ranges": lambda p: _line(p, _ranges, _text_of_ranges),
    "numbers": lambda p: _line(p, _several(_number)),
    "integers": lambda p: _line(p, _several(_integer)),
}
"""Maker of the field of each parameter kind; makers of kinds that need the viewer are passed to the form."""


class Form(QWidget):
    """Fields for all parameters of one method.

    Parameters
    ----------
    method : Method
        The operation or estimator.
    makers : mapping of str to callable, optional
        Makers of fields for the kinds that need the viewer ("references", "i0", "region").
    parent : QWidget, optional
        Parent widget.
    """

    changed = Signal()

    def __init__(
        self, method: Method[Any], makers: Mapping[str, FieldMaker] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.method = method
        self._fields: dict[str, Field] = {}
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.setStyleSheet("color: #D55E00;")
        self._problem.hide()
        self._wrong: QWidget = self._problem
        self._rows = rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)  # a long label never widens its dock
        field_makers = {**MAKERS, **(makers or {})}
        for parameter in method.parameters.values():
            field = field_makers[parameter.kind](parameter)
            if not parameter.required:
                field.set(parameter.default)
            field.widget.setToolTip(_tooltip(parameter))
            narrowed(field.widget)
            unit = f" ({parameter.spec.unit})" if parameter.spec.unit else ""
            label = QLabel(f"{parameter.label}{unit}")
            label.setToolTip(_tooltip(parameter))
            if parameter.kind in ("references", "calibration"):
                rows.addRow(label)
                rows.addRow(field.widget)
            else:
                rows.addRow(label, field.widget)
            field.changed.connect(self._on_change)
            self._fields[parameter.name] = field
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(rows)

    def _on_change(self, *_: Any) -> None:
        self.mark(None)
        self.changed.emit()

    def field(self, name: str) -> Field:
        """Return the field of a parameter."""
        return self._fields[name]

    def fill(self, values: Mapping[str, Any]) -> None:
        """Put values into their fields."""
        for name, value in values.items():
            self._fields[name].set(value)

    def suggest(self, values: Mapping[str, Any]) -> None:
        """Show in empty fields what was estimated for them; fields without such a value say where it will come from."""
        for name, field in self._fields.items():
            field.suggest(values.get(name))

    def values(self) -> dict[str, Any]:
        """Return the checked values of all fields; a wrong field is marked.

        Raises
        ------
        ValueError
            If a field can't be read, or if its value is not allowed.
        """
        self.mark(None)
        read: dict[str, Any] = {}
        for name, field in self._fields.items():
            try:
                read[name] = field.get()
                self.method.parameters[name].check(read[name])
            except ValueError as error:
                self.mark(name, str(error))
                raise ValueError(f"{self.method.parameters[name].label}: {error}") from None
        return read

    def mark(self, name: str | None, text: str = "") -> None:
        """Mark one field as wrong and show the error text above it; None marks none, and shows the text on top."""
        for field_name, field in self._fields.items():
            style = "border: 1px solid #D55E00;" if field_name == name else ""
            if field.widget.styleSheet() != style:  # a new style takes Qt a millisecond, the same one too
                field.widget.setStyleSheet(style)
        if self._rows.indexOf(self._problem) >= 0:
            self._rows.takeRow(self._problem)
            self._problem.setMinimumHeight(0)
        say(self._problem, text)
        self._wrong = self._problem if name is None else self._fields[name].widget
        if text:
            self._rows.insertRow(0 if name is None else self._row_of(name), self._problem)
            QTimer.singleShot(0, self._scroll_to_problem)  # when it has its place

    def _row_of(self, name: str) -> int:
        row, _role = self._rows.getWidgetPosition(self._fields[name].widget)
        return int(row or 0)

    def _scroll_to_problem(self) -> None:
        problem, area = self._problem, self.parentWidget()
        problem.setMinimumHeight(problem.heightForWidth(problem.width()))  # Qt's layout may leave out its last line
        self._rows.activate()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            for widget in (self._wrong, problem):
                area.ensureWidgetVisible(widget, 0, 4)


def _tooltip(parameter: Parameter) -> str:
    spec = parameter.spec
    bounds = f" Allowed: {spec.allowed()}." if spec.ge is not None or spec.le is not None else ""
    return f"<p>{parameter.description}{bounds}</p>"
