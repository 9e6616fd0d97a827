"""``convert``: write a file in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_xanes.cli.options import (
    Absorber,
    Energies,
    EnergyColumn,
    EnergyUnitOption,
    Exposure,
    I0Column,
    ModeOption,
    Overwrite,
    PixelSize,
    QuantityOption,
    Repeat,
    ScanOption,
    Select,
    SignalColumns,
    chosen,
    say,
)


def convert(
    paths: Annotated[
        list[Path], typer.Argument(help="A stack (or the files of one), saved maps, or files of spectra.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="File to write; the suffix decides: .nxs, .h5, .tif, .zarr; .csv, .xdi and .prj for spectra.",
        ),
    ],
    energies: Energies = None,
    quantity: QuantityOption = None,
    select: Select = None,
    repeat: Repeat = None,
    energy_unit: EnergyUnitOption = None,
    pixel_size: PixelSize = None,
    exposure: Exposure = None,
    absorber: Absorber = None,
    layout: Annotated[str | None, typer.Option(help="fxi writes .h5 as the beamline FXI does, for PyXAS.")] = None,
    overwrite: Overwrite = False,
    energy: EnergyColumn = None,
    i0: I0Column = None,
    signal: SignalColumns = None,
    mode: ModeOption = None,
    scan: ScanOption = None,
) -> None:
    """Write a stack, maps or spectra in another format."""
    import napari_xanes as nx

    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists already; choose another name or add --overwrite")
    reading = {
        **{"energies": energies, "select": select, "repeat": repeat},
        **{"quantity": quantity, "energy_unit": energy_unit, "pixel_size": pixel_size},
        **{"exposure": exposure, "absorber": absorber},
    }
    choice = chosen(energy=energy, i0=i0, signal=signal, mode=mode, scan=scan)
    nx.write(_read(paths, reading, choice), output, layout=layout)
    say(str(output))


def _read(paths: list[Path], reading: dict[str, Any], choice: dict[str, Any]) -> Any:
    """Read the maps, the stack or the spectra in the paths."""
    import napari_xanes as nx

    def spectra() -> Any:
        return [spectrum for path in paths for spectrum in nx.read_spectra(path, **choice)]

    if choice:
        return spectra()
    if len(paths) == 1 and nx.io.holds_maps(paths[0]):
        return nx.read_maps(paths[0])
    try:
        return nx.read(paths, **reading)
    except ValueError as no_stack:
        try:
            return spectra()
        except (ValueError, OSError) as no_spectra:
            raise nx.io.real_reason(paths[0], no_stack, no_spectra) from None
