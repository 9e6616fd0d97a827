"""``simulate``: write spectra from theory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_xanes.cli.options import say


def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV or XDI file to write; a library also as .npz.")],
    ion: Annotated[str | None, typer.Option(help="Ion, such as Mn2+.")] = None,
    library: Annotated[
        str | None, typer.Option(help="Or all spectra of a library: a name such as mn-l23, or a file.")
    ] = None,
    ten_dq: Annotated[
        list[float] | None, typer.Option(help="Crystal field 10Dq in eV; repeat for several spectra.")
    ] = None,
    charge: Annotated[
        list[float] | None, typer.Option(help="Of a library only this charge; repeat for several.")
    ] = None,
    ds: Annotated[float, typer.Option(help="Tetragonal field Ds in eV.")] = 0.0,
    dt: Annotated[float, typer.Option(help="Tetragonal field Dt in eV.")] = 0.0,
    slater_scale: Annotated[float, typer.Option(help="Factor on the Slater integrals.")] = 0.8,
    delta: Annotated[float | None, typer.Option(help="Charge transfer energy in eV; without it, none.")] = None,
    v_eg: Annotated[float, typer.Option(help="Hopping to e_g in eV; to t2g it is half.")] = 2.0,
    gauss: Annotated[float, typer.Option("--gauss", "--broadening", help="Gaussian full width in eV.")] = 0.25,
    energy: Annotated[tuple[float, float] | None, typer.Option(help="Range in eV.")] = None,
) -> None:
    """Simulate L2,3 spectra of an ion, or take those of a library, and write them as reference spectra.

    With --library, the options --charge and --ten-dq choose spectra of the library; the other parameters are those of
    the library. An .npz file keeps the width and range of the library.
    """
    import napari_xanes as nx
    from napari_xanes.io.writing import writer_of
    from napari_xanes.theory.multiplet.atomic import parse_ion
    from napari_xanes.theory.multiplet.spectra import simulated

    if (ion is None) == (library is None):
        raise ValueError("give either --ion, such as --ion Mn2+ --ten-dq 0.9, or --library, such as --library mn-l23")
    if library is not None:
        from napari_xanes.theory.library.export import export_library

        members = nx.theory.load_library(library)
        export_library(members, output, charges=charge, ten_dq=ten_dq, energy=energy, broadening=gauss)
        say(str(output))
        return
    if ion is None or not ten_dq:
        raise ValueError("an ion's spectrum depends on its crystal field: add --ten-dq, such as --ten-dq 1.0")
    writer_of("spectra", output)
    element, number = parse_ion(ion)
    transfer = None if delta is None else nx.theory.ChargeTransfer(delta, v_eg)
    spectra = [
        simulated(
            element,
            number,
            value,
            energy=energy,
            gauss=gauss,
            ds=ds,
            dt=dt,
            slater_scale=slater_scale,
            charge_transfer=transfer,
        )
        for value in ten_dq
    ]
    nx.write(spectra, output)
    say(str(output))
