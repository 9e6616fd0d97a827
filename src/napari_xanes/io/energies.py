"""Photon energies from text: numbers, their unit, and whether they can be energies at all."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.io.allocation_limits import LONGEST_LIST
from napari_xanes.io.energy_columns import column_of_energies
from napari_xanes.io.energy_limits import KEV_BELOW
from napari_xanes.io.files import lines_of, read_text

JOULE = 1.602176634e-19
"""One electronvolt in J (exact, SI 2019)."""

NO_ENERGY = "no unit of energy"
"""How the source of `to_ev` ends where a file says that its energies are lengths or angles."""

_LENGTHS = ("m", "mm", "um", "µm", "μm", "nm", "pm", "å", "angstrom", "angstroms", "ang")
_ANGLES = ("deg", "degree", "degrees", "°", "rad", "mrad", "urad", "steps")
_OTHER_UNITS = {*_LENGTHS, "1/å", "1/angstrom", "1/nm", *_ANGLES}
_UNITS = {"ev": 1.0, "electronvolt": 1.0, "electronvolts": 1.0, "kev": 1e3, "j": 1 / JOULE, "joule": 1 / JOULE}
TEXT_BYTES = 4 << 20
"""No text of energies is larger than this."""

MOST_COMMENTS = 10_000
"""No text has more lines that are no numbers."""

_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?: \d{3})+(?:[.,]\d+)?")
"""``7,112.50`` and ``7 112.50``; ``7,112`` is a decimal comma in keV, and the same energy."""

_UNIT_WORD = re.compile(r"(?<![A-Za-z])(k?eV)(?![A-Za-z])", re.IGNORECASE)


def to_ev(
    values: ArrayLike, unit: str | None = None, *, kev_below: float = KEV_BELOW
) -> tuple[NDArray[np.float64], str]:
    """Convert energies to eV; return them with the source of their unit.

    Parameters
    ----------
    values : array_like, shape (E,)
        Photon energies.
    unit : str, optional
        eV, keV or J as the file says; anything else is guessed from the size of the numbers.
    kev_below : float
        Numbers without a unit that end below this are taken for keV.

    Returns
    -------
    energy : array of float64, shape (E,)
        In eV.
    source : str
        ``"eV"`` where the file said so, ``"keV (guessed: below 100)"`` where not. Of a length or an angle it ends with
        `NO_ENERGY`, and the numbers stay as they are: `facts.usable_energies` refuses them.

    Examples
    --------
    >>> to_ev([8.33, 8.34])
    (array([8330., 8340.]), 'keV (guessed: below 100)')
    """
    axis = np.array(values, dtype=np.float64).ravel()
    factor = _UNITS.get((unit or "").strip().lower())
    if factor is not None:
        source = str(unit).strip()
    elif (unit or "").strip().lower() in _OTHER_UNITS:
        factor, source = 1.0, f"{str(unit).strip()}, {NO_ENERGY}"
    elif axis.size and np.nanmax(np.where(np.isfinite(axis), axis, -np.inf)) < kev_below:
        factor, source = 1e3, f"keV (guessed: below {kev_below:g})"
    else:
        factor, source = 1.0, f"eV (guessed: {kev_below:g} or more)"
    # 8.3331 keV is meant as 8333.1 eV, not as 8333.100000000002.
    return (axis if factor == 1.0 else np.round(axis * factor, 9)), source


def ev_per_unit(source: str) -> float | None:
    """Return how many eV the unit is that a source of `to_ev` begins with; None if it begins with none.

    Examples
    --------
    >>> ev_per_unit("keV (guessed: below 100)"), ev_per_unit("guessed from BraggE")
    (1000.0, None)
    """
    words = source.split()
    return _UNITS.get(words[0].lower()) if words else None


def first_column(text: str) -> tuple[NDArray[np.float64] | None, str | None]:
    """Read one number a line, or a column of a text; return the numbers, and the unit if the text names one.

    Lines that begin with ``*`` or ``#`` are comments, and so is everything before the first number. Of several columns
    it is the one that the last comment calls energy, else the first, unless that counts the images.

    Returns
    -------
    values : array of float64, or None
        None if a line after the first number does not begin with a number, or it is longer than any such list.
    unit : str or None
        eV or keV, if a comment says so.

    Raises
    ------
    ValueError
        If commas or spaces can separate columns, decimals or thousands, or two columns can be energies.
    """
    values = array("d")
    rows: list[str] = []
    comments: list[str] = []
    for line in lines_of(text):
        line = line.strip()
        if not line:
            continue
        if len(values) == LONGEST_LIST or len(comments) == MOST_COMMENTS:
            return None, None
        if line[0] in "*#":
            comments.append(line)
            continue
        try:
            values.append(float(re.split(r"[\s,;]+", line, maxsplit=1)[0]))
            rows.append(line)
        except ValueError:
            if values:
                return None, None
            comments.append(line)
    unit = unit_in(comments)
    if not values:
        return None, unit
    if (np.diff(values) == 0).any() and all(_THOUSANDS.fullmatch(row) for row in rows):
        raise ValueError(
            f"{rows[0]!r} may be a number with a separator of thousands, or two numbers; write it without separators"
        )
    named = column_of_energies(rows, comments[-1] if comments else "")
    if named is not None:
        return named, unit
    return (_with_commas(rows, np.array(values)) if any("," in row for row in rows) else np.array(values)), unit


def _with_commas(rows: list[str], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first numbers of rows with commas, which separate columns or decimals.

    Parameters
    ----------
    rows : list of str
        Lines that begin with a number.
    whole : array
        Their first numbers, if the commas separate columns.

    Raises
    ------
    ValueError
        If the commas can be both.
    """
    if any("." in row for row in rows):
        return whole
    first = [re.split(r"[\s;]+", row, maxsplit=1)[0] for row in rows]
    try:
        decimal = np.array([float(field.rstrip(",").replace(",", ".")) for field in first])
    except ValueError:
        return whole  # three numbers that commas separate
    if np.array_equal(decimal, whole):
        return whole
    widths = {row.count(",") for row in rows}
    as_columns = len(widths) == 1 and bool(np.all(np.diff(whole) > 0) or np.all(np.diff(whole) < 0))
    if not as_columns:
        return decimal
    example = next(row for row in rows if "," in row)
    raise ValueError(
        f"the commas of {example[:40]!r} may be decimal commas or separate columns; write energies with decimal points"
    )


def unit_in(lines: Iterable[str]) -> str | None:
    """Return the unit that lines of text name, or None if they name none or both.

    Examples
    --------
    >>> unit_in(["# Energy (kev)"]), unit_in(["eV or keV"])
    ('keV', None)
    """
    units = {word[1].lower() for line in lines for word in _UNIT_WORD.finditer(line)}
    return {"ev": "eV", "kev": "keV"}[units.pop()] if len(units) == 1 else None


def read_energies(path: Path) -> tuple[NDArray[np.float64], str]:
    """Read energies from a text file; return them in eV, with the source of their unit.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it does not hold one number a line.
    """
    values, unit = first_column(read_text(path, limit=TEXT_BYTES))
    if values is None:
        raise ValueError(f"{path}: no energies; write one number a line, in eV or keV")
    return to_ev(values, unit)


def given_energies(energies: Any) -> tuple[NDArray[np.float64], str]:
    """Return energies that the caller gave: numbers in eV, or the path of a text file.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If there are no numbers.
    """
    if isinstance(energies, str | Path):
        return read_energies(Path(energies))
    return np.array(energies, dtype=np.float64).ravel(), "eV (given)"


def refuse_unsorted(energies: Any, image_energies: NDArray[np.float64]) -> None:
    """Refuse given energies that do not increase, if the images are sorted by their own energies.

    Raises
    ------
    OSError
        If a text of energies can't be read.
    ValueError
        If they do not.
    """
    user_energies = given_energies(energies)[0]
    if user_energies.size == image_energies.size and (np.diff(user_energies) < 0).any():
        first, last = image_energies[[0, -1]]
        raise ValueError(
            f"images are sorted by their own energies ({first:g} to {last:g} eV), but those of energies= do "
            "not increase; give them in that order, one for each different energy"
        )
