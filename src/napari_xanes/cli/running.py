"""``run``: run a recipe on files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_xanes.cli.options import (
    Absorber,
    Energies,
    EnergyUnitOption,
    Exposure,
    Folder,
    Overwrite,
    PixelSize,
    QuantityOption,
    Repeat,
    Select,
    progress_on_a_line,
    say,
    warn,
)


def run(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML), as the Map dock or `Recipe.save` writes it.")],
    paths: Annotated[list[Path], typer.Argument(help="Stacks to run it on.")],
    output: Folder,
    energies: Energies = None,
    overwrite: Overwrite = False,
    select: Select = None,
    repeat: Repeat = None,
    quantity: QuantityOption = None,
    energy_unit: EnergyUnitOption = None,
    pixel_size: PixelSize = None,
    exposure: Exposure = None,
    absorber: Absorber = None,
    scheduler: Annotated[
        str, typer.Option(help="Where to run: 'threads' (here, file by file), 'processes', or tcp://host:port.")
    ] = "threads",
    workers: Annotated[int | None, typer.Option(help="Number of processes or jobs; all cores without it.")] = None,
    jobqueue: Annotated[
        Path | None, typer.Option(help="YAML that says how a batch system (Slurm, PBS, …) starts workers.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Column of the table from file names: a regular expression such as 'T=(\\d+)C'.")
    ] = "",
    split: Annotated[
        int, typer.Option(min=1, help="Split each large stack into so many bands, for workers; maps by pixel only.")
    ] = 1,
    working_copy: Annotated[
        bool,
        typer.Option(
            "--working-copy",
            help="Copy large stacks that are slow to read by pixels into the cache first, once (see `cache`).",
        ),
    ] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write the table as runs.parquet, too.")] = False,
) -> None:
    """Run a recipe on stacks: maps (NeXus, TIFF and PNG) or the processed stack, and the recipe as carried out.

    Results that were made from the same are kept; a file that fails stops no other. A table (runs.csv), a
    contact sheet (PNG) and a page (index.html) sum up.
    """
    from napari_xanes.many.clients import client_for
    from napari_xanes.many.fixed_places import taken_from_one_stack
    from napari_xanes.many.outcome import Outcome
    from napari_xanes.many.running import run_many
    from napari_xanes.many.summary import PAGE
    from napari_xanes.many.table import group_of
    from napari_xanes.recipe import Recipe

    reading: dict[str, Any] = {
        **{"energies": energies, "select": select, "repeat": repeat},
        **{"quantity": quantity, "energy_unit": energy_unit, "pixel_size": pixel_size},
        **{"exposure": exposure, "absorber": absorber},
    }

    def tell(one: Outcome) -> None:
        name = Path(one.path).name
        for file in one.files:
            say(str(Path(one.folder) / file))
        if one.state == "kept":
            warn(f"{one.folder} is kept: nothing has changed since it was made")
        if one.state == "failed" and len(paths) > 1:
            warn(one.error if one.error.startswith(one.path) else f"{one.path}: {one.error}")
        for warning in one.warnings if one.state == "done" else ():
            warn(warning if len(paths) == 1 else f"{name}: {warning}")

    steps = Recipe.load(recipe)
    for text in taken_from_one_stack(steps) if len(paths) > 1 else ():
        warn(text)
    show = progress_on_a_line(paths[0].name if len(paths) == 1 else f"{len(paths)} files")
    with client_for(scheduler, workers, jobqueue) as client:
        outcomes = run_many(
            steps, paths, output, client=client, reading=reading, again=overwrite, by=by, parquet=parquet,
            split=split, copies=working_copy, told=tell, progress=show,
        )  # fmt: skip
    if by and not any(group_of(by, Path(path).name) for path in paths):
        warn(f"--by {by} finds nothing in any name, such as {paths[0].name}; its column is empty")
    failed = [one for one in outcomes if one.state == "failed"]
    if len(paths) == len(failed) == 1:
        raise ValueError(failed[0].error)
    if failed:
        raise ValueError(f"{len(failed)} of {len(outcomes)} files failed; {output / PAGE} tells why")
