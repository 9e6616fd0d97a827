"""``record``: keep the images that a detector sends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_xanes.cli.options import say
from napari_xanes.live.pv_access import Role


def record(
    address: Annotated[str, typer.Argument(help="Image over PV Access, such as pva://13SIM1:Pva1:Image.")],
    folder: Annotated[Path, typer.Argument(help="Folder for the files; made if it does not exist.")],
    energy: Annotated[
        str | None, typer.Option(help="Attribute of the images that holds the energy; that called energy without it.")
    ] = None,
    role: Annotated[Role, typer.Option("--as", help="What the images are.")] = "frame",
    images: Annotated[int | None, typer.Option(min=1, help="End after so many images; with Ctrl-C without it.")] = None,
) -> None:
    """Write each image that a detector sends to a file of its own; `watch` follows the folder.

    Started again, it goes on in the same folder.
    """
    from napari_xanes.live.pv_access import record as recorded

    n_files = 0
    for kept in recorded(address, folder, energy=energy, role=role):
        say(kept.text if kept.file is None else f"{kept.text}: {kept.file.name}")
        n_files += kept.file is not None
        if n_files == images:
            break
