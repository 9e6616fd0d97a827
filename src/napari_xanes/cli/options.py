"""Options that several commands share, and functions that print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_xanes.io.files import one_line
from napari_xanes.progress import Progress

Select = Annotated[
    str | None,
    typer.Option(help="Which of several stacks in a file (region, detector, projection), as `info` lists them."),
]
Repeat = Annotated[
    int | None, typer.Option(help="Of several frames of one energy, read only this one (from 1), not their mean.")
]
Energies = Annotated[Path | None, typer.Option(help="Text file with the energies, where the stack has none.")]
Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results; made if it does not exist.")]
Overwrite = Annotated[bool, typer.Option(help="Replace results that are there already.")]


def say(text: str) -> None:
    """Print a line on standard output."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print a note on standard error."""
    typer.secho(f"note: {one_line(text)}", err=True)


def progress_on_a_line(title: str) -> Progress | None:
    """Return a callback that shows progress on one line of a terminal; None if standard error is not a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(done: float, message: str) -> None:
        end = "\n" if done >= 1 else ""
        typer.echo(f"\r{title}: {message} {100 * done:3.0f} %   {end}", err=True, nl=False)

    return show
