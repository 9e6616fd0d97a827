"""``plan``: which energies to measure, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_xanes.cli.options import Overwrite, aligned, say, warn


def plan(
    references: Annotated[
        list[str], typer.Argument(help="Files of the reference spectra, or the name of one theory library (mn-l23).")
    ],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o", "--output", help="File for the plan: .csv, .py (Bluesky) or .png (error against time); repeatable."
        ),
    ] = None,
    measured: Annotated[
        Path | None, typer.Option("--from", help="Stack of absorption: go on after its energies, by its noise.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="With --from: plan another scan of such a sample.")] = False,
    target: Annotated[float | None, typer.Option(help="Error of the map at which to stop, such as 0.05.")] = None,
    most: Annotated[int, typer.Option(help="Largest number of energies.")] = 40,
    photons: Annotated[float, typer.Option(help="Photons per pixel and second without sample.")] = 10_000.0,
    edge_jump: Annotated[float, typer.Option(help="Typical optical depth of the edge.")] = 0.5,
    pre_edge: Annotated[float, typer.Option(help="Typical optical depth of all else.")] = 0.5,
    dwell: Annotated[float | None, typer.Option(help="Mean exposure of an energy in s.")] = None,
    move: Annotated[float, typer.Option(help="Time in s to move to an energy.")] = 0.5,
    energy_sigma: Annotated[float, typer.Option(help="Standard error of the energy axis in eV.")] = 0.05,
    equal: Annotated[bool, typer.Option("--equal", help="Give all energies the same exposure.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Choose the energies that make the error of the map smallest: a plan, and the error after each energy."""
    import napari_xanes as nx
    from napari_xanes.theory.library.shipped import LIBRARIES

    files = output or []
    _check(files, overwrite=overwrite)
    known: Any = list(references)
    if len(references) == 1 and references[0] in LIBRARIES:
        if measured is not None:
            raise ValueError("--from needs files of reference spectra, which can be fitted, not a theory library")
        known = nx.theory.load_library(references[0])
    found = nx.plan_energies(
        known,
        stack=None if measured is None else nx.read(measured),
        anew=anew,
        target=target,
        most=most,
        photons=photons,
        edge_jump=edge_jump,
        pre_edge=pre_edge,
        dwell=dwell,
        move=move,
        energy_sigma=energy_sigma,
        equal=equal,
    )
    for text in found.warnings:
        warn(text)
    for path in files:
        found.save(path)
    if not files:
        rows = [row.split(",") for row in found.csv_text().splitlines()[1:]]
        for line in aligned(rows):
            say(line)
    say(found.words)


def _check(files: list[Path], *, overwrite: bool) -> None:
    from napari_xanes.advice.plan import check_suffix

    for path in files:
        check_suffix(path)
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; give another name, or --overwrite")
