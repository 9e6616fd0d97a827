"""Pages that are written from the package: steps, command line, API."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from refusals import listed

PICTURES = Path(__file__).resolve().parents[1] / "pictures" / "forms"

LOOKS_AT = {
    "frame": "each value of a frame depends on the same frame only",
    "pixel": "each pixel depends on its own spectrum only",
    "neighbours": "each pixel depends on the pixels around it",
    "stack": "each pixel depends on the whole stack",
}


def steps() -> str:
    """Return each step with its parameters and what its docstring says beyond them."""
    from napari_xanes.maps import ESTIMATORS
    from napari_xanes.ops import OPERATIONS

    parts = []
    for title, methods in (("From stack to stack", OPERATIONS), ("From stack to maps", ESTIMATORS)):
        parts.append(f"## {title}\n")
        parts += [_step(method) for method in methods.values()]
    return "\n".join(parts)


def _step(method: Any) -> str:
    """Return the section of one step."""
    rows = [_row(parameter) for parameter in method.parameters.values()]
    head = "| parameter | value | default | |\n|---|---|---|---|\n"
    picture = PICTURES / f"{method.name}.png"
    shown = f"![The form of {method.name} in the window](pictures/forms/{picture.name})\n" if picture.is_file() else ""
    return "\n".join(
        [
            f"### {method.name}\n",
            f"{method.summary} {_capital(LOOKS_AT[method.looks_at])}.\n",
            head + "\n".join(rows) + "\n" if rows else "No parameters.\n",
            shown,
            _rst(_without_parameters(inspect.getdoc(method.function) or "")),
        ]
    )


def _row(parameter: Any) -> str:
    """Return the row of a parameter: name, kind with unit and bounds, default, description."""
    spec = parameter.spec
    kind = " or ".join(f"`{choice}`" for choice in parameter.choices) or parameter.kind
    bounds = f", {spec.allowed()}" if spec.ge is not None or spec.le is not None else ""
    unit = f" in {spec.unit}" if spec.unit and not bounds else ""
    default = "required" if parameter.required else parameter.default_text
    cells = (f"`{parameter.name}`", f"{kind}{unit}{bounds}", default, parameter.description)
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    """Return text for a cell of a table: one line, code of docstrings as code of Markdown."""
    text = re.sub(r"``([^`]+)``", r"`\1`", " ".join(text.split()))
    return text.replace("|", r"\|").replace("<", r"\<").replace("*", r"\*")


def _without_parameters(docstring: str) -> str:
    """Return a docstring in numpydoc's form without its first line and without its parameters."""
    _summary, _, rest = docstring.partition("\n")
    return re.sub(r"^Parameters\n-+\n.*?(?=^\w[\w ]*\n-+\n|\Z)", "", rest, flags=re.MULTILINE | re.DOTALL).strip()


def _rst(docstring: str) -> str:
    """Return a docstring in numpydoc's form as a block of reStructuredText."""
    from sphinx.ext.napoleon import Config, NumpyDocstring

    text = str(NumpyDocstring(docstring, Config(napoleon_use_rtype=False)))
    return f"````{{eval-rst}}\n{text}\n````\n" if text.strip() else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def command_line() -> str:
    """Return each command with its arguments and options."""
    import typer

    from napari_xanes.cli import app

    group: Any = typer.main.get_command(app)
    return "\n".join(_command(name, command) for name, command in sorted(group.commands.items()))


def _command(name: str, command: Any) -> str:
    """Return the section of one command: how it is called, what it does, its arguments and options."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join(["napari-xanes", name, "[OPTIONS]", *map(_argument, arguments)])
    text = inspect.cleandoc(command.help or "").replace("\b", "")
    rows = [_option_row(one) for one in command.params if getattr(one, "help", None)]
    table = "| | | default |\n|---|---|---|\n" + "\n".join(rows) if rows else ""
    return f"## {name}\n\n```\n{usage}\n```\n\n{text}\n\n{table}\n"


def _argument(parameter: Any) -> str:
    """Return how an argument stands in the line of a command."""
    many = "..." if parameter.nargs == -1 else ""
    return f"{parameter.name.upper()}{many}" if parameter.required else f"[{parameter.name.upper()}{many}]"


def _option_row(parameter: Any) -> str:
    """Return the row of an argument or option."""
    is_option = parameter.param_type_name == "option"
    names = ", ".join([*parameter.opts, *parameter.secondary_opts]) if is_option else _argument(parameter)
    default = parameter.default
    said = "" if default is None or callable(default) or isinstance(default, bool | list | tuple) else str(default)
    return f"| `{names}` | {_cell(parameter.help)} | {_cell(said)} |"


def api() -> str:
    """Return the functions and classes of ``napari_xanes``, then those of its modules."""
    import napari_xanes as nx

    names = [name for name in nx.__all__ if not name.startswith("_")]
    values = {name: getattr(nx, name) for name in names}
    parts = [_documented("napari_xanes", (name for name in names if not inspect.ismodule(values[name])), values)]
    theory, sample = nx.theory, nx.sample
    parts.append("## napari_xanes.theory\n")
    parts.append(_documented("napari_xanes.theory", theory.__all__, {n: getattr(theory, n) for n in theory.__all__}))
    parts.append("## napari_xanes.sample\n")
    samples = ("Sample", *sample.SAMPLES)
    parts.append(_documented("napari_xanes.sample", samples, {name: getattr(sample, name) for name in samples}))
    return "\n".join(parts)


def _documented(module: str, names: Iterable[str], values: dict[str, Any]) -> str:
    """Return directives of autodoc for names of a module: classes with their members, and functions."""
    lines = []
    for name in names:
        kind = "class" if inspect.isclass(values[name]) else "function"
        members = "   :members:\n" if kind == "class" else ""
        lines.append(f".. auto{kind}:: {module}.{name}\n{members}")
    return "````{eval-rst}\n" + "\n".join(lines) + "\n````\n"


TEXTS: dict[str, Callable[..., str]] = {"steps": steps, "command_line": command_line, "api": api, "refusals": listed}
"""What a comment ``<!-- generated: name -->`` or ``<!-- generated: name argument -->`` of a page stands for."""
