"""Files of the Lytle database: motor steps of the monochromator, I0, It, If and Iref, without names.

The first line names the numbers of the second one (``NPTS NS CUEDGE CUHITE DSPACE STPDEG ...``): how many points there
are, the d-spacing and the steps per degree. A table of another length than the header says is refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_xanes.io import ways_out
from napari_xanes.io.column_choice import NOTHING, Choice
from napari_xanes.io.files import lines_of, read_text, starts_with
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.columns import spectra_of
from napari_xanes.io.spectra.separators import number_of
from napari_xanes.io.spectra.table import parse_table
from napari_xanes.spectrum import Spectrum

_NAMES = ["steps", "I0", "It", "If", "Iref"]
_NEEDED = ("NPTS", "DSPACE", "STPDEG")


def why_not_readable(path: Path) -> str | None:
    """Return why the file is none of the Lytle database, or None if it is."""
    first = starts_with(path, 256).split(b"\n")[0].split()
    is_lytle = first[:1] == [b"NPTS"] and {name.encode() for name in _NEEDED} <= set(first)
    return None if is_lytle else "it does not begin with 'NPTS', 'DSPACE' and 'STPDEG'"


@spectra_reader("lytle", title="Lytle database", patterns=("*.dat",), why_not_readable=why_not_readable)
def read_spectra(path: Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
    """Read ln(I0/It) on energies from the steps, the d-spacing and the steps per degree of the header.

    Raises
    ------
    ValueError
        If the header lacks one of these, or the table is not as long as it says.
    """
    text = read_text(path)
    lines = lines_of(text)
    labels, values = next(lines).split(), [number_of(word) for word in next(lines, "").split()]
    given = {name: value for name, value in zip(labels, values, strict=False) if value is not None}
    if missing := [name for name in _NEEDED if name not in given]:
        raise ValueError(f"its second line gives no number for {', '.join(missing)}; {ways_out.WRITE_COLUMNS}")
    table = parse_table(text)
    n_rows, n_columns = table.values.shape
    if n_rows != given["NPTS"] or n_columns < 3:
        raise ValueError(
            f"its header says {given['NPTS']:g} points, but its table has {n_rows} rows of {n_columns} columns; "
            f"{ways_out.COPY}"
        )
    header = [f"d-spacing = {given['DSPACE']:.6f}", f"steps/deg = {given['STPDEG']:.6f}"]
    names = [_NAMES[i] if i < len(_NAMES) else f"column {i + 1}" for i in range(n_columns)]
    return spectra_of(replace(table, names=names), path.stem, {"path": str(path)}, choice=choice, header=header)
