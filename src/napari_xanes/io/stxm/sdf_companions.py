"""Beside a header of STXM_Control: I0 (``i0.xsp``, at UVSOR ``i0.txt``) and drift of the sample (``drift.txt``).

No public description of the texts of UVSOR is known: what they hold is assumed from their names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energies import TEXT_BYTES, first_column
from napari_xanes.io.files import inside, lines_of, link_warnings, read_text
from napari_xanes.io.reading import read_i0

_I0_NAMES = ("i0.xsp", "i0.txt")
_DRIFT_NAME = "drift.txt"
_MOST_COLUMNS = 10


def i0_beside(
    header: Path, energy: NDArray[np.float64], is_complete: NDArray[np.bool_], notes: list[str], warnings: list[str]
) -> dict[str, Any]:
    """Return I0 on the stack's energies, from the first file beside the header that holds it.

    Parameters
    ----------
    header : Path
        The header of the scan.
    energy : array, shape (E,)
        Energies of the images that are used.
    is_complete : array of bool
        Which of all images of the scan are used; a text of I0 may have one number for each of all.
    notes, warnings : list of str
        Get a line about the file that is used, and about those that are not.
    """
    for path in _named(header, _I0_NAMES, warnings):
        try:
            i0 = _i0_of(path, energy, is_complete)
        except ValueError as error:
            warnings.append(f"{path.name} beside the header is not used: {_reason(error, path)}")
            continue
        notes.append(f"I0 is taken from {path.name} beside the header")
        return {"i0": i0, "i0_source": str(path.resolve())}
    return {}


def drift_beside(header: Path, is_complete: NDArray[np.bool_], notes: list[str], warnings: list[str]) -> dict[str, Any]:
    """Return the numbers of a ``drift.txt`` beside the header, one row (N,) for each image; they are not applied.

    Nothing public says in which unit and direction they are, so the images stay where they are.
    """
    for path in _named(header, (_DRIFT_NAME,), warnings):
        try:
            rows = _rows(path)
        except ValueError as error:
            warnings.append(f"{path.name} beside the header is not used: {_reason(error, path)}")
            continue
        if rows.shape[0] == is_complete.size:
            rows = rows[is_complete]
        elif rows.shape[0] != np.count_nonzero(is_complete):
            warnings.append(
                f"{path.name} beside the header is not used: it has {rows.shape[0]} rows for {is_complete.size} images"
            )
            continue
        notes.append(
            f"{path.name} beside the header is kept as metadata['measured_drift'] and not applied; align the images"
        )
        return {"measured_drift": rows}
    return {}


def _named(header: Path, names: tuple[str, ...], warnings: list[str]) -> list[Path]:
    """Return the files beside a header with one of the names, in capitals too, in the order of the names."""
    files = sorted(path for path in header.parent.iterdir() if path.name.lower() in names and path.is_file())
    links = [path for path in files if not inside(path.parent, path)]
    warnings += link_warnings(links)
    return sorted((path for path in files if path not in links), key=lambda path: names.index(path.name.lower()))


def _i0_of(path: Path, energy: NDArray[np.float64], is_complete: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Read I0 as a spectrum, or one number for each image.

    Raises
    ------
    ValueError
        If it is neither, or does not cover the energies.
    """
    single = _single_column(path)
    if single is not None:
        values = single[is_complete] if single.size == is_complete.size else single
        if values.size != energy.size:
            raise ValueError(f"it has {single.size} numbers for {is_complete.size} images; {ways_out.ONE_EACH}")
    else:
        spectrum = read_i0(path)
        values = spectrum.at(energy)
        if not np.isfinite(values).all():
            raise ValueError(
                f"it covers {spectrum.energy[0]:g} to {spectrum.energy[-1]:g} eV, the stack {energy.min():g} to "
                f"{energy.max():g} eV; give I0 over all energies by i0="
            )
    if not (values > 0).all():
        raise ValueError(f"I0 must be positive, its lowest value is {values.min():g}")
    return np.asarray(values, np.float64)


def _single_column(path: Path) -> NDArray[np.float64] | None:
    """Return the numbers of a text with one number a line; None if it has more columns."""
    content = read_text(path, limit=TEXT_BYTES)
    lines = [line for line in lines_of(content) if line.strip() and line.strip()[0] not in "*#"]
    if any(len(line.replace(",", " ").split()) != 1 for line in lines):
        return None
    return first_column(content)[0]


def _rows(path: Path) -> NDArray[np.float64]:
    """Return the rows of numbers in a text, all of one length, after any lines that are no numbers.

    Raises
    ------
    ValueError
        If a later line is no such row, or there are fewer than two columns.
    """
    rows: list[list[float]] = []
    for number, line in enumerate(lines_of(read_text(path, limit=TEXT_BYTES)), 1):
        fields = line.replace(",", " ").split()
        if not fields or fields[0][0] in "*#":
            continue
        try:
            row = [float(field) for field in fields]
        except ValueError:
            if not rows:
                continue
            raise ValueError(f"line {number} is no row of numbers; {ways_out.CORRECT_LINE}") from None
        if len(row) > _MOST_COLUMNS or (rows and len(row) != len(rows[0])):
            raise ValueError(f"line {number} has {len(row)} numbers; {ways_out.CORRECT_LINE}")
        rows.append(row)
    if not rows or len(rows[0]) < 2:
        raise ValueError("it holds no rows of two or more numbers; write one row for each image")
    return np.array(rows)


def _reason(error: ValueError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")
