"""A library, or some of its members, as spectra in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.library.conventions import COLUMN_UNITS
from napari_xanes.theory.library.model import Library

_STEP = 0.1
_SAID = ("name", "element", "charge", "ten_dq", "offset", "ten_dq_sigma")
"""Columns that a name holds anyway, or that tell no member from another."""

_XDI_COLUMNS = 200
"""A text with more columns is taken for an image by readers of spectra."""


def choose_rows(
    library: Library, charges: Sequence[float] | None = None, ten_dq: Sequence[float] | None = None
) -> NDArray[np.intp]:
    """The members of some charges and 10Dq (eV); of all where None.

    Raises
    ------
    ValueError
        If there are none.

    Examples
    --------
    >>> from napari_xanes.theory import load_library
    >>> choose_rows(load_library("mn-l23-oh"), [2, 3], [0.9]).tolist()
    [9, 35]
    """
    chosen = np.ones(len(library), dtype=bool)
    for name, wanted in (("charge", charges), ("ten_dq", ten_dq)):
        if wanted:
            chosen &= np.isclose(library.column(name)[:, None], wanted, rtol=0, atol=1e-6).any(axis=1)
    if not chosen.any():
        asked = " and ".join(
            f"{name} {', '.join(f'{value:g}' for value in wanted)}"
            for name, wanted in (("charge", charges), ("10Dq", ten_dq))
            if wanted
        )
        raise ValueError(f"no member of {library!r} has {asked}")
    return np.flatnonzero(chosen)


def library_spectra(
    library: Library, rows: Any = None, *, energy: tuple[float, float] | None = None, broadening: float = 0.25
) -> list[Spectrum]:
    """Members as reference spectra on one axis, each named by the parameters that tell it from the others.

    Parameters
    ----------
    library : Library
        The library.
    rows : array of int, optional
        Members; all of them without it.
    energy : tuple of float, optional
        Range in eV; what all members cover by default. Steps are 0.1 eV.
    broadening : float
        Full width of the instrument's Gaussian in eV.

    Returns
    -------
    list of Spectrum
        Absorption per atom as the library has it, with its valence; all parameters are in ``metadata["parameters"]``.

    Examples
    --------
    >>> from napari_xanes.theory import load_library
    >>> [one.name for one in library_spectra(load_library("mn-l23-oh"), [9, 35])]
    ['Mn2+ 10Dq 0.9 eV', 'Mn3+ 10Dq 0.9 eV']
    """
    rows = np.arange(len(library)) if rows is None else np.asarray(rows)
    low, high = energy or library.span
    axis = np.arange(low, high + _STEP / 2, _STEP).round(6)
    spectra = library.at(axis, broadening=broadening, rows=rows)
    told = [name for name in library.table if name not in _SAID and np.unique(library.table[name][rows]).size > 1]
    found = []
    for row, mu in zip(rows.tolist(), spectra, strict=True):
        charge, parameters = float(library.table["charge"][row]), library.parameters(row)
        metadata = {"normalized": True, "library": library.name, "parameters": parameters}
        name = _name(library, row, [one for one in told if one in parameters])
        found.append(Spectrum(name, axis, mu, None if np.isnan(charge) else charge, metadata=metadata))
    return found


def _name(library: Library, row: int, told: list[str]) -> str:
    ten_dq = library.column("ten_dq")[row]
    field = "" if np.isnan(ten_dq) else f" 10Dq {ten_dq:g} eV"
    more = [f" {name} {library.table[name][row]:g}{' eV' if COLUMN_UNITS[name] == 'eV' else ''}" for name in told]
    return library.species[row] + field + "".join(more)


def export_library(
    library: Library,
    path: Path,
    *,
    charges: Sequence[float] | None = None,
    ten_dq: Sequence[float] | None = None,
    energy: tuple[float, float] | None = None,
    broadening: float = 0.25,
) -> None:
    """Write members of a library: as spectra to ``.csv`` or ``.xdi``, or as a library to ``.npz``.

    `load_library` reads each of them again. A library keeps its own axis and width; `energy` and `broadening` are for
    the spectra.

    Raises
    ------
    OSError
        If the file can't be written.
    ValueError
        If no member is chosen, too many for XDI, or the library must be calibrated first, which text can't say.
    """
    from napari_xanes.io import write

    rows = choose_rows(library, charges, ten_dq)
    if path.suffix.lower() == ".npz":
        library.members(rows).save(path)
        return
    if library.needs_calibration:
        raise ValueError(
            f"{path}: the energies of library {library.name!r} are not those of a beamline, and a table of spectra "
            "would not say so; write .npz"
        )
    if path.suffix.lower() == ".xdi" and rows.size >= _XDI_COLUMNS:
        raise ValueError(
            f"{path}: {rows.size} spectra are too many columns for XDI; write .csv or .npz, or choose by charge or 10Dq"
        )
    write(library_spectra(library, rows, energy=energy, broadening=broadening), path)
