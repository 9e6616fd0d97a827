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
) -> None:
    """Run a recipe on stacks: maps (NeXus, TIFF and PNG) or the processed stack, and the recipe as carried out."""
    import napari_xanes as nx
    from napari_xanes.results import replace_result

    steps = nx.Recipe.load(recipe)
    names = [_result_name(path) for path in paths]
    alike = [name.casefold() for name in names]  # Windows and macOS take them for one name
    for name in names:
        if alike.count(name.casefold()) > 1:
            raise ValueError(f"two inputs would both be written to {output / name}; run them into different folders")
    targets = [output / name for name in names]
    for target in targets:
        if not overwrite and target.exists() and any(target.iterdir()):
            raise FileExistsError(f"{target} holds results already; choose another folder or add --overwrite")
    reading: dict[str, Any] = {
        **{"energies": energies, "select": select, "repeat": repeat},
        **{"quantity": quantity, "energy_unit": energy_unit, "pixel_size": pixel_size},
        **{"exposure": exposure, "absorber": absorber},
    }
    for path, target in zip(paths, targets, strict=True):
        stack = nx.read(path, **reading)
        result = nx.run(steps, stack, progress=progress_on_a_line(path.name))
        for file in replace_result(result, target):
            say(str(file))
        told = stack.metadata.get("warnings", ())  # when it was read
        for warning in dict.fromkeys(result.metadata.get("warnings", ())):
            if warning not in told:
                warn(warning if len(paths) == 1 else f"{path.name}: {warning}")


def _result_name(path: Path) -> str:
    return path.resolve().stem
