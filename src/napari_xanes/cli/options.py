"""Options that several commands share, and functions that print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_xanes.io.files import encodable, one_line
from napari_xanes.progress import Progress

Select = Annotated[
    str | None,
    typer.Option(help="Which of several stacks in a file (region, detector, projection), as `info` lists them."),
]
Repeat = Annotated[
    int | None, typer.Option(help="Of several frames of one energy, read only this one (from 1), not their mean.")
]
Energies = Annotated[Path | None, typer.Option(help="Text file with the energies, where the stack has none.")]
QuantityOption = Annotated[
    str | None,
    typer.Option("--quantity", help="What the values are: counts, transmission, optical_depth, fluorescence."),
]
EnergyUnitOption = Annotated[str | None, typer.Option("--energy-unit", help="Unit of the file's energies: eV, keV, J.")]
PixelSize = Annotated[float | None, typer.Option(help="Length of a pixel in µm, where the file is wrong or silent.")]
Exposure = Annotated[float | None, typer.Option(help="Exposure time of a frame in s.")]
Absorber = Annotated[str | None, typer.Option(help="Element and edge of the sample, such as 'Ni K'.")]
EnergyColumn = Annotated[
    str | None, typer.Option("--energy", help="Spectra: column of the energies, by name or number from 1.")
]
I0Column = Annotated[str | None, typer.Option("--i0", help="Spectra: column of I0, by name or number from 1.")]
SignalColumns = Annotated[
    list[str] | None,
    typer.Option("--signal", help="Spectra: column of It, If or mu(E); give the option again to sum several."),
]
ModeOption = Annotated[
    str | None, typer.Option("--mode", help="Spectra: mu(E) by transmission, fluorescence, or 'as is'.")
]
ScanOption = Annotated[str | None, typer.Option("--scan", help="Spectra: one scan of a file, by number or title.")]
Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results; made if it does not exist.")]
Overwrite = Annotated[bool, typer.Option(help="Replace results that are there already.")]


_WIDEST = 40
"""Longer cells do not widen their column of a table."""


def chosen(**options: Any) -> dict[str, Any]:
    """Return the choices of spectra that were given on the command line."""
    return {name: value for name, value in options.items() if value}


def say(text: str) -> None:
    """Print a line on standard output; bytes of file names that are no text are escapes in it."""
    typer.echo(encodable(text))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table as lines with aligned columns; a long cell moves only the rest of its line."""
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


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
