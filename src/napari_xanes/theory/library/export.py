"""Write a library, or some of its members, to a file of spectra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.spectrum import Spectrum, check_grid
from napari_xanes.theory.library.conventions import COLUMN_UNITS
from napari_xanes.theory.library.model import Library

_STEP = 0.1
_IN_NAME_OR_SHARED = ("name", "element", "charge", "ten_dq", "offset", "ten_dq_sigma")
"""Columns that every name contains, or that do not distinguish members."""

_XDI_COLUMNS = 200
"""Readers of spectra take a text with more columns for an image."""


def choose_rows(
    library: Library, charges: Sequence[float] | None = None, ten_dq: Sequence[float] | None = None
) -> NDArray[np.intp]:
    """Return the rows of the members with some charges and 10Dq (eV); None selects all.

    Raises
    ------
    ValueError
        If no member has these values.

    Examples
    --------
    >>> from napari_xanes.theory import load_library
    >>> choose_rows(load_library("mn-l23-oh"), [2, 3], [0.9]).tolist()
    [9, 35]
    """
    chosen = np.ones(len(library), dtype=bool)
    for name, values in (("charge", charges), ("ten_dq", ten_dq)):
        if values:
            chosen &= np.isclose(library.column(name)[:, None], values, rtol=0, atol=1e-6).any(axis=1)
    if not chosen.any():
        selection = " and ".join(
            f"{name} {', '.join(f'{value:g}' for value in values)}"
            for name, values in (("charge", charges), ("10Dq", ten_dq))
            if values
        )
        raise ValueError(f"no member of {library!r} has {selection}; leave both out to see what all members have")
    return np.flatnonzero(chosen)


def library_spectra(
    library: Library, rows: Any = None, *, energy: tuple[float, float] | None = None, broadening: float = 0.25
) -> list[Spectrum]:
    """Return members as reference spectra on one axis, named by the parameters that distinguish them.

    Parameters
    ----------
    library : Library
        The library.
    rows : array of int, optional
        Members; all by default.
    energy : tuple of float, optional
        Range in eV; by default the range that all members cover. Steps are 0.1 eV.
    broadening : float
        Full width of the instrument's Gaussian in eV.

    Returns
    -------
    list of Spectrum
        Absorption per atom as in the library, with its valence; all parameters are in ``metadata["parameters"]``.

    Examples
    --------
    >>> from napari_xanes.theory import load_library
    >>> [spectrum.name for spectrum in library_spectra(load_library("mn-l23-oh"), [9, 35])]
    ['Mn2+ 10Dq 0.9 eV', 'Mn3+ 10Dq 0.9 eV']
    """
    rows = np.arange(len(library)) if rows is None else np.asarray(rows)
    low, high = energy or library.span
    check_grid(low, high, _STEP, what=f"spectra of the library {library.name!r}")
    axis = np.arange(low, high + _STEP / 2, _STEP).round(6)
    spectra = library.at(axis, broadening=broadening, rows=rows)
    distinctive = [
        name
        for name in library.table
        if name not in _IN_NAME_OR_SHARED and np.unique(library.table[name][rows]).size > 1
    ]
    members = []
    for row, mu in zip(rows.tolist(), spectra, strict=True):
        charge, parameters = float(library.table["charge"][row]), library.parameters(row)
        metadata = {"normalized": True, "library": library.name, "parameters": parameters}
        name = _name(library, row, [column for column in distinctive if column in parameters])
        members.append(Spectrum(name, axis, mu, None if np.isnan(charge) else charge, metadata=metadata))
    return members


def _name(library: Library, row: int, columns: list[str]) -> str:
    """Name a member by its ion, its 10Dq and the values of some columns."""
    ten_dq = library.column("ten_dq")[row]
    field = "" if np.isnan(ten_dq) else f" 10Dq {ten_dq:g} eV"
    values = [f" {name} {library.table[name][row]:g}{' eV' if COLUMN_UNITS[name] == 'eV' else ''}" for name in columns]
    return library.species[row] + field + "".join(values)


def export_library(
    library: Library,
    path: Path,
    *,
    charges: Sequence[float] | None = None,
    ten_dq: Sequence[float] | None = None,
    energy: tuple[float, float] | None = None,
    broadening: float = 0.25,
) -> None:
    """Write members of a library as spectra (``.csv``, ``.xdi``) or as a library (``.npz``).

    `load_library` reads each of these files. A library keeps its own axis and width; `energy` and `broadening` apply
    to spectra only.

    Raises
    ------
    OSError
        If the file can't be written.
    ValueError
        If no member is chosen, if XDI cannot hold so many, or if the library needs a calibration, which a text file
        cannot express.
    """
    from napari_xanes.io import write

    rows = choose_rows(library, charges, ten_dq)
    if path.suffix.lower() == ".npz":
        library.members(rows).save(path)
        return
    if library.needs_calibration:
        raise ValueError(
            f"{path}: the energies of library {library.name!r} are not those of a beamline, and a table of spectra "
            "cannot say so; write .npz"
        )
    if path.suffix.lower() == ".xdi" and rows.size >= _XDI_COLUMNS:
        raise ValueError(
            f"{path}: {rows.size} spectra are too many columns for XDI; write .csv or .npz, or choose by charge or 10Dq"
        )
    write(library_spectra(library, rows, energy=energy, broadening=broadening), path)
