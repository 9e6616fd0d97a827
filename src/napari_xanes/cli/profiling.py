"""``profile``: values along a line of maps or frames, as a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_xanes.cli.options import Overwrite, Select, say

if TYPE_CHECKING:
    from napari_xanes.line_profiles import LineProfile


def profile(
    path: Annotated[Path, typer.Argument(help="Maps that napari-xanes wrote, or a stack.")],
    line: Annotated[str, typer.Argument(help="Corners of the line in pixels: pairs y, x, such as '12, 4; 30, 58'.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="CSV file to write; without it the table is printed.")
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--map", help="A map to take; give the option again for several. By default all maps of values."),
    ] = None,
    energies: Annotated[
        list[float] | None,
        typer.Option("--energy", help="Of a stack: photon energy of a frame in eV; give the option again for several."),
    ] = None,
    width: Annotated[int, typer.Option(help="Width of the line in pixels; values across it are averaged.")] = 1,
    plane: Annotated[int | None, typer.Option(help="Slice of a volume, from 0.")] = None,
    select: Select = None,
    overwrite: Overwrite = False,
) -> None:
    """Write values along a line over distance, with their errors: of maps, or of frames of a stack."""
    import napari_xanes as nx
    from napari_xanes.io import holds_maps
    from napari_xanes.profile_table import profiles_text

    if output is not None and output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists already; choose another name or add --overwrite")
    corners = corners_of(line)
    made: list[LineProfile]
    if holds_maps(path):
        if energies:
            raise ValueError(f"{path} holds maps, which have no energies: leave --energy out")
        maps = nx.read_maps(path)
        chosen = names or [name for name, one in maps.items() if one.labels is None and not one.companion]
        made = [nx.map_profile(maps, name, corners, width, plane=plane) for name in chosen]
    else:
        if names or not energies:
            raise ValueError(f"{path} is a stack, not maps: give the energies of its frames, such as --energy 8350")
        stack = nx.read(path, select=select)
        made = [nx.frame_profile(stack, energy, corners, width, plane=plane) for energy in energies]
    title = f"{path.name}: line {line}, {width} px wide"
    units = {one.unit: [other for other in made if other.unit == one.unit] for one in made}
    if len(units) > 1:
        raise ValueError(
            f"a table has values of one unit, these maps have {', '.join(repr(unit) for unit in units)}: "
            f"choose some with --map, such as --map {units[made[0].unit][0].name}"
        )
    if output is None:
        say(profiles_text(made, title).rstrip())
    else:
        nx.write_profiles(made, output, title)
        say(f"{output}: {len(made)} profiles of {made[0].value.size} points")


def corners_of(text: str) -> list[tuple[float, float]]:
    """Return the corners of a line (y, x) in pixels.

    Parameters
    ----------
    text : str
        Pairs y, x with semicolons between them.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> corners_of("12, 4; 30, 58.5")
    [(12.0, 4.0), (30.0, 58.5)]
    """
    pairs = [re.findall(r"[^\s,]+", part) for part in text.split(";") if part.strip()]
    try:
        corners = [(float(y), float(x)) for y, x in pairs]
    except ValueError:
        corners = []
    if len(corners) < 2:
        raise ValueError(f"{text!r} is no line: give two or more corners y, x in pixels, such as '12, 4; 30, 58'")
    return corners
