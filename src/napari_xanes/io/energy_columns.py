"""Which column of a text holds photon energies, where the first one does not."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energy_limits import LOWEST, looks_like_energies

_ENERGY_WORD = re.compile(r"energ|photon|(?<![a-z])k?ev(?![a-z])", re.IGNORECASE)
_MOST_COLUMNS = 100
"""No table of energies has more columns."""
_LEAST_ROWS = 5
_ALIKE = 0.02
"""Two columns that differ by a smaller share are the energy that was asked for and the one that was read."""


def column_of_energies(rows: Sequence[str], heading: str) -> NDArray[np.float64] | None:
    """Return the energies of a table (N,), None where its first column is to be taken as it is.

    Parameters
    ----------
    rows : sequence of str
        Lines that begin with a number.
    heading : str
        The line before them, without which no column has a name.

    Raises
    ------
    ValueError
        If the first column counts in even steps, and another one may hold energies, too.

    Examples
    --------
    >>> column_of_energies(["1, 7100.5", "2, 7101.5"], "frame, energy")
    array([7100.5, 7101.5])
    >>> column_of_energies(["7100 20.1", "7110 20.3"], "")
    """
    separator = r"\s*,\s*" if any("." in row and "," in row for row in rows) else r"\s*[;\s]\s*"
    if separator[3] != "," and not any(re.search(separator, row) for row in rows) and "," in heading:
        separator = r"\s*,\s*"
    table = [re.split(separator, row.strip().rstrip(",;"), maxsplit=_MOST_COLUMNS) for row in rows]
    n_columns = len(table[0])
    if not 2 <= n_columns <= _MOST_COLUMNS or any(len(fields) != n_columns for fields in table):
        return None
    columns = [_numbers([fields[i] for fields in table]) for i in range(n_columns)]
    names = re.split(separator, heading.strip("*# \t\r\n"), maxsplit=_MOST_COLUMNS) if heading.strip("*#, ") else []
    if heading.startswith(","):  # the index of a table has no name
        names = re.split(separator, heading.strip(), maxsplit=_MOST_COLUMNS)
    called = [i for i, name in enumerate(names) if _ENERGY_WORD.search(name)] if len(names) == n_columns else []
    if len(called) == 1:
        return columns[called[0]] if called[0] else None
    first = columns[0]
    if first is None or not _counts(first):
        return None
    others = [column for column in columns[1:] if column is not None and looks_like_energies(column)]
    others = [column for column in others if (np.abs(column - first) > _ALIKE * column).any()]
    is_by_one = first[1] == first[0] + 1
    if is_by_one and first[0] in (0, 1):
        if len(others) == 1:
            return others[0]
    else:
        # The first column may be energies as well: counts of a beam go up and down.
        others = [column for column in others if (np.diff(column) > 0).all() or (np.diff(column) < 0).all()]
    others = [column for column in others if column.min() >= LOWEST]
    if not is_by_one:
        # Times and scalers, but energies as well: a beam decays, and rises by chance where there are few rows.
        others = [column for column in others if column.size >= _LEAST_ROWS and (np.diff(column) > 0).all()]
    if others:
        raise ValueError(
            f"its first column counts from {first[0]:g} to {first[-1]:g}, another one holds {others[0][0]:g} to "
            f"{others[0][-1]:g}: keep the energies only, or name their column energy"
        )
    return None


def _counts(values: NDArray[np.float64]) -> bool:
    """Whether values go in even steps of a whole number, as those of images, times and energies may."""
    steps = np.diff(values)
    return bool(steps.size and (steps == steps[0]).all() and steps[0] == np.rint(steps[0]) != 0)


def _numbers(fields: Sequence[str]) -> NDArray[np.float64] | None:
    try:
        return np.array([float(field.replace(",", ".")) for field in fields])
    except ValueError:
        return None
