"""``ops``: list the operations and estimators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_xanes.cli.options import say

if TYPE_CHECKING:
    from napari_xanes.registry import Method


def ops(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False) -> None:
    """List the operations and estimators with their parameters, units and bounds."""
    from napari_xanes.maps import ESTIMATORS
    from napari_xanes.ops import OPERATIONS

    if as_json:
        say(json.dumps(described(), indent=1))
        return
    for title, registry in {"operations": OPERATIONS, "estimators": ESTIMATORS}.items():
        say(title.upper())
        for method in registry.values():
            _list_method(method)


def described() -> dict[str, list[dict[str, Any]]]:
    """Return the operations and estimators with their parameters, as plain values."""
    from napari_xanes.maps import ESTIMATORS
    from napari_xanes.ops import OPERATIONS

    return {
        title: [
            {
                "name": method.name,
                "summary": method.summary,
                "looks_at": method.looks_at,
                "parameters": [parameter.describe() for parameter in method.parameters.values()],
            }
            for method in registry.values()
        ]
        for title, registry in (("operations", OPERATIONS), ("estimators", ESTIMATORS))
    }


def _list_method(method: Method[Any]) -> None:
    """Print a method and its parameters."""
    say(f"\n{method.name}: {method.summary}")
    for parameter in method.parameters.values():
        spec = parameter.spec
        bounds = f", {spec.allowed()}" if spec.ge is not None or spec.le is not None else ""
        unit = f" in {spec.unit}" if spec.unit and not bounds else ""
        kind = " | ".join(parameter.choices) or parameter.kind
        default = "required" if parameter.required else f"default {parameter.default_text}"
        say(f"  {parameter.name}: {kind}{unit}{bounds}; {default}")
        if parameter.description:
            say(f"      {parameter.description}")
    say("")
