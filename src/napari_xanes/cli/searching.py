"""``search``: find the references that spectra are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from napari_xanes.cli.options import EnergyColumn, ModeOption, ScanOption, SignalColumns, aligned, chosen, say, warn


def search(
    spectra: Annotated[Path, typer.Argument(help="File with one or several spectra.")],
    library: Annotated[
        str,
        typer.Argument(
            help="Folder or file of reference spectra, XASLIB's SQLite file, or a library of theory (fe-k)."
        ),
    ],
    components: Annotated[int, typer.Option(help="Largest number of references in a combination, 1 to 3.")] = 3,
    shift: Annotated[float, typer.Option(help="Largest shift of the energy axis in eV.")] = 2.0,
    tolerance: Annotated[
        float, typer.Option(help="Share of the edge jump by which measurements of one substance may differ.")
    ] = 0.02,
    answers: Annotated[int, typer.Option(help="Number of answers to list.")] = 5,
    energy: EnergyColumn = None,
    signal: SignalColumns = None,
    mode: ModeOption = None,
    scan: ScanOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Find which references of a library a spectrum is made of: ranked combinations with fractions and tests."""
    import napari_xanes as nx
    from napari_xanes.maps.searching.library import load_spectra_library

    searched = load_spectra_library(library)
    results = [
        nx.search_references(spectrum, searched, components, shift, tolerance=tolerance)
        for spectrum in nx.read_spectra(spectra, **chosen(energy=energy, signal=signal, mode=mode, scan=scan))
    ]
    if as_json:
        plain = [
            {
                "spectrum": found.spectrum,
                "in_library": found.in_library,
                "words": found.words,
                "answers": [answer.to_plain() for answer in found[:answers]],
            }
            for found in results
        ]
        say(json.dumps(plain, indent=1))
        return
    for found in results:
        say(f"{found.spectrum}: {found.words}")
        rows = [("answer", "shift (eV)", "BIC", "p", "chi square", "misfit")] + [
            (
                answer.words,
                f"{answer.shift:.2f} ± {answer.shift_sigma:.2f}",
                f"{answer.bic:.1f}",
                f"{answer.p_value:.2g}",
                f"{answer.chi_square:.3g}",
                f"{100 * answer.misfit:.2g} %",
            )
            for answer in found[:answers]
        ]
        for line in aligned(rows):
            say(f"  {line}")
        for text in found.warnings:
            warn(f"{found.spectrum}: {text}")
