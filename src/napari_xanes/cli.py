"""The command line: the same readers, recipes and maps, without a window."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_xanes.progress import Progress

if TYPE_CHECKING:
    from napari_xanes.registry import Method
    from napari_xanes.stack import MapSet, SpectralStack

app = typer.Typer(
    help="X-ray absorption image stacks: what a file holds, recipes on files, the demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Select = Annotated[
    str | None,
    typer.Option(help="Which of several stacks in a file (region, detector, projection), as `info` lists them."),
]
Repeat = Annotated[
    int | None, typer.Option(help="Of several frames of one energy take only this one, from 1, not their mean.")
]
Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results; made if it does not exist.")]


def _say(text: str) -> None:
    typer.echo(text)


@app.command()
def info(
    paths: Annotated[list[Path], typer.Argument(help="Stacks or spectra: files, or folders of a scan.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    select: Select = None,
    repeat: Repeat = None,
) -> None:
    """Say what files hold: size, energies, quantity, pixel size, history."""
    found = [_described(path, {"select": select, "repeat": repeat}) for path in paths]
    if as_json:
        _say(json.dumps(found if len(found) > 1 else found[0], indent=1))
        return
    for facts in found:
        _say(str(facts.pop("path")))
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            _say(f"  {name.replace('_', ' '):{width}}  {_words(value)}")


_MOST_WORDS = 30


def _words(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "".join(f"\n    {_words(item)}" for item in value)
    if isinstance(value, list) and len(value) > _MOST_WORDS:
        return f"{_words(value[:_MOST_WORDS])} ... ({len(value)} in all)"
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_words(item)}" for key, item in value.items()) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _described(path: Path, reading: dict[str, Any]) -> dict[str, Any]:
    """What a path holds, as plain values: maps, a stack or spectra, whichever reads it."""
    import napari_xanes as nx

    if nx.io.holds_maps(path):
        return {"path": str(path), **_describe_maps(nx.read_maps(path))}
    try:
        return {"path": str(path), **_describe_stack(nx.read(path, **reading))}
    except ValueError as no_stack:
        try:
            return {"path": str(path), **_describe_spectra(nx.read_spectra(path))}
        except ValueError:
            raise no_stack from None


def _describe_stack(stack: SpectralStack) -> dict[str, Any]:
    from napari_xanes.history import to_plain

    metadata = stack.metadata
    return {
        "kind": "stack",
        "name": stack.name,
        "shape": list(stack.shape),
        "dtype": str(stack.data.dtype),
        "quantity": stack.quantity,
        "unit": stack.unit,
        "energy_first_eV": float(stack.energy[0]),
        "energy_last_eV": float(stack.energy[-1]),
        "energies": len(stack.energy),
        "pixel_size_um": to_plain(stack.pixel_size),
        "in_memory": not stack.is_lazy,
        "available": list(metadata.get("available", ())),
        "selected": metadata.get("detector"),
        "repeats": metadata.get("repeats", 1),
        "corrections": [key for key in ("flat", "dark", "i0") if key in metadata],
        "references": [reference.name for reference in metadata.get("references", ())],
        "history": [step.name for step in stack.history],
        "notes": [*metadata.get("notes", ()), *metadata.get("warnings", ())],
    }


def _describe_maps(maps: MapSet) -> dict[str, Any]:
    return {
        "kind": "maps",
        "name": maps.name,
        "maps": list(maps),
        "shape": list(next(iter(maps.values())).data.shape),
        "history": [step.name for step in maps.history],
    }


def _describe_spectra(spectra: Any) -> dict[str, Any]:
    return {
        "kind": "spectra",
        "spectra": [
            {
                "name": s.name,
                "points": len(s.energy),
                "energy_first_eV": float(s.energy[0]),
                "energy_last_eV": float(s.energy[-1]),
                "valence": s.valence,
            }
            for s in spectra
        ],
    }


@app.command()
def ops(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False) -> None:
    """List the operations and estimators with their parameters, units and bounds."""
    from napari_xanes.maps import ESTIMATORS
    from napari_xanes.ops import OPERATIONS

    groups = {"operations": OPERATIONS, "estimators": ESTIMATORS}
    if as_json:
        plain = {
            title: [
                {
                    "name": method.name,
                    "summary": method.summary,
                    "parameters": [parameter.describe() for parameter in method.parameters.values()],
                }
                for method in registry.values()
            ]
            for title, registry in groups.items()
        }
        _say(json.dumps(plain, indent=1))
        return
    for title, registry in groups.items():
        _say(title.upper())
        for method in registry.values():
            _list_method(method)


def _list_method(method: Method[Any]) -> None:
    _say(f"\n{method.name}: {method.summary}")
    for parameter in method.parameters.values():
        spec = parameter.spec
        bounds = f", {spec.allowed()}" if spec.ge is not None or spec.le is not None else ""
        unit = f" in {spec.unit}" if spec.unit and not bounds else ""
        kind = " | ".join(parameter.choices) or parameter.kind
        default = "required" if parameter.required else f"default {parameter.default_text}"
        _say(f"  {parameter.name}: {kind}{unit}{bounds}; {default}")
        if parameter.description:
            _say(f"      {parameter.description}")
    _say("")


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML), as the Map dock or `Recipe.save` writes it.")],
    paths: Annotated[list[Path], typer.Argument(help="Stacks to run it on.")],
    output: Folder,
    energies: Annotated[
        Path | None, typer.Option(help="Text file with the energies, where the stack has none.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace results that are there already.")] = False,
    select: Select = None,
    repeat: Repeat = None,
) -> None:
    """Run a recipe on stacks: maps (NeXus, TIFF and PNG) or the processed stack, and the recipe as carried out."""
    import napari_xanes as nx
    from napari_xanes.results import save_result

    steps = nx.Recipe.load(recipe)
    names = [_result_name(path) for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two inputs would both be written to {output / name}; run them into different folders")
    for path, name in zip(paths, names, strict=True):
        target = output / name
        if not overwrite and target.exists() and any(target.iterdir()):
            raise FileExistsError(f"{target} holds results already; choose another folder or add --overwrite")
        stack = nx.read(path, energies=energies, select=select, repeat=repeat)
        result = nx.run(steps, stack, progress=_progress(path.name))
        for file in save_result(result, target):
            _say(str(file))
        for warning in result.metadata.get("warnings", ()):
            typer.secho(f"note: {warning}", err=True)


def _result_name(path: Path) -> str:
    return path.resolve().stem


def _progress(title: str) -> Progress | None:
    """Progress on one line of a terminal, nothing where the output goes into a file."""
    if not sys.stderr.isatty():
        return None

    def show(done: float, message: str) -> None:
        end = "\n" if done >= 1 else ""
        typer.echo(f"\r{title}: {message} {100 * done:3.0f} %   {end}", err=True, nl=False)

    return show


@app.command()
def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV or XDI file to write; a library also as .npz.")],
    ion: Annotated[str | None, typer.Option(help="Ion, such as Mn2+.")] = None,
    library: Annotated[
        str | None, typer.Option(help="Or all spectra of a library: a name such as mn-l23, or a file.")
    ] = None,
    ten_dq: Annotated[
        list[float] | None, typer.Option(help="Crystal field 10Dq in eV; repeat for several spectra.")
    ] = None,
    charge: Annotated[
        list[float] | None, typer.Option(help="Of a library only this charge; repeat for several.")
    ] = None,
    ds: Annotated[float, typer.Option(help="Tetragonal field Ds in eV.")] = 0.0,
    dt: Annotated[float, typer.Option(help="Tetragonal field Dt in eV.")] = 0.0,
    slater_scale: Annotated[float, typer.Option(help="Factor on the Slater integrals.")] = 0.8,
    delta: Annotated[float | None, typer.Option(help="Charge transfer energy in eV; without it, none.")] = None,
    v_eg: Annotated[float, typer.Option(help="Hopping to e_g in eV; to t2g it is half.")] = 2.0,
    gauss: Annotated[float, typer.Option("--gauss", "--broadening", help="Gaussian full width in eV.")] = 0.25,
    energy: Annotated[tuple[float, float] | None, typer.Option(help="Range in eV.")] = None,
) -> None:
    """Simulate L2,3 spectra of an ion, or take those of a library, and write them as reference spectra.

    With --library, --charge and --ten-dq choose members, which have Ds and the like of their own. An .npz file keeps
    the library's own width and range.
    """
    import napari_xanes as nx
    from napari_xanes.theory.atomic import parse_ion
    from napari_xanes.theory.spectra import simulated

    if (ion is None) == (library is None):
        raise ValueError("give either --ion, such as --ion Mn2+ --ten-dq 0.9, or --library, such as --library mn-l23")
    if library is not None:
        from napari_xanes.theory.library_export import export_library

        members = nx.theory.load_library(library)
        export_library(members, output, charges=charge, ten_dq=ten_dq, energy=energy, broadening=gauss)
        _say(str(output))
        return
    if ion is None or not ten_dq:
        raise ValueError("an ion's spectrum depends on its crystal field: add --ten-dq, such as --ten-dq 1.0")
    element, number = parse_ion(ion)
    transfer = None if delta is None else nx.theory.ChargeTransfer(delta, v_eg)
    spectra = [
        simulated(
            element,
            number,
            value,
            energy=energy,
            gauss=gauss,
            ds=ds,
            dt=dt,
            slater_scale=slater_scale,
            charge_transfer=transfer,
        )
        for value in ten_dq
    ]
    nx.write(spectra, output)
    _say(str(output))


@app.command()
def demo(
    output: Folder = Path("demo-output"),
    headless: Annotated[bool, typer.Option(help="Write everything, keep no window open.")] = False,
    window: Annotated[bool, typer.Option(help="Open napari with the result and keep it open.")] = False,
) -> None:
    """Run the main job on sample data and write maps, spectra, pictures, the recipe and a picture of the window."""
    from napari_xanes.demo import run_demo

    run_demo(output, window=False if headless else window or None, say=_say)


def main() -> None:
    """Entry point: errors that a user can mend are one line, without a traceback."""
    warnings.showwarning = lambda message, *_args, **_more: typer.secho(f"note: {message}", err=True)
    try:
        app()
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        typer.secho(f"napari-xanes: {text}", err=True, fg="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
