"""Parameters of operations and estimators, declared once in the signature of a function.

A parameter is written ``name: Annotated[type, Param(...)] = default``. The form in the window, the list on the command
line, the checks of a recipe and the documentation all follow from this declaration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
import numpy as np


@dataclass(frozen=True)
class Param(annotated_types.GroupedMetadata):
    """Unit and bounds of a parameter, for display and validation.

    Parameters
    ----------
    unit : str
        Unit of the number; empty if it has none.
    ge, le : float, optional
        Smallest and largest allowed value.
    step : float, optional
        Increment of the field in a form.
    kind : str, optional
        Kind of a value that is not a number, text or choice, so that a form offers the right field: "references",
        "calibration" (references with valences), "reference", "i0", "region", "regions", "library", or "shifts".
    label : str, optional
        Label in a form; by default the name with spaces.
    auto : str, optional
        Where the value comes from if it is left out, in a few words ("from the data").
    files : bool
        Whether text is the path of a file. Such a value may also be a list of paths, or a mapping with ``path``. A
        recipe finds these files, and no others, from its own folder.
    words : tuple of str
        Texts that are no paths, such as ``"auto"``.
    on_request : bool
        Whether a form leaves the value out until the user asks for it.
    """

    unit: str = ""
    ge: float | None = None
    le: float | None = None
    step: float | None = None
    kind: str | None = None
    label: str | None = None
    auto: str | None = None
    files: bool = False
    words: tuple[str, ...] = ()
    on_request: bool = False

    def __iter__(self) -> Iterator[annotated_types.BaseMetadata]:
        """Yield the bounds as a validator that checks each number of a range."""
        if self.ge is not None or self.le is not None:
            yield annotated_types.Predicate(self.holds)

    def holds(self, value: Any) -> bool:
        """Return whether a number, or each number of a range, lies within the bounds."""
        if isinstance(value, tuple | list):
            return all(self.holds(item) for item in value)
        if not isinstance(value, int | float):
            return True
        return (self.ge is None or value >= self.ge) and (self.le is None or value <= self.le)

    def allowed(self) -> str:
        """Return the bounds in words."""
        low = "" if self.ge is None else f"{self.ge:g}"
        high = "" if self.le is None else f"{self.le:g}"
        words = [f"at least {low}"] * bool(low) + [f"at most {high}"] * bool(high)
        return f"{' and '.join(words)} {self.unit}".strip()


AUTOMATIC = ("auto", "fit")
"""Words that stand for None, where a number may be left out and is then taken from the data (`Param.auto`)."""

NUMERIC = ("float", "int", "range", "ranges", "numbers", "integers")
"""Kinds of numbers."""

PlainKind = Literal["float", "int", "bool", "text", "choice", "range", "ranges", "numbers", "integers"]
"""Kinds that follow from the type alone. Types of our own name theirs themselves (`Param.kind`)."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation or estimator, as its signature declares it.

    ``kind`` decides on the field in a form; ``annotation`` is the type for validation.
    """

    name: str
    kind: str
    default: Any
    optional: bool
    choices: tuple[str, ...]
    spec: Param
    description: str
    annotation: Any

    @property
    def label(self) -> str:
        """Label in a form."""
        return self.spec.label or self.name.replace("_", " ")

    @property
    def required(self) -> bool:
        """Whether the parameter has no default."""
        return self.default is inspect.Parameter.empty

    @property
    def default_text(self) -> str:
        """Default in words."""
        if self.default is None:
            return self.spec.auto or "none"
        return ("no", "yes")[self.default] if isinstance(self.default, bool) else str(self.default)

    def without_words(self, value: Any) -> Any:
        """Return None for one of the words in `AUTOMATIC`, if this is a number that may be left out; else the value."""
        is_word = isinstance(value, str) and value in AUTOMATIC
        return None if is_word and self.kind in NUMERIC and self.optional and self.spec.auto else value

    def check(self, value: Any) -> None:
        """Check one value against the bounds.

        Raises
        ------
        ValueError
            If the value lies outside.
        """
        if not self.spec.holds(value):
            raise ValueError(f"{value!r} is out of bounds; allowed: {self.spec.allowed()}")

    def describe(self) -> dict[str, Any]:
        """Return everything about the parameter as plain values."""
        from napari_xanes.history import to_plain

        return {
            "name": self.name,
            "kind": self.kind,
            "required": self.required,
            "default": None if self.required else to_plain(self.default),
            "optional": self.optional,
            "choices": list(self.choices),
            "unit": self.spec.unit,
            "minimum": self.spec.ge,
            "maximum": self.spec.le,
            "description": self.description,
        }


def _kind(hint: Any) -> tuple[PlainKind, tuple[str, ...]]:
    """Return the kind of a type, and its choices if it is a Literal."""
    names: dict[Any, PlainKind] = {bool: "bool", int: "int", float: "float", str: "text"}
    if hint in names:
        return names[hint], ()
    if get_origin(hint) is Literal:
        return "choice", tuple(str(value) for value in get_args(hint))
    if get_origin(hint) is tuple and get_args(hint) == (float, float):
        return "range", ()
    if get_origin(hint) is list and get_args(hint) == (tuple[float, float],):
        return "ranges", ()
    if get_origin(hint) is list and get_args(hint) == (float,):
        return "numbers", ()
    if get_origin(hint) is list and get_args(hint) == (int,):
        return "integers", ()
    raise TypeError(f"a parameter can't have the type {hint!r}: there is no field for it in a form")


def _joined(specs: Iterable[Param]) -> Param:
    """Return what nested Annotated declare together: outer ones, which come last, change what inner ones say."""
    joined = Param()
    for spec in specs:
        said = {field.name: getattr(spec, field.name) for field in fields(Param)}
        defaults = {field.name: field.default for field in fields(Param)}
        joined = replace(joined, **{name: value for name, value in said.items() if value != defaults[name]})
    return joined


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Return a type without None, and whether None was allowed."""
    if get_origin(hint) in (Union, UnionType):
        other_types = tuple(arg for arg in get_args(hint) if arg is not NoneType)
        if len(other_types) < len(get_args(hint)):
            return (other_types[0] if len(other_types) == 1 else Union[other_types]), True  # noqa: UP007
    return hint, False


def parameters_of(function: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the parameters of an operation or estimator: its keyword-only arguments except ``progress``.

    Parameters
    ----------
    function : callable
        A function whose keyword-only arguments are annotated and described in its docstring.

    Raises
    ------
    TypeError
        If a parameter is annotated with a type for which a form has no field.
    """
    hints = get_type_hints(function, include_extras=True)
    descriptions = _descriptions(function)
    parameters: dict[str, Parameter] = {}
    for name, argument in inspect.signature(function).parameters.items():
        if argument.kind is not inspect.Parameter.KEYWORD_ONLY or name == "progress":
            continue
        hint, spec = hints[name], Param()
        if get_origin(hint) is Annotated:
            spec = _joined(m for m in hint.__metadata__ if isinstance(m, Param))
        bare, optional = _without_none(hint.__origin__ if get_origin(hint) is Annotated else hint)
        kind, choices = (spec.kind, ()) if spec.kind else _kind(bare)
        parameters[name] = Parameter(
            name,
            kind,
            argument.default,
            optional or argument.default is None,
            choices,
            spec,
            descriptions.get(name, ""),
            hints[name],
        )
    return parameters


def _descriptions(function: Callable[..., Any]) -> dict[str, str]:
    """Return the text on each parameter in the docstring's section Parameters, as one line each."""
    texts: dict[str, str] = {}
    lines = (inspect.getdoc(function) or "").splitlines()
    try:
        start = lines.index("Parameters") + 2
    except ValueError:
        return texts
    names: list[str] = []
    for line, following in zip(lines[start:], [*lines[start + 1 :], ""], strict=True):
        if following.startswith("---"):
            break
        if line.startswith(" ") and names:
            for name in names:
                texts[name] = f"{texts.get(name, '')} {line.strip()}".strip()
        elif " : " in line:
            names = [name.strip() for name in line.split(" : ")[0].split(",")]
    return texts


def validator(owner: str, parameters: Mapping[str, Parameter]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a function that checks the parameters of `owner` and adds their defaults.

    It raises a ValueError that names the parameter, its value and the allowed values; true and false are no numbers.
    """
    from pydantic import ConfigDict, ValidationError, create_model

    fields: dict[str, Any] = {p.name: (p.annotation, ... if p.required else p.default) for p in parameters.values()}
    model = create_model(
        owner,
        __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True, validate_default=False),
        **fields,
    )

    def check(values: Mapping[str, Any]) -> dict[str, Any]:
        converted = {
            name: parameters[name].without_words(value) if name in parameters else value
            for name, value in values.items()
        }
        for name, value in converted.items():
            numeric = name in parameters and parameters[name].kind in NUMERIC
            if numeric and {bool, np.bool_} & set(map(type, np.ravel(np.array(value, object)))):  # they would be 1 or 0
                raise ValueError(f"{owner}: {name} = {value!r}: a number is needed here, not true or false")
        try:
            checked = model(**converted)
        except ValidationError as error:
            raise ValueError(_explain(owner, parameters, error)) from None
        return {name: getattr(checked, name) for name in fields}

    return check


def _explain(owner: str, parameters: Mapping[str, Parameter], error: Any) -> str:
    """Return pydantic's error as text for people."""
    lines = []
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        parameter = parameters.get(name)
        if parameter is None:
            lines.append(f"{owner} has no parameter {name!r}; it has {', '.join(parameters) or 'none'}")
            continue
        value = repr(problem["input"])
        value = value if len(value) <= 80 else value[:77] + "..."
        if problem["type"] == "missing" and len(problem["loc"]) == 1:
            lines.append(f"{owner} needs {name}: {parameter.description}")
        elif problem["type"] == "predicate_failed":
            lines.append(f"{owner}: {name} = {value} is out of bounds; allowed: {parameter.spec.allowed()}")
        else:
            text = str(problem["msg"]).removeprefix("Value error, ")
            lines.append(f"{owner}: {name} = {value}: {text}")
    return "; ".join(dict.fromkeys(lines))
