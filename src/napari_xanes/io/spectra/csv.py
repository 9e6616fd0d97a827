"""Spectra as CSV that spreadsheets open and that reads back as the same spectra.

The first line is a comment with all that columns can't say, the second one names the columns, in words without blanks
and as a comment too, for programs that take every other line for numbers. Spectra on one energy axis share its column;
others have one each, shorter columns end in empty fields.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.files import lines_of, one_line, read_text, starts_with
from napari_xanes.io.metadata_json import expect, expect_mappings, fetch_inline, keep_inline, pack_mapping, unpack
from napari_xanes.io.registry import spectra_reader, writer
from napari_xanes.io.spectra.ending import refuse_lost_rows, refuse_unended
from napari_xanes.io.spectra.result import errors_of
from napari_xanes.region_spectra import STANDARD_DEVIATION
from napari_xanes.saving.replacing import write_whole
from napari_xanes.spectrum import Spectrum
from napari_xanes.spectrum_source import FILE_KEYS

_MARK = "# napari-xanes spectra 1: "
_TEXT_BYTES = 32 << 20
_MOST_COLUMNS = 100_000


def why_not_readable(path: Path) -> str | None:
    """Return why the file was not written by `write_spectra`, or None if it was."""
    first = starts_with(path, len(_MARK) + 3).removeprefix(b"\xef\xbb\xbf")
    return None if first.startswith(_MARK.encode()) else "not written by napari-xanes"


@spectra_reader("csv", title="spectra of napari-xanes", patterns=("*.csv",), why_not_readable=why_not_readable)
def read_spectra(path: Path) -> list[Spectrum]:
    """Read the spectra that `write_spectra` wrote.

    Raises
    ------
    ValueError
        If the file is damaged or cut short.
    """
    text = read_text(path, limit=_TEXT_BYTES)
    refuse_unended(text)
    lines = lines_of(text)
    descriptions = json.loads(next(lines).removeprefix(_MARK))
    titles = next(lines, "").count(",") + 1
    if titles > _MOST_COLUMNS:
        raise ValueError(f"it has {titles} columns, no more than {_MOST_COLUMNS} are read")
    columns = [array("d") for _ in range(titles)]
    for number, line in enumerate(lines, 3):
        row = line.split(",", titles)
        if line and len(row) != titles:
            raise ValueError(
                f"line {number} has {len(row)} columns, not {titles}: the file is damaged or cut short; copy it again"
            )
        # Columns of shorter spectra end in empty fields.
        for column, field in zip(columns, row, strict=False):
            if field.strip():
                column.append(float(field))

    def numbers(number: Any, n_rows: Any) -> NDArray[np.float64]:
        values = np.array(columns[expect(number, int, "the number of a column")])
        refuse_lost_rows(values.size, n_rows)
        return values

    def deviation(fields: Mapping[str, Any]) -> dict[str, Any]:
        number = fields.get("deviation")
        return {} if number is None else {STANDARD_DEVIATION: numbers(number, fields.get("rows"))}

    def spectrum(fields: Mapping[str, Any]) -> Spectrum:
        sigma = None if fields["sigma"] is None else numbers(fields["sigma"], fields.get("rows"))
        metadata = {**unpack(expect(fields["metadata"], dict, "the metadata"), fetch_inline), **deviation(fields)}
        metadata, sigma = errors_of(metadata, sigma)
        return Spectrum(
            str(fields["name"]),
            numbers(fields["energy"], fields.get("rows")),
            numbers(fields["mu"], fields.get("rows")),
            expect(fields["valence"], int | float | None, "the valence"),
            sigma,
            metadata | {"path": str(path)},
        )

    return [spectrum(fields) for fields in expect_mappings(descriptions, "the list of spectra")]


@writer("csv", title="CSV", suffixes=(".csv",))
def write_spectra(spectra: list[Spectrum], path: Path) -> None:
    """Write spectra, on one or on several energy axes.

    Parameters
    ----------
    spectra : list of Spectrum
        Numbers are written so that they read back exactly.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    titles: list[str] = []
    columns: list[Any] = []
    descriptions: list[dict[str, Any]] = []

    def column(title: str, values: Any) -> int:
        titles.append(one_line(title, without=',"').replace(" ", "_"))
        columns.append(values)
        return len(columns) - 1

    axes: list[tuple[Any, int]] = []
    for spectrum in spectra:
        axis_number = next((number for axis, number in axes if np.array_equal(axis, spectrum.energy)), None)
        if axis_number is None:
            axis_number = column("energy_eV", spectrum.energy)
            axes.append((spectrum.energy, axis_number))
        metadata = {k: v for k, v in spectrum.metadata.items() if k not in FILE_KEYS}
        deviation = metadata.get(STANDARD_DEVIATION)
        if not isinstance(deviation, np.ndarray) or deviation.shape != spectrum.energy.shape:
            deviation = None
        else:
            del metadata[STANDARD_DEVIATION]
        descriptions.append(
            {
                "name": spectrum.name,
                "energy": axis_number,
                "mu": column(spectrum.name, spectrum.mu),
                "sigma": None if spectrum.sigma is None else column(f"{spectrum.name} sigma", spectrum.sigma),
                "deviation": None if deviation is None else column(f"{spectrum.name} standard deviation", deviation),
                "valence": spectrum.valence,
                "rows": spectrum.energy.size,
                "metadata": pack_mapping(metadata, keep_inline)[0],
            }
        )
    rows = zip_longest(*([repr(float(v)) for v in values] for values in columns), fillvalue="")
    lines = [_MARK + json.dumps(descriptions), f"# {','.join(titles)}", *(",".join(row) for row in rows)]
    write_whole(path, "\n".join([*lines, ""]).encode())
