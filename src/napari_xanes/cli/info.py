"""``info``: describe files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_xanes.cli.folder_look import has_many_files, look_at
from napari_xanes.cli.options import (
    Absorber,
    Energies,
    EnergyColumn,
    EnergyUnitOption,
    Exposure,
    I0Column,
    ModeOption,
    PixelSize,
    QuantityOption,
    Repeat,
    ScanOption,
    Select,
    SignalColumns,
    aligned,
    chosen,
    say,
)
from napari_xanes.io.contents import use_in_words
from napari_xanes.io.files import one_line

if TYPE_CHECKING:
    from napari_xanes.parameter_map import MapSet
    from napari_xanes.stack import SpectralStack


def info(
    paths: Annotated[list[Path], typer.Argument(help="Stacks or spectra: files, or folders of a scan.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    select: Select = None,
    repeat: Repeat = None,
    energy: EnergyColumn = None,
    i0: I0Column = None,
    signal: SignalColumns = None,
    mode: ModeOption = None,
    scan: ScanOption = None,
    whole: Annotated[bool, typer.Option(help="Read folders of more than 1000 files whole, not a few of them.")] = False,
    energies: Energies = None,
    quantity: QuantityOption = None,
    energy_unit: EnergyUnitOption = None,
    pixel_size: PixelSize = None,
    exposure: Exposure = None,
    absorber: Absorber = None,
    look: Annotated[
        bool, typer.Option("--look", help="Look at the values for spoiled frames and the element.")
    ] = False,
) -> None:
    """Say what files hold and what became of it: what was read and guessed, the arrays, the columns of spectra."""
    choice = chosen(energy=energy, i0=i0, signal=signal, mode=mode, scan=scan)
    reading = {
        **{"energies": energies, "select": select, "repeat": repeat},
        **{"quantity": quantity, "energy_unit": energy_unit, "pixel_size": pixel_size},
        **{"exposure": exposure, "absorber": absorber},
    }
    descriptions = [describe(path, reading, choice, whole=whole, look=look) for path in paths]
    if as_json:
        say(json.dumps(descriptions if len(descriptions) > 1 else descriptions[0], indent=1))
        return
    for facts in descriptions:
        say(str(facts.pop("path")))
        tables: dict[str, list[Sequence[str]]] = {
            "what was read and guessed, from where, and the keyword that corrects it": [
                [one_line(text) for text in guess.values()] for guess in facts.pop("guesses", ())
            ],
            "contents of the file": [use_in_words(use) for use in facts.pop("contents", ())],
        }
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            say(f"  {name.replace('_', ' '):{width}}  {_words(value)}")
        for title, rows in tables.items():
            for line in [f"  {title}", *(f"    {row}" for row in aligned(rows))] if rows else []:
                say(line)


_MAX_ITEMS = 30
"""Longer lists are cut off."""


def _words(value: Any) -> str:
    """Return a plain value as text for people."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "".join(f"\n    {_words(item)}" for item in value)
    if isinstance(value, list) and len(value) > _MAX_ITEMS:
        return f"{_words(value[:_MAX_ITEMS])} ... ({len(value)} in all)"
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_words(item)}" for key, item in value.items()) or "none"
    return f"{value:g}" if isinstance(value, float) else one_line(str(value))


def describe(path: Path, reading: dict[str, Any], choice: dict[str, Any], *, whole: bool, look: bool) -> dict[str, Any]:
    """Return a description of the maps, the stack or the spectra in a path, as plain values.

    Parameters
    ----------
    path : Path
        A file, or the folder of a scan.
    reading, choice : dict
        Keywords of `read` and of `read_spectra` that the user gave.
    whole : bool
        Read folders of many files whole.
    look : bool
        Look at the values for spoiled frames and the element.
    """
    import napari_xanes as nx
    from napari_xanes.io.project_file import holds_project

    is_asked_for = whole or any(value is not None for value in reading.values()) or choice
    if path.is_dir() and not is_asked_for and has_many_files(path) and (facts := look_at(path)):
        facts["notes"][0] += "; --whole reads all of them"
        return {"path": str(path), **facts}
    if choice:
        return {"path": str(path), **_describe_spectra(nx.read_spectra(path, **choice))}
    if holds_project(path):
        return {"path": str(path), **_describe_project(path)}
    if nx.io.holds_maps(path):
        return {"path": str(path), **_describe_maps(nx.read_maps(path))}
    try:
        return {"path": str(path), **_describe_stack(nx.read(path, **reading), look)}
    except ValueError as no_stack:
        try:
            return {"path": str(path), **_describe_spectra(nx.read_spectra(path))}
        except ValueError as no_spectra:
            if path.is_dir() and (facts := look_at(path)):
                return {"path": str(path), **facts}
            raise nx.io.real_reason(path, no_stack, no_spectra) from None


def _describe_stack(stack: SpectralStack, look: bool) -> dict[str, Any]:
    from napari_xanes.guesses import guesses
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
        "corrections": [name for name in stack.corrections if name in ("flat", "dark", "i0")],
        "references": [reference.name for reference in metadata.get("references", ())],
        "history": [step.name for step in stack.history],
        "notes": [*metadata.get("notes", ()), *metadata.get("warnings", ())],
        "guesses": [asdict(guess) for guess in guesses(stack, look=look)],
        "contents": [to_plain(use) for use in metadata.get("contents", ())],
    }


def _describe_project(path: Path) -> dict[str, Any]:
    from napari_xanes.io.project_file import project_contents

    contents = project_contents(path)
    files = [Path(layer["file"]) for layer in contents["layers"] if "file" in layer]
    return {
        "kind": "project",
        "made_by": f"napari-xanes {contents['version']}",
        "layers": contents["layers"],
        "references": contents["references"],
        "settings": contents["settings"],
        "notes": [f"{file} is not there; napari asks for it" for file in files if not file.exists()],
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
                **{key: s.metadata[key] for key in ("column", "reasons", "unused_columns") if key in s.metadata},
                "notes": [*s.metadata.get("notes", ()), *s.metadata.get("warnings", ())],
            }
            for s in spectra
        ],
    }
