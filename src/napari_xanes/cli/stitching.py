"""``stitch``: join files to one stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_xanes.cli.options import (
    Absorber,
    EnergyUnitOption,
    Overwrite,
    PixelSize,
    QuantityOption,
    Select,
    progress_on_a_line,
    say,
    warn,
)


def stitch(
    paths: Annotated[list[Path], typer.Argument(help="Stacks to join: segments of a scan, or tiles of a mosaic.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write; the suffix decides: .nxs, .h5, .tif, .zarr.")
    ],
    steps: Annotated[
        Path | None, typer.Option(help="Recipe (YAML) that runs on each stack first, such as optical_depth.")
    ] = None,
    select: Select = None,
    quantity: QuantityOption = None,
    energy_unit: EnergyUnitOption = None,
    pixel_size: PixelSize = None,
    absorber: Absorber = None,
    overwrite: Overwrite = False,
    kind: Annotated[
        str | None, typer.Option(help="segments of a scan, or tiles of a mosaic; by default what the energies tell.")
    ] = None,
    positions: Annotated[
        str | None, typer.Option(help="Where the first pixel of each stack lies: pairs y, x such as '0, 0; 0, 900'.")
    ] = None,
    grid: Annotated[
        str | None, typer.Option(help="Tiles in rows from left to right: rows, columns, overlap, such as 2,3,0.1.")
    ] = None,
    place: Annotated[
        str | None, typer.Option(help="register: the images decide; 'as given': nothing but positions or grid.")
    ] = None,
    match: Annotated[
        str | None, typer.Option(help="Bring values to those of the first: offset, factor, 'offset + factor'; or none.")
    ] = None,
    overlap: Annotated[
        str | None, typer.Option(help="What is taken where several have a value: average, first, last.")
    ] = None,
    tolerance: Annotated[float | None, typer.Option(help="Energies that differ by no more, in eV, are one.")] = None,
) -> None:
    """Join stacks to one, and report the seams: segments of an energy scan, or tiles of a mosaic."""
    import napari_xanes as nx
    from napari_xanes.io.writing import writer_of

    writer_of("stack", output)
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists already; choose another name or add --overwrite")
    recipe = nx.Recipe.load(steps) if steps else None
    stacks: list[Any] = []
    for path in paths:
        stack: Any = nx.read(
            path,
            select=select,
            quantity=quantity,  # type: ignore[arg-type]
            energy_unit=energy_unit,  # type: ignore[arg-type]
            pixel_size=pixel_size,
            absorber=absorber,
        )
        stacks.append(nx.run(recipe, stack) if recipe else stack)
        if not isinstance(stacks[-1], nx.SpectralStack):
            raise ValueError(f"{steps} makes maps, and stitch joins stacks: leave out its last step")
    options: dict[str, Any] = {"kind": kind, "positions": positions, "place": place, "match": match, "overlap": overlap}
    options |= {"grid": None if grid is None else _numbers(grid), "tolerance": tolerance}
    given = {name: value for name, value in options.items() if value is not None}
    joined = nx.stitch(stacks, **given, progress=progress_on_a_line("stitch"))
    nx.write(joined, output)
    for line in joined.metadata["stitch"].report.splitlines():
        if line.startswith("warning: "):
            warn(line.removeprefix("warning: "))
        else:
            say(line)
    say(str(output))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--grid is numbers with commas between them, such as 2,3,0.1, not {text!r}") from None
