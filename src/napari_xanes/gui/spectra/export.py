"""Write the curves of the plot: CSV, XDI, Athena projects."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

import napari_xanes as nx
from napari_xanes.gui.curve import Curve
from napari_xanes.gui.spectra.curves import QUANTITY_LABELS
from napari_xanes.io.files import one_line
from napari_xanes.io.spectra.exported import ENERGY, ROWS
from napari_xanes.io.spectra.per_column import DEVIATION, ERROR, EXPORTED
from napari_xanes.io.spectra.result import unique_names
from napari_xanes.region_spectra import STANDARD_DEVIATION
from napari_xanes.saving.replacing import write_whole


def table(curves: Sequence[Curve], unit: str, separator: str = ",", *, counted: bool = False) -> str:
    """Return the curves as a text table; curves with the same energies share a column of energies.

    Parameters
    ----------
    curves : sequence of Curve
        The curves to write.
    unit : str
        Quantity and unit of the values, for the headings.
    separator : str
        A comma for files, a tab to paste into a spreadsheet.
    counted : bool
        Whether a last heading says how many rows there are, so that a file which was cut short is known.
    """
    axes: list[tuple[Any, list[Curve]]] = []
    for curve in curves:
        for axis, group in axes:
            if np.array_equal(axis, curve.energy):
                group.append(curve)
                break
        else:
            axes.append((curve.energy, [curve]))
    columns: list[list[str]] = []
    for axis, group in axes:
        columns.append([ENERGY, *(_number(value) for value in axis)])
        for curve in group:
            name = _name_in_files(curve)
            columns.append([f"{name}{EXPORTED}{unit}", *(_number(value) for value in curve.values)])
            for widths, what in ((curve.spread, DEVIATION), (curve.sigma, ERROR)):
                if widths is not None:
                    columns.append([f"{name}{EXPORTED}{what}", *(_number(value) for value in widths)])
    if counted:
        columns.append([f"{max((len(column) for column in columns), default=1) - 1} {ROWS}"])
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(zip_longest(*columns, fillvalue=""))
    return text.getvalue()


def save_csv(curves: Sequence[Curve], unit: str, path: Path) -> None:
    """Write the curves as a CSV file that reads back as spectra with the same values.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    write_whole(path, table(curves, unit, counted=True).encode())


def save_xdi(curves: Sequence[Curve], unit: str, path: Path) -> list[Path]:
    """Write each curve as an XDI file, which says whether it is normalized; return the files.

    Several curves give several files, each with the name of its curve behind that of `path`.

    Parameters
    ----------
    curves : sequence of Curve
        The curves to write.
    unit : str
        Quantity and unit of the values.
    path : Path
        The file to write.

    Raises
    ------
    OSError, ValueError
        If a file can't be written.
    """
    spectra = as_spectra(curves, unit)
    names = unique_names([re.sub(r"[^\w .+-]", "_", spectrum.name).strip(" .") for spectrum in spectra])
    paths = [path] if len(spectra) == 1 else [path.with_name(f"{path.stem}-{name}{path.suffix}") for name in names]
    for spectrum, file in zip(spectra, paths, strict=True):
        nx.write(spectrum, file)
    return paths


def save_project(curves: Sequence[Curve], unit: str, path: Path) -> None:
    """Write the curves as an Athena project; normalized ones with their E0.

    Raises
    ------
    OSError, ValueError
        If the file can't be written.
    """
    nx.write(as_spectra(curves, unit), path)


def as_spectra(curves: Sequence[Curve], unit: str) -> list[nx.Spectrum]:
    """Return the curves as spectra, without the energies at which they have no value.

    Raises
    ------
    ValueError
        If a curve has fewer than two values.
    """
    spectra = []
    metadata = {"quantity": unit, "normalized": unit == QUANTITY_LABELS["normalized"]}
    for curve in curves:
        good = np.isfinite(curve.values)
        if good.sum() < 2:
            raise ValueError(f"{curve.name} has no values: hide it (click its name in the legend), then export again")
        facts = metadata | ({} if curve.spread is None else {STANDARD_DEVIATION: curve.spread[good]})
        facts |= {} if curve.e0 is None else {"e0": curve.e0, "edge_jump": curve.jump}
        facts |= {"place": curve.place} if curve.place else {}
        sigma = None if curve.sigma is None else curve.sigma[good]
        name = _name_in_files(curve)
        spectra.append(nx.Spectrum(name, curve.energy[good], curve.values[good], sigma=sigma, metadata=facts))
    return spectra


def _name_in_files(curve: Curve) -> str:
    """Return the name of a curve with its place: no picture beside a file tells where the cursor was."""
    return one_line(f"{curve.name} at {curve.place}" if curve.place else curve.name)


def _number(value: float) -> str:
    """Return a number as text that reads back as the same number; no text where there is no value."""
    return repr(float(value)).removesuffix(".0") if np.isfinite(value) else ""
