"""Write the plot: curves as CSV or XDI, the picture as PNG."""

from __future__ import annotations

import csv
import io
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
from napari_xanes.io.spectra.per_column import DEVIATION, EXPORTED
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
            name = one_line(curve.name)
            columns.append([f"{name}{EXPORTED}{unit}", *(_number(value) for value in curve.values)])
            if curve.spread is not None:
                columns.append([f"{name}{EXPORTED}{DEVIATION}", *(_number(value) for value in curve.spread)])
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


def save_xdi(curves: Sequence[Curve], unit: str, path: Path) -> None:
    """Write the curves as an XDI file, which says whether they are normalized.

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
        If the file can't be written.
    """
    spectra = []
    metadata = {"quantity": unit, "normalized": unit == QUANTITY_LABELS["normalized"]}
    for curve in curves:
        good = np.isfinite(curve.values)
        deviation = {} if curve.spread is None else {STANDARD_DEVIATION: curve.spread[good]}
        spectra.append(nx.Spectrum(curve.name, curve.energy[good], curve.values[good], metadata=metadata | deviation))
    nx.write(spectra, path)


def save_png(plot: Any, path: Path, *, width: int = 1600) -> None:
    """Write the plot as a picture, `width` pixels wide.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    from pyqtgraph.exporters import ImageExporter
    from qtpy.QtCore import QBuffer

    exporter = ImageExporter(plot.scene())
    exporter.parameters()["width"] = width
    exporter.parameters()["antialias"] = True
    content = QBuffer()
    if not exporter.export(toBytes=True).save(content, "PNG"):
        raise OSError(f"can't make the picture {path}")
    write_whole(path, content.data().data())


def _number(value: float) -> str:
    """Return a number as text that reads back as the same number; no text where there is no value."""
    return repr(float(value)).removesuffix(".0") if np.isfinite(value) else ""
