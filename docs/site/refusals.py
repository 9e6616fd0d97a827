"""The refusals of the package: the texts of errors in its source, and the part of the page where each stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "napari_xanes"

Function = ast.FunctionDef | ast.AsyncFunctionDef
_DEPTH = 4  # calls that a text is followed through


@dataclass(frozen=True)
class Refusal:
    """A text of an error, with … for what is filled in, and the module that it comes from."""

    text: str
    module: str


def texts_of(
    node: ast.expr | None, function: ast.AST, functions: dict[str, Function], depth: int = _DEPTH
) -> list[str]:
    """Return the texts that an expression can be; none if it holds no text of its own.

    Parameters
    ----------
    node : ast.expr
        The expression.
    function : ast.AST
        Where its names are assigned.
    functions : dict of str to ast.FunctionDef
        Functions of the module, by their names.
    depth : int
        How many calls and names are followed.
    """
    if depth == 0 or node is None:
        return []
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return ["".join(value.value if isinstance(value, ast.Constant) else _filled(value) for value in values)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first = texts_of(left, function, functions, depth)
            second = texts_of(right, function, functions, depth)
            return [a + b for a in first or ["…"] for b in second or ["…"]] if first or second else []
        case ast.IfExp(body=body, orelse=other):
            return [text for part in (body, other) for text in texts_of(part, function, functions, depth)]
        case ast.BoolOp(values=values):
            return [text for part in values for text in texts_of(part, function, functions, depth)]
        case ast.Name(id=name):
            values = [value for target, value in _assignments(function) if target == name]
            return [text for value in values for text in texts_of(value, function, functions, depth - 1)]
        case ast.Call(func=ast.Name(id=name)) if name in functions:
            inner = functions[name]
            returned = [one.value for one in ast.walk(inner) if isinstance(one, ast.Return)]
            return [text for value in returned for text in texts_of(value, inner, functions, depth - 1)]
    return []


def _filled(value: ast.expr) -> str:
    """Return what a place in a text holds, if it is one of the ways out that readers share, else …."""
    name = ast.unparse(value.value) if isinstance(value, ast.FormattedValue) else ""
    return ways_out().get(name, "…")


@cache
def ways_out() -> dict[str, str]:
    """Return the texts of `napari_xanes.io.ways_out` by their names as other modules write them."""
    tree = ast.parse((SOURCE / "io" / "ways_out.py").read_text(encoding="utf-8"))
    return {f"ways_out.{name}": ast.literal_eval(value) for name, value in _assignments(tree)}


def _assignments(function: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names and values of the plain assignments in a function."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.NamedExpr):
            yield node.target.id, node.value


def refusals_of(path: Path) -> list[Refusal]:
    """Return the refusals of a file: texts of what it raises, and of its functions that return why not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    module = path.relative_to(SOURCE).with_suffix("").as_posix()
    texts: list[str] = []
    for function in (*functions.values(), tree):
        own = [node for node in ast.walk(function) if isinstance(node, ast.Raise | ast.Return)]
        for node in own:
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                texts += texts_of(node.exc.args[0], function, functions)
            elif isinstance(node, ast.Return) and getattr(function, "name", "").startswith("why_"):
                texts += texts_of(node.value, function, functions)
    kept = [text for text in dict.fromkeys(" ".join(text.split()) for text in texts) if len(text.replace("…", "")) > 12]
    return [Refusal(text, module) for text in kept]


@cache
def refusals() -> tuple[Refusal, ...]:
    """Return all refusals of the package, in the order of its files."""
    return tuple(refusal for path in sorted(SOURCE.rglob("*.py")) for refusal in refusals_of(path))


PARTS: dict[str, tuple[str, ...]] = {
    "reading": ("io",),
    "energies": ("io/energies", "io/facts", "io/frames", "io/raw_stack", "io/sidecar", "io/series", "io/selection",
                 "io/grid_comments", "io/line_columns", "stack", "corrections", "guesses"),
    "spectra": ("io/spectra", "io/column_choice", "spectrum", "spectrum_lines", "spectrum_source"),
    "saving": ("saving", "io/writing", "io/formats", "io/metadata_json", "io/project_file", "io/project_layers",
               "project", "gui/projects", "gui/files/writers", "cli/converting"),
    "recipes": ("recipe", "recipe_text", "history", "registry", "parameters", "arguments", "step_files", "draft",
                "named_files", "ops/__init__", "maps/__init__", "limits", "region_labels", "run_lengths", "step_maps",
                "results", "__init__", "field_mapping", "forking", "computing", "blocks", "suggestion"),
    "counts": ("ops/absorbance", "ops/flats", "ops/beam", "ops/beam_jumps", "ops/dead_time", "ops/dead_time_fitting",
               "ops/empty_area", "ops/i0_checks", "ops/detector_gain", "ops/photon_noise", "dead_time", "noise",
               "photon_transfer", "saturation"),
    "moving": ("ops/alignment", "ops/alignment_choices", "ops/alignment_models", "ops/alignment_volumes", "alignment",
               "alignment_fields", "alignment_grid", "registration", "io/shift_table", "ops/moved_lines",
               "ops/moved_frames", "stitching", "seams", "cli/stitching", "gui/prepare/drift", "gui/stitching"),
    "edges": ("edge", "ops/edge_choices", "ops/edge_jumps", "ops/edge_regions", "ops/normalization",
              "ops/energy_calibration", "ops/energy_interpolation", "ops/scaled_spectra", "scaling", "ops/slopes",
              "maps/edges", "maps/differences"),
    "cleaning": ("ops", "denoising", "filled_values", "gui/denoising"),
    "references": ("maps/references", "maps/fitting", "maps/reference_needs", "reference_arguments", "formulas",
                   "reference_checks", "maps/peak_maps", "residual_tests", "gui/references", "gui/state/references"),
    "exploring": ("exploring", "maps/cluster_maps", "maps/component_maps", "maps/phase_maps", "maps/unmix_maps",
                  "maps/pixel_sample", "maps/reference_search", "maps/searching", "maps/stack_references"),
    "theory": ("theory", "maps/matching", "maps/library_match", "gui/embedding", "gui/simulate", "cli/simulating"),
    "maps": ("parameter_map", "map_difference", "colour_mix", "colours", "region_means", "region_spectra",
             "region_table", "line_profiles", "line_sampling", "profile_table", "pictures", "masked_values",
             "gui/map_layers", "gui/state/runs", "gui/results", "cli/profiling", "maps"),
    "many": ("many", "live", "cli/running", "cli/watching", "gui/many", "gui/live", "io/unchanged", "advice",
             "cli/planning", "demo"),
    "window": ("gui",),
    "other": ("",),
}  # fmt: skip
"""The parts of the page of messages, and the modules that each is about: the longest name that fits decides."""


def part_of(module: str) -> str:
    """Return the part of the page that a module belongs to."""
    return max(
        (len(prefix), part)
        for part, prefixes in PARTS.items()
        for prefix in prefixes
        if prefix in ("", module) or module.startswith(f"{prefix}/")
    )[1]


def listed(part: str) -> str:
    """Return the messages of a part as a list in the order of their words, with links to the steps that say them."""
    steps = steps_of()
    found: dict[str, set[str]] = {}
    for refusal in refusals():
        if part_of(refusal.module) == part:
            found.setdefault(refusal.text, set()).update(steps.get(refusal.module, ()))
    lines = []
    for text in sorted(found, key=_words):
        links = ", ".join(f"[{name}](steps.md#{name})" for name in sorted(found[text]))
        lines.append(f"- {_code(text)}" + (f" ({links})" if links else ""))
    return "\n".join(lines)


@cache
def steps_of() -> dict[str, list[str]]:
    """Return the names of the steps that each module of the package holds."""
    from napari_xanes.maps import ESTIMATORS
    from napari_xanes.ops import OPERATIONS

    steps: dict[str, list[str]] = {}
    for method in (*OPERATIONS.values(), *ESTIMATORS.values()):
        module = method.function.__module__.removeprefix("napari_xanes.").replace(".", "/")
        steps.setdefault(module, []).append(method.name)
    return steps


def _words(text: str) -> str:
    return text.lstrip("… ':,").casefold()


def _code(text: str) -> str:
    """Return text as code of Markdown, also where it holds backticks."""
    fence = "``" if "`" in text else "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"
