"""``watch``: maps of a scan that is being measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    Select,
    progress_on_a_line,
    say,
    warn,
)
from napari_xanes.io.files import fingerprint

if TYPE_CHECKING:
    from napari_xanes.many.outcome import Outcome


def watch(
    source: Annotated[
        str,
        typer.Argument(help="Folder that frames appear in, file that grows, or address of Tiled."),
    ],
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML), as the Map dock or `Recipe.save` writes it.")],
    output: Folder,
    once: Annotated[bool, typer.Option("--once", help="Look once, write what is there, and end.")] = False,
    poll: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")] = 1.0,
    every: Annotated[int, typer.Option(min=1, help="Write maps after so many new frames.")] = 1,
    frames: Annotated[int | None, typer.Option(min=1, help="The scan ends with so many energies.")] = None,
    end_file: Annotated[
        str | None, typer.Option(help="The scan ends when a file of this name is in the folder, such as '*.done'.")
    ] = None,
    silence: Annotated[
        float | None, typer.Option(min=1, help="The scan ends when nothing new came for so many seconds.")
    ] = None,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds that size and time of a file must stay before it is read.")
    ] = 0.5,
    stacks: Annotated[
        str | None,
        typer.Option(help="Whole stacks appear in the folder, named such as '*.h5'; each is run."),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Write the final maps to the Tiled server, too.")] = False,
    overwrite: Overwrite = False,
    energies: Energies = None,
    select: Select = None,
    quantity: QuantityOption = None,
    energy_unit: EnergyUnitOption = None,
    pixel_size: PixelSize = None,
    exposure: Exposure = None,
    absorber: Absorber = None,
) -> None:
    """Follow a scan that is being measured: maps of the frames so far, and the final ones when it has ended.

    NAME-so-far holds maps of what is there, NAME-live.json what was taken. Killed and started again, it goes on.
    """
    from napari_xanes.live.ending import Ending
    from napari_xanes.live.opening import open_source
    from napari_xanes.live.stack_folder import watch_stacks
    from napari_xanes.live.writing import watch_into
    from napari_xanes.recipe import Recipe

    reading: dict[str, Any] = {
        **{"energies": energies, "select": select, "quantity": quantity, "energy_unit": energy_unit},
        **{"pixel_size": pixel_size, "exposure": exposure, "absorber": absorber},
    }
    steps, told = Recipe.load(recipe), _telling_of(recipe)
    if stacks is not None:
        for one in watch_stacks(
            Path(source), stacks, steps, output, reading, settle, poll, silence, once=once, told=told
        ):
            told(f"{Path(one.path).name}: {one.state}" + (f": {one.error}" if one.error else ""))
        return
    if back and "://" not in source:
        raise ValueError("--back writes to a Tiled server; give the address of a run as the source")
    scan = open_source(source, reading=reading, ending=Ending(frames, end_file, silence), settle=settle)
    outcome = watch_into(
        scan,
        steps,
        output,
        reading=reading,
        poll=poll,
        every=every,
        once=once,
        again=overwrite,
        told=told,
        progress=progress_on_a_line(scan.name),
    )
    if outcome is None:
        return
    if outcome.state == "failed":
        raise ValueError(outcome.error)
    if back:
        _write_back(outcome, source)
    for file in outcome.files:
        say(str(Path(outcome.folder) / file))
    for warning in outcome.warnings:
        warn(warning)


def _telling_of(recipe: Path) -> Callable[[str], None]:
    """Return what says lines, and says once if the file of the recipe is not what was read."""
    before = fingerprint(recipe)

    def told(text: str) -> None:
        nonlocal before
        say(text)
        try:
            now = fingerprint(recipe)
        except OSError:  # it is being written, or gone: what was read goes on
            return
        if now != before:
            before = now
            warn(f"{recipe.name} has changed; maps follow the one that was read. To use the new one, start again")

    return told


def _write_back(outcome: Outcome, uri: str) -> None:
    """Write a result to the server that its frames came from."""
    from napari_xanes.io import read, read_maps
    from napari_xanes.live.tiled_results import write_to_tiled

    folder = Path(outcome.folder)
    result = read_maps(folder / "maps.h5") if outcome.maps else read(folder / "stack.h5")
    say(f"written to the server as {write_to_tiled(result, uri)}")
